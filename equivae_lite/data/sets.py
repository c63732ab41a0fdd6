"""The data sets, resident as uint8 tensors.

Real sets: MNIST, SVHN and `svhn-part`, an eighth of SVHN in a split of our own, read
from the folder that `sources` finds and checked by MD5 at every load. Nothing is
downloaded unless `sources.download` is called. Stand-ins: `glyphs` and `street-glyphs`,
drawn by the modules of those names in `stand_ins` wherever the real sets are absent.
`letters` and `characters` are drawn, too, more of torchvision's sets are in `others`,
and a reader's own images come from `own`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from ..errors import DataError
from ..model.checks import integer
from . import checks, others
from .readers import read
from .sources import (
    DRAWN,
    EVERY,
    SPLITS,
    check_choice,
    checked_md5,
    files,
    md5,
)

DIGITS = tuple("0123456789")
CLASSES = len(DIGITS)
SIZES = {
    "mnist": {"train": 60_000, "test": 10_000},
    "svhn": {"train": 73_257, "test": 26_032},
    "svhn-part": {"train": 10_313, "test": 2_501},
    # As large as the sets that they stand in for.
    "glyphs": {"train": 60_000, "test": 10_000},
    "street-glyphs": {"train": 73_257, "test": 26_032},
    "letters": {"train": 13_000, "test": 2_600},  # some 500 and 100 of each
    "characters": {"train": 30_000, "test": 5_000},
}
# Of a whole split, images and labels: the same on every machine.
STAND_IN_MD5 = {
    "glyphs": {
        "train": "347f73f31186fb44ded4f8cc98084b94",
        "test": "a7c0958919022446c5f465d4add30f16",
    },
    "street-glyphs": {
        "train": "8b364ecfe236875c4266a9d27e56ba0f",
        "test": "7b78989cce156d9acbd7d0206b409dbf",
    },
    "letters": {
        "train": "ffc3721db60bdb04bd9ef79b4fbb0966",
        "test": "63af48f65289324c4b74b3a5c6b1e5f3",
    },
    "characters": {
        "train": "20001087c3b65e5effcd07c34dfb26b3",
        "test": "70fe5fc5e46fb80fc20b47da052e6cbf",
    },
}


@dataclass(frozen=True, eq=False)
class ImageSet:
    """One split of one data set, all of it on one device.

    images: (N, C, H, W) uint8; labels: (N,) int64, indices into `names`, which are the
    classes; factors: what is known of every image besides its class, name -> (N, ...):
    its pose in the stand-ins, in svhn-part the photograph that it was cut from, where
    some images have no label whether this one is `named`, else None; md5: of the files
    that were read, or of the bytes that were drawn.

    Labels may be given as a list or an array, too. Raises DataError for other images
    or labels, and if there is not one label, and one of each factor, for each image.
    """

    name: str
    split: str
    images: Tensor
    labels: Tensor
    factors: dict[str, Tensor] | None
    md5: str
    names: tuple[str, ...] = DIGITS

    def __post_init__(self) -> None:
        checks.check_images(self.images, self.factors)
        labels = checks.class_indices(self.labels, len(self.images), self.classes)
        object.__setattr__(self, "labels", labels)

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def stand_in(self) -> bool:
        """True for a set drawn by this package in place of a real one."""
        return self.name in DRAWN

    @property
    def classes(self) -> int:
        """K, the number of classes."""
        return len(self.names)

    @property
    def named(self) -> Tensor | None:
        """Which images have a label, (N,) bool, where some have none; None: all have.

        The label of an image without one is 0 and means nothing.
        """
        return None if self.factors is None else self.factors.get("named")

    @property
    def photographs(self) -> Tensor | None:
        """One number for all images cut from one photograph, (N,); None if unknown."""
        if self.factors is None or "photograph" not in self.factors:
            return None
        return 2 * self.factors["photograph"] + self.factors["official_split"]

    def to(self, device: str | torch.device) -> ImageSet:
        """The same set with every tensor on `device`."""
        return self._map(lambda tensor: tensor.to(device))

    def subset(self, indices: Tensor | Sequence[int]) -> ImageSet:
        """The images `indices`, in that order; `md5` stays that of the whole set.

        Or those where `indices`, (N,) bool, is true. As in Python, -1 is the last.
        Raises DataError for what names no image.
        """
        rows = checks.rows_of(indices, len(self)).to(self.labels.device)
        return self._map(lambda tensor: tensor[rows])

    def by_class(self) -> list[Tensor]:
        """For each of the K classes the (ascending) indices of its images."""
        ys = range(self.classes)
        return [torch.nonzero(self.labels == y).flatten() for y in ys]

    def _map(self, change) -> ImageSet:
        factors = self.factors
        if factors is not None:
            factors = {key: change(value) for key, value in factors.items()}
        images, labels = change(self.images), change(self.labels)
        return replace(self, images=images, labels=labels, factors=factors)


def load(
    name: str,
    split: str = "train",
    limit: int | None = None,
    device: str | torch.device = "cpu",
    root: str | Path | None = None,
) -> ImageSet:
    """The first `limit` images (default: all) of a split of data set `name`.

    Raises DataError for an unknown name or split, an impossible limit, and for a
    real set that is missing (the message gives the download command) or damaged
    (it gives the file and both MD5s). Never downloads.
    """
    check_choice("data set", name, EVERY)
    check_choice("split", split, SPLITS)
    if limit is not None and integer("limit", limit, -math.inf, DataError) < 1:
        raise DataError(f"limit is {limit}: ask for at least one image, or None.")
    names = DIGITS
    if name in DRAWN:
        size = SIZES[name][split]
        _check_limit(name, split, limit, size)
        images, labels, factors = _draw(name, split, limit or size)
        drawn = md5(images.numpy())
        drawn.update(labels.numpy())
        digest = drawn.hexdigest()
        if name in ("letters", "characters"):
            from .stand_ins import characters, faces

            of = faces.LETTERS if name == "letters" else characters.TAUGHT
            names = tuple(of)
    else:
        paths = files(name, split, root)
        found = [checked_md5(name, path, known) for path, known in paths.items()]
        digest = _of_files(found)
        if name in others.NAMES:
            images, labels, names = others.read(name, split, list(paths))
            factors = None
        else:
            images, labels, factors = read(name, split, list(paths))
        _check_limit(name, split, limit, len(labels))
        # Cloned, so that the rest of a large set is not kept in memory.
        images, labels = images[:limit].clone(), labels[:limit].clone()
        if factors is not None:
            factors = {key: values[:limit].clone() for key, values in factors.items()}
    whole = ImageSet(name, split, images, labels, factors, digest, names)
    return whole.to(device)


def known_md5(name: str) -> dict[str, str]:
    """The `md5` that both whole splits of a set have, without reading them."""
    check_choice("data set", name, EVERY)
    if name in STAND_IN_MD5:
        return STAND_IN_MD5[name]
    return {s: _of_files(list(files(name, s, None).values())) for s in SPLITS}


def _of_files(sums: list[str]) -> str:
    return md5("".join(sums).encode()).hexdigest()


def _draw(name: str, split: str, n: int):
    # Imported here: who trains on real data needs neither matplotlib nor fonts.
    from .stand_ins import characters, glyphs, letters, street

    draw = {
        "glyphs": glyphs.glyphs,
        "street-glyphs": street.street_glyphs,
        "letters": letters.letters,
        "characters": characters.characters,
    }
    return draw[name](n, split)


def _check_limit(name: str, split: str, limit: int | None, size: int) -> None:
    if limit is not None and limit > size:
        raise DataError(
            f"limit is {limit:,}, but {name} has only {size:,} {split} images."
        )


@dataclass(frozen=True, eq=False)
class Pixels:
    """From uint8 pixels to what the networks see, and back to pictures.

    With mean and std (both (C, H, W), on the scale of [0, 1]) every pixel of
    every colour is standardised by itself, as Appendix B asks for SVHN. Without
    them (MNIST) the networks see values in [0, 1]. Raises DataError unless both or
    neither are there, of one shape, finite, and std positive.
    """

    mean: Tensor | None = None
    std: Tensor | None = None

    def __post_init__(self) -> None:
        if self.mean is not None or self.std is not None:
            checks.check_statistics(self.mean, self.std)

    @classmethod
    def unit(cls) -> Pixels:
        """Values in [0, 1], not standardised."""
        return cls()

    @classmethod
    def fit(cls, images: Tensor, chunk: int = 4096) -> Pixels:
        """Mean and standard deviation of each pixel and colour over `images`.

        images: (N, C, H, W) uint8, the training set. The deviation is that of
        the population (divided by N); where a pixel never varies it is 1. Raises
        DataError for other images, and for a chunk of none.
        """
        checks.check_uint8(images)
        integer("chunk", chunk, 1, DataError)
        images = images.flatten(0, -4)
        n = len(images)
        # Sums of integers are exact, and so is the numerator of the variance,
        # n Σx² - (Σx)²: a pixel that never varies gives 0 and not a rounding error.
        total = images.new_zeros(images.shape[1:], dtype=torch.int64)
        squares = total.clone()
        for part in images.split(chunk):
            values = part.to(torch.int64)
            total += values.sum(0)
            squares += values.square().sum(0)
        mean = total.double() / (255 * n)
        std = (n * squares - total.square()).double().sqrt() / (255 * n)
        std = torch.where(std == 0, torch.ones_like(std), std)
        return cls(mean.float(), std.float())

    def to(self, device: str | torch.device) -> Pixels:
        if self.mean is None:
            return self
        return Pixels(self.mean.to(device), self.std.to(device))

    def forward(self, images: Tensor) -> Tensor:
        """(..., C, H, W) uint8 -> float32 network input of the same shape.

        Raises DataError for another dtype, or a shape unlike that of the fit.
        """
        checks.check_uint8(images)
        if self.mean is None:
            return images.float() / 255
        checks.check_shape(images, self.mean)
        return (images.float() / 255 - self.mean) / self.std

    def inverse(self, values: Tensor) -> Tensor:
        """Network scale -> picture in [0, 1]; what falls outside is clipped.

        Raises DataError for integers, or a shape unlike that of the fit.
        """
        if not isinstance(values, Tensor) or not values.is_floating_point():
            raise DataError(f"values must be float, not {checks.kind(values)}.")
        if self.mean is not None:
            if self.mean.numel() > 1:
                checks.check_shape(values, self.mean)
            values = values * self.std + self.mean
        return values.clamp(0, 1)

    def state(self) -> dict[str, Tensor]:
        """Tensors for a checkpoint: {} or {"mean": ..., "std": ...}."""
        if self.mean is None:
            return {}
        return {"mean": self.mean, "std": self.std}

    @classmethod
    def from_state(cls, state: dict[str, Tensor]) -> Pixels:
        """The inverse of `state`."""
        return cls(state.get("mean"), state.get("std"))
