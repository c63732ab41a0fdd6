"""How well labels are inferred: by q_y-post, and by the generative model.

Bounds are in nats per image. The noise of an image belongs to it, as in `bound`.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from ..data.checks import class_indices
from ..data.sets import ImageSet, Pixels
from ..errors import DataError
from ..model import bounds
from ..model.equivae import EquiVAE
from ..model.networks import CORNER
from .bound import CHUNK, Representations, noise_of
from .checks import numbers, of_classes
from .pixel_density import bits_per_dimension, dequantised
from .summaries import mean_and_error


def label_error(scores: Tensor, labels: Tensor) -> float:
    """Share of images whose highest score, (N, classes), is not at their label.

    `labels` (N,), or a list of them. Raises DataError for other shapes, for NaN, and
    where there is no image.
    """
    numbers("scores", scores, 2, 1)
    labels = class_indices(labels, *scores.shape).to(scores.device)
    return float((scores.argmax(dim=1) != labels).double().mean())


def renamed_error(scores: Tensor, labels: Tensor) -> float:
    """`label_error` once the classes have been renamed, one to one, as well as can be.

    Classes that were found and called by other names have a small one. `scores` that
    know nothing have somewhat less than 1 - 1 / classes: of all renamings it is the
    luckiest. Raises DataError as `label_error` does.
    """
    numbers("scores", scores, 2, 1)
    labels = class_indices(labels, *scores.shape).to(scores.device)
    classes = scores.shape[1]
    pairs = scores.argmax(dim=1) * classes + labels
    counts = torch.bincount(pairs, minlength=classes**2).reshape(classes, classes)
    rows, columns = linear_sum_assignment(counts.cpu().numpy(), maximize=True)
    return 1 - float(counts[rows, columns].sum()) / len(labels)


class LabelReport(NamedTuple):
    """What a semi-supervised model says of images, one row an image."""

    log_q: Tensor  # (N, classes) log q_y-post(y | x)
    bound_y: Tensor  # (N, classes) the braces of (6): (4) under every class

    def errors(self, labels: Tensor) -> dict[str, float]:
        """Share of wrong labels by q_y-post, and by argmax_y of (4)."""
        # p(y) is uniform, so the largest (4) is the generative model's choice.
        return {
            "error": label_error(self.log_q, labels),
            "generative_error": label_error(self.bound_y, labels),
        }

    def together(self, labels: Tensor, scale: float) -> dict[str, float]:
        """Error of log q + (4) / scale, and the share that both of the two get wrong.

        A product of the two classifiers, the odds of the second to the power 1 / scale.
        Raises DataError as `label_error` does, and for a scale that is not above 0.
        """
        if not 0 < scale < math.inf:
            raise DataError(f"scale is {scale}: take a number of nats above 0.")
        self.errors(labels)  # raises what it has to say
        if self.log_q.shape != self.bound_y.shape:
            raise DataError(
                f"log_q {tuple(self.log_q.shape)} and bound_y "
                f"{tuple(self.bound_y.shape)} must be of the same images and classes."
            )
        together = label_error(self.log_q + self.bound_y / scale, labels)
        y = class_indices(labels, *self.log_q.shape).to(self.log_q.device)
        both = (self.log_q.argmax(dim=1) != y) & (self.bound_y.argmax(dim=1) != y)
        return {"together_error": together, "both_wrong": float(both.double().mean())}

    def unlabelled_bound(self) -> Tensor:
        """Equation (6) with p(y) uniform, (N,). DataError for NaN."""
        numbers("log_q", self.log_q, 2, 1)
        log_q = self.log_q if self.log_q.is_floating_point() else self.log_q.float()
        log_p = torch.full_like(log_q, -math.log(log_q.shape[1]))
        return bounds.unlabelled_bound(self.bound_y, log_q, log_p)


def bound_matrix(bound_y: Tensor, labels: Tensor) -> Tensor:
    """Mean of each column of (4) per class, (N, classes) over the images of a class.

    Row y, column k: images of class y, told that they are of class k. In nats.
    Raises DataError for other shapes, for NaN, and for a class without images.
    """
    numbers("bound_y", bound_y, 2, 1)
    labels = class_indices(labels, *bound_y.shape).to(bound_y.device)
    classes = range(bound_y.shape[1])
    if absent := sorted(set(classes) - set(labels.tolist())):
        raise DataError(
            f"classes {absent} have no images, so there is no mean over them: take "
            "more images."
        )
    return torch.stack([bound_y[labels == y].double().mean(dim=0) for y in classes])


@torch.no_grad()
def label_posteriors(model: EquiVAE, pixels: Pixels, images: ImageSet) -> Tensor:
    """log q_y-post(y | x) of all images, (N, classes)."""
    chunks = images.images.split(CHUNK)
    return torch.cat([model.label_log_posterior(pixels.forward(c)) for c in chunks])


@torch.no_grad()
def label_report(
    model: EquiVAE, pixels: Pixels, table: Tensor, images: ImageSet, seed: int = 0,
    dequantise: bool = False,
) -> LabelReport:  # fmt: skip
    """q_y-post and the bound under every class; `table` (classes, R) is r_y of D_lab.

    One sample of v for each image and class. With `dequantise` the bound is that of
    the images with uniform noise of one grey level. q_y-post reads them without it:
    rounding would give them back, so (6) stays a bound. Raises DataError where there
    are no images, and for a table of another shape or with NaN.
    """
    classes = model.arch.classes
    if not len(images):
        raise DataError("no images to report on: take at least one.")
    of_classes(table, classes, model.arch.r_dim)
    bound_y = []
    for rows in torch.arange(len(images)).split(_at_once(model)):
        x = images.images[rows]
        x = dequantised(x, pixels, rows) if dequantise else pixels.forward(x)
        eps = noise_of(rows, classes, model.arch.v_dim, seed=seed).to(x.device)
        bound_y.append(model.terms_per_class(x, table, eps).bound)
    return LabelReport(label_posteriors(model, pixels, images), torch.cat(bound_y))


def _at_once(model: EquiVAE) -> int:
    """Images whose pictures under every class take the memory of ten classes' at most.

    CHUNK of them for ten classes and 28 or 32 pixels; fewer of more or larger ones.
    """
    arch = model.arch
    return max(1, CHUNK * 10 * CORNER**2 // (arch.classes * arch.corner**2))


def semi_supervised_report(
    model: EquiVAE,
    pixels: Pixels,
    labelled: ImageSet,
    test: ImageSet,
    generative: bool = True,
) -> dict:
    """Every number of a semi-supervised model that the book shows, as plain JSON.

    `labelled` is D_lab, from which alone every r_y is made. Bounds are in nats,
    means over the test images; `confusion[y][k]` counts images of class y that
    q_y-post reads as k, and `bound_matrix[y][k]` is the mean of (4) with the r_y of
    class k over the images of class y (no matrix, None, if the test images lack a
    class). Without a `generative` model there are no bounds. For Gaussian pixels each
    bound is also given in bits per dimension, with uniform dequantisation noise: an
    upper bound.
    """
    y = test.labels
    log_q = label_posteriors(model, pixels, test)
    pairs = torch.bincount(
        y * test.classes + log_q.argmax(dim=1), minlength=test.classes**2
    )
    result = {
        "test_images": len(test),
        "labels": len(labelled),
        "error": label_error(log_q, y),
        "confusion": pairs.reshape(test.classes, -1).tolist(),
    }
    if not generative:
        return result
    table = Representations(model, pixels, labelled).table()
    report = label_report(model, pixels, table, test)
    result |= report.errors(y)
    every = len(y.unique()) == test.classes
    result["bound_matrix"] = (
        bound_matrix(report.bound_y, y).tolist() if every else None
    )
    for name, values in _bounds(report, y).items():
        mean, spread = mean_and_error(values)
        first = mean_and_error(values[:1000])[0]
        result[name] = {"bound": mean, "error": spread, "first_1000": first}
    if model.arch.likelihood == "gaussian":
        noisy = label_report(model, pixels, table, test, dequantise=True)
        for name, values in _bounds(noisy, y).items():
            bits = bits_per_dimension(values, pixels, test.images[0].numel())
            mean, spread = mean_and_error(bits)
            result[name] |= {"bits": mean, "bits_error": spread}
    return result


def _bounds(report: LabelReport, y: Tensor) -> dict[str, Tensor]:
    """(6), and (4) under the true classes `y`: (N,) each."""
    of_true = report.bound_y.gather(1, y[:, None])[:, 0]
    return {"unlabelled_bound": report.unlabelled_bound(), "labelled_bound": of_true}
