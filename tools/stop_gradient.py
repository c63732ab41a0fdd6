"""What the stop-gradient before q_y-post is worth, and what f(x) is worth to it.

    python -m tools.stop_gradient            every run that is not in the file yet
    python -m tools.stop_gradient --table    the table so far

Each arm is a run of `equivae_lite.runs.study` with its own way for f(x) into q_y-post:
through the stop, as it is; with the stop forgotten; not at all. Budget and judgement
are those of the study: 55,000 training images, 100 of them labelled by the seed, judged
on 5,000 others; no test image is read. Finished runs are kept in
data/results/mnist-stop-gradient.json and not made again. A run takes some two minutes
of one core.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from unittest.mock import patch

import torch
from torch import Tensor

from equivae_lite.chapters.stopped import stop_table
from equivae_lite.data.sets import ImageSet, Pixels
from equivae_lite.model.equivae import EquiVAE
from equivae_lite.runs import machine, pipeline, study
from equivae_lite.runs.folders import SHELF
from equivae_lite.training import loop
from tools.studies import run_missing, stored

PATH = SHELF.results / "mnist-stop-gradient.json"
COMMAND = "python -m tools.stop_gradient"
SEEDS = (0, 1, 2)
BASE = study.experiment("recipe")


def _log_q(model: EquiVAE, x: Tensor, f_x: Tensor) -> Tensor:
    q = model.label_posterior
    logits = q.dense(torch.cat([q.embed(x), f_x], dim=-1))
    return torch.log_softmax(logits.float(), dim=-1)


def forgotten(model: EquiVAE, x: Tensor) -> Tensor:
    """log q(y | x), (B, classes), whose gradient reaches f through f(x)."""
    return _log_q(model, x, model.encoder.f(x))


def without_f(model: EquiVAE, x: Tensor) -> Tensor:
    """log q(y | x), (B, classes), from the pixels: zeros stand where f(x) stood."""
    return _log_q(model, x, torch.zeros_like(model.label_posterior.embed(x)))


@dataclass(frozen=True)
class Arm:
    """One way for f(x) into q_y-post, in a variant of the study."""

    words: str
    variant: str
    log_posterior: Callable[[EquiVAE, Tensor], Tensor]


AS_IT_IS = EquiVAE.label_log_posterior
ARMS = {
    "recipe": Arm("through the stop, as it is", "recipe", AS_IT_IS),
    "recipe-forgotten": Arm("the stop forgotten", "recipe", forgotten),
    "recipe-without-f": Arm("without f(x)", "recipe", without_f),
    "alpha": Arm("through the stop, as it is", "alpha", AS_IT_IS),
    "alpha-forgotten": Arm("the stop forgotten", "alpha", forgotten),
    "alpha-without-f": Arm("without f(x)", "alpha", without_f),
}


def run(arm: Arm, train: ImageSet, held_out: ImageSet, seed: int) -> dict:
    """Train one arm as the study does, and judge it on the held-out images."""
    e, pixels = study.experiment(arm.variant), Pixels.unit()
    labelled = pipeline.labelled_part(e.labels, train, seed)
    with patch.object(EquiVAE, "label_log_posterior", arm.log_posterior):
        model, history = loop.fit(e, train, pixels, seed, progress=False)
        found = pipeline.headline(model, pixels, labelled, held_out)
    return {
        **{k.replace("test", "held_out"): float(f"{v:.6g}") for k, v in found.items()},
        "steps": sum(int(entry["steps"]) for entry in history),
        "hardware": machine.hardware("cpu"),
    }


def run_all(seeds: tuple[int, ...] = SEEDS) -> dict:
    """Make every run that the file does not hold yet, see `studies.run_missing`.

    The arms of the recipe come first.
    """
    content: dict = {}
    for variant in dict.fromkeys(arm.variant for arm in ARMS.values()):
        arms = {name: arm for name, arm in ARMS.items() if arm.variant == variant}
        content = run_missing(PATH, COMMAND, BASE, "arms", arms, run, seeds)
    return content


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__.split("\n")[0])
    parser.add_argument("--table", action="store_true", help="only print the table")
    if not parser.parse_args(arguments).table:
        run_all()
    print(stop_table(stored(PATH)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
