"""One number of many images: a mean with its error, active units, a probe."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..data.checks import class_indices
from ..errors import DataError
from ..model import checks
from .checks import numbers


def mean_and_error(values: Tensor) -> tuple[float, float]:
    """Mean over images, (N,), and its standard error; of -inf the error is infinite.

    Raises DataError for fewer than two images, whose spread is not known, and NaN.
    """
    numbers("values", values, 1, 2)
    values = values.double()
    if values.isinf().any():
        mean = float(values.mean())
        if math.isnan(mean):
            raise DataError("values are infinite both ways, so they have no mean.")
        return mean, math.inf
    return float(values.mean()), float(values.std() / math.sqrt(len(values)))


def binarise(images: Tensor) -> Tensor:
    """uint8 images with grey value at least 128 -> 255, else 0: on {0, 1} the
    Bernoulli score is a log probability. DataError for others than uint8."""
    if not isinstance(images, Tensor) or images.dtype != torch.uint8:
        raise DataError("images must be uint8, with grey values from 0 to 255.")
    return torch.where(images >= 128, 255, 0).to(torch.uint8)


def active_units(mu: Tensor, threshold: float = 0.01) -> int:
    """Number of latents whose posterior mean varies over images (Burda et al. 2016).

    `mu` (N, V). Raises DataError for fewer than two images, and NaN.
    """
    numbers("mu", mu, 2, 2)
    mu = checks.full(mu)
    if not threshold >= 0:
        raise DataError(f"threshold is {threshold}, but a variance is at least 0.")
    return int((mu.var(dim=0) > threshold).sum())


def probe_error(
    fit_on: Tensor, fit_labels: Tensor, test_on: Tensor, test_labels: Tensor
) -> float:
    """Test error of a linear classifier of the class from v: how much class is left.

    v (N, V) and labels (N,), to fit on and to test on. Raises DataError for other
    shapes, for NaN, and if there are fewer than two classes to fit.
    """
    for name, v in (("fit_on", fit_on), ("test_on", test_on)):
        numbers(name, v, 2, 1)
        if not v.isfinite().all():
            raise DataError(f"{name} is infinite somewhere: no line separates that.")
    fit_labels = class_indices(fit_labels, len(fit_on))
    test_labels = class_indices(test_labels, len(test_on))
    if fit_on.shape[1] != test_on.shape[1]:
        raise DataError(
            f"fit_on has {fit_on.shape[1]} latents, test_on {test_on.shape[1]}."
        )
    if len(fit_labels.unique()) < 2:
        raise DataError("all images to fit are of one class: take more of them.")
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    probe.fit(fit_on.cpu().numpy(), fit_labels.cpu().numpy())
    return 1 - float(probe.score(test_on.cpu().numpy(), test_labels.cpu().numpy()))
