"""Of a chapter's cells, those that a check needs; and the statement that stopped it."""

import pytest
from nbformat.v4 import new_code_cell, new_notebook

from tools.planted.slices import LETTERS, names, script, statement

CELLS = {
    "imports": "import math",
    "numbers": "a, b = 1, 2",
    "unused": "c = 3",
    "function": "def twice(x):\n    y = 2 * x\n    return y + b",
    "again": "b = 5",
    "loop": "for x in range(3):\n    total = twice(x)",
    "check": "assert total == math.prod([4]) + b",
    "after": "assert c == 3",
}


def notebook(**changes):
    cells = [new_code_cell(s, id=i) for i, s in (CELLS | changes).items()]
    return new_notebook(cells=cells)


def ids(cells):
    return [cell.id for cell, _ in cells]


def test_a_check_with_what_it_needs():
    found = script(notebook(), ["check"])
    # `numbers` too: a function may read b before it is bound anew.
    assert ids(found) == [i for i in CELLS if i not in ("unused", "after")]
    namespace: dict = {}
    for _, source in found:
        exec(source, namespace)


def test_two_checks_and_an_unknown_one():
    assert "unused" in ids(script(notebook(), ["check", "after"]))
    with pytest.raises(ValueError, match="no code cell is called chekc"):
        script(notebook(), ["chekc"])


def test_a_whole_chapter_up_to_its_last_check():
    assert ids(script(notebook(after="c = 4"))) == [*CELLS][:-1]
    assert ids(script(notebook())) == [*CELLS]
    assert script(new_notebook(cells=[new_code_cell("x = 1")])) == []


@pytest.mark.parametrize(
    ("source", "bound", "read"),
    [
        ("p = p | q", {"p"}, {"p", "q"}),
        ("q = 1\np = q", {"p", "q"}, set()),
        ("def f(a, *, b=c):\n    d = a + e\n    return d", {"f"}, {"c", "e"}),
        ("[x * k for x in xs]", {"x"}, {"k", "xs"}),
        ("for i in items:\n    z = step(z, i)", {"i", "z"}, {"items", "step", "z"}),
        ("g = lambda u: u + v", {"g"}, {"v"}),
        ("from a import b as c, d", {"c", "d"}, set()),
    ],
)
def test_names(source, bound, read):
    assert names(source) == (bound, read)


def test_the_innermost_statement():
    source = "for i in range(3):\n    ok(\n        i)\n    assert i < 2, i\nend()"
    assert statement(source, 3) == "ok(i)"
    assert statement(source, 4) == "assert i < 2, i"
    assert statement(source, 9) == ""
    long = statement(f"assert {' + '.join('abcdefgh' * 9)}", 1)
    assert len(long) == LETTERS and long.endswith("…")
