"""Judges for the exercises of chapter 03, the labelled bound."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from . import judge


def check_scaled_delta(answer: Callable[..., Tensor | float | None]) -> bool:
    """The integral over r (R,) of h(r) delta(2 r - rho); `answer(h, rho, R)`."""
    rho, R = _tensor([0.6, -1.0, 0.4]), 3

    def h(r: Tensor) -> Tensor:
        return torch.exp(-0.5 * (r - 0.3).square().sum())

    wrong = [
        (h(rho / 2), "Where is dr? With s = 2 r every dr is half a ds."),
        (h(rho), "The delta asks for 2 r = rho, not for r = rho."),
        (h(2 * rho), "2 r = rho: is r twice rho, or half of it?"),
        (h(rho / 2) / 2, "r has R entries, and each of them is scaled."),
        (h(rho / 2) * 2**R, "A narrower bell holds less: divide by 2^R."),
    ]
    hint = "substitute s = 2 r, and mind dr."
    return judge(answer, (h, rho, R), h(rho / 2) / 2**R, wrong, start=hint)


def check_class_bound(answer: Callable[..., Tensor | float | None]) -> bool:
    """The sum of (4) over a class; `answer(x, mu, log_var, w, s2)`, in nats."""
    x, mu = _tensor([0.3, 1.4, 2.2, -0.5]), _tensor([-0.2, 0.5, 0.9, -0.6])
    log_var, w, s2 = -0.7, 0.8, 0.36
    N, var = len(x), math.exp(log_var)

    def terms(r: Tensor, var: float = var, spread: float = 1.0) -> tuple:
        square = (x - r - w * mu).square() + spread * w**2 * var
        log_lik = -0.5 * (math.log(2 * math.pi * s2) + square / s2)
        kl = 0.5 * (var + mu.square() - 1 - math.log(var))
        return log_lik, kl

    others = (x.sum() - x) / (N - 1)
    log_lik, kl = terms(others)
    right = (log_lik - kl).sum()

    def bound(*args: Tensor | float) -> Tensor:
        log_lik, kl = terms(*args)
        return (log_lik - kl).sum()

    wrong = [
        (bound(x.mean()), "Each image is in its own r: leave it out."),
        (bound((x.sum() - x) / N), "You sum over N - 1 others: divide by N - 1."),
        (right / N, "That is the mean over the images; (4) is summed."),
        ((log_lik + kl).sum(), "The KL is a price: subtract it."),
        (log_lik.sum(), "That is the first term alone: where is the KL?"),
        ((log_lik - 2 * kl).sum(), "Your KL is twice too large: is the 1/2 there?"),
        (
            bound(others, var**2),
            "Is your input a log-variance? sigma² = exp(log_var), not exp(2 log_var).",
        ),
        (
            bound(others, var, 0.0),
            "v scatters around mu: add w² sigma² to the square.",
        ),
    ]
    hint = "r first, then E_q of the square, then the KL."
    return judge(answer, (x, mu, log_var, w, s2), right, wrong, start=hint)


def check_log_defect(answer: Callable[..., Tensor | float | None]) -> bool:
    """log Z of the Gaussian toy for a matrix A; `answer(A, N)`."""
    A, N = _tensor([[0.5, 0.3], [-0.2, 0.4]]), 4
    eye = torch.eye(2, dtype=torch.float64)
    together = torch.linalg.slogdet(eye - A)[1]
    apart = torch.linalg.slogdet(eye + A / (N - 1))[1]
    slip = torch.linalg.slogdet(eye - A / (N - 1))[1]
    right = -together - (N - 1) * apart
    wrong = [
        (-right, "That is the log determinant: Z is one over it."),
        (right.exp(), "That is Z: its logarithm was asked for."),
        (-together, "Only the moves of all images together: N - 1 others remain."),
        (-together - apart, "The moves that add up to zero fill N - 1 directions."),
        (
            -together - (N - 1) * slip,
            "If an image moves and the sum stays, do the others move along or against?",
        ),
        (
            -together - N * apart,
            "Of the N directions of a pixel one is taken: N - 1 are left.",
        ),
    ]
    hint = "move all images together, then apart."
    return judge(answer, (A, N), right, wrong, start=hint)


def check_random_subset(answer: Callable[[list[Tensor]], Tensor | None]) -> bool:
    """log E_m E_S p(x | r_S); `answer(log_p)`, a list with a tensor for each m."""
    log_p = [_tensor([-1.0, -4.0, -2.5]), _tensor([-1.5, -2.0, -3.0]), _tensor([-2.2])]
    sizes = torch.stack([p.exp().mean() for p in log_p])
    right = sizes.mean().log()
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
    hint = "mean over sets, mean over sizes, the log last."
    return judge(answer, (log_p,), right, wrong, start=hint)


def _tensor(values: Sequence) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)
