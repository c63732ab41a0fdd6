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
        (lambda x: 2 * x.float(), True, "Right."),
        (lambda x: 2 * x[:, None].float(), True, "Its shape is (2, 1): squeeze it"),
        (lambda x: (2 * x).numpy(), True, "Right."),
        (lambda x: (2 * x).tolist(), True, "Right."),
        (lambda x: list(2 * x), True, "Right."),
        (lambda x: (2 * x + 1e-5).float(), True, "float32 rounding"),
        (lambda x: 2 * x + 1e-7, True, "float32 rounding"),
        (lambda x: 2 * x + 1e-5, False, "off by up to 0.000010"),
        (lambda x: 2 * x + 1e-2, False, "off by up to 0.010000"),
        (lambda x: torch.tensor([2.0, 4.0]), False, "wrong for others"),
        (lambda x: 2 * x / 0, False, "an entry is infinite"),
        (lambda x: ["two"], False, "your answer is a list"),
        (lambda x: "two", False, "your answer is a str"),
        (lambda x: x @ torch.ones(3, 3), False, "Your code stopped with RuntimeError"),
        (lambda x: x * float("nan"), False, "Not yet"),
    ],
)
def test_judge(answer, right, sentence, capsys):
    wrong = [(torch.tensor([1.0, 2.0]), "Half.")]
    again = [((5 * ARGUMENTS[0],), 5 * RIGHT)]
    made = judge(answer, ARGUMENTS, RIGHT, wrong, start="double it", again=again)
    assert made is right
    printed = capsys.readouterr().out
    assert sentence in printed and printed.count("\n") == 1
