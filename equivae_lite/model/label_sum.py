"""The sum over labels in (6) from about one decoding an image, without bias.

    sum_y q_y L_y  =  L_top + sum_{y != top} q_y (L_y - L_top)

`top` is the likeliest label, a function of x. The sum on the right is estimated
from one other label y', drawn from s, and from a random part of the images only:
y' and whether it is decoded at all have probabilities that are positive wherever
q is, so dividing by them keeps the mean. L_y' - L_top is small beside L_top, hence
the low variance. The numerator q(y') keeps its gradient; s has none.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from ..errors import InputError
from . import checks


class Draw(NamedTuple):
    """The labels whose reconstructions a step decodes."""

    top: Tensor  # (B,) likeliest label
    rows: Tensor  # (k,) images of which another label is decoded too
    other: Tensor  # (k,) that label
    weight: Tensor  # (k,) q(y') / probability of the draw; carries q's gradient


def proposal(
    log_q: Tensor, spread: float = 0.1, least: float = 0.05, most: float = 2.0
) -> tuple[Tensor, Tensor]:
    """Probabilities of the draw, without gradient: s (B, classes) and kept (B,).

    s is q on the labels other than the top one, a share `spread` of it uniform. An
    image's second label is decoded with probability `most` times the q that is not
    on the top label, at least `least` and at most 1. Raises InputError for fewer than
    two classes, for what is no distribution, and for shares outside of (0, 1].
    """
    checks.real(log_q=log_q)
    if log_q.ndim == 0 or log_q.shape[-1] < 2:
        raise InputError(
            f"log_q has shape {tuple(log_q.shape)}, but another label than the top one "
            "needs at least two classes, (..., classes)."
        )
    if not (0 < spread <= 1 and 0 < least <= 1 and 0 <= most < math.inf):
        raise InputError(
            f"spread {spread} and least {least} must be above 0 and at most 1, and "
            f"most {most} at least 0: a label that is never drawn biases the sum."
        )
    checks.distribution(log_q=log_q)
    log_q = checks.full(log_q)
    q = log_q.detach().exp()
    top = q.argmax(dim=-1, keepdim=True)
    rest = q.scatter(-1, top, 0.0)
    left = rest.sum(dim=-1, keepdim=True)
    tiny = torch.finfo(q.dtype).tiny  # a certain q leaves nothing to divide
    uniform = torch.full_like(q, 1 / (q.shape[-1] - 1)).scatter(-1, top, 0.0)
    s = (1 - spread) * rest / left.clamp_min(tiny) + spread * uniform
    return s / s.sum(dim=-1, keepdim=True), (most * left[..., 0]).clamp(least, 1.0)


def draw(log_q: Tensor, generator: torch.Generator | None = None) -> Draw:
    """Choose the labels to decode for log q(y | x), (B, classes).

    Raises InputError as `proposal` does, and where q is NaN.
    """
    s, kept = proposal(log_q)
    if log_q.ndim != 2:
        raise InputError(f"log_q is {tuple(log_q.shape)}, expected (B, classes).")
    if checks.seen(log_q) and bool(log_q.isnan().any()):
        raise InputError("log_q is NaN: there is no label to draw.")
    keys = torch.rand(kept.shape, generator=generator, device=log_q.device)
    rows = (keys < kept).nonzero().flatten()
    other = torch.multinomial(s[rows], 1, generator=generator)[:, 0]
    w = weight(log_q, rows, other, kept[rows] * s[rows, other])
    return Draw(log_q.argmax(dim=-1), rows, other, w)


def weight(log_q: Tensor, rows: Tensor, other: Tensor, probability: Tensor) -> Tensor:
    """w = q(y') / (probability that y' is decoded), (k,): only q has a gradient.

    `rows` and `other` (k,) name the images and their y'; `probability` (k,), or one
    for all. Raises InputError for other shapes, and unless it is in (0, 1].
    """
    checks.real(log_q=log_q, rows=rows, other=other, probability=probability)
    if log_q.ndim != 2 or not (
        rows.ndim == 1
        and rows.shape == other.shape
        and probability.shape in ((), rows.shape)
    ):
        raise InputError(
            f"log_q {tuple(log_q.shape)}, rows {tuple(rows.shape)}, other "
            f"{tuple(other.shape)} and probability {tuple(probability.shape)} must be "
            "(B, classes) and three times (k,)."
        )
    checks.index(log_q.shape[0], rows=rows)
    checks.index(log_q.shape[1], other=other)
    p = probability.detach()
    if checks.seen(p) and not bool(((p > 0) & (p <= 1 + 1e-4)).all()):
        raise InputError("probability must be above 0 and at most 1: it is divided by.")
    return log_q[rows, other].exp() / probability


def estimate(of_top: Tensor, of_other: Tensor, drawn: Draw) -> Tensor:
    """Unbiased estimate of sum_y q_y L_y, (B,), from L_top (B,) and L_y' (k,).

    Where L_top is -inf the sum is, and an impossible y' (weight 0) adds nothing, be its
    L -inf. Raises InputError for other shapes.
    """
    checks.real(of_top=of_top, of_other=of_other)
    if of_top.shape != drawn.top.shape or of_other.shape != drawn.rows.shape:
        raise InputError(
            f"of_top {tuple(of_top.shape)} and of_other {tuple(of_other.shape)} must "
            f"be those of the draw, {tuple(drawn.top.shape)} and "
            f"{tuple(drawn.rows.shape)}."
        )
    of_top, of_other = checks.full(of_top), checks.full(of_other)
    difference = of_other - of_top[drawn.rows]
    settled = (drawn.weight == 0) | (of_top[drawn.rows] == -math.inf)
    difference = difference.masked_fill(settled & ~difference.isfinite(), 0.0)
    return of_top.index_add(0, drawn.rows, drawn.weight * difference)
