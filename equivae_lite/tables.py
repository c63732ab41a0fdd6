"""The table of an experiment: a row for each seed, and their mean."""

from __future__ import annotations

from . import data, runs

# Heading, where the number lies in a seed's evaluation, its unit, digits shown.
COLUMNS = (
    ("error in %", "error", 100, 2),
    ("error by argmax of (4) in %", "generative_error", 100, 2),
    ("(6) in nats", "unlabelled_bound.bound", 1, 2),
    ("(6) in bits per dimension", "unlabelled_bound.bits", 1, 3),
    ("(4) in nats", "bound.all.bound", 1, 2),
    ("(4) in bits per dimension", "bits_per_dimension.bits", 1, 3),
)


def of_seeds(evaluations: dict[int, dict], cards: dict[int, dict]) -> str:
    """Markdown of what `runs.evaluate` found and the cards say, by seed.

    The last row is the mean over seeds ± its standard error.
    """
    columns = {"seed": [*map(str, evaluations), "mean"]}
    for heading, place, unit, digits in COLUMNS:
        values = [_look_up(found, place) for found in evaluations.values()]
        if None not in values:
            columns[heading] = _column([unit * v for v in values], digits)
    minutes = [card["seconds"] / 60 for card in cards.values()]
    columns["minutes of training"] = _column(minutes, 1)
    lines = [list(columns), ["---"] * len(columns), *zip(*columns.values())]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def title(name: str, data_set: str) -> str:
    """What a table is about; a stand-in is said to be one."""
    real = {stand_in: real for real, stand_in in data.STAND_INS.items()}
    note = f" (a stand-in: no result on {real[data_set]})" if data_set in real else ""
    return f"{name}, on the test images of {data_set}{note}"


def _look_up(found: dict, place: str) -> float | None:
    for key in place.split("."):
        if key not in found:
            return None
        found = found[key]
    return found


def _column(values: list[float], digits: int) -> list[str]:
    mean, error = runs.over_seeds(values)
    spread = "" if error is None else f" ± {error:.{digits}f}"
    return [f"{v:.{digits}f}" for v in values] + [f"{mean:.{digits}f}{spread}"]
