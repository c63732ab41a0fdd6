"""The judges of chapter 16 name every slip that they know, and pass what is right."""

import math

import pytest
import torch

from equivae_lite.chapters.exercises import ch16
from tests.support.exercises import cases, says


def raising(*arguments):
    raise KeyError("nobody")


def unfinished(*arguments): ...


def one_by_one(f):
    return torch.stack([f[: m + 1].mean(dim=0) for m in range(len(f))])


def parts(a, b, t):
    angle = torch.arccos(a @ b / (a.norm() * b.norm()))
    return torch.sin((1 - t) * angle), torch.sin(t * angle), torch.sin(angle)


def arc(a, b, t):
    near, far, whole = parts(a, b, t)
    return (near * a + far * b) / whole


def by_rotation(a, b, t):
    """The same arc from two orthogonal directions."""
    across = b - (a @ b) / (a @ a) * a
    angle = t * torch.arccos(a @ b / (a.norm() * b.norm()))
    side = a.norm() * across / across.norm()
    return torch.cos(angle) * a + torch.sin(angle) * side


ANSWERS = {
    ch16.check_tempered: [
        (lambda eps, tau: math.sqrt(tau) * eps, "Right."),
        (lambda eps, tau: eps * tau**0.5, "Right."),
        (lambda eps, tau: tau * eps, "what multiplies the draw"),
        (lambda eps, tau: tau**2 * eps, "a fourth power"),
        (lambda eps, tau: eps / tau**0.5, "Upside down: a temperature"),
        (lambda eps, tau: eps / tau, "Upside down, and tau"),
        (lambda eps, tau: eps + tau**0.5, "not elsewhere"),
        (lambda eps, tau: eps, "temperature 1"),
        (lambda eps, tau: eps - 1, "off by up to"),
        (lambda eps, tau: eps[0], "Expected shape (5, 16)"),
    ],
    ch16.check_running: [
        (one_by_one, "Right."),
        (lambda f: f.cumsum(0) / torch.arange(1, len(f) + 1)[:, None], "Right."),
        (lambda f: f.cumsum(0), "Those are sums"),
        (lambda f: f.cumsum(0) / len(f), "the first holds one"),
        (lambda f: f.mean(0).expand(len(f), -1), "Every row is the mean"),
        (lambda f: f.cumsum(1) / torch.arange(1, 5), "the wrong axis"),
        (lambda f: f.cumsum(0) / torch.arange(2, 9)[:, None], "counts from 1"),
        (lambda f: f, "the rows themselves"),
        (lambda f: f + 1, "off by up to"),
        (lambda f: f.mean(0), "Expected shape (7, 4)"),
    ],
    ch16.check_arc: [
        (arc, "Right."),
        (by_rotation, "Right."),
        (torch.lerp, "the straight line"),
        (lambda a, b, t: arc(b, a, t), "The other way round"),
        (lambda a, b, t: arc(a, b, t) * parts(a, b, t)[2], "Divide by the sine"),
        (lambda a, b, t: arc(a, b, t) / a.norm(), "The direction is right"),
        (lambda a, b, t: (1 - t) ** 0.5 * a + t**0.5 * b, "orthogonal"),
        (lambda a, b, t: a, "off by up to"),
        (lambda a, b, t: a[:3], "Expected shape (16,)"),
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
