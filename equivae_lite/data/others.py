"""More of torchvision's labelled sets: FashionMNIST, KMNIST, EMNIST's splits, USPS.

No chapter is about them; they are for models of the reader's own, by name:
`python -m equivae_lite train --data kmnist --name mine`. Their archives lie where
torchvision puts them and are read as they are, checked by the MD5s that torchvision
knows them by.
"""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..errors import DataError

LIKE_MNIST = {"fashion-mnist": "FashionMNIST", "kmnist": "KMNIST"}
EMNIST = ("byclass", "bymerge", "balanced", "letters", "digits", "mnist")
NAMES = (*LIKE_MNIST, *(f"emnist-{split}" for split in EMNIST), "usps")
MEGABYTES = {"fashion-mnist": 31, "kmnist": 21, "usps": 9} | {
    f"emnist-{split}": 562 for split in EMNIST
}  # to fetch; all splits of EMNIST are one archive


def files(name: str, split: str, root: Path) -> dict[Path, str]:
    """The archives that hold a split, with their MD5s."""
    return {path: digest for path, (_, digest) in _archives(name, split, root).items()}


def addresses(name: str, split: str, root: Path) -> dict[Path, str]:
    """The same archives, with where they are fetched from."""
    return {path: url for path, (url, _) in _archives(name, split, root).items()}


def _archives(name: str, split: str, root: Path) -> dict[Path, tuple[str, str]]:
    from torchvision import datasets

    if name == "usps":
        url, file, digest = datasets.USPS.split_list[split]
        return {root / file: (url, digest)}
    if name in LIKE_MNIST:
        kind = getattr(datasets, LIKE_MNIST[name])
        begins = "train" if split == "train" else "t10k"
        raw, server = root / LIKE_MNIST[name] / "raw", kind.mirrors[0]
        return {
            raw / file: (server + file, digest)
            for file, digest in kind.resources
            if file.startswith(begins)
        }
    archive = root / "EMNIST" / "raw" / "gzip.zip"
    return {archive: (datasets.EMNIST.url, datasets.EMNIST.md5)}


def read(
    name: str, split: str, paths: list[Path]
) -> tuple[Tensor, Tensor, tuple[str, ...]]:
    """Images (N, 1, H, W) uint8, labels (N,) int64 and the names of the classes.

    From archives whose MD5 has been checked. EMNIST lies on its side there: here it
    stands upright, and its letters are numbered from 0. Raises DataError if an archive
    does not hold what it should.
    """
    try:
        images, labels, names = _read(name, split, paths)
    except Exception as error:  # gzip, zipfile, bz2 and NumPy raise many types
        raise DataError(
            f"{paths[0]} cannot be read as {name} ({type(error).__name__}: {error}). "
            f"Delete it and run `python -m equivae_lite download {name}`."
        ) from error
    return torch.from_numpy(images)[:, None], torch.from_numpy(labels).long(), names


def _read(name: str, split: str, paths: list[Path]) -> tuple:
    from torchvision import datasets

    if name == "usps":
        usps = datasets.USPS(str(paths[0].parent), split == "train")
        return usps.data, np.asarray(usps.targets), tuple("0123456789")
    if name in LIKE_MNIST:
        images, labels = (_idx(path.read_bytes()) for path in paths)
        return images, labels, tuple(getattr(datasets, LIKE_MNIST[name]).classes)
    kind = name.removeprefix("emnist-")
    with zipfile.ZipFile(paths[0]) as archive:
        stem = f"gzip/emnist-{kind}-{split}"
        images = _idx(archive.read(f"{stem}-images-idx3-ubyte.gz"))
        labels = _idx(archive.read(f"{stem}-labels-idx1-ubyte.gz"))
    names = datasets.EMNIST.classes_split_dict[kind]
    if kind == "letters":  # counted from 1, with a class 0 that has no images
        labels, names = labels - 1, names[1:]
    return np.ascontiguousarray(images.transpose(0, 2, 1)), labels, tuple(names)


def _idx(packed: bytes) -> np.ndarray:
    """What an IDX file of bytes holds: a head with the axes, then the numbers."""
    content = gzip.decompress(packed)
    axes = content[3]
    if content[:3] != b"\0\0\x08" or axes not in (1, 3):
        raise ValueError("this is no IDX file of bytes with 1 or 3 axes")
    shape = np.frombuffer(content, ">i4", axes, 4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * axes).reshape(shape).copy()
