"""Chapter 05's judges name each typical slip, and take only the right answer."""

import math

import pytest
import torch

from equivae_lite.chapters.exercises import ch05


def estimate(lab, unlab, n_lab, n_unlab):
    return n_lab * lab.mean() + n_unlab * unlab.mean()


def gradient(x, means, A, W, log_var, mu, log_q):
    residual = x - means @ A.T - mu @ W.T
    pieces = zip(log_q.exp(), residual, means, strict=True)
    return sum(q * torch.outer(e, c) for q, e, c in pieces) / math.exp(log_var)


def variance(values, B):
    N = len(values)
    return N**2 * (values - values.mean()).square().mean() / B * (N - B) / (N - 1)


def objective(lab, unlab, log_q, y, alpha):
    score = sum(log_q[n, c] for n, c in enumerate(y.tolist()))
    return lab.sum() + unlab.sum() + alpha * score


CASES = {
    ch05.check_estimate: [
        (estimate, "Right."),
        (lambda a, b, n, u: a.mean() + b.mean(), "two means"),
        (lambda a, b, n, u: (n + u) / 2 * (a.mean() + b.mean()), "same weight"),
        (lambda a, b, n, u: estimate(a, b, n, u) / (n + u), "per image"),
        (lambda a, b, n, u: a.sum() + b.sum(), "scale each to its set"),
        (lambda a, b, n, u: (n + u) * torch.cat([a, b]).mean(), "proportion"),
        (lambda a, b, n, u: estimate(a, b, u, n), "swapped"),
        (lambda a, b, n, u: n * a.sum() + u * b.sum(), "divide by the number"),
        (lambda a, b, n, u: n * a, "Expected shape ()"),
    ],
    ch05.check_path_gradient: [
        (gradient, "Right."),
        (lambda *a: gradient(*a[:6], torch.zeros(4)), "Every class"),
        (
            lambda x, c, A, W, s, mu, q: (
                (q[:, None] * (x - c @ A.T - mu @ W.T)).T @ c / math.exp(s)
            ),
            "take its exponential",
        ),
        (lambda *a: gradient(*a) * math.exp(a[4]), "variance s² is missing"),
        (lambda *a: gradient(*a) * math.exp(a[4]) / a[4], "log-variance"),
        (lambda *a: gradient(*a).T, "transpose"),
        (lambda *a: -gradient(*a), "sign"),
        (lambda *a: 2 * gradient(*a), "Twice too large"),
        (lambda *a: gradient(*a[:5], 0 * a[5], a[6]), "v is forgotten"),
        (lambda *a: gradient(*a)[0], "Expected shape (3, 3)"),
    ],
    ch05.check_batch_variance: [
        (variance, "Right."),
        (lambda x, B: len(x) ** 2 * x.var(correction=0) / B, "with replacement"),
        (lambda x, B: variance(x, B) * len(x) / (len(x) - 1), "not N - 1"),
        (lambda x, B: variance(x, B) / len(x) ** 2, "batch mean"),
        (lambda x, B: variance(x, B) / len(x), "N² times"),
        (lambda x, B: variance(x, B).sqrt(), "standard deviation"),
        (
            lambda x, B: (
                len(x) ** 2 * x.var(correction=0) / B * (1 - B / len(x))
            ),
            "Nearly",
        ),
        (lambda x, B: x, "Expected shape ()"),
    ],
    ch05.check_alpha_objective: [
        (objective, "Right."),
        (lambda a, b, q, y, alpha: a.sum() + b.sum(), "(7) alone"),
        (lambda *a: objective(*a[:4], -a[4]), "sign"),
        (lambda *a: objective(*a[:4], a[4] / 4), "belongs to the sum"),
        (lambda a, b, q, y, t: a.sum() + b.sum() + t * q.sum(), "All classes"),
        (lambda a, b, q, y, t: objective(a, b, q.exp(), y, t), "logarithm"),
        (
            lambda a, b, q, y, t: objective(a / 4, b / 6, q, y, t),
            "not two means",
        ),
        (lambda *a: objective(*a[:4], 1.0), "Where is α?"),
        (lambda a, b, q, y, t: a.sum() + b.sum() + t * q[:, y].sum(), "columns y"),
        (lambda *a: a[2], "Expected shape ()"),
    ],
}  # fmt: skip
ANSWERS = [(check, *case) for check, cases in CASES.items() for case in cases]


@pytest.mark.parametrize(("check", "answer", "sentence"), ANSWERS)
def test_answers(check, answer, sentence, capsys):
    assert check(answer) is (sentence == "Right.")
    printed = capsys.readouterr().out
    assert sentence in printed and printed.count("\n") == 1


@pytest.mark.parametrize("check", CASES)
def test_empty_and_failing_answers(check, capsys):
    assert check(lambda *a: None) is False
    assert check(lambda *a: ...) is False
    assert check(lambda *a: 1 / 0) is False
    assert check(lambda *a: torch.tensor(123.456)) is False
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4
    assert lines[0] == lines[1] and lines[0].startswith("Not written yet. For a hint")
    assert lines[2].startswith("Your code stopped with ZeroDivisionError")
    assert "off by" in lines[3] or "Expected shape" in lines[3]


@pytest.mark.parametrize("check", CASES)
def test_hints_come_in_levels(check, capsys):
    said = []
    for level in range(4):
        assert check(lambda *a: None, hint=level) is False
        said.append(capsys.readouterr().out.strip())
    assert "up to 3" in said[0]
    assert all(b.startswith(a) and len(b) > len(a) for a, b in zip(said[1:], said[2:]))


@pytest.mark.parametrize("check", CASES)
def test_right_by_luck_for_the_first_numbers(check, capsys):
    right, kept = CASES[check][0][0], []

    def first(*given):
        kept.append(right(*given))
        return kept[0]

    assert check(first) is False
    assert "Right for the first numbers" in capsys.readouterr().out


@pytest.mark.parametrize("check", CASES)
def test_right_in_float32_and_with_an_axis_too_many(check, capsys):
    def single(*given):
        return CASES[check][0][0](*(
            g.float() if torch.is_tensor(g) and g.is_floating_point() else g
            for g in given
        ))  # fmt: skip

    assert check(single) is True
    scalar = check is not ch05.check_path_gradient
    assert check(lambda *a: CASES[check][0][0](*a)[None]) is scalar
    assert "drop the axis" in capsys.readouterr().out or scalar
