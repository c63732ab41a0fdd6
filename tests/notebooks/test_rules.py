"""Each rule of tools.notebooks.rules passes a good chapter, fails a broken one."""

import base64
import io

import matplotlib.pyplot as plt
import pytest
from nbformat.v4 import new_markdown_cell, new_notebook, new_output

from equivae_lite import REPOSITORY
from tests.support.notebooks import code, save
from tools.notebooks import bootstrap, normal_form, reading, rules

EQUATIONS = """\
$$
a = b
$$ (eq-dollars)

```{math}
:label: eq-directive
c = d
```

\\begin{equation}\\label{eq-tex}
e = f
\\end{equation}

An inline $$(x+1)^2$$ has no label, nor has what is in a code block:

```
$$ x $$ (eq-quoted)
```
"""


def checks(*labels, source="assert 1 + 1 == two", count=1):
    return [code(source, f"check:{x}", id=x, count=count) for x in labels]


LABELS = ("eq-dollars", "eq-directive", "eq-tex")


def test_ledger_passes(tmp_path):
    assert rules.equation_labels(EQUATIONS.replace("(eq-quoted)", "")) != []
    page = tmp_path / "p.md"
    page.write_text(EQUATIONS, encoding="utf-8")
    path = save(
        tmp_path / "a.ipynb",
        new_markdown_cell("$$ x $$ (eq-own)"),
        *checks(*LABELS),
        *checks("eq-own", source="torch.testing.assert_close(a, b)"),
    )
    assert rules.ledger([page, path]) == []


@pytest.mark.parametrize(
    ("cells", "problem"),
    [
        (checks(*LABELS[1:]), "equation eq-dollars has no executed check"),
        (checks(*LABELS, "eq-none"), "check:eq-none has no equation"),
        (checks(*LABELS[:2]) + checks("eq-tex", source="print(1)"), "asserts nothing"),
        (checks(*LABELS[:2]) + checks("eq-tex", source="assert True"), "asserts noth"),
        (checks(*LABELS[:2]) + checks("eq-tex", count=None), "was not executed"),
        (
            [*checks(*LABELS), new_markdown_cell("$$ x $$ (eq-tex)")],
            "eq-tex is in a.ipynb too",
        ),
        ([*checks(*LABELS), new_markdown_cell("$$ x $$ (elbo)")], "begin it eq-"),
    ],
)
def test_ledger_fails(tmp_path, cells, problem):
    path = save(tmp_path / "a.ipynb", new_markdown_cell(EQUATIONS), *cells)
    assert any(problem in p for p in rules.ledger([path]))


ASK = "```{exercise-start} Try\n:label: ex-a\n```\n"
ASKED = "```{exercise-end}\n```\n"
SOLVE = "```{solution-start} ex-a\n:class: dropdown\n```\n"
SOLVED = "```{solution-end}\n```\n"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (ASK + ASKED + SOLVE + SOLVED, None),
        ("````{exercise}\n:label: ex-a\nTry.\n````\n" + SOLVE + SOLVED, None),
        (ASK + ASKED, "exercise ex-a has no solution"),
        (SOLVE + SOLVED, "no such exercise"),
        (ASK + ASKED + SOLVE, "solution-start is never closed"),
        (ASK + SOLVE + SOLVED + ASKED, "exercise-start is not closed before"),
        (ASK + ASKED + SOLVED + SOLVE + SOLVED, "solution-end closes nothing"),
        (ASK + SOLVED + SOLVE + SOLVED, "closes nothing (open: exercise)"),
        (ASK + ASKED + SOLVE.replace(":class: dropdown\n", "") + SOLVED, "not folded"),
        (ASK.replace(":label: ex-a\n", "") + ASKED, "without a label"),
    ],
)
def test_exercises(tmp_path, text, problem):
    (tmp_path / "a.md").write_text(text, encoding="utf-8")
    problems = rules.exercises(tmp_path / "a.md")
    assert problems == [] if problem is None else any(problem in p for p in problems)


ALT = "A row of ten grey digits, each drawn in five different slants."
ERROR = new_output("error", ename="E", evalue="e", traceback=["E: e"])
GOOD_FIGURE = {"image": {"alt": ALT}, "figure": {"caption": "Ten digits."}}


def png(transparent=False):
    figure = plt.figure(figsize=(0.2, 0.2))
    buffer = io.BytesIO()
    figure.savefig(buffer, transparent=transparent)
    plt.close(figure)
    return base64.b64encode(buffer.getvalue()).decode()


def figure_output(**options):
    return new_output("display_data", {"image/png": png(**options)})


