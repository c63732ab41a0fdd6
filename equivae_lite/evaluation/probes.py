"""How much of the class is left in v: classifiers that are fitted to read it.

A linear reader finds what lies along one direction. A reader with hidden layers finds
what is spread over several units, too. Either gives a lower bound: what it cannot read
may still be there. What the decoder sees of v is a sample, not a mean.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..data.checks import class_indices
from ..data.sets import ImageSet, Pixels
from ..errors import DataError
from ..model import bounds, checks
from ..model.equivae import EquiVAE
from .bound import CHUNK
from .checks import numbers, of_classes

READS = ("sample", "mean", "log-variance")
BATCH, RATE = 256, 2e-3


class Posteriors(NamedTuple):
    """q_cov of N images, and their classes."""

    mu: Tensor  # (N, V)
    log_var: Tensor  # (N, V)
    labels: Tensor  # (N,)


class Told(NamedTuple):
    """What a classifier read of the class, on images that it was not fitted to."""

    error: float  # share of the images
    nats: float  # entropy of their classes less its cross-entropy; below 0 if misled


@torch.no_grad()
def posteriors(
    model: EquiVAE, pixels: Pixels, images: ImageSet, table: Tensor | None
) -> Posteriors:
    """q_cov of all images, told the r_y of their class: a row of `table` (classes, R).

    Of a plain VAE, which has no r_y, `table` is None.
    """
    if table is not None:
        of_classes(table, images.classes, model.arch.r_dim)
    found = []
    for rows in torch.arange(len(images)).split(CHUNK):
        r = None if table is None else table[images.labels[rows]]
        found.append(model.posterior(r, pixels.forward(images.images[rows])))
    mu, log_var = (torch.cat(part) for part in zip(*found))
    return Posteriors(mu, log_var, images.labels)


def class_told(
    fit: Posteriors, test: Posteriors, reads: str = "sample", hidden: int = 128,
    steps: int = 2000, seed: int = 0,
) -> Told:  # fmt: skip
    """Error and nats of a classifier of the class, fitted to `fit`, tried on `test`.

    It `reads` a sample of v, drawn anew at every step, the mean, or the log-variances,
    through two hidden layers of so many units; with `hidden` 0 it is linear. Raises
    DataError for other shapes, NaN, one class to fit, and another thing to read.
    """
    for name, q in (("fit", fit), ("test", test)):
        for part, values in zip(q._fields[:2], q[:2]):
            numbers(f"{name}.{part}", values, 2, 1)
            if not values.isfinite().all() or values.shape != q[0].shape:
                raise DataError(f"{name}.{part} must be finite, and of mu's shape.")
    if reads not in READS:
        raise DataError(f"reads is {reads!r}: choose from {', '.join(READS)}.")
    width, of_test = fit.mu.shape[1], test.mu.shape[1]
    if width != of_test:
        raise DataError(f"{width} latents to fit, but {of_test} to test: one model's.")
    for name, least, value in (("hidden", 0, hidden), ("steps", 1, steps),
                               ("seed", 0, seed)):  # fmt: skip
        checks.integer(name, value, least, DataError)
    y, y_test = (class_indices(q.labels, len(q.mu)).to(q.mu.device)
                 for q in (fit, test))  # fmt: skip
    if len(y.unique()) < 2:
        raise DataError("all images to fit are of one class: take more of them.")
    classes = int(max(y.max(), y_test.max())) + 1
    generator = torch.Generator().manual_seed(seed)
    first = _read(fit, reads, generator)
    middle, spread = first.mean(0), first.std(0, correction=0) + 1e-6
    net = _classifier(width, hidden, classes, generator).to(first)
    adam = torch.optim.Adam(net.parameters(), lr=RATE)
    falling = torch.optim.lr_scheduler.CosineAnnealingLR(adam, steps)
    with torch.enable_grad():
        for _ in range(steps):
            rows = torch.randint(len(y), (BATCH,), generator=generator).to(y.device)
            part = Posteriors(fit.mu[rows], fit.log_var[rows], y[rows])
            seen = (_read(part, reads, generator) - middle) / spread
            adam.zero_grad()
            F.cross_entropy(net(seen), part.labels).backward()
            adam.step()
            falling.step()
    with torch.no_grad():
        logits = net((_read(test, reads, generator) - middle) / spread)
    share = torch.bincount(y_test, minlength=classes) / len(y_test)
    entropy = float(torch.special.entr(share.double()).sum())
    wrong = float((logits.argmax(1) != y_test).double().mean())
    return Told(wrong, entropy - float(F.cross_entropy(logits.double(), y_test)))


def _read(q: Posteriors, reads: str, generator: torch.Generator) -> Tensor:
    """What the classifier is shown of q, (N, V)."""
    if reads == "sample":
        eps = torch.randn(q.mu.shape, generator=generator).to(q.mu)
        return bounds.reparameterise(q.mu, q.log_var, eps)
    return q.mu if reads == "mean" else q.log_var


def _classifier(
    width: int, hidden: int, classes: int, generator: torch.Generator
) -> nn.Sequential:
    """A linear layer, or three with ReLU between; weights by the generator alone."""
    sizes = [width, hidden, hidden, classes] if hidden else [width, classes]
    layers: list[nn.Module] = []
    for i, o in zip(sizes, sizes[1:]):
        layer = nn.utils.skip_init(nn.Linear, i, o)  # the global generator rests
        with torch.no_grad():
            layer.weight.normal_(0, (2 / i) ** 0.5, generator=generator)
            layer.bias.zero_()
        layers += [layer, nn.ReLU()]
    return nn.Sequential(*layers[:-1])
