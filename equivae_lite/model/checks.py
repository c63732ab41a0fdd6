"""What a caller must hold to: a wrong input is a sentence here and not a wrong number.

Types and shapes are looked at in every call. Values are looked at where no training
step on a GPU has to wait for the answer (`seen`). NaN goes through: the training loop
looks for it, and keeps the last good state.
"""

from __future__ import annotations

import math
import operator

import torch
from torch import Tensor

from ..errors import InputError


def real(**tensors: Tensor) -> None:
    """InputError unless every one of them is a tensor of real numbers."""
    for name, tensor in tensors.items():
        if not isinstance(tensor, Tensor):
            raise InputError(
                f"{name} is of type {type(tensor).__name__}, but must be a tensor: "
                "torch.as_tensor makes one."
            )
        if tensor.is_complex():
            raise InputError(f"{name} is {tensor.dtype}, but must be of real numbers.")


def full(tensor: Tensor, like: Tensor | None = None) -> Tensor:
    """`tensor` in the type of `like` (its own by default), float32 at the least.

    A sum over pixels in half precision would be worthless, and one in the type of
    integer pixels would cut numbers to integers.
    """
    kind = tensor if like is None else like
    return tensor.to(torch.promote_types(kind.dtype, torch.float32))


def precision(tensor: Tensor, weight: Tensor) -> Tensor:
    """`tensor` in the precision of the weights, unless autocast sees to that."""
    kind = tensor.device.type
    try:
        autocast = torch.is_autocast_enabled(kind)
    except TypeError:  # torch 2.2 and 2.3 have one for each device
        autocast = torch.is_autocast_enabled() or torch.is_autocast_cpu_enabled()
    if autocast and tensor.dtype != torch.float64:
        return tensor
    return tensor.to(weight.dtype)


def common_shape(**tensors: Tensor) -> torch.Size:
    """The shape that tensors broadcast to; InputError if they do not."""
    real(**tensors)
    try:
        return torch.broadcast_shapes(*(t.shape for t in tensors.values()))
    except RuntimeError as error:
        raise InputError(f"{_shapes(tensors)} do not fit each other.") from error


def one_shape(**tensors: Tensor) -> None:
    """InputError unless they broadcast to the shape of one of them.

    Else (N,) and (N, 1) would give (N, N) without a word.
    """
    shape = common_shape(**tensors)
    if all(t.shape != shape for t in tensors.values()):
        raise InputError(
            f"{_shapes(tensors)} would broadcast to {tuple(shape)}: give them axes in "
            "the same places."
        )


def one_width(**tensors: Tensor) -> None:
    """InputError unless they broadcast, and have a last axis of one length."""
    common_shape(**tensors)
    if len({t.shape[-1:] for t in tensors.values()}) > 1 or any(
        t.ndim == 0 for t in tensors.values()
    ):
        raise InputError(f"{_shapes(tensors)} must have a last axis of one length.")


def event(event_dims: int, x: Tensor, **parameters: Tensor) -> None:
    """InputError unless x has `event_dims` last axes, which the parameters fill."""
    if integer("event_dims", event_dims, 1) > x.ndim:
        raise InputError(
            f"x has shape {tuple(x.shape)}, but the sum is over its last {event_dims} "
            "axes: give it all of them, or another event_dims."
        )
    shape = common_shape(x=x, **parameters)
    if shape[-event_dims:] != x.shape[-event_dims:]:
        raise InputError(
            f"{_shapes({'x': x} | parameters)}: x must have all of the last "
            f"{event_dims} axes, {tuple(shape[-event_dims:])}; it would be counted "
            "more than once."
        )


def width(name: str, tensor: Tensor | None, size: int) -> None:
    """InputError unless the last axis of real numbers has length `size`."""
    if tensor is None:
        raise InputError(f"{name} is missing: this network takes {name} (..., {size}).")
    real(**{name: tensor})
    if tensor.ndim == 0 or tensor.shape[-1] != size:
        raise InputError(
            f"{name} has shape {tuple(tensor.shape)}, but this network takes "
            f"(..., {size})."
        )


def index(size: int, **indices: Tensor) -> None:
    """InputError unless they are integers from 0 to size - 1; -1 is not the last."""
    for name, tensor in indices.items():
        real(**{name: tensor})
        if tensor.dtype not in (torch.int64, torch.int32):
            raise InputError(f"{name} is {tensor.dtype}, but must be an index: int64.")
        if seen(tensor) and bool(((tensor < 0) | (tensor >= size)).any()):
            raise InputError(f"{name} must be from 0 to {size - 1}.")


def seen(*tensors: Tensor) -> bool:
    """Whether values may be looked at: not where a step on a GPU would wait for it."""
    return not torch.is_grad_enabled() or all(t.device.type == "cpu" for t in tensors)


def in_unit(x: Tensor) -> None:
    """InputError if a pixel is outside of [0, 1], rounding aside, or NaN."""
    if seen(x) and x.numel():
        low, high = torch.aminmax(x.detach())
        if not (low >= -1e-4 and high <= 1 + 1e-4):
            raise InputError(
                f"x runs from {float(low):.4g} to {float(high):.4g}, but a Bernoulli "
                "needs pixels from 0 to 1: Pixels.unit().forward makes them so."
            )


def variance(log_var: Tensor) -> None:
    """InputError unless exp(log_var) is finite and so is its inverse."""
    largest = math.log(torch.finfo(log_var.dtype).max)
    if seen(log_var) and bool((log_var.abs() >= largest).any()):
        raise InputError(
            f"a log-variance of {float(log_var.detach().abs().max()):.4g} either way "
            f"is beyond {log_var.dtype}, which ends at {largest:.4g}: give the "
            "logarithm of a variance that is neither 0 nor infinite."
        )


def distribution(**log_probabilities: Tensor) -> None:
    """InputError unless probabilities along the last axis sum to 1, rounding aside."""
    for name, log_p in log_probabilities.items():
        if log_p.ndim == 0 or log_p.shape[-1] == 0:
            raise InputError(f"{name} has shape {tuple(log_p.shape)}: no class at all.")
        if seen(log_p):
            total = log_p.detach().double().exp().sum(dim=-1)
            close = 0.05 if log_p.dtype in (torch.float16, torch.bfloat16) else 1e-3
            if bool(((total - 1).abs() > close).any()):
                worst = total.flatten()[(total - 1).abs().argmax()]
                raise InputError(
                    f"the probabilities of {name} sum to {float(worst):.4g}, not to 1: "
                    "torch.log_softmax gives logarithms of a distribution."
                )


def integer(name: str, value: int, least: float = 0, error: type = InputError) -> int:
    """`value` as an int; an error unless it is a whole number, `least` or more."""
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or number < least:
        from_least = "" if least == -math.inf else f" from {least} on"
        raise error(f"{name} is {value!r}, but must be an integer{from_least}.")
    return number


def _shapes(tensors: dict[str, Tensor]) -> str:
    found = [f"{name} {tuple(t.shape)}" for name, t in tensors.items()]
    return " and ".join(found)
