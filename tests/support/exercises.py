"""What the tests of several chapters' judges share."""

from collections.abc import Callable

import pytest


def cases(answers: dict[Callable, list], general: list) -> list:
    """(judge, answer, sentence) for each judge's own answers and those tried on all."""
    return [
        pytest.param(check, answer, sentence, id=f"{check.__name__}-{i}")
        for check, own in answers.items()
        for i, (answer, sentence) in enumerate([*own, *general])
    ]


def says(check: Callable, answer: Callable, sentence: str, capsys) -> None:
    """A judge prints one line with this sentence, and knows whether it is right."""
    assert check(answer) is (sentence == "Right.")
    printed = capsys.readouterr().out
    assert sentence in printed and printed.count("\n") == 1
