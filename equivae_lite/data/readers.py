"""From the files of a real data set to tensors, with torchvision's readers or NumPy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..errors import DataError
from .sources import check_choice

Facts = dict[str, Tensor] | None  # what a file says of its images besides the class


def read(name: str, split: str, paths: list[Path]) -> tuple[Tensor, Tensor, Facts]:
    """Images (N, C, H, W) uint8, labels (N,) int64 and facts {name: (N,) int64}.

    From files whose MD5 has been checked. Raises DataError for a set without files,
    or if a file of house numbers does not hold what it should.
    """
    readers = {"mnist": _mnist, "svhn": _svhn, "svhn-part": _svhn_part}
    check_choice("data set with files", name, tuple(readers))
    return readers[name](split, paths)


def _mnist(split: str, paths: list[Path]) -> tuple[Tensor, Tensor, Facts]:
    # torchvision's readers rather than its MNIST class, which would prefer an
    # unchecked `processed/` folder of an old version where one lies beside.
    from torchvision.datasets.mnist import read_image_file, read_label_file

    images, labels = read_image_file(str(paths[0])), read_label_file(str(paths[1]))
    return images[:, None], labels, None


def _svhn(split: str, paths: list[Path]) -> tuple[Tensor, Tensor, Facts]:
    from torchvision import datasets

    (path,) = paths
    again = f"Delete {path} and run `python -m equivae_lite download svhn`."
    try:
        svhn = datasets.SVHN(str(path.parent), split, download=False)
    except ImportError as error:
        raise DataError(
            "torchvision reads SVHN's .mat files with scipy, which is not "
            "installed: run `pip install scipy`."
        ) from error
    except Exception as error:  # scipy raises many types on a damaged file
        raise DataError(
            f"{path} cannot be read as one of SVHN's .mat files "
            f"({type(error).__name__}: {error}). {again}"
        ) from error
    images, labels = svhn.data, svhn.labels
    shaped = images.shape[1:] == (3, 32, 32) and labels.shape == images.shape[:1]
    if not shaped or images.dtype != np.uint8:
        raise DataError(
            f"{path} does not hold SVHN: expected images (N, 3, 32, 32) of uint8 and N "
            f"labels, found {images.shape} of {images.dtype} and {labels.shape}. "
            f"{again}"
        )
    # torchvision has made the digit 0, which the files call 10, a 0.
    if not np.isin(labels, np.arange(10)).all():
        wrong = sorted(set(labels.tolist()) - set(range(10)))
        raise DataError(
            f"{path} does not hold SVHN: expected the labels 1 to 10, found {wrong}. "
            f"{again}"
        )
    images = torch.from_numpy(np.ascontiguousarray(images))
    return images, torch.from_numpy(labels), None


ORIGIN = ("official_split", "official_row", "photograph", "remade")


def _svhn_part(split: str, paths: list[Path]) -> tuple[Tensor, Tensor, Facts]:
    (path,) = paths
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in ("images", "labels", *ORIGIN)}
    except Exception as error:  # zipfile, zlib and NumPy raise many types
        raise DataError(
            f"{path} cannot be read as a part of SVHN ({type(error).__name__}: "
            f"{error}). Put a whole copy there (data/README.md)."
        ) from error
    images, labels = arrays.pop("images"), arrays.pop("labels")
    rows = [labels.shape, *(values.shape for values in arrays.values())]
    if images.dtype != np.uint8 or images.shape[1:] != (32, 32, 3) or any(
        shape != images.shape[:1] for shape in rows
    ) or not np.isin(labels, np.arange(10)).all():  # fmt: skip
        raise DataError(
            f"{path} does not hold a part of SVHN: expected images (N, 32, 32, 3) of "
            f"uint8 and N labels from 0 to 9 with N of each of {', '.join(ORIGIN)}, "
            f"found images {images.shape} of {images.dtype} and {labels.shape} labels."
        )
    pictures = torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))
    facts = {k: torch.from_numpy(v.astype(np.int64)) for k, v in arrays.items()}
    return pictures, torch.from_numpy(labels.astype(np.int64)), facts
