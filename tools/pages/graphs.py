"""Drawings of what is no network, for `tools.pages.draw`.

The graphical model with its plates, the way of a sample of v and of its gradient, and
the table in which the product of two conditionals is added up.
"""

from __future__ import annotations

from fractions import Fraction

from matplotlib.patches import Circle, FancyBboxPatch, Rectangle

from tools.pages.canvas import WIDTH, Canvas, Drawing, Theme

RADIUS = 16.0
WHITE = Fraction(3, 4)  # p(1 | 1) of the table: a logit of log 3
Point = tuple[float, float]


def variable(
    c: Canvas, kind: str, at: Point, words: str, seen: bool = False, fixed: bool = False
) -> None:
    """A circle: filled if the variable is seen, double if it is computed, not drawn."""
    shade, face, edge = c.theme.boxes[kind]
    fill = face if seen else c.theme.paper
    for radius in (RADIUS, RADIUS - 3) if fixed else (RADIUS,):
        c.axes.add_patch(Circle(at, radius, fc=fill, ec=edge, lw=1.1, zorder=3))
    c.text(*at, words, ha="center", size=10, zorder=4)


def plate(c: Canvas, area: tuple[float, float, float, float], words: str) -> None:
    left, top, right, bottom = area
    c.axes.add_patch(FancyBboxPatch(
        (left, top), right - left, bottom - top, fc="none", ec=c.theme.ink, lw=0.9,
        boxstyle="round,pad=0,rounding_size=7", zorder=1,
    ))  # fmt: skip
    c.text(right - 6, bottom - 8, words, ha="right", size=8)


def bent(c: Canvas, start: Point, end: Point, bend: float, rim: float = 0) -> None:
    """An arrow of q: dashed, in a bow beside that of the model; `rim` short of both."""
    c.axes.annotate("", end, start, arrowprops={
        "arrowstyle": "-|>,head_width=0.2,head_length=0.35", "lw": 0.9,
        "color": c.theme.boxes["q"][2], "ls": (0, (3, 2)), "shrinkA": rim,
        "shrinkB": rim, "connectionstyle": f"arc3,rad={bend}",
    })  # fmt: skip


def between(c: Canvas, start: Point, end: Point) -> None:
    """An arrow of the model, from rim to rim."""
    (x, y), (u, w) = start, end
    far = ((u - x) ** 2 + (w - y) ** 2) ** 0.5
    a, b = (u - x) / far * (RADIUS + 1), (w - y) / far * (RADIUS + 1)
    c.arrow((x + a, y + b), (u - a, w - b))


def graphical_model(theme: Theme) -> Canvas:
    """Labelled images beside unlabelled ones; solid the model, dashed q."""
    c = Canvas(theme)
    c.text(74, 10, "a labelled image", ha="center", weight="bold")
    c.text(236, 10, "an unlabelled image", ha="center", weight="bold")
    data, r, v, x = (52, 62), (52, 128), (112, 128), (82, 196)
    plate(c, (24, 26, 142, 258), "")
    plate(c, (30, 32, 136, 242), "")
    c.text(130, 232, r"$n = 1 \dots N_y$", ha="right", size=8)
    c.text(136, 250, "each class $y$", ha="right", size=8)
    c.axes.add_patch(Rectangle(
        (36, 46), 68, 32, fc=theme.boxes["r"][1], ec=theme.boxes["r"][2], lw=1.1,
    ))  # fmt: skip
    c.text(70, 56, r"$D_{\mathrm{lab}}^y \setminus \{x_n\}$", ha="center")
    c.text(70, 69, "the others", ha="center", size=8)
    variable(c, "r", r, "$r$", fixed=True)
    variable(c, "q", v, "$v_n$")
    variable(c, "p", x, "$x_n$", seen=True)
    c.arrow((data[0], 78), (r[0], r[1] - RADIUS - 1))
    between(c, r, x)
    between(c, v, x)
    bent(c, (x[0] + 16, x[1] - 4), (v[0] + 6, v[1] + RADIUS), 0.35)
    bent(c, (r[0] + 13, r[1] - 10), (v[0] - 13, v[1] - 10), -0.35)
    everyone, y, r, v, x = (172, 128), (245, 62), (222, 128), (266, 128), (245, 196)
    plate(c, (202, 26, 294, 258), "")
    c.text(288, 250, "each unlabelled $x$", ha="right", size=8)
    c.axes.add_patch(Rectangle(
        (150, 112), 44, 32, fc=theme.boxes["r"][1], ec=theme.boxes["r"][2], lw=1.1,
    ))  # fmt: skip
    c.text(everyone[0], 122, r"$D_{\mathrm{lab}}$", ha="center")
    c.text(everyone[0], 135, "all of it", ha="center", size=8)
    variable(c, "y", y, "$y$")
    variable(c, "r", r, "$r_y$", fixed=True)
    variable(c, "q", v, "$v$")
    variable(c, "p", x, "$x$", seen=True)
    c.arrow((194, r[1]), (r[0] - RADIUS - 1, r[1]))
    between(c, y, r)
    between(c, r, x)
    between(c, v, x)
    bent(c, (x[0] + 16, x[1] - 4), (v[0] + 6, v[1] + RADIUS), 0.35)
    bent(c, (r[0] + 13, r[1] - 10), (v[0] - 13, v[1] - 10), -0.35)
    bent(c, (x[0] + 15, x[1] + 6), (y[0] + RADIUS, y[1] + 4), 0.42)
    lines = ("filled: seen; single ring: drawn at random; double ring: computed",
             "solid: the model; dashed: what q looks at")  # fmt: skip
    for k, line in enumerate(lines):
        c.text(WIDTH / 2, 270 + 12 * k, line, faint=True, size=8, ha="center")
    c.close(292)
    return c


