"""Make the drawings of the book, light and dark: python -m tools.pages.draw.

The networks, what is no network, what flows where, and related models: one SVG for each
drawing and theme, into book/images or the folder that is named.
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt

from tools.notebooks.book import BOOK
from tools.pages import diagrams, family, flows, graphs
from tools.pages.canvas import THEMES

IMAGES = BOOK / "images"
KINDS = {"network": diagrams, "graph": graphs, "flow": flows, "family": family}
NAMES = [f"{kind}-{name}" for kind, room in KINDS.items() for name in room.DRAWINGS]


def draw(name: str, theme: str, folder: Path = IMAGES) -> Path:
    """Write NAME-THEME.svg into `folder` and return its path.

    Drawn twice it is the same file: no date, no random identifiers.
    """
    kind, _, short = name.partition("-")
    settings = {"svg.hashsalt": short, "svg.fonttype": "none", "path.simplify": False}
    target = folder / f"{name}-{theme}.svg"
    with plt.rc_context(matplotlib.rcParamsDefault | settings):
        canvas = KINDS[kind].DRAWINGS[short](THEMES[theme])
        canvas.figure.savefig(
            target, transparent=True, metadata={"Date": None, "Creator": None}
        )
        plt.close(canvas.figure)
    return target


def main(folder: Path = IMAGES) -> list[Path]:
    """Draw everything, light and dark."""
    folder.mkdir(parents=True, exist_ok=True)
    return [draw(name, theme, folder) for name in NAMES for theme in THEMES]


if __name__ == "__main__":
    for path in main(*map(Path, sys.argv[1:])):
        print("wrote", path.name)
