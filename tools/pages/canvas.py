"""A sheet to draw networks on: shaded boxes, feature maps in perspective, arrows.

Columns run downwards and the sheet is as wide as a phone, so that letters stay
readable there. `tools.pages.draw` draws everything that is drawn on it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import matplotlib

matplotlib.use("agg")
import matplotlib.pyplot as plt
from matplotlib.patches import Ellipse, FancyBboxPatch, Polygon, Rectangle

from equivae_lite.chapters.anatomy import Layer

WIDTH = 300.0  # points; 400 pixels in a browser
STEP = 17.0  # length of an arrow between two layers
BAR = 9.0  # height of a dense layer


@dataclass(frozen=True)
class Theme:
    """The colours of one page background; `boxes` holds (shade, layer, edge)."""

    ink: str
    faint: str
    paper: str
    boxes: dict[str, tuple[str, str, str]]


THEMES = {
    "light": Theme("#1a1a1a", "#6a6a6a", "#ffffff", {
        "r": ("#e6f0f8", "#8fbfe0", "#006BA8"), "q": ("#fdeee2", "#f2b483", "#AD4900"),
        "p": ("#e2f4ed", "#7fcdb2", "#007A5A"), "y": ("#f7eaf2", "#dfaac8", "#95477B"),
    }),
    "dark": Theme("#eeeeee", "#a8a8a8", "#14181e", {
        "r": ("#16293a", "#2f6f9f", "#8fc7ee"), "q": ("#3a2616", "#9c521c", "#f5b98a"),
        "p": ("#143128", "#1e7052", "#86dcbd"), "y": ("#332230", "#8a4d77", "#eab4d4"),
    }),
}  # fmt: skip


class Canvas:
    """A drawing as wide as WIDTH, y running downwards from the top."""

    def __init__(self, theme: Theme) -> None:
        self.theme = theme
        self.figure = plt.figure()
        self.axes = self.figure.add_axes((0, 0, 1, 1))
        self.axes.axis("off")

    def close(self, height: float) -> None:
        """Cut the drawing off at `height`: no other size is decided beforehand."""
        self.figure.set_size_inches(WIDTH / 72, height / 72)
        self.axes.set(xlim=(0, WIDTH), ylim=(height, 0))

    def text(
        self, x: float, y: float, words: str, faint: bool = False, **style
    ) -> None:
        style = {"size": 8.5, "va": "center", "ha": "left"} | style
        colour = self.theme.faint if faint else self.theme.ink
        self.axes.text(x, y, words, **{"color": colour} | style)

    def box(self, kind: str, area: tuple[float, float, float, float], title: str):
        """A shaded box (left, top, right, bottom) with its title inside."""
        left, top, right, bottom = area
        shade, _, edge = self.theme.boxes[kind]
        self.axes.add_patch(FancyBboxPatch(
            (left, top), right - left, bottom - top, fc=shade, ec=edge, lw=0.8,
            boxstyle="round,pad=0,rounding_size=6", zorder=0,
        ))  # fmt: skip
        self.text(left + 7, top + 10, title, color=edge, weight="bold")

    def arrow(self, start, end, dashed: bool = False, head: bool = True) -> None:
        style = "-|>,head_width=0.2,head_length=0.35" if head else "-"
        self.axes.annotate("", end, start, arrowprops={
            "arrowstyle": style, "color": self.theme.ink, "lw": 0.9,
            "ls": (0, (3, 2)) if dashed else "-", "shrinkA": 0, "shrinkB": 0,
        })  # fmt: skip

    def slab(self, kind: str, x: float, y: float, shape: tuple[int, ...]) -> float:
        """Feature maps (C, H, W), top at y, in perspective; returns their bottom."""
        _, face, edge = self.theme.boxes[kind]
        side, deep = 5 + 1.1 * shape[-1], 1 + 0.2 * shape[0]
        a, b, t = x - (side + deep) / 2, x + (side - deep) / 2, y + deep
        style = {"ec": edge, "lw": 0.7}
        lid = [(a, t), (a + deep, y), (b + deep, y), (b, t)]
        flank = [(b, t), (b + deep, y), (b + deep, y + side), (b, t + side)]
        self.axes.add_patch(Polygon(lid, fc=face, alpha=0.75, **style))
        self.axes.add_patch(Polygon(flank, fc=face, alpha=0.5, **style))
        self.axes.add_patch(Rectangle((a, t), side, side, fc=face, **style))
        return t + side

    def bar(self, kind: str, x: float, y: float, units: int) -> float:
        """A vector, top at y; returns its bottom."""
        _, face, edge = self.theme.boxes[kind]
        wide = bar_width(units)
        self.axes.add_patch(
            Rectangle((x - wide / 2, y), wide, BAR, fc=face, ec=edge, lw=0.7)
        )
        return y + BAR

    def block(
        self, kind: str, x: float, y: float, wide: float, lines: Sequence[str],
        tall: float = 34,
    ) -> None:  # fmt: skip
        """A network or part of one as a single rectangle with its centre at (x, y)."""
        _, face, edge = self.theme.boxes[kind]
        self.axes.add_patch(Rectangle(
            (x - wide / 2, y - tall / 2), wide, tall, fc=face, ec=edge, lw=0.7
        ))  # fmt: skip
        for k, line in enumerate(lines):
            at = y + 10.5 * (k - (len(lines) - 1) / 2)
            self.text(x, at, line, size=8, ha="center")

    def node(self, x: float, y: float, words: str, wide: float) -> float:
        """A round operation without weights, centre at y; returns its bottom."""
        ink = {"fc": self.theme.paper, "ec": self.theme.ink, "lw": 0.9}
        self.axes.add_patch(Ellipse((x, y), wide, 17, **ink, zorder=3))
        self.text(x, y, words, ha="center", size=8, zorder=4)
        return y + 8.5

    def column(
        self, kind: str, x: float, y: float, found: Sequence[tuple[Layer, Layer]],
        words_at: float | None = None, notes: dict[str, str] | None = None,
    ) -> float:  # fmt: skip
        """Layers, each (MNIST's, SVHN's), one below the other from (x, y)."""
        for layer, other in found:
            self.arrow((x, y), (x, y + STEP))
            solid = len(layer.output) == 3
            draw = self.slab if solid else self.bar
            top = y + STEP
            y = draw(kind, x, top, layer.output if solid else layer.output[0])
            note = (notes or {}).get(layer.name, "")
            if words_at is None:  # beside the bar: a column of narrow vectors
                wide = bar_width(layer.output[0])
                self.sizes(x + wide / 2 + 4, y - BAR / 2, layer, other)
            else:
                self.text(words_at, top - 5, layer.kind + note, faint=True, size=8)
                self.sizes(words_at, top + 7, layer, other)
        return y

    def sizes(self, x: float, y: float, layer: Layer, other: Layer) -> None:
        """A shape in bold, and SVHN's in faint ink after it where it differs.

        Shapes of pictures are long: there the second one has a line of its own.
        """
        self.text(x, y, " × ".join(map(str, layer.output)), weight="bold")
        if other.output != layer.output:
            words = " × ".join(map(str, other.output))
            flat = len(layer.output) == 1
            x, y = (x + 22, y) if flat else (x, y + 10.5)
            self.text(x, y, words, faint=True, size=8)


def bar_width(units: int) -> float:
    return 6 + 0.62 * units


# What draws on a canvas of its own, in the colours of a theme.
Drawing = Callable[[Theme], Canvas]
