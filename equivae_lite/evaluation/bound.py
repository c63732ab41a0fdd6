"""What a trained model is worth, on images that it was not trained on.

Every random number belongs to its image: the noise of image i comes from the
seed and i alone, so that a subset gives the same values as the whole set.
All bounds are in nats per image.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..data.checks import class_indices
from ..data.sets import ImageSet, Pixels
from ..errors import DataError, InputError
from ..model import bounds, checks
from ..model.equivae import EquiVAE, Terms
from ..model.groups import r_of
from .checks import noise_indices, of_classes, of_images, one_each
from .pixel_density import bits_per_dimension, dequantised
from .summaries import active_units, binarise, mean_and_error, probe_error

CHUNK = 500


def noise_of(indices: Tensor, *shape: int, seed: int = 0) -> Tensor:
    """Standard normal numbers (len(indices), *shape); row i depends on (seed, i).

    Raises DataError for indices or a seed below 0, and for no shape.
    """
    checks.integer("seed", seed, 0, DataError)
    for size in shape:
        checks.integer("shape", size, 0, DataError)
    g = torch.Generator()
    rows = []
    for i in noise_indices(indices):
        g.manual_seed(seed * 1_000_003 + i)
        rows.append(torch.randn(shape, generator=g))
    return torch.stack(rows) if rows else torch.empty(0, *shape)


class Representations:
    """r_y of a trained model from any number m of training images of a class.

    Embeds the training images once, f(x) -> (N, F); then every r_y is a mean of rows
    and a pass through g. For the class table it is a row whatever m, for the plain VAE
    None. Labels may be lists, too.
    """

    def __init__(self, model: EquiVAE, pixels: Pixels, train: ImageSet) -> None:
        self.model, self.device = model, train.images.device
        self.by_class = train.by_class()
        if hasattr(model, "encoder"):
            self.f = embed_all(model, pixels, train.images)

    @torch.no_grad()
    def table(self) -> Tensor:
        """r_y from all training images of each class: (classes, R).

        Raises DataError if a class has none, and for a model without r_y.
        """
        if self.model.representation == "table":
            return self.model.table.weight
        self._check_of_images()
        self._check_present()
        encoder = self.model.encoder
        return torch.stack([r_of(encoder, self.f[rows]) for rows in self.by_class])

    @torch.no_grad()
    def draw(self, y: Tensor, indices: Tensor, m: int, seed: int = 0) -> Tensor:
        """r_y (B, R) from m random training images for each of B other images.

        Raises DataError if a class has fewer than m training images, for a model
        whose r_y is of no images, and unless `y` and `indices` are (B,).
        """
        self._check_of_images()
        y, indices = self._labels(y), noise_indices(indices, len(y))
        checks.integer("m", m, -math.inf, DataError)
        checks.integer("seed", seed, 0, DataError)
        smallest = min(len(members) for members in self.by_class)
        if not 1 <= m <= smallest:
            self._check_present()
            raise DataError(
                f"m = {m} images of each class asked for, but the smallest class has "
                f"{smallest}: choose m from 1 to {smallest}"
            )
        g = torch.Generator()
        rows = []
        for c, i in zip(y.tolist(), indices):
            g.manual_seed(seed * 1_000_003 + i)
            members = self.by_class[c]
            # Distinct with one draw: m is tiny beside the size of a class.
            pick = torch.randperm(len(members), generator=g)[:m]
            rows.append(members[pick.to(self.device)])
        drawn = torch.stack(rows) if rows else torch.empty(0, m, dtype=torch.long)
        return r_of(self.model.encoder, self.f[drawn])

    def of(self, y: Tensor, indices: Tensor, m: int | None) -> Tensor | None:
        """r_y for images of classes `y`; `m` None stands for all training images."""
        if self.model.representation == "none":
            return None
        if m is None or self.model.representation == "table":
            return self.table()[self._labels(y)]
        return self.draw(y, indices, m)

    def _labels(self, y: Tensor) -> Tensor:
        return class_indices(y, None, len(self.by_class)).to(self.device)

    def _check_present(self) -> None:
        if absent := [y for y, rows in enumerate(self.by_class) if not len(rows)]:
            raise DataError(
                f"classes {absent} have no training images, so there is no r_y of "
                "theirs: take more images, or a subset with all classes."
            )

    def _check_of_images(self) -> None:
        if not hasattr(self.model, "encoder"):
            raise InputError(
                f"the representation of this model is {self.model.representation!r}: "
                "no training images make its r_y."
            )


@torch.no_grad()
def embed_all(model: EquiVAE, pixels: Pixels, images: Tensor) -> Tensor:
    """f(x) of all images, (N, F). InputError for a model without f."""
    if not hasattr(model, "encoder"):
        raise InputError("this model has no f: its r_y is not made of images.")
    one_each(images, None, None)
    return torch.cat([model.encoder.f(pixels.forward(c)) for c in images.split(CHUNK)])


@torch.no_grad()
def bound_terms(
    model: EquiVAE, x: Tensor, r: Tensor | None, indices: Tensor, samples: int = 1
) -> Terms:
    """The terms of (4) for every image, (N,) each, averaged over v samples.

    x (N, C, H, W) in network space; r (N, R); `indices` name the images' noise.
    Raises DataError where there is not one of each for each image.
    """
    one_each(x, indices, r)
    checks.integer("samples", samples, 1, DataError)
    indices = class_indices(indices)
    parts = []
    for rows in torch.arange(len(x)).split(CHUNK):
        eps = noise_of(indices[rows], samples, model.arch.v_dim).to(x.device)
        part_r = None if r is None else r[rows]
        each = [model.terms(x[rows], part_r, eps[:, s]) for s in range(samples)]
        log_lik = torch.stack([t.log_lik for t in each]).mean(0)
        parts.append(Terms(log_lik, each[0].kl))
    return Terms(
        torch.cat([t.log_lik for t in parts]), torch.cat([t.kl for t in parts])
    )


@torch.no_grad()
def bound_in_bits(
    model: EquiVAE, pixels: Pixels, images: Tensor, r: Tensor | None, indices: Tensor
) -> Tensor:
    """Bound (4) as bits per pixel and colour with dequantisation noise, (N,).

    Of a Gaussian model; images (N, C, H, W) uint8, r (N, R). An upper bound.
    Raises InputError for a Bernoulli model, whose score of grey values is no density.
    """
    if model.arch.likelihood != "gaussian":
        raise InputError("only a Gaussian model has bits: a Bernoulli's is a score.")
    one_each(images, indices, r)
    indices = class_indices(indices)
    bits = []
    for rows in torch.arange(len(images)).split(CHUNK):
        x = dequantised(images[rows], pixels, indices[rows])
        part_r = None if r is None else r[rows]
        bound = bound_terms(model, x, part_r, indices[rows]).bound
        bits.append(bits_per_dimension(bound, pixels, x[0].numel()))
    return torch.cat(bits)


@torch.no_grad()
def importance_weighted(
    model: EquiVAE, x: Tensor, r: Tensor | None, indices: Tensor, ks: tuple[int, ...],
    q: tuple[Tensor, Tensor] | None = None,
) -> dict[int, Tensor]:  # fmt: skip
    """The importance-weighted bound for each k in `ks`: {k: (N,)}.

    One set of max(ks) samples an image; a smaller k uses the first of them. They are
    drawn from q_cov, or from `q`, mu and log_var (N, V). Raises DataError for a k below
    1, and where there is not one of each for each image.
    """
    ks = tuple(dict.fromkeys(checks.integer("k", k, 1, DataError) for k in ks))
    one_each(x, indices, r)
    if not ks or not len(x):
        raise DataError(f"{len(x)} images and ks = {ks}: give at least one of each.")
    indices = class_indices(indices)
    k_max, dim = max(ks), model.arch.v_dim
    of_images(q, len(x), dim)
    out: dict[int, list[Tensor]] = {k: [] for k in ks}
    for i in range(len(x)):
        one = slice(i, i + 1)
        part_r = None if r is None else r[one]
        mu, log_var = (t[one] for t in q) if q else model.posterior(part_r, x[one])
        eps = noise_of(indices[one], k_max, dim)[0].to(x.device)
        v = bounds.reparameterise(mu, log_var, eps)  # (k, V)
        each = [model.log_likelihood(x[i], part_r, c) for c in v.split(CHUNK)]
        log_lik, zero = torch.cat(each), torch.zeros_like(mu)
        log_p = bounds.gaussian_log_prob(v, zero, zero, event_dims=1)
        log_q = bounds.gaussian_log_prob(v, mu, log_var, event_dims=1)
        log_w = log_lik + log_p - log_q
        for k in ks:
            out[k].append(bounds.importance_weighted_bound(log_w[:k]))
    return {k: torch.stack(values) for k, values in out.items()}


@torch.no_grad()
def latent_means(
    model: EquiVAE, pixels: Pixels, images: Tensor, r: Tensor | None
) -> Tensor:
    """Posterior means of v, (N, V); `r` is (N, R), or one (R,) for all images."""
    if r is not None:
        checks.real(r=r)
    one_each(images, None, None if r is None or r.ndim == 1 else r)
    rows = []
    for i in torch.arange(len(images)).split(CHUNK):
        part = r if r is None or r.ndim == 1 else r[i]
        x = pixels.forward(images[i])
        part = part.expand(len(x), -1) if part is not None else None
        rows.append(model.posterior(part, x)[0])
    return torch.cat(rows)


@torch.no_grad()
def nearest_class_error(
    model: EquiVAE, pixels: Pixels, test: ImageSet, table: Tensor
) -> float:
    """Share of images whose r(x) = g(f(x)) lies nearest to another class's r_y.

    `table` (classes, R). Raises DataError for another shape, and NaN in it.
    """
    f = embed_all(model, pixels, test.images)
    r = r_of(model.encoder, f[:, None])
    of_classes(table, test.classes, r.shape[1])
    nearest = torch.cdist(r, table.to(r.dtype)).argmin(dim=1)
    return float((nearest != test.labels).double().mean())


def supervised_report(
    model: EquiVAE,
    pixels: Pixels,
    train: ImageSet,
    test: ImageSet,
    ms: tuple[int, ...] = (1, 2, 4, 7),
    iw_images: int = 1000,
    iw_recheck: int = 100,
    ks: tuple[int, ...] = (1, 10, 100, 1000),
    probe_images: int = 10_000,
) -> dict:
    """Every number of a supervised model that the book shows, as plain JSON.

    Of the `ms`, those that every class has images for. A chapter computes again the
    bounds in `recheck`, of one image each, and `first_1000`, (4) on the first 1,000.
    """
    representations = Representations(model, pixels, train)
    indices = torch.arange(len(test))
    x = pixels.forward(test.images)
    result: dict = {"test_images": len(test), "bound": {}}
    of_images = hasattr(model, "encoder")
    ms = tuple(m for m in ms if m <= min(map(len, representations.by_class)))
    for m in (*ms, None) if of_images else (None,):
        r = representations.of(test.labels, indices, m)
        terms = bound_terms(model, x, r, indices)
        mean, error = mean_and_error(terms.bound)
        result["bound"][str(m or "all")] = {
            "bound": mean,
            "error": error,
            "log_lik": mean_and_error(terms.log_lik)[0],
            "kl": mean_and_error(terms.kl)[0],
            "first_1000": mean_and_error(terms.bound[:1000])[0],
        }
    # r is now that of all training images, the last m above.
    binary = pixels.forward(binarise(test.images)) if model.arch.colours == 1 else None
    for key, images in (("importance_weighted", x), ("binarised", binary)):
        if images is None or iw_images == 0:
            continue
        first = slice(0, iw_images)
        part_r = None if r is None else r[first]
        bound = importance_weighted(model, images[first], part_r, indices[first], ks)
        result[key] = {
            str(k): {
                "bound": mean_and_error(b)[0],
                "error": mean_and_error(b)[1],
                "recheck": [round(float(value), 4) for value in b[:iw_recheck]],
            }
            for k, b in bound.items()
        } | {"images": len(images[first])}
    if model.arch.likelihood == "gaussian":
        bits = bound_in_bits(model, pixels, test.images, r, indices)
        mean, error = mean_and_error(bits)
        result["bits_per_dimension"] = {"bits": mean, "error": error}  # upper bounds
    true_mu = latent_means(model, pixels, test.images, r)
    result["active_units"] = active_units(true_mu)
    result["latent_variances"] = [round(float(s), 6) for s in true_mu.var(dim=0)]
    head = train.subset(torch.arange(min(probe_images, len(train))))
    table = None if model.representation == "none" else representations.table()
    views = {"true": (None, None) if table is None else (table[head.labels], r)}
    if table is not None:
        views["mean"] = (table.mean(0), table.mean(0))
    result["probe_error"] = {
        key: probe_error(
            latent_means(model, pixels, head.images, fit_r), head.labels,
            latent_means(model, pixels, test.images, test_r), test.labels,
        )
        for key, (fit_r, test_r) in views.items()
    }  # fmt: skip
    counts = torch.bincount(test.labels, minlength=test.classes)
    result["majority_error"] = 1 - float(counts.max()) / len(test)
    if of_images:
        result["nearest_class_error"] = nearest_class_error(model, pixels, test, table)
    return result
