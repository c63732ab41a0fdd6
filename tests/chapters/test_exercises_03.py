"""The judges of chapter 03 know the right answer and name each typical slip."""

import math

import pytest
import torch

from equivae_lite.chapters.exercises import ch03

CHECKS = [
    ch03.check_scaled_delta,
    ch03.check_class_bound,
    ch03.check_log_defect,
    ch03.check_random_subset,
]


def class_bound(x, mu, log_var, w, s2, r=None, kl_weight=1.0, spread=1.0, var=None):
    r = (x.sum() - x) / (len(x) - 1) if r is None else r
    var = math.exp(log_var) if var is None else var
    square = (x - r - w * mu) ** 2 + spread * w**2 * var
    log_lik = -0.5 * (math.log(2 * math.pi) + math.log(s2) + square / s2)
    kl = 0.5 * (var + mu**2 - 1 - math.log(var))
    return log_lik - kl_weight * kl


def log_defect(A, N, apart=None, along=1.0):
    eye = torch.eye(len(A), dtype=A.dtype)
    apart = N - 1 if apart is None else apart
    zero_sum = torch.linalg.slogdet(eye + along * A / (N - 1))[1]
    return -torch.linalg.slogdet(eye - A)[1] - apart * zero_sum


def log_means(log_p):
    return torch.stack([p.logsumexp(0) - math.log(len(p)) for p in log_p])


CASES = [
    (ch03.check_scaled_delta, lambda h, rho, R: h(rho / 2) / 2**R, "Right."),
    (ch03.check_scaled_delta, lambda h, rho, R: h(rho / 2), "Where is dr?"),
    (ch03.check_scaled_delta, lambda h, rho, R: h(rho), "not for r = rho"),
    (ch03.check_scaled_delta, lambda h, rho, R: h(2 * rho), "or half of it"),
    (ch03.check_scaled_delta, lambda h, rho, R: h(rho / 2) / 2, "R entries"),
    (ch03.check_scaled_delta, lambda h, rho, R: h(rho / 2) * 2**R, "divide by 2^R"),
    (ch03.check_scaled_delta, lambda h, rho, R: h(rho) / 2**R, "off by up to"),
    (ch03.check_scaled_delta, lambda h, rho, R: rho, "Expected shape ()"),
    (ch03.check_class_bound, lambda *a: class_bound(*a).sum(), "Right."),
    (ch03.check_class_bound, lambda *a: class_bound(*a), "Expected shape ()"),
    (ch03.check_class_bound, lambda *a: class_bound(*a).mean(), "(4) is summed"),
    (
        ch03.check_class_bound,
        lambda x, *a: class_bound(x, *a, r=x.mean()).sum(),
        "leave it out",
    ),
    (
        ch03.check_class_bound,
        lambda x, *a: class_bound(x, *a, r=(x.sum() - x) / len(x)).sum(),
        "divide by N - 1",
    ),
    (
        ch03.check_class_bound,
        lambda *a: class_bound(*a, kl_weight=-1).sum(),
        "subtract it",
    ),
    (
        ch03.check_class_bound,
        lambda *a: class_bound(*a, kl_weight=0).sum(),
        "where is the KL?",
    ),
    (
        ch03.check_class_bound,
        lambda *a: class_bound(*a, kl_weight=2).sum(),
        "twice too large",
    ),
    (
        ch03.check_class_bound,
        lambda x, mu, log_var, w, s2: class_bound(
            x, mu, log_var, w, s2, var=math.exp(2 * log_var)
        ).sum(),
        "Is your input a log-variance?",
    ),
    (
        ch03.check_class_bound,
        lambda *a: class_bound(*a, spread=0).sum(),
        "v scatters around mu",
    ),
    (ch03.check_log_defect, log_defect, "Right."),
    (ch03.check_log_defect, lambda A, N: -log_defect(A, N), "Z is one over it"),
    (ch03.check_log_defect, lambda A, N: log_defect(A, N).exp(), "That is Z"),
    (
        ch03.check_log_defect,
        lambda A, N: log_defect(A, N, apart=0),
        "Only the moves of all images together",
    ),
    (
        ch03.check_log_defect,
        lambda A, N: log_defect(A, N, apart=1),
        "fill N - 1 directions",
    ),
    (ch03.check_log_defect, lambda A, N: log_defect(A, N, apart=N), "one is taken"),
    (
        ch03.check_log_defect,
        lambda A, N: log_defect(A, N, along=-1),
        "along or against",
    ),
    (ch03.check_log_defect, lambda A, N: A, "Expected shape ()"),
    (ch03.check_random_subset, lambda p: log_means(p).exp().mean().log(), "Right."),
    (
        ch03.check_random_subset,
        lambda p: torch.stack([q.mean() for q in p]).mean(),
        "mean of the logs",
    ),
    (ch03.check_random_subset, lambda p: torch.cat(p).mean(), "Average p before"),
    (
        ch03.check_random_subset,
        lambda p: torch.cat(p).exp().mean().log(),
        "All sets in one pot",
    ),
    (ch03.check_random_subset, lambda p: log_means(p).mean(), "inside the logarithm"),
    (
        ch03.check_random_subset,
        lambda p: log_means(p).logsumexp(0),
        "A sum over the sizes",
    ),
    (ch03.check_random_subset, lambda p: torch.cat(p).logsumexp(0), "Sums, not means"),
    (
        ch03.check_random_subset,
        lambda p: log_means(p).exp().mean(),
        "That is the density",
    ),
    (ch03.check_random_subset, log_means, "Expected shape ()"),
]


@pytest.mark.parametrize(("check", "answer", "sentence"), CASES)
def test_answer(check, answer, sentence, capsys):
    assert check(answer) is (sentence == "Right.")
    printed = capsys.readouterr().out
    assert sentence in printed and printed.count("\n") == 1


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (lambda *arguments: None, "Not written yet."),
        (lambda *arguments: ..., "Not written yet."),
        (lambda *arguments: 1 / 0, "Your code stopped with ZeroDivisionError"),
        (lambda *arguments: torch.ones(5, 5), "Expected shape ()"),
        (lambda *arguments: math.nan, "Not yet"),
    ],
)
def test_any_chapter_03_check(check, answer, sentence, capsys):
    assert check(answer) is False
    printed = capsys.readouterr().out
    assert sentence in printed and printed.count("\n") == 1


@pytest.mark.parametrize("check", CHECKS)
def test_every_slip_has_a_case(check, monkeypatch):
    """A slip that no case above provokes would be a sentence nobody has read."""
    slips = []
    monkeypatch.setattr(ch03, "judge", lambda *a, **k: slips.extend(a[3]) or True)
    check(None)
    sentences = [sentence for other, _, sentence in CASES if other is check]
    for _, told in slips:
        assert any(part in told for part in sentences), told
