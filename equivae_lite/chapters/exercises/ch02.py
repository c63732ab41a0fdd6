"""Judges for the exercises of chapter 02, the exact laboratory."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from ...model import bounds
from ..toys import NODES, BernoulliCurve, LinearGaussian
from . import judge


def _normal(*shape: int, seed: int) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape))


def check_kl(
    answer: Callable[[Tensor, Tensor], Tensor | None], hint: int = 0
) -> bool:
    """Is `answer(mu, log_var)` KL[N(mu, exp(log_var)) || N(0, I)], shape (B,)?"""
    mu, log_var = _normal(5, 3, seed=0), _normal(5, 3, seed=1)
    right = bounds.gaussian_kl(mu, log_var)
    as_log_std = bounds.gaussian_kl(mu, 2 * log_var)
    as_variance = 0.5 * (log_var + mu**2 - 1 - log_var.abs().log()).sum(-1)
    reversed_kl = 0.5 * ((-log_var).exp() * (1 + mu**2) - 1 + log_var).sum(-1)
    wrong = [
        (2 * right, "Twice too large: where is the ½?"),
        (-right, "The sign is turned: a divergence is never negative."),
        (right / 3, "A mean over the axes of v? Nats of independent axes add up."),
        (
            as_log_std,
            "You read log_var as a log standard deviation: sigma² is exp(log_var).",
        ),
        (
            2 * as_log_std,
            "Twice too large, and log_var is read as a log standard deviation.",
        ),
        (as_variance, "You read log_var as the variance itself: take exp(log_var)."),
        (
            reversed_kl,
            "This is KL[p || q], the other way round: the average is over q.",
        ),
        (right + 1.5, "The -1 of every axis is missing: KL[p || p] has to be 0."),
        (right / 1.5, "A mean over the axes of v, and the ½ is missing."),
        (
            right + log_var.sum(-1),
            "log sigma² has the wrong sign: a narrow q has the larger KL.",
        ),
        (
            right + 0.25 * log_var.sum(-1),
            "That is log sigma where log sigma² belongs: log_var as it is, not half.",
        ),
        (
            right + 0.5 * ((log_var / 2).exp() - log_var.exp()).sum(-1),
            "You put sigma, the standard deviation, where sigma² = exp(log_var) is.",
        ),
        (right + 0.5 * (mu - mu**2).sum(-1), "mu is not squared."),
        (right - 0.5 * (mu**2).sum(-1), "mu² is missing: a shifted q has a KL, too."),
        (
            right + 0.5 * (mu**2 - 1 - log_var).sum(-1),
            "The ½ stands before sigma² only: put brackets around all four terms.",
        ),
    ]
    return judge(
        answer, (mu, log_var), right, wrong,
        start=(
            "the axes of v are independent: one number for each, then which sum?",
            "both logarithms are quadratics: put in the means of v² and (v - mu)².",
            "½ (sigma² + mu² - 1 - log sigma²), summed over the last axis.",
        ),
        hint=hint,
    )  # fmt: skip


def check_posterior_mean(
    answer: Callable[[Tensor, Tensor, Tensor, float], Tensor | None], hint: int = 0
) -> bool:
    """Is `answer(x, r, W, s2)` the posterior mean of v, shape (d,)?"""
    toy = LinearGaussian.example(D=4, d=2, seed=5, orthogonal=False)
    x, r, s2 = _normal(4, seed=2), _normal(4, seed=3), math.exp(toy.log_var)
    W, eye = toy.W, torch.eye(2, dtype=toy.W.dtype)
    right = toy.posterior(x, r)[0]

    def solve(precision: Tensor, target: Tensor) -> Tensor:
        return torch.linalg.solve(precision, W.T @ target / s2)

    def with_variance(wrong: float) -> Tensor:
        return torch.linalg.solve(eye + W.T @ W / wrong, W.T @ (x - r) / wrong)

    precision = eye + W.T @ W / s2
    wrong = [
        (
            solve(W.T @ W / s2, x - r),
            "This is the least-squares solution: the prior's precision I is missing.",
        ),
        (solve(precision, x), "r is missing: v explains the difference x - r."),
        (s2 * right, "The 1/s2 in front of Wᵀ (x - r) is missing."),
        (solve(eye + W.T @ W, x - r), "The precision needs Wᵀ W divided by s2."),
        (
            torch.linalg.solve(eye + W.T @ W, W.T @ (x - r)),
            "s2 is missing in both places: this is right for s2 = 1 only.",
        ),
        (
            precision @ W.T @ (x - r) / s2,
            "You multiplied by the precision: multiply by its inverse.",
        ),
        (-right, "The sign is turned: it is x - r, not r - x."),
        (solve(precision, x + r), "v explains the difference x - r, not the sum."),
        (
            with_variance(s2**0.5),
            "You divide by s, the standard deviation: s2 is the variance already.",
        ),
        (with_variance(s2**2), "s2 is the variance already: do not square it."),
        (
            solve(1 + W.T @ W / s2, x - r),
            "`1 +` adds one to every entry: the prior's precision is the identity, "
            "torch.eye.",
        ),
        (
            solve(eye / s2 + W.T @ W, x - r),
            "1/s2 belongs to the image, Wᵀ W, and not to the prior's precision I.",
        ),
        (
            W.T @ (x - r) / s2,
            "This is what the image asks for: multiply by the inverse precision.",
        ),
        (
            W.T @ (x - r) / s2 / precision.diagonal(),
            "You divided by the diagonal: the columns of W are not orthogonal here, "
            "so the whole matrix has to be inverted.",
        ),
    ]
    return judge(
        answer, (x, r, W, s2), right, wrong,
        start=(
            "what does v explain of x, and what does the prior add to the precision?",
            "the slope of log p(x | r, v) + log p(v) in v is zero there.",
            "solve (I + Wᵀ W / s2) m = Wᵀ (x - r) / s2 for m.",
        ),
        hint=hint,
    )  # fmt: skip


def check_best_variance(
    answer: Callable[[Tensor], Tensor | None], hint: int = 0
) -> bool:
    """Is `answer(Sigma)` the variances of the best diagonal q, shape (d,)?"""
    toy = LinearGaussian.example(D=4, d=3, seed=6, orthogonal=False)
    Sigma = torch.linalg.inv(
        torch.eye(3, dtype=toy.W.dtype) + toy.W.T @ toy.W / math.exp(toy.log_var)
    )
    precision = torch.linalg.inv(Sigma).diagonal()
    wrong = [
        (
            Sigma.diagonal(),
            "These are the variances of each v_j alone, which minimise the reversed "
            "divergence. Where is the gradient of the bound zero?",
        ),
        (precision, "This is the precision: a variance is one over it."),
        (
            1 / Sigma.diagonal(),
            "One over the diagonal of the covariance: invert the matrix first.",
        ),
        (-precision.log(), "These are log-variances: take exp."),
        (precision.rsqrt(), "These are standard deviations: square them."),
    ]
    return judge(
        answer, (Sigma,), 1 / precision, wrong,
        start=(
            "of which matrix do you need the diagonal?",
            "it is the variance of v_j when the other coordinates are known.",
            "1 / Lambda_jj, where Lambda is the inverse of Sigma.",
        ),
        hint=hint,
    )  # fmt: skip


def check_quadrature(
    answer: Callable[[Callable[[Tensor], Tensor], int], Tensor | float | None],
    hint: int = 0,
) -> bool:
    """Is `answer(log_lik, K)` log of the integral of exp(log_lik(v)) N(v; 0, 1)?"""
    toy = BernoulliCurve.example(D=3, seed=4)
    x, r = toy.images()[6], _normal(3, seed=4)

    def log_lik(v: Tensor) -> Tensor:
        """(K,) -> (K,)."""
        return toy.log_lik(x, r, v[:, None])

    right = toy.log_prob(x, r)
    nodes, weights = map(torch.from_numpy, np.polynomial.hermite_e.hermegauss(NODES))
    half_log = 0.5 * math.log(2 * math.pi)
    average = (weights * log_lik(nodes)).sum()
    wrong = [
        (
            right + half_log,
            "The weights sum to sqrt(2 pi), not to one: subtract its logarithm.",
        ),
        (right + 2 * half_log, "Too large by log(2 pi): the normaliser is turned."),
        (
            average / math.sqrt(2 * math.pi),
            "You averaged the logarithms: that is a lower bound. Average the "
            "likelihoods, then take the logarithm.",
        ),
        (average, "You averaged the logarithms, with weights that do not sum to one."),
        (right.exp(), "This is the likelihood itself: take its logarithm."),
        (
            torch.logsumexp(log_lik(nodes), 0) - math.log(NODES),
            "The nodes are not equally likely: each likelihood needs its weight.",
        ),
        (
            torch.logsumexp(log_lik(nodes), 0) - half_log,
            "The weights are missing: each likelihood is multiplied by its own.",
        ),
    ]
    return judge(
        answer, (log_lik, NODES), right, wrong,
        start=(
            "what is averaged, and when is the logarithm taken?",
            "an average needs weights that sum to one; hermegauss gives others.",
            "log of Σ weight · exp(log_lik(node)), minus ½ log(2 pi).",
        ),
        hint=hint,
    )  # fmt: skip


def check_importance_bound(
    answer: Callable[[Tensor], Tensor | None], hint: int = 0
) -> bool:
    """Is `answer(log_w)` log of the mean weight over the first axis, shape (B,)?"""
    # The last image has weights that are zero in float64.
    log_w = _normal(6, 4, seed=7) - torch.tensor([0.0, 5.0, 90.0, 800.0])
    right = bounds.importance_weighted_bound(log_w)
    wrong = [
        (log_w.mean(0), "You averaged outside the logarithm: this is the ELBO."),
        (
            log_w.exp().mean(0).log(),
            "Right for most images, but exp(-800) is 0 in float64 and its logarithm "
            "-inf: use torch.logsumexp, or subtract the largest log_w first.",
        ),
        (
            right + math.log(6),
            "This is the logarithm of the sum: divide by k inside, or subtract log k.",
        ),
        (right - math.log(6), "log k is subtracted once too often."),
        (right.exp(), "These are the mean weights: take the logarithm."),
        (log_w.max(0).values, "This is the largest weight only, not their mean."),
        (
            torch.logsumexp(log_w, 0) / 6,
            "You divided the logarithm by k: divide inside, or subtract log k.",
        ),
    ]
    return judge(
        answer, (log_w,), right, wrong,
        start=(
            "which weight of an image is the largest, and what is exp of the others?",
            "a factor that all weights share may be taken out of the mean.",
            "torch.logsumexp over the first axis, minus log k.",
        ),
        hint=hint,
    )  # fmt: skip
