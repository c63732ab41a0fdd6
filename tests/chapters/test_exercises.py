"""The judge of the exercises says one sentence, whatever it is given."""

import pytest
import torch

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
        (lambda x: "two", False, "your answer is a str"),
        (lambda x: x @ torch.ones(3, 3), False, "Your code stopped with RuntimeError"),
        (lambda x: x * float("nan"), False, "Not yet"),
    ],
)
def test_judge(answer, right, sentence, capsys):
    wrong = [(torch.tensor([1.0, 2.0]), "Half.")]
    assert judge(answer, ARGUMENTS, RIGHT, wrong, start="double it") is right
    printed = capsys.readouterr().out
    assert sentence in printed and printed.count("\n") == 1
