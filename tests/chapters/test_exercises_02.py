"""The judges of chapter 02 know the right answer and name the typical wrong ones."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from equivae_lite.chapters.exercises import ch02


def kl(mu, log_var):
    return 0.5 * (log_var.exp() + mu**2 - 1 - log_var).sum(-1)


def posterior_mean(x, r, W, s2):
    eye = torch.eye(W.shape[1], dtype=W.dtype)
    return torch.linalg.solve(eye + W.T @ W / s2, W.T @ (x - r) / s2)


def best_variance(Sigma):
    return 1 / torch.linalg.inv(Sigma).diagonal()


def hermite(K):
    return map(torch.from_numpy, np.polynomial.hermite_e.hermegauss(K))


def log_prob(log_lik, K):
    nodes, weights = hermite(K)
    total = (weights * log_lik(nodes).exp()).sum()
    return total.log() - 0.5 * math.log(2 * math.pi)


def unnormalised(log_lik, K):
    return log_prob(log_lik, K) + 0.5 * math.log(2 * math.pi)


def averaged_logs(log_lik, K):
    nodes, weights = hermite(K)
    return (weights * log_lik(nodes)).sum() / math.sqrt(2 * math.pi)


def importance_bound(log_w):
    return torch.logsumexp(log_w, 0) - math.log(len(log_w))


RIGHT = [
    (ch02.check_kl, kl),
    (ch02.check_posterior_mean, posterior_mean),
    (ch02.check_best_variance, best_variance),
    (ch02.check_quadrature, log_prob),
    (ch02.check_quadrature, lambda log_lik, K: float(log_prob(log_lik, K))),
    (ch02.check_importance_bound, importance_bound),
]
WRONG = [
    (ch02.check_kl, lambda m, lv: 2 * kl(m, lv), "where is the ½"),
    (ch02.check_kl, lambda m, lv: -kl(m, lv), "sign is turned"),
    (ch02.check_kl, lambda m, lv: kl(m, lv) / 3, "add up"),
    (ch02.check_kl, lambda m, lv: kl(m, 2 * lv), "as a log standard deviation"),
    (ch02.check_kl, lambda m, lv: 2 * kl(m, 2 * lv), "Twice too large, and"),
    (ch02.check_kl, lambda m, lv: kl(m, lv.abs().log()), "off by up to"),
    (
        ch02.check_kl,
        lambda m, lv: 0.5 * (lv + m**2 - 1 - lv.abs().log()).sum(-1),
        "as the variance itself",
    ),
    (
        ch02.check_kl,
        lambda m, lv: kl(-m * (-lv / 2).exp(), -lv),
        "the other way round",
    ),
    (
        ch02.check_kl,
        lambda m, lv: 0.5 * (lv.exp() + m**2 - lv).sum(-1),
        "The -1 of every axis",
    ),
    (
        ch02.check_posterior_mean,
        lambda x, r, W, s2: torch.linalg.lstsq(W, (x - r)[:, None]).solution[:, 0],
        "least-squares",
    ),
    (
        ch02.check_posterior_mean,
        lambda x, r, W, s2: posterior_mean(x, 0 * r, W, s2),
        "r is missing",
    ),
    (
        ch02.check_posterior_mean,
        lambda x, r, W, s2: s2 * posterior_mean(x, r, W, s2),
        "1/s2 in front",
    ),
    (
        ch02.check_posterior_mean,
        lambda x, r, W, s2: posterior_mean(x, r, W, 1) / s2,
        "divided by s2",
    ),
    (
        ch02.check_posterior_mean,
        lambda x, r, W, s2: posterior_mean(x, r, W, 1),
        "s2 = 1 only",
    ),
    (
        ch02.check_posterior_mean,
        lambda x, r, W, s2: (torch.eye(2) + W.T @ W / s2) @ W.T @ (x - r) / s2,
        "multiply by its inverse",
    ),
    (
        ch02.check_posterior_mean,
        lambda x, r, W, s2: posterior_mean(r, x, W, s2),
        "not r - x",
    ),
    (ch02.check_best_variance, lambda S: S.diagonal(), "each v_j alone"),
    (ch02.check_best_variance, lambda S: 1 / best_variance(S), "is the precision"),
    (ch02.check_best_variance, lambda S: 1 / S.diagonal(), "invert the matrix first"),
    (ch02.check_best_variance, lambda S: best_variance(S).log(), "take exp"),
    (ch02.check_best_variance, lambda S: best_variance(S).sqrt(), "square them"),
    (ch02.check_quadrature, unnormalised, "sum to sqrt(2 pi)"),
    (
        ch02.check_quadrature,
        lambda f, K: unnormalised(f, K) + 0.5 * math.log(2 * math.pi),
        "normaliser is turned",
    ),
    (ch02.check_quadrature, averaged_logs, "that is a lower bound"),
    (
        ch02.check_quadrature,
        lambda f, K: averaged_logs(f, K) * math.sqrt(2 * math.pi),
        "do not sum to one",
    ),
    (ch02.check_quadrature, lambda f, K: log_prob(f, K).exp(), "take its logarithm"),
    (ch02.check_importance_bound, lambda w: w.mean(0), "outside the logarithm"),
    (ch02.check_importance_bound, lambda w: w.exp().mean(0).log(), "logsumexp"),
    (ch02.check_importance_bound, lambda w: torch.logsumexp(w, 0), "log k"),
    (
        ch02.check_importance_bound,
        lambda w: importance_bound(w) - math.log(len(w)),
        "once too often",
    ),
    (
        ch02.check_importance_bound,
        lambda w: importance_bound(w).exp(),
        "take the logarithm",
    ),
    (ch02.check_importance_bound, lambda w: w.max(0).values, "largest weight only"),
    (ch02.check_kl, lambda m, lv: 2 * kl(m, lv) / 3, "and the ½ is missing"),
    (ch02.check_kl, lambda m, lv: kl(m, lv) + lv.sum(-1), "a narrow q has the larger"),
    (
        ch02.check_kl,
        lambda m, lv: 0.5 * (lv.exp() + m**2 - 1 - lv / 2).sum(-1),
        "log sigma where log sigma²",
    ),
    (
        ch02.check_kl,
        lambda m, lv: 0.5 * ((lv / 2).exp() + m**2 - 1 - lv).sum(-1),
        "the standard deviation, where sigma²",
    ),
    (
        ch02.check_kl,
        lambda m, lv: 0.5 * (lv.exp() + m - 1 - lv).sum(-1),
        "mu is not squared",
    ),
    (ch02.check_kl, lambda m, lv: kl(0 * m, lv), "a shifted q"),
    (
        ch02.check_kl,
        lambda m, lv: (0.5 * lv.exp() + m**2 - 1 - lv).sum(-1),
        "put brackets",
    ),
    (
        ch02.check_kl,
        lambda m, lv: 0.5 * (lv + m**2 - 1 - lv.log()).sum(-1),
        "a log-variance read as a variance",
    ),
    (ch02.check_kl, lambda m, lv: kl(m, lv).mean(), "Expected shape (5,)"),
    (
        ch02.check_posterior_mean,
        lambda x, r, W, s2: posterior_mean(x, -r, W, s2),
        "not the sum",
    ),
    (
        ch02.check_posterior_mean,
        lambda x, r, W, s2: posterior_mean(x, r, W, s2**0.5),
        "s, the standard deviation",
    ),
    (
        ch02.check_posterior_mean,
        lambda x, r, W, s2: posterior_mean(x, r, W, s2**2),
        "do not square it",
    ),
    (
        ch02.check_posterior_mean,
        lambda x, r, W, s2: torch.linalg.solve(1 + W.T @ W / s2, W.T @ (x - r) / s2),
        "torch.eye",
    ),
    (
        ch02.check_posterior_mean,
        lambda x, r, W, s2: torch.linalg.solve(
            torch.eye(2) / s2 + W.T @ W, W.T @ (x - r) / s2
        ),
        "not to the prior",
    ),
    (
        ch02.check_posterior_mean,
        lambda x, r, W, s2: W.T @ (x - r) / s2,
        "multiply by the inverse precision",
    ),
    (
        ch02.check_posterior_mean,
        lambda x, r, W, s2: (
            W.T @ (x - r) / s2 / (1 + W.square().sum(0) / s2)
        ),
        "the whole matrix has to be inverted",
    ),
    (
        ch02.check_quadrature,
        lambda f, K: f(next(iter(hermite(K)))).exp().mean().log(),
        "not equally likely",
    ),
    (
        ch02.check_quadrature,
        lambda f, K: f(next(iter(hermite(K)))).exp().sum().log()
        - 0.5 * math.log(2 * math.pi),
        "The weights are missing",
    ),
    (
        ch02.check_importance_bound,
        lambda w: torch.logsumexp(w, 0) / len(w),
        "divided the logarithm by k",
    ),
]
CHECKS = sorted({check for check, _ in RIGHT}, key=lambda check: check.__name__)
each_check = pytest.mark.parametrize("check", CHECKS, ids=lambda c: c.__name__)


def says(capsys) -> str:
    """What was printed: always one line."""
    printed = capsys.readouterr().out
    assert printed.count("\n") == 1
    return printed


@pytest.mark.parametrize(("check", "answer"), RIGHT)
def test_right(check, answer, capsys):
    assert check(answer) is True
    assert says(capsys) == "Right.\n"


@pytest.mark.parametrize(("check", "answer", "sentence"), WRONG)
def test_wrong(check, answer, sentence, capsys):
    assert check(answer) is False
    said = says(capsys)
    assert sentence in said and ("hint=1" in said or "Expected shape" in said)


@each_check
@pytest.mark.parametrize("empty", [None, ...])
def test_empty(check, empty, capsys):
    assert check(lambda *_: empty) is False
    assert says(capsys).startswith("Not written yet. For a hint, give hint=1")


def stops(*_):
    raise KeyError("mu")


@each_check
@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (stops, "Your code stopped with KeyError"),
        (lambda *_: torch.zeros(7, 7), "Expected shape"),
        (lambda *_: "0.5 nats", "your answer is a str"),
        (lambda *_: [[1.0], [1.0, 2.0]], "your answer is a list"),
    ],
)
def test_unusable(check, answer, sentence, capsys):
    assert check(answer) is False
    assert sentence in says(capsys)


@pytest.mark.parametrize(("check", "answer"), [RIGHT[0], RIGHT[1], RIGHT[2], RIGHT[5]])
def test_the_first_hint_tells_no_formula_and_the_last_does(check, answer, capsys):
    printed = []
    for hint in (1, 2, 3):
        assert not check(lambda *arguments: None, hint=hint)
        printed.append(capsys.readouterr().out)
    assert len({*printed}) == 3
    assert not any(sign in printed[0] for sign in "½/·Σ")
    assert check(lambda *a: answer(*a).float())
    assert "Right." in capsys.readouterr().out
