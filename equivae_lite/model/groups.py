"""Neighbours of EquiVAE whose r is of a whole group of images, x_n among them.

The group G of x_n holds x_n itself and m others of its class. Each way takes something
of every member, averages it over G, and makes r of the mean:

    leak      (Feige 2019, with x_n not taken out)  r = g( mean of f(x_i) )
    product   ML-VAE (Bouchacourt et al. 2018)      q(r | G) ~ product of N(mu_i, s_i^2)
    average   group VAE (Hosoya 2019)               q(r | G) = N(mean mu_i, mean s_i^2)

mu_i and log s_i^2 are the two halves of g(f(x_i)). The last two draw r, and pay
KL[q(r | G) || p(r)] once for the group, so 1 / |G| of it for each member.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from ..errors import ExperimentError, InputError
from . import checks
from .networks import Architecture, InvariantEncoder

WAYS = ("leak", "product", "average")


class OfGroup(NamedTuple):
    """q(r | G): one r where nothing is drawn (log_var None)."""

    mu: Tensor  # (..., R)
    log_var: Tensor | None  # (..., R)


class GroupEncoder(InvariantEncoder):
    """f and g of Appendix B, read as one of the `WAYS`.

    ExperimentError for another way; InputError for what does not fit.
    """

    def __init__(self, arch: Architecture, way: str) -> None:
        if way not in WAYS:
            raise ExperimentError(f"way must be one of {WAYS}, not {way!r}")
        # Two halves, mu and log s^2, where r is drawn.
        super().__init__(arch if way == "leak" else replace(arch, r_dim=2 * arch.r_dim))
        self.way = way

    def of_each(self, f: Tensor) -> Tensor:
        """What is averaged over a group: f(x_i) (..., F) -> (..., S)."""
        checks.width("f", f, self.g[0].in_features)
        f = checks.precision(f, self.g[0].weight)
        if self.way == "leak":
            return f
        mu, log_var = checks.full(self.g(f)).chunk(2, dim=-1)
        if self.way == "product":
            precision = torch.exp(-log_var)
            return torch.cat([precision * mu, precision], dim=-1)
        return torch.cat([mu, log_var.exp()], dim=-1)

    def of_mean(self, mean: Tensor, members: int) -> OfGroup:
        """q(r | G) from the mean (..., S) of `of_each` over `members` images."""
        checks.integer("members", members, 1)
        last = self.g[0].in_features if self.way == "leak" else self.g[-1].out_features
        checks.width("mean", mean, last)
        if self.way == "leak":
            return OfGroup(self.g(mean), None)
        first, second = mean.chunk(2, dim=-1)
        if self.way == "product":  # precisions add up
            return OfGroup(first / second, -torch.log(second) - math.log(members))
        return OfGroup(first, second.log())

    def of_group(self, f: Tensor) -> OfGroup:
        """q(r | G) of a group's embeddings (..., members, F)."""
        checks.width("f", f, self.g[0].in_features)
        if f.ndim < 2:
            raise InputError(f"f {tuple(f.shape)} is of no group: (..., members, F).")
        return self.of_mean(self.of_each(f).mean(dim=-2), f.shape[-2])

    def forward(self, x: Tensor) -> Tensor:
        """A group of images (..., members, C, H, W) -> the mean of r, (..., R)."""
        checks.real(x=x)
        if x.ndim < 4 or not x.shape[-4]:
            raise InputError(
                f"r is made of at least one image, (..., members, C, H, W), but got a "
                f"tensor of shape {tuple(x.shape)}")  # fmt: skip
        return self.of_group(self.f(x)).mu


def r_of(encoder: InvariantEncoder, f: Tensor) -> Tensor:
    """r (..., R) of images, from f (..., m, F): (2), or the mean of a group's r.

    InputError for another width.
    """
    checks.width("f", f, encoder.g[0].in_features)
    if isinstance(encoder, GroupEncoder):
        return encoder.of_group(f).mu
    return encoder.g(f.mean(dim=-2))
