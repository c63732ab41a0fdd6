"""Judges for the exercises of the book: a hint for each typical wrong answer.

A chapter's file holds one `check_…` function for each of its exercises. It
prints one sentence, never a traceback, and returns whether the answer is right.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

Wrong = Sequence[tuple[Tensor | float, str]]


def judge(
    answer: Callable[..., Tensor | float | None],
    arguments: Sequence[object],
    right: Tensor | float,
    wrong: Wrong = (),
    *,
    start: str,
    atol: float = 1e-9,
) -> bool:
    """Call `answer(*arguments)`, compare with `right`, and print what was found.

    Args:
        answer: the reader's function.
        right: the expected value, a float or a tensor.
        wrong: values that typical slips lead to, each with the sentence that
            names the slip; the first that matches is printed.
        start: the hint for an answer that is not written yet.
        atol: largest difference in any entry that still counts as equal.
    """
    try:
        value = answer(*arguments)
    except Exception as error:  # a reader's code may fail in any way
        print(f"Your code stopped with {type(error).__name__}: {error}. Hint: {start}")
        return False
    if value is None or value is ...:
        print(f"Not written yet. Hint: {start}")
        return False
    try:
        value = torch.as_tensor(value, dtype=torch.float64).detach()
    except (TypeError, ValueError, RuntimeError):
        kind = type(value).__name__
        print(f"Expected a number or a tensor, but your answer is a {kind}.")
        return False
    expected = torch.as_tensor(right, dtype=torch.float64)
    if value.shape != expected.shape:
        print(
            f"Expected shape {tuple(expected.shape)}, but your answer has "
            f"{tuple(value.shape)}. Over which axes should be summed?"
        )
        return False
    if _equal(value, expected, atol):
        print("Right.")
        return True
    for slip, sentence in wrong:
        slip = torch.as_tensor(slip, dtype=torch.float64)
        if slip.shape == value.shape and _equal(value, slip, atol):
            print(f"Not yet. {sentence}")
            return False
    worst = float((value - expected).abs().max())
    print(f"Not yet: it is off by up to {worst:.6f}. Hint: {start}")
    return False


def _equal(a: Tensor, b: Tensor, atol: float) -> bool:
    return torch.allclose(a, b, rtol=1e-9, atol=atol)
