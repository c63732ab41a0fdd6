"""Numbers as the book shows them: a mean ± its standard error, and tables of them.

Standard errors are over seeds, each of which has its own labelled images where a model
is semi-supervised. A difference is judged by its interval, never by them. Every chapter
and every command writes its tables with this file.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from scipy.special import stdtrit

from ..data import sources

Pair = tuple[float, float | None]  # mean and its standard error, None for one seed
# Heading, where the number lies in a seed's evaluation, its unit, digits shown.
COLUMNS = (
    ("error in %", "error", 100, 2),
    ("error by argmax of (4) in %", "generative_error", 100, 2),
    ("(6) in nats", "unlabelled_bound.bound", 1, 2),
    ("(6) in bits per dimension", "unlabelled_bound.bits", 1, 3),
    ("(4) in nats", "bound.all.bound", 1, 2),
    ("(4) in bits per dimension", "bits_per_dimension.bits", 1, 3),
)


def over_seeds(values: Sequence[float]) -> Pair:
    """Mean over seeds and its standard error (None for a single seed)."""
    mean = sum(values) / len(values)
    if len(values) < 2:
        return mean, None
    variance = sum((v - mean) ** 2 for v in values) / (len(values) - 1)
    return mean, math.sqrt(variance / len(values))


def plus_minus(pair: Pair, digits: int = 2, sign: str = "") -> str:
    """A mean ± its standard error; of one seed, which has none, the mean alone.

    An error that would be rounded to nothing is given to one digit that counts. With
    `sign` "+" a positive mean shows its sign; a zero has no minus.
    """
    mean, error = pair
    if error is None:
        return f"{mean:{sign}z.{digits}f}"
    small = 0 < error < 0.5 * 10**-digits
    spread = f"{error:.0e}" if small else f"{error:.{digits}f}"
    return f"{mean:{sign}z.{digits}f} ± {spread}"


def interval(values: Sequence[float], share: float = 0.95) -> tuple[float, float]:
    """Student's t interval of the mean over seeds, here most often of differences.

    Of a single seed it is the whole line: one number says nothing of its spread.
    """
    mean, error = over_seeds(values)
    if error is None:
        return -math.inf, math.inf
    half = float(stdtrit(len(values) - 1, (1 + share) / 2)) * error
    return mean - half, mean + half


def with_interval(values: Sequence[float], digits: int = 2) -> str:
    """The mean of differences over seeds and, in brackets, its 95 % interval."""
    mean, (low, high) = over_seeds(values)[0], interval(values)
    if len(values) < 2:
        return f"{mean:+z.{digits}f} (one seed)"
    return f"{mean:+z.{digits}f} ({low:+z.{digits}f} to {high:+z.{digits}f})"


def markdown(
    heads: Sequence[str], rows: Iterable[Sequence[object]], marks: str = ""
) -> str:
    """A table: headings, rows of cells, and for each column l(eft) or r(ight).

    Columns beyond `marks` are left to the page. A bar within a cell must be escaped.
    """
    rules = {"l": ":--", "r": "--:"}
    ruler = [rules[mark] for mark in marks] + ["---"] * (len(heads) - len(marks))
    head, *body = (f"| {' | '.join(map(str, line))} |" for line in (heads, *rows))
    return "\n".join([head, f"|{'|'.join(ruler)}|", *body])


def of_seeds(evaluations: dict[int, dict], cards: dict[int, dict]) -> str:
    """Markdown of what `pipeline.evaluate` found and the cards say, by seed.

    The last row is the mean over seeds ± its standard error.
    """
    columns = {"seed": [*map(str, evaluations), "mean"]}
    for heading, place, unit, digits in COLUMNS:
        values = [look_up(found, place) for found in evaluations.values()]
        if None not in values:
            columns[heading] = _column([unit * v for v in values], digits)
    minutes = [card["seconds"] / 60 for card in cards.values()]
    columns["minutes of training"] = _column(minutes, 1)
    return markdown(list(columns), zip(*columns.values()))


def title(name: str, data_set: str) -> str:
    """What a table is about; a stand-in is said to be one, and a part a part."""
    real = [name for name, other in sources.STAND_INS.items() if other == data_set]
    note = f" (a stand-in: no result on {' or '.join(real)})" if real else ""
    if data_set not in sources.EVERY:
        note = " (images of the reader's own)"
    if data_set == "svhn-part":
        note = " (real, an eighth of SVHN in our own split: no benchmark)"
    return f"{name}, on the test images of {data_set}{note}"


def look_up(found: dict, place: str) -> float | None:
    """A number of an evaluation by its place, as "bound.all.bound"; None without it."""
    for key in place.split("."):
        if key not in found:
            return None
        found = found[key]
    return found


def _column(values: list[float], digits: int) -> list[str]:
    whole = plus_minus(over_seeds(values), digits)
    return [f"{v:.{digits}f}" for v in values] + [whole]
