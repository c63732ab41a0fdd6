"""Rules on what a reader sees of a chapter: open code, folds, the time it takes.

Each takes a notebook and returns what is wrong with it, as those of `rules`.
"""

from __future__ import annotations

import re

from nbformat import NotebookNode

from tools.notebooks.book import code_cells, tags

WORDS_A_MINUTE = 200
OPEN_LINES = 15  # of a cell whose code stands open; longer code is folded, or split


def _stands_open(cell: NotebookNode) -> bool:
    hiding = {f"{verb}-{what}" for verb in ("hide", "remove")
              for what in ("input", "cell")}  # fmt: skip
    return not hiding & set(tags(cell))


def long_cells(notebook: NotebookNode) -> list[str]:
    """Code cells that stand open and have more lines than a reader takes in at once.

    Blank lines do not count, nor does what is folded with the solution of an exercise.
    """
    counts, in_solution = {}, False
    for cell in notebook.cells:
        if cell.cell_type == "markdown":  # the last word in it counts
            starts, ends = (cell.source.rfind(f"{{solution-{word}}}")
                            for word in ("start", "end"))  # fmt: skip
            in_solution = starts > ends if starts != ends else in_solution
        elif cell.cell_type == "code" and not in_solution and _stands_open(cell):
            lines = cell.source.splitlines()
            counts[cell.id] = sum(bool(line.strip()) for line in lines)
    return [
        f"cell {cell} stands open with {count} lines, more than {OPEN_LINES}: fold it "
        "(hide-input), split it, or move what only draws into the package"
        for cell, count in counts.items()
        if count > OPEN_LINES
    ]


def unnamed_folds(notebook: NotebookNode) -> list[str]:
    """Folded cells whose one open line does not say what is in the fold."""
    return [
        f"cell {cell.id} is folded without mystnb.code_prompt_show: say in one line "
        "what was compared with what, and how closely it agreed"
        for cell in code_cells(notebook)
        if {"hide-input", "hide-cell"} & set(tags(cell))
        and "setup" not in tags(cell)  # tools/pages/folds.py has the words for it
        and not cell.metadata.get("mystnb", {}).get("code_prompt_show", "").strip()
    ]


def reading_time(notebook: NotebookNode) -> list[str]:
    """The reading time at the head is that of the words: 200 a minute, within a third.

    Displayed equations, code and what it prints are not counted.
    """
    texts = [c.source for c in notebook.cells if c.cell_type == "markdown"]
    words = re.sub(r"\$\$.*?\$\$", "", " ".join(texts), flags=re.DOTALL).split()
    counted = len(words) / WORDS_A_MINUTE
    said = re.search(r"\*\*Reading time\*\* about (\d+) minutes", texts[0])
    if said is None:
        return [f"the head does not say **Reading time** about {counted:.0f} minutes"]
    if abs(int(said[1]) - counted) > counted / 3:
        return [f"the head says {said[1]} minutes, its words take {counted:.0f}"]
    return []
