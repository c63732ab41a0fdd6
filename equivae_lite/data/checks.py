"""Images and labels as a caller gives them: tensors, or a DataError that names it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ..errors import DataError


def class_indices(
    labels: Tensor | np.ndarray | Sequence[int],
    count: int | None = None,
    classes: int | None = None,
) -> Tensor:
    """Labels as (N,) int64, from a tensor, an array or a list of class indices.

    Raises DataError for one-hot rows and other shapes, for what are no integers, unless
    there are `count`, and unless all are from 0 to `classes` - 1.
    """
    return indices_from("labels", labels, count, classes)


def indices_from(
    name: str,
    values: Tensor | np.ndarray | Sequence[int],
    count: int | None = None,
    size: int | None = None,
) -> Tensor:
    """As `class_indices`, of anything that is numbered from 0 to `size` - 1."""
    found = as_tensor(name, values)
    check_integers(name, found)
    if count is not None and len(found) != count:
        raise DataError(f"{len(found)} {name}, but {count} images: give one for each.")
    found = found.long()
    if found.numel() and found.device.type != "meta":
        low, high = (int(end) for end in torch.aminmax(found))
        if low < 0 or (size is not None and high >= size):
            last = "" if size is None else f" to {size - 1:,}"
            raise DataError(f"{name} run from {low} to {high}, expected from 0{last}.")
    return found


def as_tensor(name: str, values: object) -> Tensor:
    try:
        tensor = torch.as_tensor(values)
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:
        raise DataError(f"{name} must be integers: {error}.") from error
    # An empty list has no type: torch takes it for float32.
    return tensor.long() if tensor.shape == (0,) else tensor


def check_integers(name: str, tensor: Tensor) -> None:
    if tensor.ndim != 1:
        raise DataError(
            f"{name} have shape {tuple(tensor.shape)}, expected (N,): of one-hot rows "
            "take argmax(1), of a column [:, 0]."
        )
    if (
        tensor.is_floating_point()
        or tensor.is_complex()
        or tensor.dtype == torch.bool
    ):
        raise DataError(f"{name} are {tensor.dtype}, expected integers: int64.")


def kind(value: object) -> str:
    if isinstance(value, Tensor):
        return f"{value.dtype} {tuple(value.shape)}"
    return type(value).__name__


def rows_of(indices: Tensor | np.ndarray | Sequence[int], n: int) -> Tensor:
    """Indices of some of n images as (k,) int64; or as they are, if (n,) bool."""
    rows = as_tensor("indices", indices)
    if rows.dtype == torch.bool and rows.shape == (n,):
        return rows
    check_integers("indices", rows)
    if rows.numel() and not -n <= int(rows.min()) <= int(rows.max()) < n:
        raise DataError(f"indices must be from 0 to {n - 1}: there are {n} images.")
    return rows.long()


def check_images(images: Tensor, factors: dict[str, Tensor] | None) -> None:
    """DataError unless images are (N, C, H, W) uint8, and each factor (N, ...)."""
    if not isinstance(images, Tensor) or images.dtype != torch.uint8:
        raise DataError(f"images must be a uint8 tensor, not {kind(images)}.")
    if images.ndim != 4:
        raise DataError(f"images are {tuple(images.shape)}, expected (N, C, H, W).")
    for name, factor in (factors or {}).items():
        if not isinstance(factor, Tensor) or factor.shape[:1] != images.shape[:1]:
            raise DataError(
                f"{name} must be a tensor for {len(images)} images, not {kind(factor)}."
            )


def check_uint8(images: Tensor) -> None:
    if (
        not isinstance(images, Tensor)
        or images.dtype != torch.uint8
        or images.ndim < 4
        or images.numel() == 0
    ):
        raise DataError(
            "expected at least one image as uint8 (..., C, H, W), got "
            f"{kind(images)}."
        )


def check_shape(images: Tensor, mean: Tensor) -> None:
    """DataError unless images (..., C, H, W) are of the shape of the statistics."""
    if images.shape[-3:] != mean.shape:
        raise DataError(
            f"images are {tuple(images.shape[-3:])}, but the pixel statistics "
            f"were fitted on {tuple(mean.shape)} (colours, height, width)."
        )


def check_statistics(mean: Tensor | None, std: Tensor | None) -> None:
    """DataError unless `Pixels` can standardise with both, (C, H, W)."""
    both = (mean, std)
    if not all(isinstance(t, Tensor) and t.is_floating_point() for t in both):
        raise DataError(
            "pixel statistics need a mean and a std, both float tensors, not "
            f"{kind(mean)} and {kind(std)}."
        )
    if mean.ndim != 3 or mean.shape != std.shape:
        raise DataError(
            f"mean {tuple(mean.shape)} and std {tuple(std.shape)} must "
            "be of one shape, (C, H, W)."
        )
    if mean.device.type == "meta":
        return
    fine = mean.isfinite() & std.isfinite() & (std > 0)
    if not bool(fine.all()):
        raise DataError(
            "pixel statistics must be finite and std positive: Pixels.fit puts 1 "
            "where a pixel never varies."
        )
