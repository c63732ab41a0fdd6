"""The judges of chapter 10: each typical slip gets its own sentence."""

from itertools import combinations

import pytest
import torch

from equivae_lite.chapters.exercises import ch10
from tests.support.exercises import cases, says


def listed(keep):
    """P(x_i is averaged): the share of all sorted pools that `keep` lets pass."""

    def chance(i, n, m):
        pools = list(combinations(range(n), m + 1))
        return sum(keep(i, S) for S in pools) / len(pools)

    return chance


def averaged(i, S):
    return i in S and (0 in S or i != S[-1])


def pools(sigma2, v, b, k):
    """By the law of total variance: what a pool leaves over is averaged over B."""
    return (sigma2 - v / k) / b + v / k


def adam(g, a, b, t, steps=0):
    """PyTorch's own step down minus the bound, from a state of t - 1 steps."""
    theta = torch.zeros_like(g).requires_grad_()
    optimizer = torch.optim.Adam([theta])
    optimizer.state[theta] = {
        "step": torch.tensor(float(t - 1 + steps)),
        "exp_avg": -a,
        "exp_avg_sq": b.clone(),
    }
    theta.grad = -g
    optimizer.step()
    return theta.detach()


ANSWERS = {
    ch10.check_last_one: [
        (listed(averaged), "Right."),
        (lambda *c: torch.tensor(listed(averaged)(*c)), "Right."),
        (lambda i, n, m: m / (n - 1), "random member"),
        (listed(lambda i, S: 0 not in S and averaged(i, S)), "pools without x_0: add"),
        (listed(lambda i, S: 0 in S and i in S), "pools with x_0: add"),
        (listed(lambda i, S: i in S), "may be the one left out"),
        (listed(lambda i, S: i in S or S[-1] == 9), "may be the one left out"),
        (lambda i, n, m: listed(averaged)(i, n, m) - _one_short(i, n, m), "i - 1 of"),
        (lambda *c: 0.5, "off by"),
    ],
    ch10.check_more_pools: [
        (pools, "Right."),
        (lambda s, v, b, k: pools(s, v, b, 1), "k is not in it"),
        (lambda s, v, b, k: pools(s, v, b, 1) / k, "do not enlarge"),
        (lambda s, v, b, k: s / b + v / k, "A batch of one"),
        (lambda s, v, b, k: (s - v) / b + v / k, "A batch of one"),
        (lambda s, v, b, k: pools(s, v, b, k * k), "not 1/k^2"),
        (lambda s, v, b, k: s / b, "plain way"),
        (lambda *c: 1.0, "off by"),
    ],
    ch10.check_adam_step: [
        (adam, "Right."),
        (lambda *c: adam(*c).tolist(), "Right."),
        (lambda *c: -adam(*c), "goes down"),
        (lambda *c: 1000 * adam(*c), "step size eta"),
        (lambda *c: adam(*c, steps=1), "no t + 1"),
        (lambda *c: adam(*c, steps=-1), "no t - 1"),
        (lambda *c: adam(*c, steps=10**6), "start at zero"),
        (lambda g, a, b, t: _before(a, b, t), "let them see g first"),
        (lambda g, a, b, t: _swapped(g, a, b, t), "beta_1 belongs"),
        (lambda g, a, b, t: _no_square(g, a, b, t), "square the gradient"),
        (lambda g, a, b, t: _no_root(g, a, b, t), "root of the mean square"),
        (lambda g, a, b, t: 1e-3 * g, "plain gradient ascent"),
        (lambda g, a, b, t: g[0], "Expected shape"),
    ],
}  # fmt: skip


def _one_short(i, n, m):
    """The share of pools without 0 whose last two are i - 1 and i, roughly: the slip
    of comb(i, m) for comb(i - 1, m)."""
    sets = list(combinations(range(n), m + 1))
    wide = len([S for S in combinations(range(i), m)])
    narrow = len([S for S in combinations(range(1, i), m)])
    return (wide - narrow) / len(sets)


def _means(g, a, b):
    return 0.9 * a + 0.1 * g, 0.999 * b + 0.001 * g**2


def _step(mean, square, t):
    return 1e-3 * (mean / (1 - 0.9**t)) / ((square / (1 - 0.999**t)) ** 0.5 + 1e-8)


def _before(a, b, t):
    return _step(a, b, t)


def _swapped(g, a, b, t):
    return _step(0.999 * a + 0.001 * g, 0.9 * b + 0.1 * g**2, t)


def _no_square(g, a, b, t):
    return _step(_means(g, a, b)[0], 0.999 * b + 0.001 * g, t)


def _no_root(g, a, b, t):
    mean, square = _means(g, a, b)
    return 1e-3 * mean / (1 - 0.9**t) / (square / (1 - 0.999**t))


def fails(*arguments):
    raise RuntimeError("not so")


GENERAL = [
    (lambda *a: None, "Not written yet. For a hint, give hint=1"),
    (lambda *a: ..., "Not written yet. For a hint, give hint=1"),
    (fails, "stopped with RuntimeError: not so"),
]


@pytest.mark.parametrize(("check", "answer", "sentence"), cases(ANSWERS, GENERAL))
def test_answers(check, answer, sentence, capsys):
    says(check, answer, sentence, capsys)
