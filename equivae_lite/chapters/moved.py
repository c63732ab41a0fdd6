"""The table of `tools.unmoved`: moves that a training saw, and others."""

from __future__ import annotations

from ..runs.tables import markdown, over_seeds, plus_minus
from .equivariance import KINDS

MEASURES = {"rule": "rule", "own": "rule of the class", "done": "done in the picture"}


def of_seeds(content: dict, arm: str, kind: str, measure: str) -> list[float]:
    """One number of each seed."""
    runs = content["arms"][arm]["seeds"].values()
    return [run["moves"][kind][measure] for run in runs]


def moved_table(content: dict) -> str:
    """Markdown: for each move and arm, means over seeds ± standard errors."""
    rows = []
    arms = content["arms"]
    for kind in next(iter(next(iter(arms.values()))["seeds"].values()))["moves"]:
        for arm, entry in arms.items():
            found = [over_seeds(of_seeds(content, arm, kind, m)) for m in MEASURES]
            rows.append([KINDS[kind][2], entry["words"], len(entry["seeds"]),
                         *(plus_minus(mean, 3) for mean in found)])  # fmt: skip
    heads = ["measured on glyphs", "trained on glyphs with", "seeds"]
    return markdown([*heads, *MEASURES.values()], rows)
