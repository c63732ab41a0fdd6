"""Is v equivariant to what varied in training? Glyphs that were never shifted.

    python -m tools.unmoved             every run that is not in the file yet
    python -m tools.unmoved --table     the table so far

Each arm trains on the same glyphs, but with some factors of their pose set to 0; all
are measured on the same pairs, as in chapter 15. Finished runs are kept in
data/results/glyphs-unmoved.json and not made again. A run takes some three minutes of
one core.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace

import torch

from equivae_lite.chapters.equivariance import (
    KINDS,
    TELLS,
    drawn,
    on_held_out_classes,
    transport,
)
from equivae_lite.chapters.judge import judge_of
from equivae_lite.chapters.moved import moved_table
from equivae_lite.data.sets import ImageSet, Pixels
from equivae_lite.data.stand_ins.glyphs import draw_glyphs
from equivae_lite.evaluation.bound import Representations, latent_means
from equivae_lite.model.equivae import EquiVAE
from equivae_lite.runs.folders import SHELF
from equivae_lite.training import experiments, loop
from tools.studies import run_missing, stored

PATH = SHELF.results / "glyphs-unmoved.json"
COMMAND = "python -m tools.unmoved"
SEEDS = (0, 1, 2)
BASE = replace(
    experiments.get("glyphs-supervised"), name="glyphs-supervised-unmoved",
    schedule=((32, 1), (64, 2), (128, 3)), kl_epochs=2.0,
)  # fmt: skip
IMAGES = 30_000  # to train on
PAIRS = 2_000  # of each move
STILL = ("shift_x", "shift_y")  # what some arm lacks


@dataclass(frozen=True)
class Arm:
    """What the glyphs of one training lack."""

    words: str
    still: tuple[str, ...] = ()  # factors that are 0 in every image


ARMS = {
    "all": Arm("everything varies"),
    "no-shift": Arm("no shifts", STILL),
}


def redrawn(arm: Arm, images: ImageSet) -> ImageSet:
    """The same glyphs with the factors that the arm lacks at 0."""
    zeros = torch.zeros(len(images))
    factors = images.factors | {name: zeros for name in arm.still}
    return replace(
        images, images=draw_glyphs(images.labels, **factors), factors=factors
    )


@torch.no_grad()
def measured(model: EquiVAE, train: ImageSet) -> dict[str, dict[str, float]]:
    """By move: the shares of the rules, and how much of it appears in the picture.

    Every pair begins where the factors in STILL are 0, which all arms have seen.
    """
    pixels, judge = Pixels.unit(), judge_of("glyphs")[0]
    r_y, found = Representations(model, pixels, train).table(), {}
    for kind in TELLS:
        amount = KINDS[kind][1]
        pairs = drawn(kind, (-amount / 2, amount / 2), PAIRS, seed=15, still=STILL)
        y = pairs.labels
        v, v_T = (latent_means(model, pixels, x, r_y[y]) for x in pairs.images)
        shares = on_held_out_classes(v, v_T, y)
        moved = transport(
            lambda u, k: model.mean_image(r_y[k], u), v, v_T, y,
            pairs.map_of(kind, amount), judge.read,
        )  # fmt: skip
        found[kind] = {
            "rule": shares["rule"].mean().item(), "own": shares["own"].mean().item(),
            "least": shares["rule"].min().item(), "done": moved.done(kind),
            "wrong": moved.wrong,
        }  # fmt: skip
    return {kind: {k: float(f"{x:.4g}") for k, x in of.items()}
            for kind, of in found.items()}  # fmt: skip


def run(arm: Arm, train: ImageSet, held_out: ImageSet, seed: int) -> dict:
    """Train one arm on the first IMAGES glyphs, and measure it."""
    part = redrawn(arm, train.subset(torch.arange(min(IMAGES, len(train)))))
    model, history = loop.fit(BASE, part, Pixels.unit(), seed, progress=False)
    last = {k: float(f"{history[-1][k]:.6g}") for k in ("log_lik", "kl")}
    return {"moves": measured(model, part), "last_epoch": last,
            "steps": sum(int(entry["steps"]) for entry in history)}  # fmt: skip


def run_all(seeds: tuple[int, ...] = SEEDS) -> dict:
    """Make every run that the file does not hold yet, see `studies.run_missing`."""
    return run_missing(PATH, COMMAND, BASE, "arms", ARMS, run, seeds)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__.split("\n")[0])
    parser.add_argument("--table", action="store_true", help="only print the table")
    if not parser.parse_args(arguments).table:
        run_all()
    print(moved_table(stored(PATH)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
