"""What a trained model is worth, on images that it was not trained on.

Every random number belongs to its image: the noise of image i comes from the
seed and i alone, so that a subset gives the same values as the whole set.
All bounds are in nats per image.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from . import bounds
from .data import ImageSet, Pixels
from .model import EquiVAE, Terms

CHUNK = 500


def noise(indices: Tensor, *shape: int, seed: int = 0) -> Tensor:
    """Standard normal numbers (len(indices), *shape); row i depends on (seed, i)."""
    g = torch.Generator()
    rows = []
    for i in indices.tolist():
        g.manual_seed(seed * 1_000_003 + i)
        rows.append(torch.randn(*shape, generator=g))
    return torch.stack(rows)


class Representations:
    """r_y of a trained model from any number m of training images of a class.

    Embeds the training images once, f(x) -> (N, F); after that every r_y is a
    mean of rows and a pass through g. For the class table, r_y is its row
    whatever m; for the plain VAE it is None.
    """

    def __init__(self, model: EquiVAE, pixels: Pixels, train: ImageSet) -> None:
        self.model, self.device = model, train.images.device
        self.by_class = train.by_class()
        if model.representation == "complementary":
            self.f = embed_all(model, pixels, train.images)

    @torch.no_grad()
    def table(self) -> Tensor:
        """r_y from all training images of each class: (classes, R)."""
        if self.model.representation == "table":
            return self.model.table.weight
        means = torch.stack([self.f[rows].mean(0) for rows in self.by_class])
        return self.model.encoder.g(means)

    @torch.no_grad()
    def draw(self, y: Tensor, indices: Tensor, m: int, seed: int = 0) -> Tensor:
        """r_y (B, R) from m random training images for each of B other images."""
        g = torch.Generator()
        rows = []
        for c, i in zip(y.tolist(), indices.tolist()):
            g.manual_seed(seed * 1_000_003 + i)
            members = self.by_class[c]
            # Distinct with one draw: m is tiny beside the size of a class.
            pick = torch.randperm(len(members), generator=g)[:m]
            rows.append(members[pick.to(self.device)])
        return self.model.encoder.g(self.f[torch.stack(rows)].mean(1))

    def of(self, y: Tensor, indices: Tensor, m: int | None) -> Tensor | None:
        """r_y for images of classes `y`; `m` None stands for all training images."""
        if self.model.representation == "none":
            return None
        if m is None or self.model.representation == "table":
            return self.table()[y]
        return self.draw(y, indices, m)


@torch.no_grad()
def embed_all(model: EquiVAE, pixels: Pixels, images: Tensor) -> Tensor:
    """f(x) of all images, (N, F)."""
    return torch.cat([model.encoder.f(pixels.forward(c)) for c in images.split(CHUNK)])


@torch.no_grad()
def bound_terms(
    model: EquiVAE, x: Tensor, r: Tensor | None, indices: Tensor, samples: int = 1
) -> Terms:
    """The terms of (4) for every image, (N,) each, averaged over v samples.

    x (N, C, H, W) in network space; r (N, R); `indices` name the images' noise.
    """
    parts = []
    for rows in torch.arange(len(x)).split(CHUNK):
        eps = noise(indices[rows], samples, model.arch.v_dim).to(x.device)
        part_r = None if r is None else r[rows]
        each = [model.terms(x[rows], part_r, eps[:, s]) for s in range(samples)]
        log_lik = torch.stack([t.log_lik for t in each]).mean(0)
        parts.append(Terms(log_lik, each[0].kl))
    return Terms(
        torch.cat([t.log_lik for t in parts]), torch.cat([t.kl for t in parts])
    )


@torch.no_grad()
def importance_weighted(
    model: EquiVAE, x: Tensor, r: Tensor | None, indices: Tensor, ks: tuple[int, ...]
) -> dict[int, Tensor]:
    """The importance-weighted bound for each k in `ks`: {k: (N,)}.

    One set of max(ks) samples an image; a smaller k uses the first of them.
    """
    k_max, dim = max(ks), model.arch.v_dim
    out: dict[int, list[Tensor]] = {k: [] for k in ks}
    for i in range(len(x)):
        part_r = None if r is None else r[i : i + 1]
        mu, log_var = model.posterior(part_r, x[i : i + 1])
        eps = noise(indices[i : i + 1], k_max, dim)[0].to(x.device)
        v = bounds.reparameterise(mu, log_var, eps)  # (k, V)
        log_lik = torch.cat(
            [model.log_likelihood(x[i], part_r, c) for c in v.split(CHUNK)]
        )
        zero = torch.zeros_like(mu)
        log_p = bounds.gaussian_log_prob(v, zero, zero, event_dims=1)
        log_q = bounds.gaussian_log_prob(v, mu, log_var, event_dims=1)
        log_w = log_lik + log_p - log_q
        for k in ks:
            out[k].append(bounds.importance_weighted_bound(log_w[:k]))
    return {k: torch.stack(values) for k, values in out.items()}


def mean_and_error(values: Tensor) -> tuple[float, float]:
    """Mean over images and its standard error."""
    values = values.double()
    return float(values.mean()), float(values.std() / math.sqrt(len(values)))
