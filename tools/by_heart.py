"""What helps `svhn-part-supervised` against learning its pictures by heart.

    python -m tools.by_heart             every run that is not in the file yet
    python -m tools.by_heart --table     the table so far

Each run is the preset with one change, on the training images without those of
`splits.held_out`, which are whole photographs. After every epoch (4) is computed for
held-out images and for as many training images, and once more for held-out images with
the weights as they are, not averaged; no test image is read. Finished runs are kept in
data/results/svhn-part-by-heart.json and not made again. A run takes some six minutes of
one core.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field, replace
from unittest.mock import patch

import torch
from torch import Tensor
from torch.nn import functional

from equivae_lite.chapters.colour import arms_table
from equivae_lite.data.sets import ImageSet, Pixels
from equivae_lite.evaluation.bound import Representations, bound_terms, mean_and_error
from equivae_lite.model.equivae import EquiVAE
from equivae_lite.runs.folders import SHELF
from equivae_lite.training import experiments, loop
from tools.studies import run_missing, stored

PATH = SHELF.results / "svhn-part-by-heart.json"
COMMAND = "python -m tools.by_heart"
SEEDS = (0, 1, 2)
BASE = experiments.get("svhn-part-supervised")


class Shifted(Pixels):
    """Moves every picture by up to a pixel each way before it is standardised.

    What comes in from the border repeats it. The moves are drawn from torch's own
    random numbers, which training starts anew in every epoch.
    """

    def forward(self, images: Tensor) -> Tensor:
        flat = images.flatten(0, -4)
        wide = functional.pad(flat.float(), (1, 1, 1, 1), mode="replicate").byte()
        down, right = torch.randint(3, (2, len(flat)), device=flat.device)
        moved = torch.empty_like(flat)
        height, width = flat.shape[-2:]
        for i in range(3):
            for j in range(3):
                rows = (down == i) & (right == j)
                moved[rows] = wide[rows, :, i : i + height, j : j + width]
        return super().forward(moved.reshape(images.shape))


@dataclass(frozen=True)
class Arm:
    """What one run does otherwise than the preset."""

    words: str
    fields: dict = field(default_factory=dict)  # of Experiment
    pixels: type[Pixels] = Pixels  # what training images pass through


def _half() -> tuple[tuple[int, int], ...]:
    return tuple((size, epochs // 2) for size, epochs in BASE.schedule)


ARMS = {
    "preset": Arm("as it is"),
    "half": Arm("half the epochs", {"schedule": _half()}),
    "shifted": Arm("training images moved by up to a pixel", pixels=Shifted),
}


class Remembering(loop.WeightAverage):
    """Averages as ever, and keeps at hand the model that it averages."""

    last: EquiVAE

    def of(self, model: EquiVAE) -> EquiVAE:
        Remembering.last = model
        return super().of(model)


def run(arm: Arm, train: ImageSet, held_out: ImageSet, seed: int) -> dict:
    """Train one arm; (4) of training and of held-out images after each epoch."""
    pixels = Pixels.fit(train.images)
    seen = train.subset(torch.arange(min(len(train), len(held_out))))

    def bound(model: EquiVAE, part: ImageSet) -> tuple[float, float]:
        r_y = Representations(model, pixels, train).table()
        x, indices = pixels.forward(part.images), torch.arange(len(part))
        return mean_and_error(bound_terms(model, x, r_y[part.labels], indices).bound)

    errors: list[float] = []

    def follow(model: EquiVAE) -> dict[str, float]:
        held, error = bound(model, held_out)
        errors.append(error)
        found = {
            "training_bound": bound(model, seen)[0],
            "held_out_bound": held,
            "last_weights_bound": bound(Remembering.last.eval(), held_out)[0],
        }
        return {key: float(f"{value:.6g}") for key, value in found.items()}

    e = replace(BASE, **arm.fields)
    through = arm.pixels(pixels.mean, pixels.std)
    with patch.object(loop, "WeightAverage", Remembering):
        _, history = loop.fit(e, train, through, seed, validate=follow, progress=False)
    kept = ("epoch", "training_bound", "held_out_bound", "last_weights_bound")
    return {
        "history": [{key: entry[key] for key in kept} for entry in history],
        "error": float(f"{errors[-1]:.3g}"),  # of the last held-out bound, over images
        "steps": sum(int(entry["steps"]) for entry in history),
    }


def run_all(seeds: tuple[int, ...] = SEEDS) -> dict:
    """Make every run that the file does not hold yet, see `studies.run_missing`."""
    return run_missing(PATH, COMMAND, BASE, "arms", ARMS, run, seeds)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__.split("\n")[0])
    parser.add_argument("--table", action="store_true", help="only print the table")
    if not parser.parse_args(arguments).table:
        run_all()
    print(arms_table(stored(PATH)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
