"""Each typical wrong answer of chapter 07 meets its own sentence."""

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from equivae_lite.chapters.exercises.ch07 import (
    check_first_layer,
    check_kl_between,
    check_sample,
    check_score,
)

CHECKS = (check_sample, check_score, check_first_layer, check_kl_between)


def said_by(check, answer, capsys):
    """Whether `answer` passed, and the one line that was printed."""
    right = check(answer)
    printed = capsys.readouterr().out
    assert printed.count("\n") == 1, printed
    return right, printed


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (lambda *a: None, "Not written yet"),
        (lambda *a: ..., "Not written yet"),
        (lambda *a: a[99], "Your code stopped with IndexError"),
        (lambda *a: torch.zeros(7, 3, 2, 1), "Expected shape"),
        (lambda *a: "v", "your answer is a str"),
    ],
)
def test_no_answer(check, answer, sentence, capsys):
    right, printed = said_by(check, answer, capsys)
    assert not right and sentence in printed


@pytest.mark.parametrize("check", CHECKS)
def test_an_answer_of_the_right_shape_without_sense(check, capsys):
    shapes = {
        check_sample: (4, 5),
        check_score: (2, 4),
        check_first_layer: (6, 10, 5),
        check_kl_between: (3,),
    }
    right, printed = said_by(check, lambda *a: torch.zeros(shapes[check]), capsys)
    assert not right and "off by up to" in printed


SAMPLES = [
    (lambda m, s, e: m + (s / 2).exp() * e, "Right."),
    (lambda m, s, e: m + s.exp() * e, "is your scale the variance"),
    (lambda m, s, e: m + s * e, "is not sigma"),
    (lambda m, s, e: m + (2 * s).exp() * e, "wrong way"),
    (lambda m, s, e: m + (s / 2).exp(), "where is eps"),
    (lambda m, s, e: (s / 2).exp() * e, "where is mu"),
    (lambda m, s, e: m, "That is the mean"),
    (lambda m, s, e: m - (s / 2).exp() * e, "sign of eps"),
    (lambda m, s, e: (m + (s / 2).exp() * e).detach(), "carries no gradient"),
    (lambda m, s, e: m.detach() + (s / 2).exp() * e, "no gradient reaches mu"),
    (lambda m, s, e: m + (s / 2).exp().detach() * e, "no gradient reaches log_var"),
    (lambda m, s, e: 2 * m + (s / 2).exp() * e - m.detach(), "off by up to"),
]


@pytest.mark.parametrize(("answer", "sentence"), SAMPLES)
def test_sample(answer, sentence, capsys):
    right, printed = said_by(check_sample, answer, capsys)
    assert sentence.lower() in printed.lower() and right == (sentence == "Right.")


def score(m, s, v):
    d = v - m
    return torch.stack([d / s.exp(), (d.square() / s.exp() - 1) / 2])


def scaled(first, second):
    """The score with its rows multiplied, each by a function of log_var."""

    def answer(m, s, v):
        rows = score(m, s, v)
        return torch.stack([first(s) * rows[0], second(s) * rows[1]])

    return answer


def by_autograd(m, s, v):
    m, s = m.clone().requires_grad_(), s.clone().requires_grad_()
    log_q = Normal(m, (s / 2).exp()).log_prob(v).sum()
    return torch.stack(torch.autograd.grad(log_q, (m, s)))


SCORES = [
    (score, "Right."),
    (by_autograd, "Right."),
    (lambda *a: -score(*a), "Every sign is turned"),
    (scaled(lambda s: -1, lambda s: 1), "first row has the wrong sign"),
    (scaled(lambda s: 1, lambda s: 2), "twice too large"),
    (scaled(lambda s: 1, lambda s: (-s).exp()), "derivative by the variance"),
    (
        lambda m, s, v: score(m, s, v) + torch.tensor([[0], [0.5]]),
        "-1/2 of the normaliser",
    ),
    (scaled(lambda s: (s / 2).exp(), lambda s: 1), "divided by sigma"),
    (lambda *a: score(*a).flip(0), "exchanged"),
]


@pytest.mark.parametrize(("answer", "sentence"), SCORES)
def test_score(answer, sentence, capsys):
    right, printed = said_by(check_score, answer, capsys)
    assert sentence in printed and right == (sentence == "Right.")


def split(layer, e, d):
    a = e @ layer.weight[:, : e.shape[-1]].T
    return a[:, None] + d @ layer.weight[:, e.shape[-1] :].T + layer.bias


def concatenated(layer, e, d):
    lead = (len(e), len(d), -1)
    pairs = [e[:, None].expand(lead), d.expand(lead)]
    return layer(torch.cat(pairs, dim=-1))


def exchanged(layer, e, d):
    a = e @ layer.weight[:, -e.shape[-1] :].T
    return a[:, None] + d @ layer.weight[:, : d.shape[-1]].T + layer.bias


FIRST_LAYERS = [
    (split, "Right."),
    (concatenated, "multiply every e once"),
    (lambda layer, e, d: split(layer, e, d) + layer.bias, "in it twice"),
    (lambda layer, e, d: split(layer, e, d) - layer.bias, "bias is missing"),
    (exchanged, "columns are exchanged"),
    (lambda *a: split(*a).relu(), "after the ReLU"),
]


@pytest.mark.parametrize(("answer", "sentence"), FIRST_LAYERS)
def test_first_layer(answer, sentence, capsys):
    right, printed = said_by(check_first_layer, answer, capsys)
    assert sentence in printed and right == (sentence == "Right.")


def kl(m, s, m_2, s_2):
    each = s_2 - s + (s - s_2).exp() + (m - m_2).square() / s_2.exp() - 1
    return each.sum(-1) / 2


DIVERGENCES = [
    (kl, "Right."),
    (lambda m, s, m_2, s_2: kl(m_2, s_2, m, s), "the order matters"),
    (lambda *a: 2 * kl(*a), "Twice too large"),
    (lambda *a: -kl(*a), "never negative"),
    (lambda *a: kl(*a) / 5, "do not average"),
    (lambda *a: kl(*a) + 5 / 2, "the -1 is missing"),
    (
        lambda m, s, m_2, s_2: kl(m, s, m_2, s_2) - (s - s_2).exp().sum(-1) / 2,
        "ratio of the variances is missing",
    ),
    (
        lambda m, s, m_2, s_2: (
            kl(m, s, m, s_2) + ((m - m_2).square() / s.exp()).sum(-1) / 2
        ),
        "in units of q_2",
    ),
    (lambda m, s, m_2, s_2: kl(m, 2 * s, m_2, 2 * s_2), "You read it as log sigma"),
    (
        lambda m, s, m_2, s_2: kl(m, s, torch.zeros_like(m), torch.zeros_like(s)),
        "KL to p(v)",
    ),
]


@pytest.mark.parametrize(("answer", "sentence"), DIVERGENCES)
def test_kl_between(answer, sentence, capsys):
    right, printed = said_by(check_kl_between, answer, capsys)
    assert sentence in printed and right == (sentence == "Right.")


def test_the_right_divergence_is_that_of_torch():
    m, s = torch.tensor([[0.5, -1.0]]), torch.tensor([[0.3, -0.7]])
    expected = kl_divergence(Normal(m, (s / 2).exp()), Normal(0.0, 1.0)).sum(-1)
    torch.testing.assert_close(
        kl(m, s, torch.zeros_like(m), torch.zeros_like(s)), expected
    )
