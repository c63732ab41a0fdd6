"""Classic errors are planted in the mathematics: the book's own checks must notice."""

import pytest

from tools.planted import mutants
from tools.planted.errors import MUTANTS
from tools.planted.mutant import Mutant
from tools.planted.mutants import Outcome

pytestmark = pytest.mark.slow


def test_planted_errors_are_caught_and_the_page_says_by_what():
    """Every third; all, in two minutes: python -m tools.planted.mutants --write."""
    some = MUTANTS[::3]
    found, unchanged = mutants.plant(some)
    assert [o for o in unchanged if o.error] == []
    survivors = {n: o[-1] for n, o in found.items() if not mutants.caught(o)}
    assert survivors == {}
    on_page = mutants.stored_table().splitlines()
    for mutant in some:
        assert mutants.row(mutant, found[mutant.name]) in on_page, (
            "run `python -m tools.planted.mutants --write`"
        )


def test_the_page_has_every_error():
    on_page = [r for r in mutants.stored_table().splitlines() if "<a href=" in r]
    slips = [shown.removeprefix("| ").partition(" | ")[0] for shown in on_page]
    assert sorted(slips) == sorted(m.slip.replace("|", r"\|") for m in MUTANTS)


def test_there_are_enough_and_all_differ():
    assert len(MUTANTS) >= 60
    trained = ("training.", "model.equivae", "model.networks")
    assert 3 * sum(m.module.startswith(trained) for m in MUTANTS) >= len(MUTANTS)
    assert len({m.name for m in MUTANTS}) == len({m.slip for m in MUTANTS})
    assert len({m.name for m in MUTANTS}) == len(MUTANTS)
    sources = {(m.module, mutants.mutated(m)) for m in MUTANTS}
    assert len(sources) == len(MUTANTS)
    for mutant in MUTANTS:
        compile(mutants.mutated(mutant), mutant.name, "exec")
        # Named by the function that holds the line.
        head = mutants.mutated(mutant).partition(mutant.new)[0]
        owner = head.rpartition("def ")[2].partition("(")[0]
        assert owner == mutant.function.rpartition(".")[2], mutant.name


def harmless(**changes):
    settings = {
        "name": "harmless", "slip": "none", "module": "model.bounds",
        "function": "labelled_bound", "old": "return log_lik - kl",
        "new": "return -kl + log_lik", "chapters": ("03",),
    }  # fmt: skip
    return Mutant(**settings | changes)


def test_a_harmless_change_is_not_caught():
    found, unchanged = mutants.plant([harmless()])
    assert found == {"harmless": [Outcome("03")]}
    assert not mutants.caught(found["harmless"]) and unchanged == []


def test_a_crash_does_not_count_as_caught():
    found, _ = mutants.plant([harmless(new="return log_lik - no_such_name")])
    last = found["harmless"][-1]
    assert last.error == "NameError" and not mutants.caught([last])


def test_a_line_that_is_gone_is_an_error():
    with pytest.raises(ValueError, match="is 0 times in .*bounds.py"):
        mutants.mutated(harmless(old="return log_lik / kl"))


@pytest.mark.parametrize(
    ("given", "words"),
    [(["kl-hlaf"], "called kl-hlaf"), (["--write", "kl-half"], "give no names")],
)
def test_a_command_that_would_do_nothing_is_refused(given, words, capsys):
    with pytest.raises(SystemExit) as refused:
        mutants.main(given)
    assert refused.value.code == 2 and words in capsys.readouterr().err
