"""EquiVAE against its neighbours on MNIST: the tables of chapters 11 and 15.

`tools.handwriting` trains and measures; here is what it measured.
"""

from __future__ import annotations

from ..runs.tables import markdown
from .equivariance import TELLS
from .neighbours import MS, cell, mean_of, of_seeds

MOVES = {"turn": ("turn",), "slant": ("slant",), "shift": ("right", "down"),
         "size": ("size",)}  # fmt: skip


def moves_table(content: dict) -> str:
    """Markdown: by move the rule on classes outside the fit, and what is drawn of it.

    The last column is how far r(x) moves, of the mean distance between classes.
    """
    heads = ["model", *(f"{move}, rule" for move in MOVES),
             *(f"{move}, drawn" for move in MOVES), "r(x), %"]  # fmt: skip
    rows = []
    for model, entry in content["models"].items():
        rows.append([
            entry["words"],
            *(cell(mean_of(content, model, kinds, key), 3)
              for key in ("rule", "done") for kinds in MOVES.values()),
            cell(mean_of(content, model, tuple(TELLS), "r_moves"), 1, 100),
        ])  # fmt: skip
    return markdown(heads, rows)


def taught_table(content: dict) -> str:
    """Markdown: bounds, what v tells of the class, exchanges."""
    heads = ["model", "seeds", "bound", "itself in r", "misread, samples, %",
             "misread, means, %", "exchange, %"]  # fmt: skip
    rows = []
    for model, entry in content["models"].items():

        def at(*path: str, model=model) -> list[float]:
            return of_seeds(content, model, *path)

        gained = [a - b for a, b in zip(at("itself", "among"), at("itself", "without"))]
        rows.append([
            entry["words"], str(len(entry["seeds"])), cell(at("bound"), 2),
            cell(gained, 2), cell(at("class_in_v", "sample"), 1, 100),
            cell(at("class_in_v", "mean"), 1, 100), cell(at("wrong"), 1, 100),
        ])  # fmt: skip
    return markdown(heads, rows)


def kept_back_table(kept: dict, taught: dict) -> str:
    """Markdown: two digits kept from the training, beside models that were taught them.

    The share of pictures that are read as the digit that was meant, and the bound.
    """
    shown = [m for m in MS if m != 2]
    heads = ["model", "was taught them", *(f"read, m = {m}, %" for m in shown),
             *(f"bound, m = {m}" for m in shown)]  # fmt: skip
    rows = []
    for model, entry in kept["models"].items():
        for words, content in (("no", kept), ("yes", taught)):
            rows.append([entry["words"], words, *(
                cell(of_seeds(content, model, "m", str(m), key), digits, unit)
                for key, digits, unit in (("read", 1, 100), ("bound", 1, 1))
                for m in shown
            )])  # fmt: skip
    return markdown(heads, rows)
