"""The judge of the exercises says one sentence, whatever it is given."""

import importlib
import pkgutil

import pytest
import torch

from equivae_lite.chapters import exercises
from equivae_lite.chapters.exercises import judge

ARGUMENTS = (torch.tensor([1.0, 2.0], dtype=torch.float64),)
RIGHT = torch.tensor([2.0, 4.0])


@pytest.mark.parametrize(
    ("answer", "right", "sentence"),
    [
        (lambda x: 2 * x, True, "Right."),
        (lambda x: x, False, "Not yet. Half."),
        (lambda x: x + 7, False, "off by up to 6.000000. Hint: double it"),
        (lambda x: None, False, "Not written yet. Hint: double it"),
        (lambda x: ..., False, "Not written yet. Hint: double it"),
        (lambda x: (2 * x).sum(), False, "Expected shape (2,)"),
        (lambda x: 2 * x.float(), True, "Right."),
        (lambda x: (2 * x).numpy(), True, "Right."),
        (lambda x: (2 * x).tolist(), True, "Right."),
        (lambda x: list(2 * x), True, "Right."),
        (lambda x: 2 * x + 1e-5, False, "off by up to 0.000010"),
        (lambda x: 2 * x + 1e-2, False, "off by up to 0.010000"),
        (lambda x: torch.tensor([2.0, 4.0]), False, "but not for others"),
        (lambda x: 2 * x / 0, False, "infinite"),
        (lambda x: ["two"], False, "your answer is a list"),
        (lambda x: "two", False, "your answer is a str"),
        (lambda x: x @ torch.ones(3, 3), False, "Your code stopped with RuntimeError"),
        (lambda x: x * float("nan"), False, "Not yet"),
    ],
)
def test_judge(answer, right, sentence, capsys):
    wrong = [(torch.tensor([1.0, 2.0]), "Half.")]
    again = [((5 * ARGUMENTS[0],), 5 * RIGHT)]
    made = judge(answer, ARGUMENTS, RIGHT, wrong, start="double it", more=again)
    assert made is right
    printed = capsys.readouterr().out
    assert sentence in printed and printed.count("\n") == 1


LEVELS = ("push", "formula")


@pytest.mark.parametrize(
    ("answer", "right", "sentence"),
    [
        (lambda x: 2 * x + 1e-7, True, "which is float32"),
        (lambda x: (2 * x).numpy(), True, "Right."),
        (lambda x: (2 * x).tolist(), True, "Right."),
        (lambda x: [2 * x[0], 2 * x[1]], True, "Right."),
        (lambda x: (2 * x)[:, None], False, "drop the axis of length 1"),
        (lambda x: x[:, None], False, "Not yet. Half. (hint=1 in the call has more.)"),
        (lambda x: (-x).log(), False, "nan, not a number. Usually that is the logari"),
        (lambda x: x.float() + 1e-8, False, "Not yet. Half."),
        (lambda x: x * float("nan"), False, "2 of 2 numbers are nan"),
        (lambda x: x / 0, False, "infinite"),
        (lambda x: 2 * x + 1, True, "Right. One more."),
        (lambda x: torch.tensor([2.0, 4.0]), False, "but not for others"),
        (lambda x: 2 * x[:2] + 0.001, False, "off by up to 0.001000. For a hint"),
    ],
)
def test_what_is_accepted_and_what_is_told(answer, right, sentence, capsys):
    wrong = [(torch.tensor([1.0, 2.0]), "Half.")]
    also = [(torch.tensor([3.0, 5.0]), "One more.")]
    more = [] if "One" in sentence else [((ARGUMENTS[0] + 1,), [4.0, 6.0])]
    given = {"start": LEVELS, "also": also, "more": more}
    assert judge(answer, ARGUMENTS, RIGHT, wrong, **given) is right
    printed = capsys.readouterr().out
    assert sentence in printed and printed.count("\n") == 1


@pytest.mark.parametrize("level", range(3))
def test_hints_come_in_levels(level, capsys):
    judge(lambda x: None, ARGUMENTS, RIGHT, start=LEVELS, hint=level)
    printed = capsys.readouterr().out
    assert [word in printed for word in LEVELS] == [level >= 1, level >= 2]


@pytest.mark.parametrize("level", range(3))
def test_a_hint_is_named_beside_a_slip(level, capsys):
    """Without one it is said how to get it; one that was asked for stands there."""
    wrong = [(torch.tensor([1.0, 2.0]), "Half.")]
    assert not judge(lambda x: x, ARGUMENTS, RIGHT, wrong, start=LEVELS, hint=level)
    printed = capsys.readouterr().out
    assert printed.startswith("Not yet. Half.") and printed.count("\n") == 1
    assert ("hint=1 in the call" in printed) == (level == 0)
    assert [word in printed for word in LEVELS] == [level >= 1, level >= 2]


def test_a_number_may_have_an_axis(capsys):
    assert judge(lambda: torch.ones(1, 1), (), 1.0, start="one") is True
    assert capsys.readouterr().out == "Right.\n"


JUDGES = [
    getattr(chapter, name)
    for info in pkgutil.iter_modules(exercises.__path__)
    for chapter in [importlib.import_module(f"{exercises.__name__}.{info.name}")]
    for name in vars(chapter)
    if name.startswith("check_")
]


@pytest.mark.parametrize("check", JUDGES, ids=lambda check: check.__name__)
def test_every_judge_has_hints_in_levels_and_the_starter_prints_none(check, capsys):
    assert len(JUDGES) > 30
    said = []
    for level in range(4):
        assert check(lambda *_: None, hint=level) is False
        said.append(capsys.readouterr().out.strip())
    assert said[0].startswith("Not written yet. For a hint, give hint=1 in the call")
    assert len({*said}) == 4 and "Hint" not in said[0]
    assert said[2].startswith(said[1]) and said[3].startswith(said[2])
    assert not any(sign in said[1] for sign in "·Σ½") and "log sum" not in said[1]
