"""Errors of wiring are planted; the test that is named beside each notices it.

Here some of them, in a minute; all: python -m tests.training.wiring_errors.
"""

import re
from dataclasses import replace

import pytest

from tests.training import wiring_errors
from tests.training.wiring_errors import ERRORS, ROOT

NAMED = 7  # those that once survived
SOME = (*ERRORS[:NAMED], *ERRORS[NAMED::16])


def test_there_are_enough_and_all_differ():
    assert len(ERRORS) >= NAMED + 20
    assert len({e.name for e in ERRORS}) == len({e.slip for e in ERRORS}) == len(ERRORS)
    texts = {(e.path, wiring_errors.planted(e)) for e in ERRORS}
    assert len(texts) == len(ERRORS)
    for e in ERRORS:
        if e.path.endswith(".py"):
            compile(wiring_errors.planted(e), e.name, "exec")


def test_every_error_names_a_test_that_is_there():
    for e in ERRORS:
        path, _, name = e.test.partition("::")
        text = (ROOT / path).read_text(encoding="utf-8")
        function = re.escape(name.partition("[")[0])
        assert re.search(rf"^def {function}\(", text, re.MULTILINE), e.test


@pytest.mark.slow
def test_some_of_the_errors_are_noticed():
    found, whole = wiring_errors.hunt(SOME)
    assert whole[1] == [], "fails without any error"
    not_tried = {n for n, outcome in found.items() if wiring_errors.skipped(outcome)}
    assert all(name.startswith("browser") for name in not_tried)
    survivors = {
        name: outcome
        for name, outcome in found.items()
        if name not in not_tried and not wiring_errors.killed(outcome)
    }
    assert survivors == {}


@pytest.mark.slow
def test_neither_a_harmless_change_nor_a_crash_counts():
    error = next(e for e in ERRORS if e.name == "pixels-of-test")
    same = replace(error, name="harmless", new=error.old)
    crash = replace(error, name="crash", new="pixels = no_such_name\n        state")
    found, whole = wiring_errors.hunt([same, crash])
    assert found["harmless"] == (1, []) and found["crash"] == (1, ["NameError"])
    assert not any(wiring_errors.killed(outcome) for outcome in found.values())
    assert whole == (1, [])


def test_a_line_that_is_gone_is_an_error():
    with pytest.raises(ValueError, match="is 0 times in .*loop.py"):
        wiring_errors.planted(replace(ERRORS[0], old="no such line"))
