"""Where the book's pages are, and what stands in their cells."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import nbformat
import yaml
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parents[2]
BOOK = ROOT / "book"
# Chapters are numbered by their files; 03b came between 03 and 04 when these had links.
NUMBER = re.compile(r"(\d\d[a-z]?)_")


def number(name: str) -> str:
    """The number that a chapter's file name begins with, "03" or "03b"; else ""."""
    found = NUMBER.match(name)
    return found[1] if found else ""


def toc_entries(root: Path = ROOT) -> list[str]:
    """The documents of `_toc.yml`, root first, as it names them (no suffix)."""
    toc = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))

    def walk(node: object) -> Iterator[str]:
        if isinstance(node, dict):
            for key in ("root", "file"):
                if key in node:
                    yield str(node[key])
            for value in node.values():
                yield from walk(value)
        elif isinstance(node, list):
            for value in node:
                yield from walk(value)

    return list(walk(toc))


def toc_pages(root: Path = ROOT) -> list[Path]:
    """The source files of the pages in `_toc.yml`.

    Raises FileNotFoundError naming every entry without a file.
    """
    pages, missing = [], []
    for entry in toc_entries(root):
        stem = root / entry
        candidates = [stem, *(stem.parent / (stem.name + s) for s in (".ipynb", ".md"))]
        found = [p for p in candidates if p.is_file()]
        if found:
            pages.append(found[0])
        else:
            missing.append(entry)
    if missing:
        raise FileNotFoundError(
            f"_toc.yml names pages that do not exist: {', '.join(missing)}. Expected "
            "a .ipynb or .md file of that name; write it, or take the line out."
        )
    return pages


def toc_notebooks(root: Path = ROOT) -> list[Path]:
    """The chapters: the notebooks among the pages of `_toc.yml`."""
    return [p for p in toc_pages(root) if p.suffix == ".ipynb"]


def read(path: Path) -> NotebookNode:
    return nbformat.read(path, as_version=4)


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [c for c in notebook.cells if c.cell_type == "code"]


def tags(cell: NotebookNode) -> list[str]:
    return cell.metadata.get("tags", [])


def python_of(source: str) -> str:
    """A cell's source with IPython's `!` and `%` lines replaced by `pass`.

    A cell that starts with `%%` has no Python of its own to speak of.
    """
    if source.lstrip().startswith("%%"):
        return ""
    return re.sub(r"^([ \t]*)(?:!(?!=)|%).*$", r"\1pass", source, flags=re.MULTILINE)


def parse(source: str) -> ast.Module | None:
    """The syntax tree of a cell, None where it is no Python."""
    try:
        return ast.parse(python_of(source))
    except SyntaxError:
        return None
