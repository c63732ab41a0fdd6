"""The judges of chapter 15 name every slip that they know, and pass what is right."""

import numpy as np
import pytest
import torch

from equivae_lite.chapters.equivariance import explained, fit_rule
from equivae_lite.chapters.exercises import ch15
from tests.support.exercises import cases, says


def raising(*arguments):
    raise KeyError("nobody")


def unfinished(*arguments): ...


def solved(v, moved):
    return torch.linalg.lstsq(v, moved).solution


def with_ones(v):
    return torch.cat([v, torch.ones(len(v), 1, dtype=v.dtype)], 1)


def rule(v, moved):
    return solved(with_ones(v), moved)


def of_the_package(v, moved):
    found = fit_rule(v, moved)
    return torch.cat([found.M, found.b[None]])


def by_numpy(v, moved):
    return np.linalg.lstsq(with_ones(v).numpy(), moved.numpy(), rcond=None)[0]


def wrong_offset(v, moved):
    return torch.cat([rule(v, moved)[:-1], (moved - v).mean(0, keepdim=True)])


def squares(moved, told):
    return (moved - told).square()


ANSWERS = {
    ch15.check_rule: [
        (rule, "Right."),
        (of_the_package, "Right."),
        (by_numpy, "Right."),
        (lambda v, m: solved(with_ones(v).flip(1), m).roll(1, 0).flip(0), "off by"),
        (lambda v, m: rule(v, m).roll(1, 0), "as its first row"),
        (lambda v, m: rule(m, v), "The other way round"),
        (
            lambda v, m: torch.cat([solved(v, m), torch.zeros(1, 3).double()]),
            "Without an offset",
        ),
        (wrong_offset, "The matrix is right"),
        (lambda v, m: solved(v, m), "Expected shape (4, 3)"),
    ],
    ch15.check_share: [
        (explained, "Right."),
        (
            lambda t, m: 1 - squares(m, t).mean() / m.var(0, correction=0).mean(),
            "Right.",
        ),
        (lambda t, m: squares(m, t).sum() / squares(m, m.mean(0)).sum(), "is left"),
        (
            lambda t, m: 1 - squares(m, t).sum() / squares(m, m.mean()).sum(),
            "each number of v by itself",
        ),
        (lambda t, m: 1 - squares(m, t).sum() / m.square().sum(), "mean of moved is"),
        (
            lambda t, m: 1 - (squares(m, t).sum(0) / m.var(0) / (len(m) - 1)).mean(),
            "mean of V shares",
        ),
        (
            lambda t, m: 1 - (m - t).norm() / (m - m.mean(0)).norm(),
            "That is of lengths",
        ),
        (lambda t, m: m, "Expected shape ()"),
    ],
}
GENERAL = [
    (unfinished, "Not written yet"),
    (raising, "Your code stopped with KeyError"),
    (lambda *arguments: "two", "your answer is a str"),
]


@pytest.mark.parametrize(("check", "answer", "sentence"), cases(ANSWERS, GENERAL))
def test_one_sentence_for_each_answer(check, answer, sentence, capsys):
    says(check, answer, sentence, capsys)
