"""A reader's own set: split once, kept as one file, read again by its name.

    NAME.npz    images and labels of both splits, as bytes
    NAME.json   written by `runs.own`: names of the classes, MD5s, the experiment

What is kept is what was trained on: the folder of pictures may move or change.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import torch

from .. import files
from ..errors import DataError
from .checks import class_indices
from .gather import Gathered
from .sets import ImageSet, md5
from .sources import SPLITS, check_choice
from .splits import hold_out_of_each

FEWEST = 2  # test images: the error of a mean needs two


def split(gathered: Gathered, name: str, seed: int = 0) -> dict[str, ImageSet]:
    """Training and test set of a reader's pictures, each in random order.

    A sixth of each class is for tests, never its last two; pictures without a name are
    for training. Raises DataError if fewer than two are left for tests.
    """
    labels, random = gathered.labels, np.random.default_rng(seed)
    rows = np.flatnonzero(labels >= 0)
    kept, held = hold_out_of_each(labels[rows], seed, len(gathered.names))
    if len(held) < FEWEST:
        raise DataError(
            f"{len(rows)} pictures in {len(gathered.names)} classes leave {len(held)} "
            "to test on: have 3 or more in some classes."
        )
    unnamed = np.flatnonzero(labels < 0)
    sides = {"train": np.concatenate([rows[kept], unnamed]), "test": rows[held]}
    found = {}
    for side, chosen in sides.items():
        chosen = random.permutation(chosen)
        factors = None
        if side == "train" and len(unnamed):
            factors = {"named": torch.from_numpy(labels[chosen] >= 0)}
        found[side] = _image_set(
            name, side, torch.from_numpy(gathered.images[chosen]),
            torch.from_numpy(labels[chosen].clip(min=0)), factors, gathered.names,
        )  # fmt: skip
    return found


def _image_set(name, side, images, labels, factors, names) -> ImageSet:
    digest = md5(np.ascontiguousarray(images.numpy()))
    digest.update(labels.numpy())
    for values in (factors or {}).values():
        digest.update(values.numpy())
    digest.update("\n".join(names).encode())
    return ImageSet(name, side, images, labels, factors, digest.hexdigest(), names)


def keep(sets: dict[str, ImageSet], path: Path) -> None:
    """Write both splits into one file, whole or not at all."""
    arrays = {}
    for side, data in sets.items():
        arrays |= {f"{side}_images": data.images, f"{side}_labels": data.labels}
        if data.named is not None:
            arrays[f"{side}_named"] = data.named
    buffer = io.BytesIO()
    np.savez(buffer, **{key: tensor.numpy() for key, tensor in arrays.items()})
    files.write(path, buffer.getvalue())


def read(
    path: Path, name: str, side: str, names: tuple[str, ...], digest: str,
    limit: int | None = None, device: str | torch.device = "cpu",
) -> ImageSet:  # fmt: skip
    """A split as it was kept, or about `limit` of its images, some of each class.

    Raises DataError if the file is missing, damaged or another.
    """
    check_choice("split", side, SPLITS)
    try:
        with np.load(path, allow_pickle=False) as file:
            images, labels, named = (
                torch.from_numpy(file[key]) if key in file else None
                for key in (f"{side}_{what}" for what in ("images", "labels", "named"))
            )
        factors = None if named is None else {"named": named}
        found = _image_set(name, side, images, labels, factors, names)
        if found.md5 != digest:
            raise ValueError("it holds other images than when it was made")
    except Exception as error:  # zipfile, zlib and NumPy raise many types
        raise DataError(
            f"{path} cannot be read ({error}): delete {path.with_suffix('.json')}, and "
            f"make it again with `train --data PICTURES --name {name}`."
        ) from error
    if limit is not None:
        found = found.subset(_some_of_each(found, limit))
    return found.to(device)


def _some_of_each(data: ImageSet, limit: int) -> torch.Tensor:
    """Rows of about `limit` images in their order, some of each class."""
    labels = class_indices(data.labels)
    if data.named is not None:  # those without a name are a class of their own
        labels = torch.where(data.named, labels, data.classes)
    order = torch.argsort(labels, stable=True)
    counts = torch.bincount(labels, minlength=data.classes + 1)
    rank = torch.empty_like(order)
    rank[order] = torch.arange(len(order)) - (counts.cumsum(0) - counts)[labels[order]]
    per_class = max(4, limit // data.classes)
    return torch.nonzero(rank < per_class).flatten()
