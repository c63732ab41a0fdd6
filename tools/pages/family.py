"""Drawings of EquiVAE's relatives in the book's symbols, for `tools.pages.draw`.

One row for each model of book/related.md. What is drawn is what that page says: which
variables there are, what each is made from, and what q looks at.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from tools.pages.canvas import WIDTH, Canvas, Drawing, Theme
from tools.pages.graphs import RADIUS, bent, between, plate, variable

PLACES = {  # where a variable stands, in points
    "others": (40, 34), "class": (40, 34), "shared": (118, 34), "x": (190, 66),
    "own": (260, 34),
}  # fmt: skip
FACES = {  # variable: (colour, words)
    "others": ("r", r"$x_i$"), "class": ("y", "$y$"), "x": ("p", "$x$"),
    "own": ("q", "$v$"),
}  # fmt: skip


@dataclass(frozen=True)
class Relative:
    """A model: its variables, its arrows, and the dashed ones of q.

    `computed` are those without a distribution of their own, `seen` those that are
    given; `group` says that the shared variable is one for all images of a class.
    """

    title: str
    variables: dict[str, str]  # place -> words, if other than usual
    arrows: tuple[tuple[str, str], ...]
    looks: tuple[tuple[str, str, float], ...] = ()  # from, to, how far it bends
    seen: frozenset[str] = frozenset({"x", "others", "class"})
    computed: frozenset[str] = frozenset()


R, Z = "$r_y$", "$c$"
OWN = ("x", "own", -0.45)
RELATIVES = {
    "equivae": Relative(
        "EquiVAE", {"others": "", "shared": R, "x": "", "own": ""},
        (("others", "shared"), ("shared", "x"), ("own", "x")),
        (OWN, ("shared", "own", -0.3)), computed=frozenset({"shared"}),
    ),
    "vae": Relative(
        "VAE", {"x": "", "own": ""}, (("own", "x"),), (OWN,),
    ),
    "conditional": Relative(
        "conditional VAE; M2, where $y$ may be unseen",
        {"class": "", "x": "", "own": ""}, (("class", "x"), ("own", "x")),
        (OWN, ("class", "own", -0.2), ("x", "class", 0.35)),
    ),
    "group": Relative(
        "ML-VAE and group VAE", {"others": "", "shared": Z, "x": "", "own": ""},
        (("shared", "x"), ("own", "x")),
        (OWN, ("others", "shared", 0.0), ("x", "shared", 0.4)),
    ),
    "statistician": Relative(
        "Neural Statistician", {"others": "", "shared": Z, "x": "", "own": ""},
        (("shared", "own"), ("shared", "x"), ("own", "x")),
        (OWN, ("others", "shared", 0.0), ("x", "shared", 0.4),
         ("shared", "own", -0.25)),
    ),
    "process": Relative(
        "conditional neural process",
        {"others": "$(x_i, y_i)$", "shared": "$r$", "x": "$y$", "own": "$x$"},
        (("others", "shared"), ("shared", "x"), ("own", "x")),
        seen=frozenset({"others", "x", "own"}), computed=frozenset({"shared"}),
    ),
    "prototypes": Relative(
        "prototypical network",
        {"others": "", "shared": R, "x": "$y$", "own": "$x$"},
        (("others", "shared"), ("shared", "x"), ("own", "x")),
        seen=frozenset({"others", "x", "own"}), computed=frozenset({"shared"}),
    ),
}  # fmt: skip


def relative(theme: Theme, model: Relative) -> Canvas:
    """One model: filled what is seen, double rings what is computed, dashed q."""
    c = Canvas(theme)
    at = PLACES
    if "others" in model.variables:
        x, y = at["others"]
        plate(c, (x - 26, y - 24, x + 26, y + 34), "$m$")
    for place, words in model.variables.items():
        kind, usual = FACES.get(place, ("r", ""))
        variable(
            c, kind, at[place], words or usual, seen=place in model.seen,
            fixed=place in model.computed,
        )  # fmt: skip
    for start, end in model.arrows:
        between(c, at[start], at[end])
    for start, end, bend in model.looks:
        bent(c, at[start], at[end], bend, RADIUS + 1)
    c.text(WIDTH / 2, 104, model.title, ha="center", weight="bold")
    c.close(114)
    return c


DRAWINGS: dict[str, Drawing] = {
    name: partial(relative, model=model) for name, model in RELATIVES.items()
}
