"""The judges of chapter 03 know the right answer and name each typical slip."""

import math

import pytest
import torch

from equivae_lite.chapters.exercises import ch03

CHECKS = [
    ch03.check_class_bound,
    ch03.check_log_defect,
    ch03.check_random_subset,
]


def class_bound(x, mu, log_var, w, s2, r=None, kl=None, spread=None, two_pi=1.0):
    r = (x.sum() - x) / (len(x) - 1) if r is None else r
    var = math.exp(log_var)
    square = (x - r - w * mu) ** 2 + (w**2 * var if spread is None else spread)
    log_lik = -0.5 * (two_pi * math.log(2 * math.pi) + math.log(s2) + square / s2)
    kl = kl or (lambda mu, var: 0.5 * (var + mu**2 - 1 - math.log(var)))
    return log_lik - kl(mu, var)


def log_defect(A, N, apart=None, along=1.0, others=None):
    eye = torch.eye(len(A), dtype=A.dtype)
    apart = N - 1 if apart is None else apart
    zero_sum = torch.linalg.slogdet(eye + along * A / (others or N - 1))[1]
    return -torch.linalg.slogdet(eye - A)[1] - apart * zero_sum


def log_means(log_p):
    return torch.stack([p.logsumexp(0) - math.log(len(p)) for p in log_p])


def slip(sentence, **changed):
    return (ch03.check_class_bound,
            lambda *a: class_bound(*a, **changed).sum(), sentence)  # fmt: skip


def right_kl(mu, var):
    return 0.5 * (var + mu**2 - 1 - math.log(var))


CASES = [
    slip("Right."),
    (ch03.check_class_bound, lambda *a: class_bound(*a), "Expected shape ()"),
    (ch03.check_class_bound, lambda *a: class_bound(*a).mean(), "(4) is summed"),
    (ch03.check_class_bound, lambda *a: -class_bound(*a).sum(), "That is the loss"),
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
    slip("not added", kl=lambda *a: -right_kl(*a)),
    slip("where is the KL?", kl=lambda mu, var: 0 * mu),
    slip("twice too large", kl=lambda *a: 2 * right_kl(*a)),
    slip("minus 1", kl=lambda mu, var: right_kl(mu, var) + 0.5),
    slip(
        "log sigma² is subtracted",
        kl=lambda mu, var: 0.5 * (var + mu**2 - 1 + math.log(var)),
    ),
    slip(
        "turned round",
        kl=lambda mu, var: 0.5 * ((1 + mu**2) / var - 1 + math.log(var)),
    ),
    (
        ch03.check_class_bound,
        lambda x, mu, log_var, *a: class_bound(x, mu, 2 * log_var, *a).sum(),
        "Is your input a log-variance?",
    ),
    slip("v scatters around mu", spread=0.0),
    (
        ch03.check_class_bound,
        lambda x, mu, log_var, w, s2: class_bound(
            x, mu, log_var, w, s2, spread=w * math.exp(log_var)
        ).sum(),
        "has w², not w",
    ),
    slip("Where is the 2 pi", two_pi=0.0),
    (
        ch03.check_class_bound,
        lambda x, mu, log_var, w, s2: class_bound(x, mu, log_var, w, s2**2).sum(),
        "not squared",
    ),
    (
        ch03.check_class_bound,
        lambda x, mu, log_var, w, s2: class_bound(x, mu, log_var, w, s2**0.5).sum(),
        "not its root",
    ),
    (
        ch03.check_class_bound,
        lambda x, mu, log_var, w, s2: class_bound(x, mu, log_var, 0.8, 0.36).sum(),
        "but not for others",
    ),
    (
        ch03.check_class_bound,
        lambda *a: class_bound(*a).sum() + math.nan,
        "numbers are nan",
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
    (ch03.check_log_defect, lambda A, N: log_defect(A, N, others=N), "not N."),
    (
        ch03.check_log_defect,
        lambda A, N: -torch.linalg.slogdet(torch.eye(2).double() - A / N)[1],
        "sits in its own r",
    ),
    (ch03.check_log_defect, lambda A, N: log_defect(A, 4), "but not for others"),
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
    (
        ch03.check_random_subset,
        lambda p: log_means([*p[:2], torch.tensor([-2.2])]).logsumexp(0) - math.log(3),
        "but not for others",
    ),
]


@pytest.mark.parametrize(("check", "answer", "sentence"), CASES)
def test_answer(check, answer, sentence, capsys):
    assert check(answer) is sentence.startswith("Right")
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


SINGLE = [
    (ch03.check_class_bound, lambda x, mu, *a: class_bound(x.float(), mu, *a).sum()),
    (ch03.check_log_defect, lambda A, N: log_defect(A.float(), N)),
    (
        ch03.check_random_subset,
        lambda p: log_means([q.float() for q in p]).logsumexp(0) - math.log(len(p)),
    ),
]


@pytest.mark.parametrize(("check", "answer"), SINGLE)
def test_other_kinds_of_numbers_are_right_too(check, answer, capsys):
    assert check(answer)
    for made in (
        lambda *a: answer(*a).float()[None],
        lambda *a: answer(*a).numpy(),
        lambda *a: answer(*a).item(),
        lambda *a: [answer(*a)],
    ):
        assert check(made)
    assert capsys.readouterr().out.count("Right.") == 5


@pytest.mark.parametrize("check", CHECKS)
def test_hints_come_in_levels_and_the_first_tells_no_formula(check, capsys):
    printed = []
    for hint in (1, 2, 3, 4):
        check(lambda *arguments: None, hint=hint)
        printed.append(capsys.readouterr().out)
    assert printed[2] == printed[3] and len({*printed}) == 3
    assert not any(sign in printed[0] for sign in "½²=+".replace("=", ""))
