"""Judges of chapter 10, complementary sampling and the training loop."""

from __future__ import annotations

from collections.abc import Callable
from math import comb

import torch
from torch import Tensor

from . import judge

CASES = [(i, n, m) for n, m in ((6, 2), (9, 3)) for i in range(1, n)]
NOISE = [(1.9, 0.1, 32.0, 1.0), (1.9, 0.1, 32.0, 4.0), (7.0, 3.0, 2.0, 3.0)]
ETA, BETA1, BETA2, EPSILON = 1e-3, 0.9, 0.999, 1e-8


def _all(answer: Callable[..., object], cases: list[tuple]) -> object:
    """One value a case, or None (or ...) if the first is not written yet."""
    found = [answer(*case) for case in cases]
    if found[0] is None or found[0] is ...:
        return None
    return torch.stack([torch.as_tensor(one, dtype=torch.float64) for one in found])


def _table(formula: Callable[..., float], cases: list[tuple]) -> Tensor:
    return torch.tensor([formula(*case) for case in cases], dtype=torch.float64)


def _with_0(n: int, m: int) -> float:
    """Pools that hold x_0 and one given other member, of all pools."""
    return comb(n - 2, m - 1) / comb(n, m + 1)


def _last_out(i: int, n: int, m: int) -> float:
    """Pools without x_0 in which x_i is not the last member, of all pools."""
    return (comb(n - 2, m) - comb(i - 1, m)) / comb(n, m + 1)


def check_last_one(
    answer: Callable[[int, int, int], float | None], hint: int = 0
) -> bool:
    """Judge answer(i, N, m): P(x_0 averages x_i) if the last member is left out.

    The pool is a sorted, uniform (m + 1)-subset of 0 .. N - 1; x_0 leaves out
    itself, or the last member where it is not in the pool.
    """
    right = _table(lambda *c: _with_0(*c[1:]) + _last_out(*c), CASES)
    wrong = [
        (_table(lambda i, n, m: m / (n - 1), CASES),
         "That is the law of a random member left out: it does not depend on i."),
        (_table(_last_out, CASES),
         "Those are the pools without x_0: add the pools that hold x_0 and x_i."),
        (_table(lambda i, n, m: _with_0(n, m), CASES),
         "Those are the pools with x_0: add those without it in which x_i is not "
         "the last."),
        (_table(lambda i, n, m: (m + 1) / n, CASES),
         "That x_i is in the pool is not enough: it may be the one left out."),
        (_table(lambda i, n, m: _with_0(n, m) + comb(n - 2, m) / comb(n, m + 1), CASES),
         "Without x_0 in the pool, x_i must not be its last member."),
        (_table(lambda i, n, m: _with_0(n, m)
                + (comb(n - 2, m) - comb(i, m)) / comb(n, m + 1), CASES),
         "x_i is last if the m others come from x_1 to x_(i-1): that is i - 1 of "
         "them."),
    ]  # fmt: skip
    start = (
        "what does x_0 average if it is in the pool, and what if not?",
        "count pools, those with x_0 and those without it, out of comb(N, m + 1).",
        "with x_0 and x_i: comb(N - 2, m - 1); in how many others is x_i the last?",
    )
    found = (lambda: _all(answer, CASES)), ()
    return judge( # float32 will do
        *found, right, wrong, start=start, hint=hint, atol=1e-6
    )


def check_more_pools(
    answer: Callable[[float, float, float, float], float | None],
    hint: int = 0,
) -> bool:
    """Judge answer(sigma2, V_P, B, k): variance of a batch with k pools a class."""
    right = _table(lambda s, v, b, k: s / b + (1 - 1 / b) * v / k, NOISE)
    wrong = [
        (_table(lambda s, v, b, k: s / b + (1 - 1 / b) * v, NOISE),
         "That is one pool a class: k is not in it."),
        (_table(lambda s, v, b, k: (s / b + (1 - 1 / b) * v) / k, NOISE),
         "k pools do not enlarge the batch: only the part of the pools shrinks."),
        (_table(lambda s, v, b, k: s / b + v / k, NOISE),
         "A batch of one has the variance sigma^2, however many pools there are."),
        (_table(lambda s, v, b, k: (s - v) / b + v / k, NOISE),
         "A batch of one has the variance sigma^2, however many pools there are."),
        (_table(lambda s, v, b, k: s / b + (1 - 1 / b) * v / k**2, NOISE),
         "The mean of k independent numbers has 1/k of the variance, not 1/k^2."),
        (_table(lambda s, v, b, k: s / b, NOISE),
         "That is the plain way: images that pick the same pool still share it."),
    ]  # fmt: skip
    start = (
        "which part of the variance do images share that pick the same pool?",
        "what is the variance, over the pools, of a mean over k of them?",
        "sigma2 / B + (1 - 1 / B) V_P / k.",
    )
    found = (lambda: _all(answer, NOISE)), ()
    return judge( # float32 will do
        *found, right, wrong, start=start, hint=hint, atol=1e-6
    )


def check_adam_step(
    answer: Callable[[Tensor, Tensor, Tensor, int], object], hint: int = 0
) -> bool:
    """Judge answer(g, a, b, t): by how much the t-th step of Adam moves theta.

    `a` and `b` are the running means before that step, `g` is its gradient, all
    (P,); the step goes up the bound.
    """
    g = torch.tensor([2.0, -0.5, 1e-3], dtype=torch.float64)
    a = torch.tensor([0.3, 0.1, -2e-4], dtype=torch.float64)
    b = torch.tensor([0.2, 0.05, 1e-7], dtype=torch.float64)
    t = 3
    a_new = BETA1 * a + (1 - BETA1) * g
    b_new = BETA2 * b + (1 - BETA2) * g.square()

    def step(mean: Tensor, square: Tensor, steps: int = t) -> Tensor:
        mean = mean / (1 - BETA1**steps)
        root = (square / (1 - BETA2**steps)).sqrt()
        return ETA * mean / (root + EPSILON)

    right = step(a_new, b_new)
    wrong = [
        (-right, "That goes down: the bound is to be raised."),
        (right / ETA, "The step size eta = 1e-3 is missing."),
        (ETA * a_new / (b_new.sqrt() + EPSILON),
         "Both means start at zero: divide them by 1 - beta^t."),
        (step(a, b), "Those are the means before the step: let them see g first."),
        (step(a_new, b_new, t + 1), "t counts this step already: no t + 1."),
        (step(a_new, b_new, t - 1), "t counts this step already: no t - 1."),
        (step(BETA1 * a + (1 - BETA1) * g, BETA2 * b + (1 - BETA2) * g),
         "b is a mean of squares: square the gradient."),
        (step(BETA2 * a + (1 - BETA2) * g, BETA1 * b + (1 - BETA1) * g.square()),
         "beta_1 belongs to the mean of g, beta_2 to that of its square."),
        (ETA * a_new / (1 - BETA1**t) / (b_new / (1 - BETA2**t)),
         "Divide by the root of the mean square."),
        (ETA * g, "That is plain gradient ascent, without a and b."),
    ]  # fmt: skip
    start = (
        "which two means does Adam keep, and where do they start?",
        "both running means first, then their corrections, then the quotient.",
        "eta * (a / (1 - beta_1^t)) / (sqrt(b / (1 - beta_2^t)) + epsilon).",
    )
    return judge(answer, (g, a, b, t), right, wrong, start=start, hint=hint, atol=1e-12)
