"""The one form in which notebooks are stored, so that a second run changes nothing.

Cells numbered from 1, stable ids, no timings, no widget state, neighbouring pieces of
a stream joined, metadata only where they say something.
"""

from __future__ import annotations

import base64
import os
import re
import tempfile
from pathlib import Path

import nbformat
from nbformat import NotebookNode

KERNELSPEC = {"display_name": "Python 3", "language": "python", "name": "python3"}
# Colab and the book's pages need the lexer to show `!` and `%` lines as code.
LANGUAGE = {"name": "python", "pygments_lexer": "ipython3"}
CELL_METADATA = ("tags", "mystnb")
# What editors give: 8 hex digits (nbformat), a UUID (JupyterLab), a mixed-case word
# (Colab). A hand-set id is lower-case words joined by hyphens.
RANDOM_ID = re.compile(r"[0-9a-f]{8}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
HAND_SET_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
WIDGET = "application/vnd.jupyter.widget"


def _slug(source: str) -> str:
    """The first words of a cell; links and IPython's marks are left out."""
    text = re.sub(r"\]\([^)]*\)|https?://\S+", " ", source)
    words = re.findall(r"[a-z0-9]+", text.lower())[:5]
    return "-".join(words)[:40].rstrip("-") or "cell"


def _stable_ids(notebook: NotebookNode) -> None:
    taken: set[str] = set()
    for cell in notebook.cells:
        name = cell.get("id") or ""
        if not HAND_SET_ID.fullmatch(name) or RANDOM_ID.fullmatch(name):
            name = _slug(cell.source)
        stem, number = name, 2
        while name in taken:
            name, number = f"{stem}-{number}", number + 1
        taken.add(name)
        cell["id"] = name


def _outputs(cell: NotebookNode, number: int) -> list[NotebookNode]:
    """A cell's outputs without widgets, neighbouring pieces of a stream joined."""
    outputs: list[NotebookNode] = []
    for output in cell.outputs:
        kind = output.output_type
        if kind == "stream":
            last = outputs[-1] if outputs else None
            if last is not None and last.get("name") == output.name:
                last.text += output.text
                continue
        elif kind in ("display_data", "execute_result"):
            output.data = {
                k: v for k, v in output.data.items() if not k.startswith(WIDGET)
            }
            if not output.data:
                continue
            if "image/png" in output.data:  # base64 comes wrapped or not
                png = base64.b64decode(output.data["image/png"])
                output.data["image/png"] = base64.b64encode(png).decode()
            if kind == "execute_result":
                output.execution_count = number
        outputs.append(output)
    return outputs


def normalise(notebook: NotebookNode, executed: bool = False) -> NotebookNode:
    """The same notebook in normal form; the argument is left alone.

    `executed` says that every cell has just run; otherwise a cell that holds no
    execution count keeps none.
    """
    notebook = nbformat.from_dict(notebook)  # a copy
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    metadata = {"kernelspec": dict(KERNELSPEC), "language_info": dict(LANGUAGE)}
    if "equivae" in notebook.metadata:
        metadata["equivae"] = notebook.metadata["equivae"]
    notebook.metadata = nbformat.from_dict(metadata)
    _stable_ids(notebook)
    number = 0
    for cell in notebook.cells:
        kept = {k: cell.metadata[k] for k in CELL_METADATA if cell.metadata.get(k)}
        cell.metadata = nbformat.from_dict(kept)
        if cell.cell_type != "code":
            continue
        number += 1
        cell.outputs = _outputs(cell, number)
        ran = executed or cell.execution_count is not None
        cell.execution_count = number if ran else None
    nbformat.validate(notebook)
    return notebook


def text_of(notebook: NotebookNode) -> str:
    """The file of a notebook in normal form, newline at the end."""
    return nbformat.writes(notebook, version=nbformat.NO_CONVERT).rstrip("\n") + "\n"


def write(path: Path, notebook: NotebookNode) -> bool:
    """Write atomically; False where the file held the same already."""
    text = text_of(notebook)
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return False
    handle, name = tempfile.mkstemp(
        dir=path.parent, prefix=f".{path.name}.", suffix=".tmp"
    )
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
    return True