@pytest.mark.parametrize(
    ("cell", "problem"),
    [
        (code("x = 1"), None),
        (code("x = 1", count=None), "was not executed"),
        (code("x = 1" + "0" * 68), "wider than 72 columns in line(s) [1]"),
        (code("x = 1\nx;"), "ends in a semicolon"),
        (code("y = 2\nx = 1" + "0" * 67), None),
        (code("x = 1", "nbval-ignore-output"), "asserts nothing"),
        (code("x = 1", "nbval-ignore-output", "setup"), "asserts nothing"),
        (code("x = 1\nassert x", "nbval-ignore-output"), None),
        (code("x = 1", "nbval-skip"), "unknown tag 'nbval-skip'"),
        (code("x = 1", "nbval-ignore-outputs"), "unknown tag"),
        (code("x = 1", "chek:eq-a"), "unknown tag"),
        (code("# NBVAL_IGNORE_OUTPUT\nx = 1"), "by a comment"),
        (code("1 / 0", outputs=[ERROR]), "stores an error"),
        (code("1 / 0", "raises-exception", outputs=[ERROR]), None),
        (code("1 / 1", "raises-exception"), "raised nothing"),
        (
            code(
                "x",
                outputs=[new_output("stream", text="/".join(["see ", "home", "me"]))],
            ),
            "path of one machine",
        ),
        (
            code(
                "f()",
                "raises-exception",
                outputs=[
                    new_output(
                        "error", traceback=["\x1b[32m" + "/".join(["", "root", "x"])]
                    )
                ],
            ),
            "path of one machine",
        ),
        (code("draw()", outputs=[figure_output()], **GOOD_FIGURE), None),
        (code("draw()", outputs=[figure_output()]), "alt text"),
        (
            code("draw()", outputs=[figure_output()], image={"alt": ALT}),
            "no caption",
        ),
        (
            code(
                "draw()",
                outputs=[figure_output()],
                image={"alt": "../_images/" + 40 * "a" + ".png"},
                figure={"caption": "Ten digits."},
            ),
            "alt text",
        ),
        (
            code("draw()", outputs=[figure_output(transparent=True)], **GOOD_FIGURE),
            "not opaque",
        ),
        (code("draw()", outputs=[figure_output()] * 2, **GOOD_FIGURE), "2 figures"),
    ],
)
def test_cells(cell, problem):
    problems = rules.cells(new_notebook(cells=[code("a = 1"), cell]))
    assert problems == [] if problem is None else any(problem in p for p in problems)


def test_only_the_first_cell_is_exempt():
    first = code("x = 1", "nbval-ignore-output", "setup")
    assert rules.cells(new_notebook(cells=[first])) == []
    untagged = code("x = 1", "nbval-ignore-output")
    assert rules.cells(new_notebook(cells=[untagged])) != []


LINES = "x = 1" + "\nx = 1" * (reading.OPEN_LINES - 1)


@pytest.mark.parametrize(
    ("source", "tag", "long"),
    [
        (LINES, None, False),
        (LINES + "\n\n", None, False),
        (LINES + "\nx = 1", None, True),
        (LINES.replace("\n", "\n\n"), None, False),  # blank lines do not count
        *[(LINES + "\nx = 1", f"{verb}-{what}", what == "output")
          for verb in ("hide", "remove") for what in ("input", "cell", "output")],
    ],
)  # fmt: skip
def test_open_code_is_short(source, tag, long):
    cell = code(source, *([tag] if tag else []), id="here")
    problems = reading.long_cells(new_notebook(cells=[cell]))
    assert len(problems) == long and all("cell here" in p for p in problems)


def test_a_solution_is_folded_already():
    start = new_markdown_cell("```{solution-start} ex-a\n:class: dropdown\n```")
    end = new_markdown_cell("```{solution-end}\n```")
    long = LINES + "\nx = 1"
    cells = [start, code(long, id="inside"), end, code(long, id="after")]
    (problem,) = reading.long_cells(new_notebook(cells=cells))
    assert "cell after" in problem


@pytest.mark.parametrize(
    ("tags", "mystnb", "problem"),
    [
        (["hide-input"], {"code_prompt_show": "f against g: within 0.1"}, False),
        (["hide-input"], {}, True),
        (["hide-cell"], {}, True),
        (["hide-input"], {"code_prompt_show": " "}, True),
        (["hide-input", "setup"], {}, False),
        ([], {}, False),
    ],
)
def test_a_fold_says_what_is_in_it(tags, mystnb, problem):
    cell = code("x = 1", *tags, id="here", **mystnb)
    problems = reading.unnamed_folds(new_notebook(cells=[cell]))
    assert len(problems) == problem and all("cell here" in p for p in problems)


def test_bootstrap_rule():
    notebook = bootstrap.new_notebook("01_x.ipynb", "Title", data="mnist")
    assert rules.bootstrap(notebook) == []
    assert rules.addresses(normal_form.text_of(notebook), "01_x.ipynb") == []
    assert max(map(len, bootstrap.BOOTSTRAP.split("\n"))) <= rules.COLUMNS
    notebook.cells[1].source += "\nprint(1)"
    assert rules.bootstrap(notebook) != []
    assert rules.bootstrap(new_notebook()) != []


HUB = "https://github.com/"
COLAB_HUB = "https://colab.research.google.com/github/"


@pytest.mark.parametrize(
    ("text", "good"),
    [
        (REPOSITORY + ".git", True),
        (HUB + "pytorch/pytorch", True),
        (HUB + "someone/" + "equivae-lite", False),
        (HUB + "equivae-lite/" + "equivae", False),
        (COLAB_HUB + "someone/" + "equivae-lite/blob/x", False),
        ("https://someone.github.io/" + "equivae-lite/", False),
        ("https://equivae-lite.github.io/equivae-lite/", True),
    ],
)
def test_addresses(text, good):
    assert (rules.addresses(text) == []) is good


def test_a_chapter_links_to_itself_on_colab():
    own = bootstrap.colab_link("01_x.ipynb")
    assert rules.addresses(f"[x]({own})", "01_x.ipynb") == []
    assert rules.addresses(f"[x]({own})", "02_y.ipynb") != []
    assert rules.addresses("no badge", "01_x.ipynb") != []


@pytest.mark.parametrize(
    ("head", "problem"),
    [
        ("**Reading time** about 3 minutes.", ""),
        ("**Reading time** about 9 minutes.", "its words take 3"),
        ("**Running time** about 3 minutes.", "does not say"),
    ],
)
def test_reading_time(head, problem):
    words = "word " * 600 + "\n$$ " + "x " * 900 + "$$\n"
    cells = [new_markdown_cell(head), new_markdown_cell(words), code("a " * 900)]
    found = " ".join(reading.reading_time(new_notebook(cells=cells)))
    assert bool(found) == bool(problem) and problem in found
