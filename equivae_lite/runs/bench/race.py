"""Time to a bound: how long each way of training takes to one number.

    preset   the experiment as it is, for the first of the seeds
    fast     the recipe that is meant to be quick, EXPERIMENT-fast
    faster   EXPERIMENT-faster, where there is one
    loader   the preset as one would write it first (supervised.py): single steps are
             timed, medians of two for m = 1, 4 and 7, and as many of each batch size
             counted as the preset needed

The number is the bound (4) on the held-out training images, in nats; no test image is
read. Only training is timed, so leave the machine alone.
"""

from __future__ import annotations

import math
import statistics

import torch

from ... import files
from ...errors import ExperimentError
from ...training import experiments
from ...training.settings import Experiment
from .. import machine, pipeline
from ..folders import MINE, Folder
from . import supervised

LOADER_STEPS = 2


def main(
    name: str, device: str, target: float, seeds: list[int], bfloat16: bool = False,
    smoke: bool = False, folder: Folder = MINE,
) -> dict:  # fmt: skip
    """Run all of it, print a table, write bench-to-NAME.json (not in smoke).

    With `bfloat16` the fast recipes run in that precision and, for the first seed, in
    float32 as well; the preset's is float32 always. What was stopped goes on: each
    training has its state and its curve in `folder`.

    Raises ExperimentError for an experiment that has no fast recipe, and for a target
    that is no number.
    """
    if not math.isfinite(target):
        raise ExperimentError(f"--to {target}: give a number of nats, as -94.0")
    if f"{name}-fast" not in experiments.PRESETS:
        having = [n for n in experiments.PRESETS if f"{n}-fast" in experiments.PRESETS]
        raise ExperimentError(
            f"bench --to runs an experiment and its fast recipe, and {name} has none: "
            f"choose {' or '.join(having)}"
        )
    first = seeds[:1]
    ways = [("preset", name, False, first)]
    for way in ("fast", "faster"):
        if (run := f"{name}-{way}") in experiments.PRESETS:
            ways.append((way, run, False, first if bfloat16 else seeds))
            ways += [(f"{way}, bfloat16", run, True, seeds)] if bfloat16 else []
    of_loader = {} if smoke else loader_seconds(experiments.get(name), device)
    rows = []
    for way, run, half, of_seeds in ways:
        home = Folder(folder.root / "race" / pipeline.precision(half).split()[0])
        for seed in of_seeds:
            history = files.read_json(pipeline.validate(
                run, seed, device, folder=home, bfloat16=half,
                limit=200 if smoke else None,
            ), "delete it")["history"]  # fmt: skip
            epochs, reached = until(history, target)
            row = {"seed": seed, "reached": reached, "epochs": len(epochs),
                   "steps": sum(h["steps"] for h in epochs)}  # fmt: skip
            seconds = sum(h["seconds"] for h in epochs)
            end = {"end": history[-1]["validation_bound"]}
            rows.append({"way": way, "seconds": seconds} | row | end)
            if way == "preset" and of_loader:
                seconds = sum(h["steps"] * of_loader[str(h["batch"])] for h in epochs)
                rows.append({"way": "loader, counted", "seconds": seconds} | row)
    found = {
        "experiment": name, "target": target, "rows": rows, "loader_step": of_loader,
        **machine.origin(" ".join([
            f"bench {name} --to {target} --seeds", *map(str, seeds),
            *["--bfloat16"][: int(bfloat16)],
        ]), device),
    }  # fmt: skip
    print(table(found))
    if not smoke:
        files.write_json(folder.results / f"bench-to-{name}.json", found)
    return found


def until(history: list[dict], target: float) -> tuple[list[dict], bool]:
    """The epochs up to the first whose held-out bound is at the target or above it.

    All of them, and False, where there is none.
    """
    for i, entry in enumerate(history):
        if entry["validation_bound"] >= target:
            return history[: i + 1], True
    return history, False


def loader_seconds(experiment: Experiment, device: str) -> dict[str, float]:
    """Of a step of the first-written way, by batch size; the mean over m."""
    threads = torch.get_num_threads()
    return {
        str(size): statistics.mean(
            supervised.apart(
                "loader", experiment.name, size, device, LOADER_STEPS, threads
            )["seconds"].values()
        )
        for size in sorted({size for size, _ in experiment.schedule})
    }


def table(found: dict) -> str:
    """Each way's time to the target, seed by seed."""
    lines = [
        f"{found['experiment']} to {found['target']} nats: {found['hardware']}",
        f"{'':16s} seed  epochs   steps  minutes  bound at the end",
    ]
    for row in found["rows"]:
        mark = "" if row["reached"] else ">"  # not within so many epochs
        minutes = f"{mark}{row['seconds'] / 60:.1f}"
        end = f"{row['end']:.2f}" if "end" in row else ""
        lines.append(
            f"{row['way']:16s} {row['seed']:4d}{row['epochs']:8d}{row['steps']:8d}"
            f"{minutes:>9s}{end:>18s}"
        )
    return "\n".join(lines)
