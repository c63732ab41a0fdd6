"""Sphinx extension: stored figures on a dark page.

Chapters store their figures once, on white. On a dark page those that are plots (lines,
points, bars and words) are shown with light and dark exchanged and their hues kept; the
style sheet does it, for images of the class `plot`. Pictures of digits and of houses
would not be what they are: these stay as they are, only dimmed.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from docutils import nodes
from matplotlib import image
from sphinx.application import Sphinx

PLOT = "plot"  # the class of an image
BLOCK = 8  # pixels: a square without white of this size is an area, and no line
DARK = 0.35  # of the brightest colour: the ground of a picture of a digit
COLOURS = 200  # shades in areas: bars that overlap have fewer, photographs thousands


def _areas(mask: np.ndarray) -> np.ndarray:
    """Where (H, W) squares of BLOCK pixels lie wholly in a mask (H, W), at a corner."""
    sums = np.pad(mask.astype(np.int64).cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    n = BLOCK
    if min(mask.shape) < n:
        return np.zeros((0, 0), dtype=bool)
    inside = sums[n:, n:] - sums[:-n, n:] - sums[n:, :-n] + sums[:-n, :-n]
    return inside == n * n


def is_plot(rgb: np.ndarray) -> bool:
    """Whether an image (H, W, 3) in [0, 1] holds nothing but lines, words and areas of
    a few colours."""
    if _areas(rgb.max(axis=2) < DARK).any():
        return False
    middles = np.argwhere(_areas(rgb.min(axis=2) < 0.98)) + BLOCK // 2
    shades = np.unique(np.round(15 * rgb[*middles.T]).astype(int), axis=0)
    return len(shades) <= COLOURS


@cache
def _file_is_plot(path: Path, changed: int) -> bool:
    return is_plot(image.imread(path)[..., :3])


def mark(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Give the outputs of a chapter that are plots their class."""
    for node in doctree.findall(nodes.image):
        path = Path(app.srcdir) / node["uri"]
        if "jupyter_execute" not in path.parts or path.suffix != ".png":
            continue
        if _file_is_plot(path, path.stat().st_mtime_ns):
            node["classes"].append(PLOT)


def setup(app: Sphinx) -> dict[str, object]:
    app.connect("doctree-resolved", mark)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