def reparameterisation(theme: Theme) -> Canvas:
    """A sample drawn from q, and the same sample as a function of noise."""
    c = Canvas(theme)
    rows = ((30, "draw $v$ from $q$: the gradient stops at the dice", False),
            (152, "compute $v$ from noise: the gradient passes", True))  # fmt: skip
    for top, words, passes in rows:
        c.text(10, top - 18, words, weight="bold")
        y = top + 30
        c.block("q", 34, y - 15, 52, [r"$\mu$"], 18)
        c.block("q", 34, y + 15, 52, [r"$\log \sigma^2$"], 18)
        middle = r"$\mu + \sigma\,\varepsilon$" if passes else r"$v \sim q$"
        c.node(126, y, middle, 74)
        c.block("q", 190, y, 22, ["$v$"], 18)
        c.block("p", 258, y, 72, ["log $w(v)$"], 22)
        c.arrow((60, y - 15), (93, y - 5))
        c.arrow((60, y + 15), (93, y + 5))
        c.arrow((163, y), (179, y))
        c.arrow((201, y), (222, y))
        if passes:
            c.text(126, y - 36, r"$\varepsilon \sim N(0, I)$", ha="center", size=9)
            c.arrow((126, y - 28), (126, y - 9))
        else:
            c.text(126, y - 34, "dice", ha="center", size=9)
            c.arrow((126, y - 26), (126, y - 9))
        bent(c, (258, y + 12), (190, y + 10), -0.35)
        if passes:
            bent(c, (186, y + 10), (130, y + 9), -0.35)
            bent(c, (110, y + 9), (61, y + 20), -0.3)
            bent(c, (98, y - 7), (61, y - 20), 0.3)
            c.text(126, y + 40, "dashed: the way back of the gradient", ha="center",
                   faint=True, size=8)  # fmt: skip
        else:
            c.text(152, y + 27, "stop", ha="center", color=theme.boxes["q"][2])
    c.close(236)
    return c


def product_table() -> dict[tuple[int, int], tuple[Fraction, Fraction]]:
    """p(x_1 | x_2) and p(x_2 | x_1) of two images of one binary pixel.

    A pixel is white with probability 1/2 if the other is black, WHITE if it is white.
    """

    def given(bit: int, other: int) -> Fraction:
        white = WHITE if other else Fraction(1, 2)
        return white if bit else 1 - white

    return {(a, b): (given(a, b), given(b, a)) for a in (0, 1) for b in (0, 1)}


def two_by_two(theme: Theme) -> Canvas:
    """Z of two binary images, cell by cell."""
    c = Canvas(theme)
    table = product_table()
    c.text(150, 12, "$p(x_1 | x_2) \\cdot p(x_2 | x_1)$", ha="center", size=10)
    for bit, words in ((0, "black"), (1, "white")):
        c.text(110 + 112 * bit, 34, f"$x_2$ {words}", ha="center")
        c.text(28, 72 + 64 * bit, f"$x_1$ {words}", ha="center")
        for other in (0, 1):
            x, y = 58 + 112 * other, 44 + 64 * bit
            c.axes.add_patch(Rectangle(
                (x, y), 104, 56, fc=theme.boxes["p"][0], ec=theme.boxes["p"][2], lw=0.8
            ))  # fmt: skip
            for k, pixel in enumerate((bit, other)):
                fill = "#ffffff" if pixel else "#000000"
                c.axes.add_patch(Rectangle(
                    (x + 8 + 14 * k, y + 22), 12, 12, fc=fill, ec=theme.faint, lw=1
                ))  # fmt: skip
            a, b = table[bit, other]
            c.text(x + 68, y + 19, f"{a} · {b}", ha="center")
            c.text(x + 68, y + 37, f"= {a * b}", ha="center", weight="bold")
    Z = sum(a * b for a, b in table.values())
    parts = " + ".join(str(a * b) for a, b in table.values())
    c.text(150, 186, f"Z = {parts} = {Z}", ha="center", size=9, weight="bold")
    c.text(150, 202, "each factor by itself adds up to 1; their product does not",
           ha="center", faint=True, size=8)  # fmt: skip
    c.close(214)
    return c


DRAWINGS: dict[str, Drawing] = {
    "model": graphical_model,
    "reparameterisation": reparameterisation,
    "two-by-two": two_by_two,
}
