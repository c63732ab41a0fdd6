"""Numbers of images as a caller gives them: usable, or a DataError that names them."""

from __future__ import annotations

from torch import Tensor

from ..data.checks import indices_from
from ..errors import DataError
from ..model import checks


def numbers(name: str, values: Tensor, axes: int, least: int) -> None:
    """DataError unless it has so many axes, `least` rows or more, and no NaN."""
    checks.real(**{name: values})
    if values.ndim != axes or len(values) < least or values.numel() == 0:
        raise DataError(
            f"{name} has shape {tuple(values.shape)}, but must have {axes} "
            f"{'axis' if axes == 1 else 'axes'} and at least {least} images."
        )
    if values.isnan().any():
        raise DataError(f"{name} has NaN in it, so it says nothing of the model.")


def of_classes(table: Tensor, classes: int, r_dim: int) -> None:
    """DataError unless a table of r_y is (classes, R), without NaN."""
    numbers("table", table, 2, 1)
    if tuple(table.shape) != (classes, r_dim):
        raise DataError(
            f"the table of r_y is {tuple(table.shape)}, expected {(classes, r_dim)}, "
            "(classes, R)."
        )


def of_images(q: tuple[Tensor, Tensor] | None, count: int, v_dim: int) -> None:
    """DataError unless q, if any, is (mu, log_var), (count, v_dim), without NaN."""
    if q is None:
        return
    if not isinstance(q, tuple) or len(q) != 2:
        raise DataError("q must be a pair of tensors, mu and log_var, (N, V) each.")
    for name, values in zip(("mu", "log_var"), q):
        numbers(name, values, 2, 1)
        if tuple(values.shape) != (count, v_dim):
            raise DataError(
                f"{name} is {tuple(values.shape)}, expected {(count, v_dim)}, (N, V): "
                "a row for each image."
            )


def noise_indices(indices: Tensor, count: int | None = None) -> list[int]:
    """Numbers of images, (N,), that name their noise; `count` of them if it is given.

    Raises DataError for others: below 0 or from 1,000,003 on the noise would be that of
    another seed.
    """
    return indices_from("indices", indices, count, 1_000_003).tolist()


def one_each(x: Tensor, indices: Tensor | None, r: Tensor | None) -> None:
    """DataError unless there is an index, and an r_y if any, for each image."""
    checks.real(x=x)
    if x.ndim != 4:
        raise DataError(f"images are {tuple(x.shape)}, expected (N, C, H, W).")
    if indices is not None:
        noise_indices(indices, len(x))
    if r is not None:
        checks.real(r=r)
        if r.ndim != 2 or len(r) != len(x):
            raise DataError(
                f"r is {tuple(r.shape)}, expected ({len(x)}, R): one an image."
            )
