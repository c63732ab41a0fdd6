"""How a set is split: labelled and unlabelled images, training and validation."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from ..errors import DataError
from ..model.checks import integer
from . import checks
from .sets import CLASSES, SIZES, ImageSet

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


def hold_out_of_each(
    labels: Tensor, seed: int, classes: int = CLASSES, share: float = 1 / 6
) -> tuple[Tensor, Tensor]:
    """Indices (kept, held): of every class its share, at least 1 and never the last 2.

    Both ascend. A class of two images keeps both; one without images is passed over.
    Raises DataError for labels that are no class indices, and a share not in (0, 1).
    """
    integer("seed", seed, 0, DataError), integer("classes", classes, 1, DataError)
    if not isinstance(share, float) or not 0 < share < 1:
        raise DataError(f"share is {share}, but must be between 0 and 1.")
    labels = checks.class_indices(labels, None, classes)
    values = labels.cpu().numpy()
    generator = np.random.default_rng(seed)
    kept = np.ones(len(values), dtype=bool)
    for y in range(classes):
        members = generator.permutation(np.flatnonzero(values == y))
        count = min(max(1, round(share * len(members))), len(members) - 2)
        kept[members[: max(0, count)]] = False
    return _both_sides(kept, labels.device)


def labelled_rows(
    data: ImageSet, labels: int | None, seed: int
) -> tuple[Tensor, Tensor]:
    """Indices (D_lab, D_unlab) of a training set with so many labelled images.

    As many of each class, at random; all, if `labels` is None. Where some images have
    no name, D_lab is those that have one, whatever `labels` says. Raises DataError as
    `class_balanced_split` does.
    """
    if data.named is not None:
        named = data.named.cpu().numpy()
        return _both_sides(named, data.labels.device)
    if labels is None:
        everything = torch.arange(len(data), device=data.labels.device)
        return everything, everything[:0]
    integer("labels", labels, 0, DataError)
    per_class = labels // data.classes
    return class_balanced_split(data.labels, per_class, seed, data.classes)


def held_out(
    train: ImageSet, count: int | None = None, seed: int = 0
) -> tuple[ImageSet, ImageSet]:
    """(training, validation): `count` images less, by default 5,000 or a sixth of few.

    Of a set that knows its photographs, whole photographs: neighbours that look into
    each other's pictures are on one side. Of a set of the reader's own, whose classes
    may be small, a sixth of each class, whatever `count` says, and no image without a
    name.
    """
    n = len(train)
    if train.name not in SIZES:
        rows, _ = labelled_rows(train, None, seed)
        _, held = hold_out_of_each(train.labels[rows], seed, train.classes)
        kept = torch.ones(n, dtype=torch.bool, device=rows.device)
        kept[rows[held]] = False
        return train.subset(kept), train.subset(rows[held])
    count = min(MOST_HELD_OUT, n // 6) if count is None else count
    kept, held = holdout_split(n, count, seed, train.photographs)
    return train.subset(kept), train.subset(held)


def _both_sides(first: np.ndarray, device: torch.device) -> tuple[Tensor, Tensor]:
    sides = np.flatnonzero(first), np.flatnonzero(~first)
    return tuple(torch.from_numpy(side).to(device) for side in sides)
