"""Judges for the exercises of the book: a hint for each typical wrong answer.

A chapter's file holds one `check_…` function for each of its exercises. It
prints one sentence, never a traceback, and returns whether the answer is right.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

Wrong = Sequence[tuple[Tensor | float, str]]
Case = tuple[Sequence[object], Tensor | float]
# What a hundred operations in float32 may lose, and what one among them does.
SINGLE, MIXED = {"rtol": 1e-4, "atol": 1e-5}, {"rtol": 1e-6, "atol": 1e-6}


def judge(
    answer: Callable[..., Tensor | float | None],
    arguments: Sequence[object],
    right: Tensor | float,
    wrong: Wrong = (),
    *,
    start: str,
    hints: Sequence[str] = (),
    hint: int = 1,
    again: Sequence[Case] = (),
    atol: float = 1e-9,
) -> bool:
    """Call `answer(*arguments)`, compare with `right`, and print what was found.

    Numbers, NumPy arrays, lists and tensors of any float type are taken, and axes of
    length 1 do not matter; what is right up to these is right, and told.

    Args:
        answer: the reader's function.
        right: the expected value, a float or a tensor.
        wrong: values that typical slips lead to, each with the sentence that
            names the slip; the first that matches is printed.
        start: the first hint, also for an answer that is not written yet.
        hints: further ones, each saying more than the one before it.
        hint: which of all hints is printed, from 1.
        again: other arguments with their right values: an answer must not be made
            for the first ones only.
        atol: largest difference in any entry that still counts as equal.
    """
    levels = [start, *hints]
    shown = levels[min(max(hint, 1), len(levels)) - 1]
    if hint < len(levels):
        shown += f" (For the next hint add hint={max(hint, 1) + 1}.)"
    try:
        value = answer(*arguments)
    except Exception as error:  # a reader's code may fail in any way
        print(f"Your code stopped with {type(error).__name__}: {error}. Hint: {shown}")
        return False
    if value is None or value is ...:
        print(f"Not written yet. Hint: {shown}")
        return False
    loose = SINGLE if _is_single(value) else MIXED
    value, expected = _numbers(value), torch.as_tensor(right, dtype=torch.float64)
    if isinstance(value, str):
        print(value)
        return False
    remark = ""
    if value.shape != expected.shape:
        if [n for n in value.shape if n > 1] != [n for n in expected.shape if n > 1]:
            print(
                f"Expected shape {tuple(expected.shape)}, but your answer has "
                f"{tuple(value.shape)}. Over which axes should be summed?"
            )
            return False
        remark = f" (Its shape is {tuple(value.shape)}: squeeze it.)"
        value = value.reshape(expected.shape)
    if _equal(value, expected, atol):
        return _others(answer, again, remark)
    if torch.allclose(value, expected, **loose):
        remark += " (It is right up to float32 rounding; use float64.)"
        return _others(answer, again, remark)
    for slip, sentence in wrong:
        slip = torch.as_tensor(slip, dtype=torch.float64)
        if slip.shape == value.shape and torch.allclose(value, slip, **loose):
            print(f"Not yet. {sentence}")
            return False
    if not value.isfinite().all():
        what = "nan" if value.isnan().any() else "infinite"
        print(
            f"Not yet: an entry is {what}. Is there a 0 times log 0, a 0 / 0, or a "
            f"logarithm of 0? Hint: {shown}"
        )
        return False
    worst = float((value - expected).abs().max())
    print(f"Not yet: it is off by up to {worst:.6f}. Hint: {shown}")
    return False


def _is_single(value: object) -> bool:
    """Whether a number in the answer has less than float64's digits."""
    if isinstance(value, list | tuple):
        return any(_is_single(v) for v in value)
    return getattr(value, "dtype", None) in (
        torch.float32, torch.float16, torch.bfloat16, np.float32, np.float16
    )  # fmt: skip


def _numbers(value: object) -> Tensor | str:
    """The reader's value in float64, or a sentence on why it is none."""
    try:
        if isinstance(value, list | tuple):  # of numbers, tensors or lists of them
            return torch.stack([_numbers(v) for v in value])
        return torch.as_tensor(value, dtype=torch.float64).detach()
    except (TypeError, ValueError, RuntimeError):
        kind = type(value).__name__
        return f"Expected a number or a tensor, but your answer is a {kind}."


def _others(answer: Callable[..., object], again: Sequence[Case], remark: str) -> bool:
    """Whether the answer holds for the other arguments, too; says so."""
    for arguments, right in again:
        try:
            value = _numbers(answer(*arguments))
        except Exception as error:  # it was written for the first arguments
            value = f"{type(error).__name__}: {error}"
        expected = torch.as_tensor(right, dtype=torch.float64)
        same = not isinstance(value, str) and value.numel() == expected.numel()
        if not same or not torch.allclose(value.reshape(-1), expected.reshape(-1),
                                          **SINGLE):  # fmt: skip
            print(
                "Not yet: right for these numbers, and wrong for others. Is something "
                "typed in that should come from the arguments?"
            )
            return False
    print(f"Right.{remark}")
    return True


def _equal(a: Tensor, b: Tensor, atol: float) -> bool:
    return torch.allclose(a, b, rtol=1e-9, atol=atol)
