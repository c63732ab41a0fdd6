"""EquiVAE against its neighbours, on characters whose pose is known: chapter 15.

    python -m tools.neighbours             every run that is not in the file yet
    python -m tools.neighbours --table     the tables so far
    python -m tools.neighbours --out F     models are in, and go to, the folder F

Each row is a preset, trained by `train` unless the folder holds it whole, and measured
on moved digits, on test characters, and on letters that were kept back from all
training. What is measured is kept in data/results/characters-neighbours.json and not
measured again. A run takes three to seven minutes of one core.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from equivae_lite.chapters.equivariance import (
    KINDS,
    TELLS,
    drawn,
    explained,
    fit_rule,
    pose,
    read_linearly,
)
from equivae_lite.chapters.judge import Judge
from equivae_lite.chapters.neighbours import (
    MS,
    kept_back,
    moves_table,
    taught_table,
    untaught_table,
)
from equivae_lite.data.sets import ImageSet, load
from equivae_lite.data.stand_ins.characters import KEPT_BACK, TAUGHT, characters
from equivae_lite.data.stand_ins.glyphs import draw_glyphs
from equivae_lite.evaluation.bound import (
    Representations,
    latent_means,
    mean_and_error,
)
from equivae_lite.model.equivae import EquiVAE
from equivae_lite.model.groups import r_of
from equivae_lite.runs import pipeline
from equivae_lite.runs.folders import MINE, SHELF, Folder
from equivae_lite.training import checkpoints, experiments
from tools.judges import fit as fit_judge
from tools.measures import (
    Measuring,
    Pairs,
    amount_of,
    class_in_v,
    itself_among,
    moves,
    short,
)
from tools.studies import run_missing, stored

PATH = SHELF.results / "characters-neighbours.json"
COMMAND = "python -m tools.neighbours"
SEEDS = (0, 1, 2)
BASE = experiments.get("characters-supervised")
PAIRS = 2_000  # of each move
STEPS = 1_000  # of the readers of classes
TESTED = 2_000  # test characters of the taught classes


@dataclass(frozen=True)
class Model:
    """One preset; its words stand in the tables."""

    words: str
    name: str


MODELS = {
    "equivae": Model("EquiVAE", BASE.name),
    "leak": Model("EquiVAE with x_n left in", f"{BASE.name}-leak"),
    "ml-vae": Model("ML-VAE", f"{BASE.name}-ml-vae"),
    "group-vae": Model("group VAE", f"{BASE.name}-group-vae"),
    "class-table": Model("class table", f"{BASE.name}-class-table"),
    "plain-vae": Model("plain VAE", f"{BASE.name}-plain-vae"),
}


@torch.no_grad()
def measured(model: EquiVAE, train: ImageSet, judge: Judge) -> dict:
    """All measures of a model of `characters`, as plain JSON."""
    of = Measuring(model, train, load("characters", "test", TESTED), judge)
    found = {"moves": moves(of, pairs, tuple(KINDS)), "exchange": exchange(of),
             "class_in_v": class_in_v(of, STEPS),
             "bound": mean_and_error(of.bound(of.test))[0]}  # fmt: skip
    if hasattr(model, "encoder"):
        found |= {"pose_in_r": pose_in_r(of), "itself": itself_among(of),
                  "untaught": untaught(of)}  # fmt: skip
    elif model.representation == "none":
        _, test = kept_back()
        found["untaught"] = {"bound": mean_and_error(of.bound(test))[0]}
    return short(found)


def pairs(kind: str) -> Pairs:
    """The same characters before and after a move."""
    found = drawn(kind, amount_of(kind), PAIRS, seed=15)
    T = found.map_of(kind, KINDS[kind][1]) if kind in TELLS else ()
    return found.images, found.labels, T


def pose_in_r(of: Measuring) -> dict[str, float]:
    """By factor: share of its variance that is linear in r of a single image."""
    r, r_new = of.r(of.train.images), of.r(of.test.images)
    return {
        name: read_linearly(
            r, of.train.factors[name].double(), r_new, of.test.factors[name].double()
        )
        for name, *_ in KINDS.values()
    }


def exchange(of: Measuring) -> dict[str, float]:
    """v of one image, class of another: against the glyph that it should be.

    Medians in degrees, pixels and per cent; the mean squared error summed over pixels;
    the share that the judge reads as another character.
    """
    test, chance = of.test, torch.Generator().manual_seed(1)
    step = torch.randint(1, len(TAUGHT), test.labels.shape, generator=chance)
    other = (test.labels + step) % len(TAUGHT)
    picture = of.decode(of.v(test.images, test.labels), other)
    return _against(picture, other, test.factors, TAUGHT) | {
        "wrong": (of.judge.read(picture) != other).double().mean().item()
    }


def _against(
    picture: Tensor, y: Tensor, factors: dict[str, Tensor], names: str
) -> dict[str, float]:
    ideal = draw_glyphs(y, **factors, characters=names).double() / 255
    is_, wanted = pose(picture), pose(ideal)
    return {
        "lean": (is_.lean - wanted.lean).abs().median().item(),
        "centre": (is_.c - wanted.c).norm(dim=1).median().item(),
        "size": (100 * (is_.size / wanted.size - 1).abs().median()).item(),
        "squared": (picture - ideal).square().sum((1, 2, 3)).mean().item(),
    }


def untaught(of: Measuring) -> dict:
    """Letters kept back: (4), pictures in a borrowed v, and moves, from m images each.

    "taught": the same number for test characters of the taught classes.
    """
    pool, test = kept_back()
    encoder = of.model.encoder
    new = Representations(of.model, of.pixels, pool)
    indices, y = torch.arange(len(test)), test.labels
    lend = of.test.subset(indices)  # whose v is borrowed
    v = of.v(lend.images, lend.labels)
    found: dict = {"m": {}}
    for m in MS:
        r = new.draw(y, indices, m)
        picture = of.model.mean_image(r, v)
        old = of.of_training.draw(of.test.labels, torch.arange(TESTED), m)
        found["m"][str(m)] = {
            "bound": of.bound(test, r).mean().item(),
            "taught": of.bound(of.test, old).mean().item(),
            "read": (of.judge.read(picture) == y + len(TAUGHT)).double().mean().item(),
        } | _against(picture, y, lend.factors, KEPT_BACK)
    # A rule fitted on digits, tried on letters that no part of the model has seen.
    r_new = torch.stack([r_of(encoder, new.f[rows[:20]]) for rows in new.by_class])
    found["rule"] = {}
    for kind in KINDS:
        ends = amount_of(kind)
        digits = drawn(kind, ends, PAIRS, seed=15)
        letters = drawn(kind, ends, PAIRS // 2, seed=16, characters=KEPT_BACK)
        rule = fit_rule(*(of.v(x, digits.labels) for x in digits.images))
        a, b = (latent_means(of.model, of.pixels, x, r_new[letters.labels])
                for x in letters.images)  # fmt: skip
        found["rule"][kind] = explained(rule(a), b)
    return found


def judge_of_characters() -> Judge:
    """A classifier of the taught and the kept-back characters together, not stored."""
    every = TAUGHT + KEPT_BACK
    images, y, _ = characters(20_000, "train", every)
    part = ImageSet("characters", "train", images, y, None, "", tuple(every))
    return fit_judge(part, epochs=5)


def run_all(folder: Folder = MINE, seeds: tuple[int, ...] = SEEDS) -> dict:
    """Make every run that the file does not hold yet, see `studies.run_missing`."""
    judges: list[Judge] = []  # made when the first run needs it

    def run(row: Model, train: ImageSet, _: ImageSet, seed: int) -> dict:
        if not judges:
            judges.append(judge_of_characters())
        pipeline.train(row.name, seed, folder=folder, progress=False)
        model, _, card = checkpoints.load(row.name, seed, folder.checkpoints)
        return {"measures": measured(model, train, judges[0]),
                "sha256": card["sha256"]}  # fmt: skip

    return run_missing(PATH, COMMAND, BASE, "models", MODELS, run, seeds, whole=True)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__.split("\n")[0])
    parser.add_argument("--table", action="store_true", help="only print the tables")
    parser.add_argument("--out", type=Path, default=MINE.root, help="models to measure")
    chosen = parser.parse_args(arguments)
    if not chosen.table:
        run_all(Folder(chosen.out))
    content = stored(PATH)
    for table in (moves_table, taught_table, untaught_table):
        print(table(content), end="\n\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
