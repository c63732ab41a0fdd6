"""EquiVAE against its neighbours on characters of known pose: the tables of chapter 15.

`tools.neighbours` trains and measures; here is what it measured, and the letters that
no model was taught.
"""

from __future__ import annotations

import torch

from ..data.sets import ImageSet
from ..data.stand_ins.characters import KEPT_BACK, characters
from ..runs.tables import markdown, over_seeds, plus_minus
from .equivariance import KINDS, TELLS

OF_EACH = 60  # test images of each letter that was kept back,
POOL = 100  # and so many others for its r_y
MS = (1, 2, 5, 20)


def kept_back() -> tuple[ImageSet, ImageSet]:
    """Letters that no model was taught: POOL of each for r_y, OF_EACH to test."""
    parts = []
    for split, each in (("train", POOL), ("test", OF_EACH)):
        images, y, factors = characters(2 * each * len(KEPT_BACK), split, KEPT_BACK)
        of_class = [torch.nonzero(y == k)[:each, 0] for k in range(len(KEPT_BACK))]
        rows = torch.cat(of_class)
        known = {name: values[rows] for name, values in factors.items()}
        parts.append(
            ImageSet(
                "characters",
                split,
                images[rows],
                y[rows],
                known,
                "",
                tuple(KEPT_BACK),
            )  # fmt: skip
        )
    return parts[0], parts[1]


def of_seeds(content: dict, model: str, *path: str) -> list[float]:
    """One number of each seed, as "moves", "turn", "rule"; [] where there is none."""
    found = []
    for run in content["models"][model]["seeds"].values():
        value = run["measures"]
        for key in path:
            value = value.get(key, {}) if isinstance(value, dict) else {}
        if not isinstance(value, dict):
            found.append(value)
    return found


def mean_of(content: dict, model: str, kinds: tuple[str, ...], key: str) -> list[float]:
    """A measure of `moves`, of each seed, as the mean over `kinds`."""
    each = [of_seeds(content, model, "moves", kind, key) for kind in kinds]
    return [sum(values) / len(kinds) for values in zip(*each)]


def cell(values: list[float], digits: int, unit: float = 1.0) -> str:
    """Mean and standard error over seeds, or a dash where nothing was measured."""
    return plus_minus(over_seeds([unit * x for x in values]), digits) if values else "–"


def moves_table(content: dict) -> str:
    """Markdown: the rule on classes outside the fit, by move; what is drawn of it."""
    heads = ["model", *KINDS, "drawn", "r(x), %"]
    rows = []
    for model, entry in content["models"].items():
        rows.append([
            entry["words"],
            *(cell(of_seeds(content, model, "moves", kind, "rule"), 3)
              for kind in KINDS),
            cell(mean_of(content, model, tuple(TELLS), "done"), 3),
            cell(mean_of(content, model, tuple(KINDS), "r_moves"), 1, 100),
        ])  # fmt: skip
    return markdown(heads, rows)


def taught_table(content: dict) -> str:
    """Markdown: bounds, what v tells of the class and r of the pose, exchanges."""
    heads = ["model", "bound", "itself in r", "misread, samples, %",
             "misread, means, %", "height in r(x)", "exchange, %",
             "lean off, degrees"]  # fmt: skip
    rows = []
    for model, entry in content["models"].items():

        def at(*path: str, model=model) -> list[float]:
            return of_seeds(content, model, *path)

        gained = [a - b for a, b in zip(at("itself", "among"), at("itself", "without"))]
        no_class = model == "plain-vae"  # it cannot be asked for another class
        wrong, lean = (
            [] if no_class else at("exchange", key) for key in ("wrong", "lean")
        )
        rows.append([
            entry["words"], cell(at("bound"), 1), cell(gained, 2),
            cell(at("class_in_v", "sample"), 1, 100),
            cell(at("class_in_v", "mean"), 1, 100),
            cell(at("pose_in_r", "shift_y"), 3), cell(wrong, 1, 100),
            cell(lean, 2),
        ])  # fmt: skip
    return markdown(heads, rows)


def untaught_table(content: dict) -> str:
    """Markdown: letters kept back, from 1, 5 and 20 images; those who cannot: –."""
    shown = [m for m in MS if m != 2]
    heads = ["model", *(f"read, m = {m}, %" for m in shown),
             *(f"bound, m = {m}" for m in shown), "taught", "rule"]  # fmt: skip
    rows = []
    for model, entry in content["models"].items():

        def at(*path: str, model=model) -> list[float]:
            return of_seeds(content, model, "untaught", *path)

        each = [at("rule", kind) for kind in KINDS]
        rule = [sum(values) / len(KINDS) for values in zip(*each)]
        alone = at("bound")  # of a plain VAE, which needs no r
        rows.append([
            entry["words"],
            *(cell(at("m", str(m), "read"), 1, 100) for m in shown),
            *(cell(at("m", str(m), "bound") or alone, 1) for m in shown),
            cell(at("m", "20", "taught"), 1), cell(rule, 3),
        ])  # fmt: skip
    return markdown(heads, rows)
