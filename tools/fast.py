"""What each part of the fast recipe is worth: one thing changed at a time.

    python -m tools.fast               every run that is not in the file yet
    python -m tools.fast --table       the table so far

Each run is the preset `mnist-supervised-fast` with one change, for three epochs instead
of seven (the last arm, `mnist-supervised-faster`, for five), judged by the bound on the
5,000 held-out training images; no test image is read. The rates fall over the epochs;
the weight of the KL rises over two.
Finished runs are kept in data/results/mnist-fast.json and not made again. A run takes
some two minutes of one core.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field, replace
from unittest.mock import patch

import torch

from equivae_lite.chapters.fast import worth_table
from equivae_lite.data.sets import ImageSet, Pixels
from equivae_lite.evaluation.held_out import held_out_terms
from equivae_lite.model.equivae import EquiVAE
from equivae_lite.runs import pipeline
from equivae_lite.runs.folders import SHELF
from equivae_lite.training import checkpoints, experiments, loop
from equivae_lite.training.settings import Experiment
from tools.starts import Change, scale
from tools.studies import run_missing, stored

PATH = SHELF.results / "mnist-fast.json"
COMMAND = "python -m tools.fast"
SEEDS = (0,)
BASE = replace(experiments.get("mnist-supervised-fast"), schedule=((128, 3),))


@dataclass(frozen=True)
class Arm:
    """The recipe with one change, of a field or of the weights that it begins with."""

    words: str
    fields: dict[str, object] = field(default_factory=dict)
    init: str = "he"
    change: Change = lambda model: None


ARMS = {
    "recipe": Arm("the recipe"),
    "adam": Arm("Adam for all, its default rate",
                {"muon_rate": 0.0, "learning_rate": 1e-3}),
    "adam-2e-3": Arm("Adam for all, at 0.002", {"muon_rate": 0.0}),
    "rate-stays": Arm("rates do not fall", {"decay_from": 1.0}),
    "last-weights": Arm("weights not averaged", {"averaging": 0.0}),
    "kl-at-once": Arm("the whole KL from the start", {"kl_epochs": 0.0}),
    "batch-256": Arm("batches of 256", {"schedule": ((256, BASE.epochs),)}),
    "pytorch": Arm("PyTorch's start", init="pytorch"),
    "he-scale": Arm("its start, PyTorch's scale", change=lambda m: scale(m, -1.0)),
    "pytorch-scale": Arm("PyTorch's start, He's scale", init="pytorch", change=scale),
    "faster": Arm("PyTorch's start, five epochs", {"schedule": ((128, 5),)}, "pytorch"),
}  # fmt: skip


def run(
    arm: Arm, train: ImageSet, held_out: ImageSet, seed: int, bfloat16: bool
) -> dict:
    """Train one arm; its held-out bound, and what it cost."""
    e = replace(BASE, arch=replace(BASE.arch, init=arm.init), **arm.fields)

    def begun(experiment: Experiment) -> EquiVAE:
        model = checkpoints.build(experiment)
        with torch.no_grad():
            arm.change(model)
        return model

    with patch.object(loop, "build", begun):
        model, history = loop.fit(
            e, train, Pixels.unit(), seed, progress=False, bfloat16=bfloat16
        )
    with torch.no_grad():
        terms = held_out_terms(model, Pixels.unit(), train, held_out, e.m_max)
    return {
        "bound": round(float(terms.bound.mean()), 3),
        "kl": round(float(terms.kl.mean()), 3),
        "steps": sum(int(h["steps"]) for h in history),
        "seconds": round(sum(h["seconds"] for h in history), 1),
    }


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__.split("\n")[0])
    parser.add_argument("--table", action="store_true", help="only print the table")
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument("--arms", nargs="+", default=list(ARMS), choices=list(ARMS))
    parser.add_argument("--bfloat16", action="store_true", help="to train with")
    chosen = parser.parse_args(arguments)
    if not chosen.table:
        run_missing(
            PATH, COMMAND, BASE, "arms", {name: ARMS[name] for name in chosen.arms},
            lambda *given: run(*given, chosen.bfloat16), tuple(chosen.seeds),
            precision=pipeline.precision(chosen.bfloat16),
        )  # fmt: skip
    print(worth_table(stored(PATH)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
