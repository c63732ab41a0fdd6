"""Judges of chapter 15, is v equivariant?"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from . import judge


def _pairs(seed: int, count: int, width: int) -> tuple[Tensor, Tensor]:
    """v and moved: an affine map of it, and noise."""
    random = np.random.default_rng(seed)
    v = random.standard_normal((count, width)) + 0.5
    moved = v @ random.standard_normal((width, width)) + random.standard_normal(width)
    noise = 0.1 * random.standard_normal(moved.shape)
    return torch.from_numpy(v), torch.from_numpy(moved + noise)


def _rule(v: Tensor, moved: Tensor) -> Tensor:
    ones = torch.ones(len(v), 1, dtype=v.dtype)
    return torch.linalg.lstsq(torch.cat([v, ones], 1), moved).solution


def check_rule(
    my_rule: Callable[[Tensor, Tensor], Tensor | None], hint: int = 0
) -> bool:
    """Judge my_rule(v, moved): (V + 1, V), matrix and offset of least squared error."""
    v, moved = _pairs(1, 40, 3)
    right = _rule(v, moved)
    ones = torch.ones(40, 1, dtype=v.dtype)
    first = torch.linalg.lstsq(torch.cat([ones, v], 1), moved).solution
    centred = torch.linalg.lstsq(v - v.mean(0), moved - moved.mean(0)).solution
    no_offset = torch.cat([torch.linalg.lstsq(v, moved).solution, 0 * ones[:1, :1]
                           .expand(1, 3)])  # fmt: skip
    wrong = [
        (first, "That has the offset as its first row: it is asked for as the last."),
        (_rule(moved, v), "The other way round: it should lead from v to moved."),
        (no_offset, "Without an offset the rule must go through 0: give v a one."),
        (
            torch.cat([centred, (moved - v).mean(0, keepdim=True)]),
            "The matrix is right. The offset is what the mean of moved lacks after "
            "the matrix, not the mean of the difference.",
        ),
    ]
    start = (
        "an offset is a matrix's row for an input that is always 1.",
        "join a column of ones to v, and solve a least squares problem.",
        "torch.linalg.lstsq(torch.cat([v, ones], 1), moved).solution",
    )
    more = [(_pairs(2, 50, 5), _rule(*_pairs(2, 50, 5)))]
    return judge(
        my_rule, (v, moved), right, wrong, start=start, hint=hint, more=more
    )


def check_share(
    my_share: Callable[[Tensor, Tensor], Tensor | float | None], hint: int = 0
) -> bool:
    """Judge my_share(told, moved): the share of moved's variance that told explains."""
    told, moved = _pairs(3, 30, 4)
    told = moved + 0.3 * told
    left = (moved - told).square()
    about = (moved - moved.mean(0)).square()
    right = 1 - left.sum() / about.sum()
    wrong = [
        (left.sum() / about.sum(), "That is what is left: the share is 1 minus it."),
        (
            1 - left.sum() / (moved - moved.mean()).square().sum(),
            "Take the mean for each number of v by itself: `moved.mean(0)`.",
        ),
        (
            1 - left.sum() / moved.square().sum(),
            "Compare with the variance: the mean of moved is missing.",
        ),
        (
            (1 - left.sum(0) / about.sum(0)).mean(),
            "That is the mean of V shares: sum over the numbers of v before dividing.",
        ),
        (
            1 - left.sum().sqrt() / about.sum().sqrt(),
            "That is of lengths: the share is of squares.",
        ),
    ]
    start = (
        "what is left, over what there was.",
        "both are sums of squares over images and over the numbers of v.",
        "1 - sum((moved - told)²) / sum((moved - moved.mean(0))²)",
    )
    other = _pairs(4, 20, 2)
    about_other = (other[1] - other[1].mean(0)).square().sum()
    expected = 1 - (other[1] - other[0]).square().sum() / about_other
    return judge(
        my_share, (told, moved), right, wrong, start=start, hint=hint,
        more=[(other, expected)],
    )  # fmt: skip
