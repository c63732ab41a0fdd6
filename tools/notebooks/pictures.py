"""Keep a stored picture where a new run draws it the same to the eye.

Another processor's last digits shift a grey level here and there. The bytes of such a
picture would enter the repository's history anew with every execution.
"""

from __future__ import annotations

import base64
import io

import numpy as np
from nbformat import NotebookNode
from PIL import Image

LEVELS = 10  # of 255: what another processor changed, at most, in 56 of 103 pictures
PNG = "image/png"


def keep_pictures(before: NotebookNode, after: NotebookNode) -> None:
    """Put the pictures of `before` into `after` where `same_to_the_eye` says so."""
    old = dict(_pictures(before))
    for place, data in _pictures(after):
        if place in old and same_to_the_eye(old[place][PNG], data[PNG]):
            data[PNG] = old[place][PNG]


def same_to_the_eye(first: str, second: str) -> bool:
    """Whether no pixel of two PNGs (base64) differs by more than `LEVELS`.

    False, too, where one of them cannot be read.
    """
    try:
        a, b = (_pixels(png) for png in (first, second))
    except (OSError, SyntaxError, ValueError):
        return False
    return a.shape == b.shape and int(np.abs(a - b).max()) <= LEVELS


def _pixels(png: str) -> np.ndarray:
    image = Image.open(io.BytesIO(base64.b64decode(png)))
    return np.asarray(image.convert("RGBA"), dtype=int)


def _pictures(notebook: NotebookNode) -> list[tuple[tuple[str, int], NotebookNode]]:
    """The data of each output with a PNG, by the cell's name and the output's place."""
    return [
        ((cell.id, i), output.data)
        for cell in notebook.cells
        for i, output in enumerate(cell.get("outputs", []))
        if PNG in output.get("data", {})
    ]
