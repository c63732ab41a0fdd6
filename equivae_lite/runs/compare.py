"""A reader's results beside the book's: how many standard errors are they apart?

    python -m equivae_lite compare FOLDER               all that is in the folder
    python -m equivae_lite compare FOLDER EXPERIMENT …  some of it

Both are taken for draws of the same kind, seeds that differ by chance alone, and so of
one spread, which is estimated from both. One seed of the reader's will do, if the book
has several. The difference of the means is given in standard errors of a difference;
beyond Student's 97.5 % point, which seeds alone pass once in twenty, it is said to be
more than chance. A result on other data or with other settings gets no verdict.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from scipy.special import stdtrit

from .. import files
from ..errors import EquivaeError
from ..training import checkpoints
from . import tables
from .folders import SHELF, Folder, holder_of

HEADS = ["experiment", "measure", "the book", "yours", "apart", "verdict"]


def apart(yours: Sequence[float], ours: Sequence[float]) -> tuple[float, float] | None:
    """Difference of the means in its standard errors, and how large chance makes it.

    None for one seed each: nothing says how much seeds differ.
    """
    freedom = len(yours) + len(ours) - 2
    if freedom < 1:
        return None
    means = [sum(v) / len(v) for v in (yours, ours)]
    squares = sum((x - m) ** 2 for v, m in zip((yours, ours), means) for x in v)
    error = math.sqrt(squares / freedom * (1 / len(yours) + 1 / len(ours)))
    difference = means[0] - means[1]
    limit = float(stdtrit(freedom, 0.975))
    if error == 0:  # all seeds alike: apart by nothing, or beyond all measure
        return (math.copysign(math.inf, difference) if difference else 0.0), limit
    return difference / error, limit


def verdict(yours: Sequence[float], ours: Sequence[float]) -> tuple[str, str]:
    """Two cells of a table: how far apart, and what that says."""
    found = apart(yours, ours)
    if found is None:
        return "–", "none: one seed each"
    distance, limit = found
    words = "agrees" if abs(distance) <= limit else "more than chance"
    return f"{distance:+z.1f} (chance: {limit:.1f})", words


def rows(name: str, ours: dict[int, dict], yours: dict[int, dict]) -> list[list[str]]:
    """A row for each measure that both have; evaluations by seed."""
    found = []
    for measure, place, unit, digits in tables.COLUMNS:
        sides = [
            [tables.look_up(e, place) for e in side.values()] for side in (ours, yours)
        ]
        if any(value is None for side in sides for value in side):
            continue
        a, b = ([unit * v for v in side] for side in sides)
        found.append([name, measure, _mean(a, digits), _mean(b, digits),
                      *verdict(b, a)])  # fmt: skip
    return found


def _mean(values: Sequence[float], digits: int) -> str:
    seeds = "1 seed" if len(values) == 1 else f"{len(values)} seeds"
    return f"{tables.plus_minus(tables.over_seeds(values), digits)} ({seeds})"


def compare(folder: Folder, names: Sequence[str] = ()) -> str:
    """Markdown of every experiment that `folder` has evaluated, or of those named.

    Raises EquivaeError if there is nothing to compare.
    """
    there = _evaluated(folder)
    if absent := [name for name in names if name not in there]:
        raise EquivaeError(f"{folder.results} has no evaluation of {absent[0]}")
    if not there:
        short = _evaluated(folder.short)
        cut = f"; what is in {folder.short.root} was cut short" if short else ""
        raise EquivaeError(
            f"{folder.results} has no evaluation{cut}: `python -m equivae_lite "
            "reproduce EXPERIMENT --out FOLDER` makes some"
        )
    lines, notes = [], []
    for name in names or there:
        path = SHELF.results / f"{name}.json"
        if not files.exists(path):
            lines.append([name, "", "no run", _seeds(there[name]), "–", "none"])
            continue
        book = files.read_json(path, "restore it from git")
        yours = {}
        for seed, result in there[name].items():
            if reason := _no_match(name, seed, result, book, folder):
                notes.append(f"{name} seed {seed} is left out: {reason}")
            else:
                yours[seed] = result["evaluation"]
        ours = {int(seed): one for seed, one in book["seeds"].items()}
        same = [s for s in yours.keys() & ours.keys()
                if yours[s]["sha256"] == ours[s]["sha256"]]  # fmt: skip
        if same:
            notes.append(f"{name}: {_seeds(same)} of yours has the book's very weights")
        lines += rows(name, ours, yours) if yours else []
    parts = [tables.markdown(HEADS, lines)] if lines else []
    parts += ["\n".join(notes)] if notes else []
    parts.append("apart: the difference of the means in standard errors; in brackets "
                 "what it stays below 19 times in 20 by chance")  # fmt: skip
    return "\n\n".join(parts)


def _seeds(seeds: Sequence[int] | dict) -> str:
    return f"seed{'s' * (len(seeds) > 1)} {', '.join(map(str, seeds))}"


def _evaluated(folder: Folder) -> dict[str, dict[int, dict]]:
    """{experiment: {seed: its file}} of what `pipeline.evaluate` left in `folder`."""
    found: dict[str, dict[int, dict]] = {}
    for path in folder.results.glob("*-seed*.json"):
        parts = re.fullmatch(r"(.+)-seed(\d+)", path.stem)
        if parts:
            name, seed = parts[1], int(parts[2])
            result = folder.read_result(name, seed)
            if "evaluation" in result:
                found.setdefault(name, {})[seed] = result
    return {name: dict(sorted(found[name].items())) for name in sorted(found)}


def _no_match(name: str, seed: int, result: dict, book: dict, folder: Folder) -> str:
    """Why a reader's seed is not of the kind that the book's are; "" if it is."""
    if result["data"] != book["data"]:
        return f"its data are not the book's {book['data']['name']}"
    card = checkpoints.read_card(name, seed, holder_of(name, seed, folder).checkpoints)
    ours = checkpoints.read_card(name, int(next(iter(book["seeds"]))))
    if card["sha256"] != result["evaluation"]["sha256"]:
        return "it was evaluated with other weights than are there now"
    if not card.get("complete"):
        return "it was cut short"
    if card["experiment"] != ours["experiment"]:
        return "its settings are not the book's"
    return ""
