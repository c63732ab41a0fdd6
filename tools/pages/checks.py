"""Sphinx extension: from each equation to the code that checks it, and back.

A labelled equation has a cell tagged check:eq-… (tools/notebooks/rules.py sees to it).
The mark beside the equation's number leads to that cell, whose fold opens
(book/_static/code.js); a line above the cell leads back to the equation.
"""

from __future__ import annotations

import re
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.util.osutil import relative_uri

from tools.notebooks.book import ROOT, code_cells, read, tags, toc_notebooks
from tools.notebooks.rules import CHECK
from tools.pages.numbers import EQUATION

NUMBER = re.compile(r'id="equation-(eq-[\w-]+)">\s*<span class="eqno">\([\db.]+\)')
CELL = re.compile(r'<div class="cell\b[^>]* id="cell-([\w-]+)">\n')
PAIR = tuple[str, str]  # a document, and the id of a cell or the label of an equation


def pairs(root: Path = ROOT) -> tuple[dict[str, list[PAIR]], dict[PAIR, list[str]]]:
    """The cells that check each equation, and the equations that each cell checks."""
    checked: dict[str, list[PAIR]] = {}
    checks: dict[PAIR, list[str]] = {}
    for path in toc_notebooks(root):
        docname = path.relative_to(root).with_suffix("").as_posix()
        for cell in code_cells(read(path)):
            labels = [t.removeprefix(CHECK) for t in tags(cell) if t.startswith(CHECK)]
            for label in labels:
                checked.setdefault(label, []).append((docname, cell.id))
            if labels:
                checks[docname, cell.id] = labels
    return checked, checks


def mark(
    body: str,
    here: str,
    checked: dict[str, list[PAIR]],
    checks: dict[PAIR, list[str]],
    numbers: dict[str, tuple[str, str]],
) -> str:
    """A page with its marks.

    `numbers` has the address and the number of each labelled equation. An address is
    that of a page as Sphinx has it; links are made relative to the page `here`.
    """

    def to_check(match: re.Match) -> str:
        number = numbers[match[1]][1]
        links = "".join(
            f'<a class="to-check" href="{relative_uri(here, f"{docname}.html")}'
            f'#cell-{cell}" title="The code that checks this equation" '
            f'aria-label="The code that checks equation {number}">✓</a>'
            for docname, cell in checked.get(match[1], [])
        )
        return match[0] + links

    def back(match: re.Match) -> str:
        labels = checks.get((here.removesuffix(".html"), match[1]))
        if not labels:
            return match[0]
        links = ", ".join(
            f'<a class="reference internal" href="{relative_uri(here, page)}'
            f'#equation-{label}">({number})</a>'
            for label in labels
            for page, number in [numbers[label]]
        )
        return f'{match[0]}<p class="checks">checks {links}</p>\n'

    return CELL.sub(back, NUMBER.sub(to_check, body))


def find(app: Sphinx) -> None:
    app.equivae_checks = pairs(Path(app.srcdir))


def add(app: Sphinx, page: str, template: str, context: dict, doctree) -> None:
    if app.builder.name != "html" or doctree is None:
        return
    numbers = {}
    for docname, kinds in app.env.toc_fignumbers.items():
        for anchor, number in kinds.get(EQUATION, {}).items():
            label = anchor.removeprefix("equation-")
            address = app.builder.get_target_uri(docname)
            numbers[label] = (address, ".".join(map(str, number)))
    here = app.builder.get_target_uri(page)
    context["body"] = mark(context["body"], here, *app.equivae_checks, numbers)


def setup(app: Sphinx) -> dict[str, object]:
    app.connect("builder-inited", find)
    # After the words "of the paper", which stand beside a bare number.
    app.connect("html-page-context", add, priority=600)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
