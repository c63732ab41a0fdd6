"""Judges for the exercises of the book: a hint for each typical wrong answer.

A chapter's file holds one `check_…` function for each of its exercises. It
prints one sentence, never a traceback, and returns whether the answer is right.
Tensors of any precision, NumPy arrays, lists and plain numbers are read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

Wrong = Sequence[tuple[Tensor | float, str]]
Case = tuple[Sequence[object], Tensor | float]  # arguments, and what is right for them
SINGLE = 1e-6  # a few roundings of float32, relative to the numbers that come in


def judge(
    answer: Callable[..., Tensor | float | None],
    arguments: Sequence[object],
    right: Tensor | float,
    wrong: Wrong = (),
    *,
    start: str | Sequence[str],
    hint: int = 0,
    also: Wrong = (),
    more: Sequence[Case] = (),
    atol: float = 1e-9,
) -> bool:
    """Call `answer(*arguments)`, compare with `right`, and print what was found.

    Args:
        answer: the reader's function.
        right: the expected value, a float or a tensor.
        wrong: values that typical slips lead to, each with the sentence that
            names the slip; the first that matches is printed.
        start: the hint for an answer that is not written yet; several, from the first
            push to the formula, are printed only up to the level `hint` (0: none).
        also: other values that answer the question, each with what is to be said of it.
        more: other arguments with their right values, for an answer that fits the
            first ones by luck.
        atol: largest difference in any entry that still counts as equal. What is off
            by no more than float32 rounds counts as right, and is told.
    """
    words = _hint(start, hint)
    try:
        value = answer(*arguments)
    except Exception as error:  # a reader's code may fail in any way
        print(f"Your code stopped with {type(error).__name__}: {error}.{words}")
        return False
    if value is None or value is ...:
        print(f"Not written yet.{words}")
        return False
    value, expected = _numbers(value), torch.as_tensor(right, dtype=torch.float64)
    if isinstance(value, str):
        print(f"Expected a number or a tensor, but your answer is {value}.")
        return False
    flat = value.shape != expected.shape and _squeezed(value) == _squeezed(expected)
    shape, value = tuple(value.shape), value.reshape(expected.shape) if flat else value
    if value.shape != expected.shape:
        print(
            f"Expected shape {tuple(expected.shape)}, but your answer has "
            f"{shape}. Over which axes should be summed?"
        )
        return False
    near = max(atol, SINGLE * _size(arguments))
    said = [s for other, s in also if _equal(value, torch.as_tensor(other), near)]
    if not said and not _equal(value, expected, near):
        for slip, sentence in wrong:
            if _equal(value, torch.as_tensor(slip), near):
                print(f"Not yet. {sentence}{_more(start, hint)}")
                return False
        print(_off(value, expected) + words)
        return False
    if flat and expected.ndim:
        print(
            f"The numbers are right, but their shape is {shape} where "
            f"{tuple(expected.shape)} is asked for: drop the axis of length 1 "
            "(`keepdim=True` leaves one, `.squeeze()` drops it)."
        )
        return False
    if not all(_fits(answer, *case, atol) for case in more):
        print(
            "Right for the first numbers, but not for others: does your code hold "
            f"a size or a value that is an argument?{words}"
        )
        return False
    if not said and not _equal(value, expected, atol):
        off = float((value - expected).abs().max())
        said = [f"(Off by {off:.0e}, which is float32; the book computes in float64.)"]
    print(" ".join(["Right.", *said]))
    return True


def _hint(start: str | Sequence[str], level: int) -> str:
    """The hints up to a level; a single one is always given."""
    if isinstance(start, str):
        return f" Hint: {start}"
    if level < 1:
        return f" For a hint, give hint=1 in the call (up to {len(start)})."
    return f" Hint: {' '.join(start[:level])}"


def _more(start: str | Sequence[str], level: int) -> str:
    """Beside a slip that was named: how to get a hint, or the hints asked for."""
    if isinstance(start, str):
        return ""
    return " (hint=1 in the call has more.)" if level < 1 else _hint(start, level)


def _numbers(value: object) -> Tensor | str:
    """An answer as float64, or what it is instead."""
    try:
        if isinstance(value, list | tuple) and isinstance([*value, 0][0], Tensor):
            value = torch.stack([torch.as_tensor(v) for v in value])
        return torch.as_tensor(value, dtype=torch.float64).detach().cpu()
    except (TypeError, ValueError, RuntimeError):
        return f"a {type(value).__name__}"


def _squeezed(value: Tensor) -> tuple[int, ...]:
    return tuple(n for n in value.shape if n != 1)


def _size(arguments: Sequence[object]) -> float:
    """The largest finite number that comes in, at least 1."""
    sizes = [1.0]
    for given in arguments:
        if isinstance(given, Tensor | float | int):
            numbers = torch.as_tensor(given).double().abs().flatten()
            sizes += numbers[numbers.isfinite()].tolist()
    return max(sizes)


def _off(value: Tensor, expected: Tensor) -> str:
    if value.isnan().any():
        return (
            f"Not yet: {int(value.isnan().sum())} of {value.numel()} numbers are nan, "
            "not a number. Usually that is the logarithm or root of something negative "
            "(a log-variance read as a variance?), or 0 * -inf, 0 / 0 or inf - inf: "
            "leave out what has weight 0 before you multiply (`torch.where`)."
        )
    if (value.isinf() & expected.isfinite()).any():
        return (
            "Not yet: a number is infinite. A log of 0, or a mask the wrong way "
            "round?"
        )
    return f"Not yet: it is off by up to {float((value - expected).abs().max()):.6f}."


def _fits(
    answer: Callable[..., object], given: Sequence[object], right: object, atol: float
) -> bool:
    try:
        value = _numbers(answer(*given))
    except Exception:  # a size that the code holds may not fit
        return False
    expected = torch.as_tensor(right, dtype=torch.float64)
    if isinstance(value, str) or value.numel() != expected.numel():
        return False
    near = max(atol, SINGLE * _size(given))
    return _equal(value.reshape(expected.shape), expected, near)


def _equal(a: Tensor, b: Tensor, atol: float) -> bool:
    b = b.to(a.dtype)
    return a.shape == b.shape and torch.allclose(a, b, rtol=1e-9, atol=atol)
