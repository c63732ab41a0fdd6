"""Drawings of what flows where, for `tools.pages.draw`.

One so far, for chapter 05: the three ways of a gradient into f. The colours are those
of the networks' drawings (`tools.pages.diagrams`).
"""

from __future__ import annotations

from tools.pages.canvas import WIDTH, Canvas, Drawing, Theme

IMAGE = (1, 28, 28)  # MNIST's, as in the drawings of the networks
ROWS = (34, 120, 206)  # tops of the three rows


def _gradient(c: Canvas, start: tuple, end: tuple) -> None:
    """An arrow against the flow, thick and in the colour of the posterior."""
    c.axes.annotate("", end, start, arrowprops={
        "arrowstyle": "-|>,head_width=0.3,head_length=0.5", "lw": 2,
        "color": c.theme.boxes["q"][2], "shrinkA": 0, "shrinkB": 0,
    })  # fmt: skip


def gradient(theme: Theme) -> Canvas:
    """Three rows of images through one f; the third gradient is stopped."""
    c = Canvas(theme)
    colour = theme.boxes["q"][2]
    c.text(150, 13, "thin: values, thick: gradients", faint=True, ha="center")
    words = (
        ("others of the", "class of $x_n$"),
        ("labelled images", "of every class"),
        ("$x$ itself,", "without a label"),
    )
    for top, lines in zip(ROWS, words):
        bottom = c.slab("r" if top != ROWS[-1] else "y", 34, top, IMAGE)
        for k, line in enumerate(lines):
            c.text(34, bottom + 8 + 10 * k, line, size=8, ha="center")
        c.arrow((56, top + 19), (84, top + 19))
    c.block("r", 97, 138, 26, ["$f$"], tall=238)
    for top, name in zip(ROWS[:2], ("$r_{y, x_n}$", "$r_y$")):
        c.arrow((110, top + 12), (124, top + 12))
        c.node(148, top + 12, "mean, $g$", 48)
        c.arrow((172, top + 12), (216, top + 12))
        c.text(193, top + 2, name, ha="center", size=9)
        _gradient(c, (216, top + 29), (111, top + 29))
    c.block("p", 254, ROWS[0] + 19, 76, ["(4) of $x_n$:", "decoder, $q(v|r, x)$"], 38)
    lines = ["(4) of $x$, each $y$:", "decoder, $q(v|r, x)$"]
    c.block("p", 254, ROWS[1] + 19, 76, lines, 38)
    top = ROWS[2]
    c.arrow((110, top + 12), (216, top + 12))
    c.text(163, top + 3, "$f(x)$", ha="center", size=9)
    _gradient(c, (216, top + 29), (168, top + 29))
    c.axes.plot([162, 162], [top + 18, top + 40], color=colour, lw=4)
    c.text(162, top + 50, "stop_grad", ha="center", color=colour, weight="bold")
    c.block("y", 254, top + 19, 76, ["$q(y|x)$"], 38)
    c.arrow((254, ROWS[1] + 38), (254, ROWS[1] + 51))
    c.node(254, ROWS[1] + 60, "sum over $y$: (6)", 84)
    c.arrow((254, top), (254, ROWS[1] + 69))
    c.text(254, ROWS[0] + 48, "labelled image", faint=True, size=8, ha="center")
    c.text(254, top + 48, "unlabelled image", faint=True, size=8, ha="center")
    c.text(WIDTH / 2, 270, "the first two teach $f$ and $g$, the third does not",
           faint=True, size=8, ha="center")  # fmt: skip
    c.close(280)
    return c


DRAWINGS: dict[str, Drawing] = {"gradient": gradient}
