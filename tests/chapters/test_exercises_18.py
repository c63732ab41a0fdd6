"""The judges of chapter 18 name every slip that they know, and pass what is right."""

import pytest
import torch

from equivae_lite.chapters.exercises import ch18
from tests.support.exercises import cases, says


def raising(*arguments):
    raise KeyError("nobody")


def unfinished(*arguments): ...


def own(bounds, y):
    return bounds.gather(1, y[:, None])[:, 0]


def others(bounds, y):
    return (bounds.sum(1) - own(bounds, y)) / (bounds.shape[1] - 1)


def one_by_one(bounds, y):
    rows = []
    for row, label in zip(bounds, y.tolist()):
        rest = [float(value) for k, value in enumerate(row) if k != label]
        rows.append(float(row[label]) - sum(rest) / len(rest))
    return torch.tensor(rows, dtype=bounds.dtype)


def limit(known):
    return known.amin(1).quantile(0.99)


def apart(drawn, bold):
    return drawn[bold].mean(0) - drawn[~bold].mean(0)


def taken(drawn, ink, bold):
    return apart(drawn, bold) / apart(ink, bold)


def masked(bounds, y, fill):
    return bounds.scatter(1, y[:, None], fill)


ANSWERS = {
    ch18.check_cost: [
        (lambda b, y: own(b, y) - others(b, y), "Right."),
        (one_by_one, "Right."),
        (lambda b, y: others(b, y) - own(b, y), "The other way round"),
        (lambda b, y: own(b, y) - b.mean(1), "leave it out"),
        (lambda b, y: own(b, y) - masked(b, y, -torch.inf).amax(1), "the best of"),
        (lambda b, y: own(b, y) - (b.sum(1) - own(b, y)) / b.shape[1], "K - 1"),
        (lambda b, y: own(b, y) - (b.sum(1) - own(b, y)), "the sum over the others"),
        (own, "less those of the others"),
        (lambda b, y: (own(b, y) - others(b, y)).mean(), "Expected shape (6,)"),
        (lambda b, y: own(b, y)[:, None] - others(b, y), "Expected shape (6,)"),
        (lambda b, y: own(b, y) + 1, "off by up to"),
        (lambda b, y: own(b, y)[:2], "Expected shape (6,)"),
    ],
    ch18.check_far: [
        (lambda known, new: new.amin(1) > limit(known), "Right."),
        (lambda known, new: ~(new <= limit(known)).any(1), "Right."),
        (lambda known, new: new.amin(1) < limit(known), "The other way round"),
        (lambda known, new: new.amax(1) > limit(known), "One class far away"),
        (lambda known, new: new.mean(1) > limit(known), "The mean over classes"),
        (lambda known, new: new > limit(known), "Expected shape (9,)"),
        (lambda known, new: new.amin(1) > known.amin(1).mean(), "half are farther"),
        (lambda known, new: new.amin(1) > known.amin(1).amax(), "1 % may be farther"),
        (lambda known, new: new.amin(1) > known.amin(1).quantile(0.01), "nearest 1 %"),
        (lambda known, new: new.amin(1) > known.quantile(0.99), "over all distances"),
        (lambda known, new: new.amin(1) > known.amax(1).quantile(0.99), "ones, too"),
        (lambda known, new: new.amin(1)[:3] > 0, "Expected shape (9,)"),
    ],
    ch18.check_taken: [
        (taken, "Right."),
        (lambda d, i, b: -apart(d, b) / -apart(i, b), "Right."),
        (lambda d, i, b: apart(d, b), "That is ink"),
        (lambda d, i, b: -taken(d, i, b), "The sign"),
        (lambda d, i, b: 1 / taken(d, i, b), "Upside down"),
        (lambda d, i, b: taken(d, i, b).mean(), "Expected shape (3,)"),
        (lambda d, i, b: d[b].mean(0) / i[b].mean(), "bold with bold"),
        (lambda d, i, b: d[b].mean(0) / d[~b].mean(0), "not ratios"),
        (
            lambda d, i, b: (d[b].sum(0) - d[~b].sum(0)) / (i[b].sum() - i[~b].sum()),
            "unequal numbers",
        ),
        (lambda d, i, b: taken(d, i, b) + 1, "off by up to"),
        (lambda d, i, b: d[0][:2], "Expected shape (3,)"),
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


@pytest.mark.parametrize("check", ANSWERS, ids=lambda check: check.__name__)
def test_hints_come_in_levels(check, capsys):
    lengths = []
    for hint in (0, 1, 2, 3):
        assert not check(unfinished, hint=hint)
        printed = capsys.readouterr().out
        assert "give hint=1 in the call (up to 3)" in printed or hint
        lengths.append(len(printed))
    assert lengths[1] < lengths[2] < lengths[3]
