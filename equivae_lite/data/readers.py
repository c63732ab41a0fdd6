"""From the files of a real data set to tensors, with torchvision's own readers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..errors import DataError
from .sources import STAND_INS, check_choice


def read(name: str, split: str, paths: list[Path]) -> tuple[Tensor, Tensor]:
    """(N, C, H, W) uint8 and (N,) int64 from files whose MD5 has been checked.

    Raises DataError for another set, or if SVHN's file does not hold what it should.
    """
    check_choice("data set with files", name, tuple(STAND_INS))
    from torchvision.datasets.mnist import read_image_file, read_label_file

    if name == "mnist":
        # torchvision's readers rather than its MNIST class, which would prefer an
        # unchecked `processed/` folder of an old version where one lies beside.
        return read_image_file(str(paths[0]))[:, None], read_label_file(str(paths[1]))
    return _read_svhn(split, paths[0])


def _read_svhn(split: str, path: Path) -> tuple[Tensor, Tensor]:
    from torchvision import datasets

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
    return torch.from_numpy(np.ascontiguousarray(images)), torch.from_numpy(labels)
