"""EquiVAE: the networks of Appendix B put together as the terms of (4) and (6)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from ..errors import ExperimentError, InputError
from . import bounds, checks, groups
from .networks import (
    Architecture,
    Decoder,
    EquivariantPosterior,
    InvariantEncoder,
    LabelPosterior,
    initialise,
)

REPRESENTATIONS = ("complementary", "table", "none", *groups.WAYS)


class Terms(NamedTuple):
    """The two terms of (4), per image, in nats."""

    log_lik: Tensor  # one-sample estimate of E_q log p(x | r_y, v)
    kl: Tensor  # KL[q_cov(v | r_y, x) || p(v)], exact

    @property
    def bound(self) -> Tensor:
        return bounds.labelled_bound(self.log_lik, self.kl)


class EquiVAE(nn.Module):
    """The whole model, or one of its ablations and neighbours.

    `representation` says where r_y comes from: "complementary" images through
    (2), which is EquiVAE; a learned "table" of one vector per class; "none",
    which is a plain VAE (give it r_dim = 0 and r's width added to v_dim); or a group
    of images with x_n among them, in one of the ways of groups.py.
    """

    def __init__(
        self, arch: Architecture, representation: str = "complementary"
    ) -> None:
        super().__init__()
        if representation not in REPRESENTATIONS:
            raise ExperimentError(
                f"representation must be one of {REPRESENTATIONS}, "
                f"not {representation!r}"
            )
        if (representation == "none") != (arch.r_dim == 0):
            raise ExperimentError("a plain VAE, and nothing else, has r_dim = 0")
        self.arch, self.representation = arch, representation
        if representation == "complementary":
            self.encoder = InvariantEncoder(arch)
        elif representation in groups.WAYS:
            if arch.label_posterior:
                raise ExperimentError(
                    f"representation {representation!r} has no label posterior: leave "
                    "it out, or take 'complementary'"
                )
            self.encoder = groups.GroupEncoder(arch, representation)
        elif representation == "table":
            self.table = nn.Embedding(arch.classes, arch.r_dim)
        self.posterior = EquivariantPosterior(arch)
        self.decoder = Decoder(arch)
        if arch.label_posterior:
            self.label_posterior = LabelPosterior(arch)
        # r_y of each class from all training images, (classes, R): set when training
        # has ended and kept in the checkpoint, so that a model can draw without data.
        self.register_buffer("class_r", None, persistent=False)
        initialise(self, arch.init)

    def log_likelihood(self, x: Tensor, r: Tensor | None, v: Tensor) -> Tensor:
        """log p(x | r_y, v): x (..., C, H, W), r (..., R), v (..., V) -> (...)."""
        return self.log_density(x, self.decoder(r, v))

    def log_density(self, x: Tensor, out: Tensor) -> Tensor:
        """log p(x) for the decoder's output: both (..., C, H, W) -> (...)."""
        if self.arch.likelihood == "bernoulli":
            return bounds.bernoulli_log_prob(x, out)
        return bounds.gaussian_log_prob(x, out, self.decoder.log_var)

    def terms(self, x: Tensor, r: Tensor | None, eps: Tensor) -> Terms:
        """The terms of (4) for x (B, C, H, W), its r_y (B, R) and noise (B, V).

        Of several samples if the noise is (samples, B, V).
        """
        mu, log_var = self._posterior(eps, *self.posterior(r, x))
        v = bounds.reparameterise(mu, log_var, eps)
        return Terms(self.log_likelihood(x, r, v), bounds.gaussian_kl(mu, log_var))

    def terms_per_class(self, x: Tensor, r: Tensor, eps: Tensor) -> Terms:
        """The terms of (4) under every class, as (6) needs them: (B, classes).

        x (B, C, H, W); r (B, classes, R) or (classes, R); eps (B, classes, V).
        x is embedded once, then decoded once per class.
        """
        e = self.posterior.embed(x)[:, None]  # (B, 1, F)
        mu, log_var = self._posterior(eps, *self.posterior.heads(e, r))
        v = bounds.reparameterise(mu, log_var, eps)
        log_lik = self.log_likelihood(x[:, None], r, v)
        return Terms(log_lik, bounds.gaussian_kl(mu, log_var))

    def _posterior(self, eps: Tensor, mu: Tensor, log_var: Tensor) -> tuple:
        """mu and log_var in the precision of the noise, which must fit them."""
        checks.width("eps", eps, mu.shape[-1])
        checks.one_shape(mu=mu, eps=eps)
        return mu.to(eps.dtype), log_var.to(eps.dtype)

    def label_log_posterior(self, x: Tensor) -> Tensor:
        """log q_y-post(y | x), (B, classes); InputError for a model without one."""
        if not (hasattr(self, "encoder") and hasattr(self, "label_posterior")):
            raise InputError(
                "this model has no label posterior: it takes a semi-supervised "
                "experiment, with representation 'complementary'"
            )
        with torch.no_grad():  # stop_grad: nothing flows back into f
            f_x = self.encoder.f(x)
        logits = self.label_posterior(x, f_x)
        return torch.log_softmax(logits.float(), dim=-1)

    def mean_image(self, r: Tensor | None, v: Tensor) -> Tensor:
        """E[x | r_y, v] in network space: Bernoulli means or Gaussian means."""
        out = self.decoder(r, v)
        return torch.sigmoid(out) if self.arch.likelihood == "bernoulli" else out

    def parameter_count(self) -> int:
        return sum(p.numel() for p in self.parameters())
