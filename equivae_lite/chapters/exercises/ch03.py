"""Judges for the exercises of chapters 03 and 03b, the labelled bound."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from . import judge


def check_class_bound(
    answer: Callable[..., Tensor | float | None], hint: int = 0
) -> bool:
    """The sum of (4) over a class; `answer(x, mu, log_var, w, s2)`, in nats."""
    x, mu = _tensor([0.3, 1.4, 2.2, -0.5]), _tensor([-0.2, 0.5, 0.9, -0.6])
    log_var, w, s2 = -0.7, 0.8, 0.36
    given = (x, mu, log_var, w, s2)
    fewer = (_tensor([1.0, -0.4, 0.7]), _tensor([0.3, 0.0, -0.8]), 0.2, -0.5, 1.3)

    def terms(
        x: Tensor, mu: Tensor, log_var: float, w: float, s2: float,
        r: Tensor | None = None, spread: float | None = None,
    ) -> tuple[Tensor, Tensor]:  # fmt: skip
        """E_q log p(x | r, v) and the KL of each image, with what a slip makes of r."""
        r = (x.sum() - x) / (len(x) - 1) if r is None else r
        var = math.exp(log_var)
        spread = w**2 * var if spread is None else spread
        square = (x - r - w * mu).square() + spread
        log_lik = -0.5 * (math.log(2 * math.pi * s2) + square / s2)
        return log_lik, 0.5 * (var + mu.square() - 1 - log_var)

    def bound(*arguments: object, **slip: object) -> Tensor:
        log_lik, kl = terms(*arguments, **slip)
        return (log_lik - kl).sum()

    log_lik, kl = terms(*given)
    right, var, N = (log_lik - kl).sum(), math.exp(log_var), len(x)
    back = 0.5 * ((1 + mu.square()) / var - 1 + log_var)
    wrong = [
        (bound(*given, r=x.mean()), "Each image is in its own r: leave it out."),
        (
            bound(*given, r=(x.sum() - x) / N),
            "You sum over N - 1 others: divide by N - 1.",
        ),
        (right / N, "That is the mean over the images; (4) is summed."),
        (-right, "That is the loss: a bound is its negative."),
        ((log_lik + kl).sum(), "The KL is subtracted, not added."),
        (log_lik.sum(), "That is the first term alone: where is the KL?"),
        ((log_lik - 2 * kl).sum(), "Your KL is twice too large: is the 1/2 there?"),
        ((log_lik - kl - 0.5).sum(), "The KL of p from itself must be 0: minus 1."),
        ((log_lik - kl - log_var).sum(), "In the KL, log sigma² is subtracted."),
        ((log_lik - back).sum(), "Your KL is turned round: from q to p(v)."),
        (
            bound(x, mu, 2 * log_var, w, s2),
            "Is your input a log-variance? sigma² = exp(log_var), not exp(2 log_var).",
        ),
        (
            bound(*given, spread=0.0),
            "v scatters around mu: add w² sigma² to the square.",
        ),
        (bound(*given, spread=w * var), "The variance of w v has w², not w."),
        (
            right + N * 0.5 * math.log(2 * math.pi),
            "Where is the 2 pi of the Gaussian density?",
        ),
        (bound(x, mu, log_var, w, s2**2), "s2 is the variance already: not squared."),
        (bound(x, mu, log_var, w, s2**0.5), "s2 is the variance, not its root."),
    ]
    return judge(
        answer, given, right, wrong,
        start=(
            "which images make r of x_n? Then (4) has two terms for each image.",
            "the mean of a square is the square of the mean plus a variance: which "
            "variance has x - r - w v under q?",
            "E_q (x - r - w v)² = (x - r - w mu)² + w² sigma²; the density also has "
            "2 pi s2 in it; the KL is ½ (sigma² + mu² - 1 - log sigma²).",
        ),
        hint=hint, more=[(fewer, bound(*fewer))],
    )  # fmt: skip


def check_log_defect(
    answer: Callable[..., Tensor | float | None], hint: int = 0
) -> bool:
    """log Z of the Gaussian toy for a matrix A; `answer(A, N)`."""
    A, N = _tensor([[0.5, 0.3], [-0.2, 0.4]]), 4
    larger = _tensor([[0.2, 0.1, 0.0], [0.3, -0.4, 0.5], [0.1, 0.0, 0.6]])

    def parts(A: Tensor, N: int, among: float | None = None) -> tuple[Tensor, Tensor]:
        """log |det| for the moves of all together, and for one of the others."""
        eye = torch.eye(len(A), dtype=A.dtype)
        step = A / (N - 1) if among is None else A * among
        return torch.linalg.slogdet(eye - A)[1], torch.linalg.slogdet(eye + step)[1]

    def log_Z(A: Tensor, N: int, **slip: float) -> Tensor:
        together, apart = parts(A, N, **slip)
        return -together - (N - 1) * apart

    together, apart = parts(A, N)
    right = log_Z(A, N)
    wrong = [
        (-right, "That is the log determinant: Z is one over it."),
        (right.exp(), "That is Z: its logarithm was asked for."),
        (-together, "Only the moves of all images together: N - 1 others remain."),
        (-together - apart, "The moves that add up to zero fill N - 1 directions."),
        (
            log_Z(A, N, among=-1 / (N - 1)),
            "If an image moves and the sum stays, do the others move along or against?",
        ),
        (
            -together - N * apart,
            "Of the N directions of a pixel one is taken: N - 1 are left.",
        ),
        (log_Z(A, N, among=1 / N), "The mean of the others divides by N - 1, not N."),
        (
            -parts(A, N, among=-1 / N)[1],
            "That is the mass of one image that sits in its own r; here none does.",
        ),
    ]
    return judge(
        answer, (A, N), right, wrong,
        start=(
            "how do the residuals answer when the images move?",
            "move all images together, then so that the moves add up to zero.",
            "the first is answered by I - A, once; the second by I + A / (N - 1), "
            "N - 1 times. Z is one over the determinant.",
        ),
        hint=hint, more=[((larger, 3), log_Z(larger, 3))],
    )  # fmt: skip


def check_random_subset(
    answer: Callable[[list[Tensor]], Tensor | None], hint: int = 0
) -> bool:
    """log E_m E_S p(x | r_S); `answer(log_p)`, a list with a tensor for each m."""
    log_p = [_tensor([-1.0, -4.0, -2.5]), _tensor([-1.5, -2.0, -3.0]), _tensor([-2.2])]
    two = [_tensor([-0.5, -1.5]), _tensor([-3.0])]

    def mixture(log_p: list[Tensor]) -> Tensor:
        return torch.stack([p.exp().mean() for p in log_p]).mean().log()

    sizes = torch.stack([p.exp().mean() for p in log_p])
    right = mixture(log_p)
    pot = torch.cat(log_p)
    wrong = [
        (
            torch.stack([p.mean() for p in log_p]).mean(),
            "That is the mean of the logs, one level lower: average p, then take log.",
        ),
        (pot.mean(), "Average p before the log, and every size m on its own."),
        (pot.exp().mean().log(), "All sets in one pot: each size m has equal weight."),
        (sizes.log().mean(), "The mean over m belongs inside the logarithm too."),
        (sizes.sum().log(), "A sum over the sizes: each m has probability 1 / m_max."),
        (torch.logsumexp(pot, 0), "Sums, not means: divide by the number of sets."),
        (right.exp(), "That is the density: its logarithm was asked for."),
    ]
    return judge(
        answer, (log_p,), right, wrong,
        start=(
            "in which order does training draw, and what is averaged: p or log p?",
            "it draws a size, then a set of that size: two means of p.",
            "mean over sets, mean over sizes, the log last; logsumexp minus the log "
            "of the count is the log of a mean.",
        ),
        hint=hint, more=[((two,), mixture(two))],
    )  # fmt: skip


def _tensor(values: Sequence) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)
