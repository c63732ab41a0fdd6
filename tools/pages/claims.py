"""The ledger of claims: what summaries and the introduction say, and what carries it.

    python -m tools.pages.claims           what is wrong with the ledger, a line each
    python -m tools.pages.claims --write   the page book/claims.md anew

book/claims.yml has an entry for every point of every `## Summary`. It says how the
point begins, which cells carry it, on which data and seeds, with which interval, and
what would refute it. A point without an entry, an entry without a point, a cell that is
not there, and an entry none of whose cells can fail are problems, and the tests fail on
them.

The introduction's points are its paragraphs and list items from the first to the table
of contents, which says what chapters hold and not what they found. Their cells are
chapter#cell, or a test of the project, file::name. For a paragraph that claims no
result the entry says why, under `none`.

As a Sphinx extension this gives the cells an address, and every point a link to its
line in the ledger.
"""

from __future__ import annotations

import html
import re
import sys
from pathlib import Path
from typing import NamedTuple

import yaml
from docutils import nodes
from sphinx.application import Sphinx

from tools.notebooks.book import BOOK, ROOT, code_cells, number, read, toc_notebooks
from tools.notebooks.rules import has_check

LEDGER, PAGE = BOOK / "claims.yml", BOOK / "claims.md"
SUMMARY = re.compile(r"^## Summary\s*\n(.*?)(?=^## |\Z)", re.M | re.S)
POINT = re.compile(r"^- (.*?)(?=^- |^\s*$|\Z)", re.M | re.S)
KEYS = {"says", "cells", "data", "seeds", "interval", "refuted"}
INTRO, CONTENTS = BOOK / "intro.md", "## The chapters"
BLOCK = re.compile(r"^```.*?^```$|^#.*?$", re.M | re.S)  # figures, and headings
ITEM = re.compile(r"(?:^|\n)(?:- |\d+\. )")
HEAD = """\
# Claims

Every point of the introduction and of every chapter's summary, and what carries it. A
point that is proved or computed says so; one that is measured names its data, its
seeds and its interval. The last words say what would refute it. The cells are linked;
at least one of them holds an assertion that can fail, the others may only show it.

This page is written from `book/claims.yml` by `python -m tools.pages.claims --write`.
A test fails on a point without an entry, on an entry without a point, on a cell that is
not there, and on an entry none of whose cells can fail.
"""


def anchor(chapter: str, point: int) -> str:
    """Where a chapter's point is on the page: chapter 03 and chapter 03b differ."""
    return f"claim-{number(chapter) or chapter[:2]}-{point}"


class Claim(NamedTuple):
    """One line of the ledger, with the point that it is about."""

    chapter: str  # stem of the notebook
    number: int  # of the point within its summary, from 1
    point: str  # as the chapter has it
    entry: dict

    @property
    def anchor(self) -> str:
        return anchor(self.chapter, self.number)


def points(path: Path) -> list[str]:
    """The points of a chapter's summary, as Markdown on one line each."""
    text = "\n\n".join(c.source for c in read(path).cells if c.cell_type == "markdown")
    found = SUMMARY.search(text)
    if not found:
        return []
    return [" ".join(point.split()) for point in POINT.findall(found[1] + "\n")]


def introduction(path: Path = INTRO) -> list[str]:
    """Paragraphs and list items of the introduction up to its table of contents."""
    text = path.read_text(encoding="utf-8").partition(CONTENTS)[0]
    found = [
        " ".join(item.split())
        for paragraph in re.split(r"\n\s*\n", BLOCK.sub("", text))
        for item in ITEM.split(paragraph)
    ]
    return [point for point in found if point]


def carriers(path: Path) -> dict[str, str]:
    """What may carry a point of a page: sources of cells and tests, by their names."""
    if path.suffix == ".ipynb":
        return {cell.id: cell.source for cell in code_cells(read(path))}
    found = {
        f"{chapter.stem}#{cell.id}": cell.source
        for chapter in toc_notebooks()
        for cell in code_cells(read(chapter))
    }
    for test in (ROOT / "tests").rglob("test_*.py"):
        source = test.read_text(encoding="utf-8")
        for name in re.findall(r"^def (test_\w+)", source, re.M):
            found[f"{test.relative_to(ROOT).as_posix()}::{name}"] = "assert name"
    return found


