"""Which code cells of a chapter a planted error is shown to, and what noticed it.

`script` takes a chapter's code cells as Python; with the ids of some cells it takes
these and, of the cells before them, those that bind a name that they need.
`statement` is the line of a cell at which it stopped.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from nbformat import NotebookNode

from tools.notebooks.book import code_cells, parse, python_of, tags

LETTERS = 96  # of a statement, as the page shows it
COMPOUND = (ast.For, ast.While, ast.With, ast.If, ast.Try)


def script(
    notebook: NotebookNode, only: Iterable[str] = ()
) -> list[tuple[NotebookNode, str]]:
    """A chapter's code cells as Python, up to its last check.

    Left out: the bootstrap cell, figures of whose names no later cell makes use, and
    with `only` all that these cells do not need. Raises ValueError for an id that no
    cell has.
    """
    cells = [c for c in code_cells(notebook) if "setup" not in tags(c)]
    only = set(only)
    if missing := only - {c.id for c in cells}:
        raise ValueError(f"no code cell is called {', '.join(sorted(missing))}")
    last = [i for i, c in enumerate(cells) if (c.id in only if only else _checks(c))]
    kept: list[tuple[NotebookNode, str]] = []
    wanted: set[str] = set()
    for cell in reversed(cells[: last[-1] + 1] if last else []):
        bound, read = names(cell.source)
        if only:
            keep = cell.id in only or bool(bound & wanted)
        else:
            figure = "figure" in cell.metadata.get("mystnb", {})
            keep = not figure or bool(bound & wanted) or "assert" in cell.source
        if keep:
            wanted = (wanted - bound if only else wanted) | read
            kept.append((cell, python_of(cell.source)))
    return kept[::-1]


def _checks(cell: NotebookNode) -> bool:
    return any(t.startswith("check:") for t in tags(cell)) or "assert" in cell.source


def names(source: str) -> tuple[set[str], set[str]]:
    """Names that a cell binds for later cells, and names that it needs of earlier ones.

    Of a name that may be either, it is said that it is needed.
    """
    bound: set[str] = set()
    read: set[str] = set()
    for node in (parse(source) or ast.Module([], [])).body:
        own = {n.arg for n in ast.walk(node) if isinstance(n, ast.arg)}
        for n in ast.walk(node):
            if isinstance(n, ast.comprehension | ast.For):
                own |= _ids(n.target, ast.Store)
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            stored = {node.name}
            own |= _ids(node, ast.Store)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            stored = {(a.asname or a.name).split(".")[0] for a in node.names}
        else:
            stored = _ids(node, ast.Store)
            if isinstance(node, COMPOUND):  # functions within, as within a loop
                stored |= {n.name for n in ast.walk(node)
                           if isinstance(n, ast.FunctionDef)}  # fmt: skip
        read |= _ids(node, ast.Load) - bound - own
        bound |= stored
    return bound, read


def _ids(node: ast.AST, context: type) -> set[str]:
    return {
        n.id
        for n in ast.walk(node)
        if isinstance(n, ast.Name) and isinstance(n.ctx, context)
    }


def statement(source: str, line: int) -> str:
    """The innermost statement at a line of a cell, in one line, cut if it is long."""
    found = [
        n
        for n in ast.walk(ast.parse(source))
        if isinstance(n, ast.stmt) and n.lineno <= line <= (n.end_lineno or n.lineno)
    ]
    if not found:
        return ""
    inner = min(found, key=lambda n: (n.end_lineno or n.lineno) - n.lineno)
    words = " ".join(ast.unparse(inner).split())
    return words if len(words) <= LETTERS else words[: LETTERS - 1] + "…"
