"""The fast recipe: what its departures are worth, and how it grows. For chapter 10.

`tools.fast` and `tools.growth` measure; here are the tables of what they measured.
"""

from __future__ import annotations

from ..runs.tables import markdown, over_seeds, plus_minus


def worth_table(content: dict) -> str:
    """Markdown: held-out bound and KL of each arm, and its steps."""
    rows = []
    for entry in content["arms"].values():
        seeds = list(entry["seeds"].values())
        bound, kl = (plus_minus(over_seeds([s[k] for s in seeds]), 2)
                     for k in ("bound", "kl"))  # fmt: skip
        rows.append([entry["words"], len(seeds), f"{seeds[0]['steps']:,}", bound, kl])
    return markdown(["change", "seeds", "steps", "held-out bound", "KL of v"], rows)


def growth_table(content: dict) -> str:
    """Markdown: one row for each number of images and of classes."""
    heads = ["images", "classes", "ms a step", "minutes in all", "peak memory, MiB"]
    keys = ("images", "classes", "step_ms", "minutes", "peak_mib")
    return markdown(heads, [[f"{row[k]:,}" for k in keys] for row in content["rows"]])