def pair(path: Path, entries: list[dict]) -> tuple[list[Claim], list[str]]:
    """A page's points with their entries, and what does not fit."""
    name, problems, claims = path.stem, [], []
    cells, left = carriers(path), list(entries)
    of_page = points(path) if path.suffix == ".ipynb" else introduction(path)
    for place, point in enumerate(of_page, 1):
        found = [e for e in left if point.startswith(str(e.get("says") or "\0"))]
        if len(found) != 1:
            what = "no entry" if not found else f"{len(found)} entries"
            problems.append(f"{name}: {what} for the point {point[:60]!r}")
            continue
        (entry,) = found
        left.remove(entry)
        if path.suffix == ".md" and entry.keys() == {"says", "none"} and entry["none"]:
            continue
        claims.append(Claim(name, place, point, entry))
        if entry.keys() != KEYS or not all(entry.values()):
            problems.append(f"{name}, {point[:40]!r}: needs {', '.join(sorted(KEYS))}")
            continue
        for cell in entry["cells"]:
            if cell not in cells:
                problems.append(f"{name}, {point[:40]!r}: there is no cell {cell!r}")
        if not any(has_check(cells.get(cell, "")) for cell in entry["cells"]):
            problems.append(f"{name}, {point[:40]!r}: none of its cells can fail")
    problems += [f"{name}: no point begins with {e.get('says')!r}" for e in left]
    return claims, problems


def ledger(path: Path = LEDGER) -> tuple[list[Claim], list[str]]:
    """All claims of the book in its order, and all problems."""
    entries = yaml.safe_load(path.read_text(encoding="utf-8"))
    claims, problems = [], []
    chapters = {page.stem: page for page in (INTRO, *toc_notebooks())}
    for name, chapter in chapters.items():
        of_chapter = pair(chapter, entries.get(name) or [])
        claims += of_chapter[0]
        problems += of_chapter[1]
    unknown = entries.keys() - chapters.keys()
    problems += [f"{name}: no such chapter" for name in sorted(unknown)]
    return claims, problems


def page(claims: list[Claim]) -> str:
    parts, chapter = [HEAD], None
    for claim in claims:
        if claim.chapter != chapter:
            chapter = claim.chapter
            title = chapter.replace("_", " ").capitalize()
            if number(chapter):
                title = f"Chapter {number(chapter)}"
            elif chapter == INTRO.stem:
                title = "The introduction"
            parts.append(f"\n## {title}\n")
        e = claim.entry
        cells = ", ".join(_link(chapter, cell) for cell in e["cells"])
        parts.append(
            f"({claim.anchor})=\n{claim.number}. {claim.point}\n\n"
            f"   *Carried by* {cells}. *Data:* {e['data']}. *Seeds:* {e['seeds']}. "
            f"*Interval:* {e['interval']}. *Refuted by:* {e['refuted']}.\n"
        )
    return "\n".join(parts)


def _link(chapter: str, cell: str) -> str:
    """To a cell of this chapter or of another; a test is named, not linked."""
    if "::" in cell:
        return f"`{cell}`"
    page, _, name = cell.rpartition("#")
    words = html.escape(f"{number(page) or page}, {name}" if page else name)
    return f'<a href="{page or chapter}.html#cell-{html.escape(name)}">{words}</a>'


def address_cells(app: Sphinx, doctree: nodes.document) -> None:
    """Give each code cell the address #cell-ID, and each point its link."""
    source = Path(app.env.doc2path(app.env.docname))
    if source.suffix != ".ipynb":
        return
    cells = read(source).cells
    for box in doctree.findall(nodes.container):
        if box.get("nb_element") == "cell_code":
            box["ids"].append(f"cell-{cells[box['cell_index']].id}")
    for section in doctree.findall(nodes.section):
        if section[0].astext() == "Summary":
            for listing in section.findall(nodes.bullet_list):
                for point, item in enumerate(listing, 1):
                    there = anchor(source.stem, point)
                    mark = f'<a class="claim" href="claims.html#{there}">evidence</a>'
                    item[-1] += nodes.raw("", f" {mark}", format="html")
                break


def setup(app: Sphinx) -> dict[str, object]:
    app.connect("doctree-read", address_cells)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def main(arguments: list[str]) -> int:
    new = arguments == ["--write"] and not PAGE.exists()
    if new:
        PAGE.touch()  # the table of contents may name it before it is there
    claims, problems = ledger()
    if problems and new:
        PAGE.unlink()
    print("\n".join(problems) or f"{len(claims)} claims, no orphans")
    if arguments == ["--write"] and not problems:
        PAGE.write_text(page(claims), encoding="utf-8")
    return bool(problems)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
