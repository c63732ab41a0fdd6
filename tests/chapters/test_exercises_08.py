"""Chapter 08's judges know the right answer and each typical wrong one."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch.distributions import ContinuousBernoulli, Normal

from equivae_lite.chapters.exercises import ch08
from equivae_lite.model import bounds


def down(size):
    """The sizes that the encoder passes, from `size` to 2."""
    path = [size]
    while path[-1] > 2:
        path.append((path[-1] - 1) // 2 + 1)
    return path


def paddings(size):
    """By trial: which output padding leads from one size to the one before?"""
    path = down(size)[::-1]
    return [
        next(p for p in (0, 1) if 2 * (a - 1) + 1 + p == b)
        for a, b in zip(path, path[1:])
    ]


def transposed(z, w, stride, padding, output_padding, cut=True, mirror=False):
    """By automatic differentiation of the convolution that it transposes."""
    n = stride * (len(z) - 1) + len(w) - 2 * padding + output_padding
    u = torch.zeros(1, 1, n, dtype=z.dtype, requires_grad=True)
    w = w.flip(0) if mirror else w
    made = F.conv1d(u, w[None, None], stride=stride, padding=padding)
    (made[0, 0] * z).sum().backward()
    return u.grad[0, 0]


def canvas(z, w, stride, padding, output_padding):
    return transposed(z, w, stride, 0, output_padding)


def without_last(*arguments):
    return torch.cat([transposed(*arguments[:-1], 0), torch.zeros(1)])


def score(x, logits):
    return bounds.bernoulli_log_prob(x, logits)


def area(a):
    return torch.where(a == 0, 0.5, torch.tanh(a / 2) / torch.where(a == 0, 1.0, a))


def continuous(x, logits):
    return ContinuousBernoulli(logits=logits).log_prob(x).sum((1, 2, 3))


def log_area(x, logits):
    return area(logits).log().sum((1, 2, 3))


def best_log_var(x, mean):
    """By search: the maximum of the log-likelihood on a fine grid, then Newton."""
    t = torch.tensor(0.0, dtype=torch.float64, requires_grad=True)
    for _ in range(50):
        value = Normal(mean, (t / 2).exp()).log_prob(x).sum()
        (slope,) = torch.autograd.grad(value, t, create_graph=True)
        (curve,) = torch.autograd.grad(slope, t)
        t = (t - slope / curve).detach().requires_grad_()
    return t.detach()


CASES = [
    (ch08.check_output_paddings, paddings, None),
    (ch08.check_output_paddings, lambda n: paddings(n)[::-1], "encoder's order"),
    (ch08.check_output_paddings, lambda n: [1 - p for p in paddings(n)], "exchanged"),
    (ch08.check_output_paddings, lambda n: [1] * 4, "always ends at 32"),
    (ch08.check_output_paddings, lambda n: [1] * 5, "Expected shape"),
    (ch08.check_transposed, transposed, None),
    (ch08.check_transposed, lambda *a: transposed(*a, mirror=True), "mirrored"),
    (ch08.check_transposed, canvas, "whole canvas"),
    (ch08.check_transposed, without_last, "no empty pixel"),
    (ch08.check_transposed, lambda *a: canvas(*a)[:8], "Only the end"),
    (ch08.check_transposed, lambda *a: canvas(*a)[-8:], "Only the start"),
    (ch08.check_transposed, lambda z, *a: z, "Expected shape"),
    (ch08.check_continuous_bernoulli, continuous, None),
    (ch08.check_continuous_bernoulli, score, "normaliser Z is missing"),
    (
        ch08.check_continuous_bernoulli,
        lambda x, a: score(x, a) + log_area(x, a),
        "to be subtracted",
    ),
    (
        ch08.check_continuous_bernoulli,
        lambda x, a: score(x, a) - area(a).sum((1, 2, 3)),
        "not Z",
    ),
    (
        ch08.check_continuous_bernoulli,
        lambda x, a: continuous(x, a) / x[0].numel(),
        "no mean",
    ),
    (
        ch08.check_continuous_bernoulli,
        lambda x, a: score(x, a) - log_area(x, a) / x[0].numel(),
        "a Z of its own",
    ),
    (
        ch08.check_continuous_bernoulli,
        lambda x, a: score(x, a) - (torch.tanh(a / 2) / a).log().sum((1, 2, 3)),
        "0/0",
    ),
    (
        ch08.check_continuous_bernoulli,
        lambda x, a: continuous(x, a).sum(),
        "Expected shape",
    ),
    (ch08.check_best_log_var, best_log_var, None),
    (ch08.check_best_log_var, lambda x, m: best_log_var(x, m).exp(), "its logarithm"),
    (ch08.check_best_log_var, lambda x, m: best_log_var(x, m) / 2, "Half"),
    (
        ch08.check_best_log_var,
        lambda x, m: (x - m).square().sum().log(),
        "number of pixels",
    ),
    (ch08.check_best_log_var, lambda x, m: (x - m).var().log(), "own mean"),
    (ch08.check_best_log_var, lambda x, m: (x - m).numpy().var().item(), "off by"),
    (
        ch08.check_best_log_var,
        lambda x, m: math.log((x - m).numpy().var()),
        "own mean",
    ),
    (ch08.check_best_log_var, lambda x, m: x.var().log(), "of the images"),
    (ch08.check_best_log_var, lambda x, m: (x - m).abs().mean().log(), "Laplace"),
    (
        ch08.check_best_log_var,
        lambda x, m: (x - m).square().mean(0).log(),
        "Expected shape",
    ),
]


@pytest.mark.parametrize(("check", "answer", "sentence"), CASES)
def test_answers(check, answer, sentence, capsys):
    assert check(answer) is (sentence is None)
    printed = capsys.readouterr().out
    assert (sentence or "Right.") in printed and printed.count("\n") == 1


def fails(*arguments):
    raise RuntimeError("not so")


@pytest.mark.parametrize(
    "check",
    [
        ch08.check_output_paddings,
        ch08.check_transposed,
        ch08.check_continuous_bernoulli,
        ch08.check_best_log_var,
    ],
)
def test_no_answer_is_met_with_a_hint(check, capsys):
    for answer, sentence in (
        (lambda *a: None, "Not written yet. For a hint, give hint=1"),
        (lambda *a: ..., "Not written yet. For a hint, give hint=1"),
        (fails, "stopped with RuntimeError: not so"),
    ):
        assert check(answer) is False
        printed = capsys.readouterr().out
        assert sentence in printed and printed.count("\n") == 1
