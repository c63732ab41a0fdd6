"""Judges of chapter 16, the explorer."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from . import judge


def _numbers(seed: int, *shape: int) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape))


def check_tempered(
    my_tempered: Callable[[Tensor, float], Tensor], hint: int = 0
) -> bool:
    """Judge my_tempered(eps, tau): a draw from p(v) ** (1 / tau), normalised."""
    eps, tau = _numbers(1, 5, 16), 2.5
    wrong = [
        (tau * eps, "tau multiplies the variance: what multiplies the draw?"),
        (tau**2 * eps, "tau multiplies the variance: you gave it a fourth power."),
        (eps / math.sqrt(tau), "Upside down: a temperature above 1 widens."),
        (eps / tau, "Upside down, and tau belongs to the variance."),
        (eps + math.sqrt(tau), "The draw should be wider, not elsewhere."),
        (eps, "That is p(v) itself, temperature 1."),
    ]
    start = (
        "which variance has the density that p(v) ** (1 / tau) is in proportion to?",
        "a draw is multiplied by a standard deviation.",
        "sqrt(tau) * eps.",
    )
    return judge(
        my_tempered, (eps, tau), math.sqrt(tau) * eps, wrong, start=start, hint=hint
    )


def check_running(my_running: Callable[[Tensor], Tensor], hint: int = 0) -> bool:
    """Judge my_running(f): row m - 1 is the mean of the first m rows of f."""
    f = _numbers(2, 7, 4)
    sums, m = f.cumsum(dim=0), torch.arange(1, 8)[:, None]
    wrong = [
        (sums, "Those are sums: divide each by how many it holds."),
        (sums / 7, "All sums are divided by the number of rows: the first holds one."),
        (f.mean(dim=0).expand(7, -1), "Every row is the mean of all rows."),
        (f.cumsum(dim=1) / torch.arange(1, 5), "That runs along the wrong axis."),
        (sums / (m + 1), "m counts from 1: the first row is divided by 1."),
        (f, "Those are the rows themselves."),
    ]
    start = (
        "what has the mean of m rows in common with that of m - 1?",
        "a cumulative sum over the first axis, and a division.",
        "f.cumsum(0) divided by 1, 2, 3, ... in a column.",
    )
    return judge(my_running, (f,), sums / m, wrong, start=start, hint=hint)


def check_arc(my_arc: Callable[[Tensor, Tensor, float], Tensor], hint: int = 0) -> bool:
    """Judge my_arc(a, b, t): the way from a to b that keeps the length of v."""
    a, b, t = _numbers(3, 16), _numbers(4, 16), 0.3
    b = b * a.norm() / b.norm()  # of one length, where the formula keeps it
    angle = torch.arccos(a @ b / (a.norm() * b.norm()))
    weights = torch.sin((1 - t) * angle), torch.sin(t * angle)
    right = (weights[0] * a + weights[1] * b) / torch.sin(angle)
    wrong = [
        (torch.lerp(a, b, t), "That is the straight line, which is shorter inside."),
        (
            (weights[1] * a + weights[0] * b) / torch.sin(angle),
            "The other way round: at t = 0 it should be a.",
        ),
        (weights[0] * a + weights[1] * b, "Divide by the sine of the whole angle."),
        (right / a.norm(), "The direction is right; the length should be that of a."),
        ((1 - t) ** 0.5 * a + t**0.5 * b, "Right only for orthogonal a and b."),
    ]
    start = (
        "how large is the angle between a and b, and what is t of it?",
        "weigh a and b with sines of the two parts of the angle between them.",
        "(sin((1 - t) w) a + sin(t w) b) / sin(w), w the angle.",
    )
    return judge(my_arc, (a, b, t), right, wrong, start=start, hint=hint)
