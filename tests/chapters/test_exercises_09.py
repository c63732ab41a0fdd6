"""The judges of chapter 09 name every slip that they know, and pass what is right."""

import pytest
import torch

from equivae_lite.chapters.exercises import ch09
from tests.support.exercises import cases, says


def shapeless(*arguments):
    return torch.zeros(2, 3, 4)


def raising(*arguments):
    raise KeyError("nobody")


def unfinished(*arguments): ...


def dense(i, o):
    return (i + 1) * o


def softmax_by_hand(logits):
    return (logits.exp() / logits.exp().sum(dim=-1, keepdim=True)).log()


ANSWERS = {
    ch09.check_dropout: [
        (lambda a, keep, p: a * keep / (1 - p), "Right."),
        (lambda a, keep, p: torch.where(keep > 0, a / (1 - p), 0.0), "Right."),
        (lambda a, keep, p: a * keep, "the others must become louder"),
        (lambda a, keep, p: a * keep / p, "divides by eta"),
        (lambda a, keep, p: a * keep * (1 - p), "softer: divide by 1 - eta"),
        (lambda a, keep, p: a * keep * p, "Divide by the probability"),
        (lambda a, keep, p: a * (1 - keep) / (1 - p), "The mask is the wrong way"),
        (lambda a, keep, p: a * (1 - keep) / p, "Mask and rate are the wrong way"),
        (lambda a, keep, p: a / (1 - p), "Nothing falls silent"),
        (lambda a, keep, p: a, "what evaluation does"),
        (lambda a, keep, p: a + 1, "off by up to"),
    ],
    ch09.check_features: [
        (lambda h, f_x: torch.cat([h, f_x.detach()], dim=-1), "Right."),
        (lambda h, f_x: torch.hstack([h, f_x.detach().clone()]), "Right."),
        (lambda h, f_x: torch.cat([f_x.detach(), h], dim=-1), "h should come first"),
        (lambda h, f_x: torch.cat([h, f_x], dim=-1), "a gradient reaches f_x"),
        (lambda h, f_x: torch.cat([h.detach(), f_x], dim=-1), "at the wrong door"),
        (lambda h, f_x: torch.cat([h, f_x], dim=-1).detach(), "Nothing can learn"),
        (lambda h, f_x: torch.cat([h, f_x.detach()], dim=0), "Expected shape (5, 8)"),
        (lambda h, f_x: torch.cat([h, 0 * f_x], dim=-1), "off by up to"),
    ],
    ch09.check_log_softmax: [
        (lambda logits: logits.log_softmax(dim=-1), "Right."),
        (lambda logits: logits - logits.logsumexp(-1, keepdim=True), "Right."),
        (softmax_by_hand, "exp overflows or its sum vanishes"),
        (lambda logits: logits.softmax(dim=-1), "where is the logarithm"),
        (
            lambda logits: logits - logits.max(-1, keepdim=True).values,
            "not the whole sum",
        ),
        (lambda logits: logits.log_softmax(dim=0), "over the wrong axis"),
        (
            lambda logits: logits - logits.logsumexp(dim=(0, 1)),
            "normalised by itself",
        ),
        (lambda logits: logits, "off by up to"),
    ],
    ch09.check_count: [
        (
            lambda w, n, r: dense(w + r, w) + dense(w, n) + dense(n, 10),
            "Right.",
        ),
        (lambda w, n, r: (w + r) * w + w * n + n * 10, "also has a bias"),
        (lambda w, n, r: dense(w + r, w) + dense(w, n), "ten logits is missing"),
        (lambda w, n, r: dense(w, n) + dense(n, 10), "first dense layer is missing"),
        (
            lambda w, n, r: dense(2 * w, w) + dense(w, n) + dense(n, 10),
            "That is with f(x)",
        ),
        (
            lambda w, n, r: dense(w, w) + dense(w, n) + dense(n, 10),
            "also sees r(x)",
        ),
        (
            lambda w, n, r: (
                dense(256, w) + dense(w + r, w) + dense(w, n) + dense(n, 10)
            ),
            "does not count here",
        ),
        (lambda w, n, r: w, "off by up to"),
    ],
}
GENERAL = [
    (unfinished, "Not written yet"),
    (raising, "Your code stopped with KeyError"),
    (shapeless, "Expected shape"),
    (lambda *arguments: "two", "your answer is a str"),
]


@pytest.mark.parametrize(("check", "answer", "sentence"), cases(ANSWERS, GENERAL))
def test_one_sentence_for_each_answer(check, answer, sentence, capsys):
    says(check, answer, sentence, capsys)


def test_gradients_that_only_look_right_are_seen(capsys):
    """A value with a gradient of its own making: neither right nor a known slip."""

    def half(h, f_x):
        return torch.cat([h.detach() + (h - h.detach()) / 2, f_x.detach()], dim=-1)

    assert not ch09.check_features(half)
    assert "off by up to" in capsys.readouterr().out
