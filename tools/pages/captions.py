"""Sphinx extension: captions and numbers for the tables that cells print.

A figure has its caption in the metadata of its cell, and so has a table:
`"mystnb": {"table": {"caption": "…"}}`. Formulas in it stand between single dollars.
The table is then numbered within its chapter, and has the address #table-ID of its
cell; a cell that prints several has a list of captions, and #table-ID-2 for the second.
"""

from __future__ import annotations

import re
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx

from tools.notebooks.book import read

FORMULA = re.compile(r"\$([^$]+)\$")
MARKS = re.compile(r"[`*{}]|\]\(")  # of Markdown: a caption would show them


def inline(text: str) -> list[nodes.Node]:
    """Words and formulas of a caption. ValueError for other marks of Markdown."""
    parts = FORMULA.split(text)
    if marks := MARKS.search(" ".join(parts[::2])):
        raise ValueError(f"a caption has words and formulas only, no {marks[0]}: "
                         + text)  # fmt: skip
    return [
        nodes.math("", part) if place % 2 else nodes.Text(part)
        for place, part in enumerate(parts) if part
    ]  # fmt: skip


def put(box: nodes.Element, captions: str | list[str], anchor: str) -> bool:
    """Give the tables of a cell their captions; False where there are fewer tables."""
    captions = [captions] if isinstance(captions, str) else captions
    tables = list(box.findall(nodes.table))
    for number, (table, caption) in enumerate(zip(tables, captions), start=1):
        table.insert(0, nodes.title("", "", *inline(caption)))
        table["ids"].append(anchor if number == 1 else f"{anchor}-{number}")
    return len(tables) >= len(captions)


def on_read(app: Sphinx, doctree: nodes.document) -> None:
    source = Path(app.env.doc2path(app.env.docname))
    if source.suffix != ".ipynb":
        return
    cells = read(source).cells
    for box in doctree.findall(nodes.container):
        if box.get("nb_element") != "cell_code":
            continue
        cell = cells[box["cell_index"]]
        caption = cell.metadata.get("mystnb", {}).get("table", {}).get("caption")
        if caption and not put(box, caption, f"table-{cell.id}"):
            raise ValueError(f"{source.name}, cell {cell.id}: a caption and no table")


def setup(app: Sphinx) -> dict[str, object]:
    app.connect("doctree-read", on_read, priority=400)  # numbers.py makes "(4)" a link
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
