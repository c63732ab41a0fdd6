"""How a set is split: labelled and unlabelled images, training and validation."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from ..errors import DataError
from ..model.checks import integer
from . import checks
from .sets import CLASSES, ImageSet

MOST_HELD_OUT = 5000


def class_balanced_split(
    labels: Tensor, per_class: int, seed: int, classes: int = CLASSES
) -> tuple[Tensor, Tensor]:
    """Indices (labelled, unlabelled): `per_class` random images of every class.

    Both ascend; together they are all of `labels` (N,). A larger `per_class` with
    the same seed contains the smaller one. Raises DataError if per_class < 2 (r_y
    needs at least one complementary image), a class has too few images, or labels are
    no class indices.
    """
    integer("seed", seed, 0, DataError), integer("classes", classes, 1, DataError)
    labels = checks.class_indices(labels, None, classes)
    if integer("per_class", per_class, -math.inf, DataError) < 2:
        raise DataError(
            f"per_class is {per_class}, but every class needs at least 2 labelled "
            "images: r_y is made from images other than x_n itself."
        )
    values = labels.cpu().numpy()
    generator = np.random.default_rng(seed)
    chosen = np.zeros(len(values), dtype=bool)
    for y in range(classes):
        members = np.flatnonzero(values == y)
        if len(members) < per_class:
            raise DataError(
                f"class {y} has {len(members)} images, but per_class is {per_class}: "
                "ask for fewer, or give more data."
            )
        chosen[generator.permutation(members)[:per_class]] = True
    return _both_sides(chosen, labels.device)


def holdout_split(
    n: int, n_validation: int, seed: int, groups: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Indices (train, validation) of n images, `n_validation` drawn at random.

    Both ascend. With `groups`, (N,), images of one group stay on one side, and
    `n_validation` is the least that is held out. Raises DataError unless both sides
    keep at least one image, or if there is not one group for each image.
    """
    for name, value in (("n", n), ("n_validation", n_validation)):
        integer(name, value, -math.inf, DataError)
    integer("seed", seed, 0, DataError)
    if not 0 < n_validation < n:
        raise DataError(
            f"n_validation is {n_validation}, but must be from 1 to {n - 1} to leave "
            f"images on both sides of a split of {n}."
        )
    generator = np.random.default_rng(seed)
    train = np.ones(n, dtype=bool)
    if groups is None:
        train[generator.permutation(n)[:n_validation]] = False
    else:
        numbers = checks.indices_from("groups", groups, n).cpu().numpy()
        members = np.unique(numbers, return_inverse=True)[1]  # from 0, without gaps
        sizes = np.bincount(members)
        order = generator.permutation(len(sizes))
        count = 1 + np.searchsorted(sizes[order].cumsum(), n_validation)
        train[np.isin(members, order[:count])] = False
    if not train.any():
        raise DataError(
            f"n_validation is {n_validation}, and with whole groups nothing is left of "
            f"{n} images to train on: hold out fewer."
        )
    return _both_sides(train, torch.device("cpu"))


def held_out(
    train: ImageSet, count: int | None = None, seed: int = 0
) -> tuple[ImageSet, ImageSet]:
    """(training, validation): `count` images less, by default 5,000 or a sixth of few.

    Of a set that knows its photographs, whole photographs: neighbours that look into
    each other's pictures are on one side.
    """
    n = len(train)
    count = min(MOST_HELD_OUT, n // 6) if count is None else count
    kept, held = holdout_split(n, count, seed, train.photographs)
    return train.subset(kept), train.subset(held)


def _both_sides(first: np.ndarray, device: torch.device) -> tuple[Tensor, Tensor]:
    sides = np.flatnonzero(first), np.flatnonzero(~first)
    return tuple(torch.from_numpy(side).to(device) for side in sides)
