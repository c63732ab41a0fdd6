"""EquiVAE against its neighbours, on MNIST: chapter 15.

    python -m tools.handwriting                  every run that is not in the file yet
    python -m tools.handwriting --kept-back      the second study
    python -m tools.handwriting --seeds 0 2      of these seeds alone: one process each
    python -m tools.handwriting --models ml-vae  of these rows alone
    python -m tools.handwriting --table          the table so far
    python -m tools.handwriting --out F          models are in, and go to, the folder F

Each row is a preset of the fast recipe, trained by `train` unless the folder holds it
whole, and measured on test digits on which known moves were put. The second study
keeps two digits from all of the training. What is measured is kept in data/results and
not measured again. A run takes some six minutes of one core.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch

from equivae_lite.chapters.equivariance import (
    KINDS,
    TELLS,
    affine_map,
    warped,
)
from equivae_lite.chapters.handwriting import kept_back_table, moves_table, taught_table
from equivae_lite.chapters.judge import Judge, judge_of
from equivae_lite.chapters.neighbours import MS
from equivae_lite.data.sets import ImageSet, Pixels, load
from equivae_lite.evaluation.bound import Representations, mean_and_error
from equivae_lite.model.equivae import EquiVAE
from equivae_lite.runs import pipeline
from equivae_lite.runs.folders import MINE, SHELF, Folder
from equivae_lite.training import checkpoints, experiments, loop
from tools.measures import (
    Measuring,
    Pairs,
    amount_of,
    class_in_v,
    itself_among,
    moves,
    short,
)
from tools.neighbours import Model
from tools.studies import run_missing, stored

PATH = SHELF.results / "mnist-neighbours.json"
PATH_KEPT = SHELF.results / "mnist-kept-back.json"
COMMAND = "python -m tools.handwriting"
SEEDS = (0, 1, 2)
BASE = experiments.get("mnist-supervised-fast")
KEPT_BACK = (3, 7)  # fixed before any run
TESTED = 3_000  # test images, for all but the bound, which is of all
STEPS = 1_000  # of the readers of classes

MODELS = {
    "equivae": Model("EquiVAE", BASE.name),
    "class-table": Model("class table", f"{BASE.name}-class-table"),
    "plain-vae": Model("plain VAE", f"{BASE.name}-plain-vae"),
    "leak": Model("EquiVAE with x_n left in", f"{BASE.name}-leak"),
    "ml-vae": Model("ML-VAE", f"{BASE.name}-ml-vae"),
    "group-vae": Model("group VAE", f"{BASE.name}-group-vae"),
}
KEPT_FROM = ("equivae", "leak", "ml-vae", "group-vae")  # who make an r of new images


def pairs(digits: ImageSet, kind: str) -> Pairs:
    """Test digits resampled half of a move one way, and half the other way."""
    T = *affine_map(kind, KINDS[kind][1]), torch.zeros(2).double()
    return warped(kind, amount_of(kind), digits.images), digits.labels, T


@torch.no_grad()
def measured(model: EquiVAE, train: ImageSet, test: ImageSet, judge: Judge) -> dict:
    """All measures of a model of MNIST, as plain JSON."""
    some = test.subset(torch.arange(TESTED))
    of = Measuring(model, train, some, judge)
    found = {
        "moves": moves(of, partial(pairs, some), tuple(TELLS)),
        "class_in_v": class_in_v(of, STEPS),
        "bound": mean_and_error(of.bound(test))[0],
    }
    if model.representation != "none":  # a plain VAE can be told no other class
        found["wrong"] = exchanged_wrong(of)
    if hasattr(model, "encoder"):
        found["itself"] = itself_among(of)
        found["m"] = of_few(of, of.of_training, test)
    return short(found)


def exchanged_wrong(of: Measuring) -> float:
    """v of one image, class of another: the share read as some other class."""
    y, chance = of.test.labels, torch.Generator().manual_seed(1)
    other = (y + torch.randint(1, 10, y.shape, generator=chance)) % 10
    picture = of.decode(of.v(of.test.images, y), other)
    return (of.judge.read(picture) != other).double().mean().item()


def of_few(of: Measuring, ten: Representations, test: ImageSet) -> dict[str, dict]:
    """The digits of KEPT_BACK, r_y from m images of each: (4), and what is drawn.

    `ten` and `test` know all ten digits. v is lent by test images of the model's own
    classes, told their r_y, and of no kept-back digit.
    """
    rows = torch.isin(test.labels, torch.tensor(KEPT_BACK)).nonzero().flatten()
    digits = test.subset(rows)
    named = [of.test.names[y] for y in of.test.labels.tolist()]
    others = [i for i, name in enumerate(named) if int(name) not in KEPT_BACK]
    lend = of.test.subset(torch.tensor(others[: len(digits)]))
    v, found = of.v(lend.images, lend.labels), {}
    for m in MS:
        r = ten.draw(digits.labels, torch.arange(len(digits)), m)
        picture = of.model.mean_image(r, v)
        found[str(m)] = {
            "bound": of.bound(digits, r).mean().item(),
            "read": (of.judge.read(picture) == digits.labels).double().mean().item(),
        }
    return found


def without(images: ImageSet) -> ImageSet:
    """The images of the eight digits that are not KEPT_BACK, classes counted anew."""
    taught = [k for k in range(10) if k not in KEPT_BACK]
    place = torch.tensor([taught.index(k) if k in taught else -1 for k in range(10)])
    rows = (place[images.labels] >= 0).nonzero().flatten()
    names = tuple(images.names[k] for k in taught)
    return replace(
        images, images=images.images[rows], labels=place[images.labels[rows]],
        names=names,
    )  # fmt: skip


def run_taught(
    folder: Folder, seeds: tuple[int, ...], models: tuple[str, ...], bfloat16: bool
) -> None:
    """Make every run that the file does not hold yet, see `studies.run_missing`."""
    judge, _ = judge_of("mnist")
    test = load("mnist", "test")

    def run(row: Model, train: ImageSet, _: ImageSet, seed: int) -> dict:
        pipeline.train(
            row.name, seed, folder=folder, progress=False, bfloat16=bfloat16
        )
        model, _, card = checkpoints.load(row.name, seed, folder.checkpoints)
        return {
            "measures": measured(model, train, test, judge),
            "sha256": card["sha256"], "seconds": card["seconds"],
        }  # fmt: skip

    rows = {key: MODELS[key] for key in models}
    run_missing(
        PATH, COMMAND, BASE, "models", rows, run, seeds, whole=True,
        precision=pipeline.precision(bfloat16),
    )  # fmt: skip


def run_kept_back(
    seeds: tuple[int, ...], models: tuple[str, ...], bfloat16: bool
) -> None:
    """The same for models from whose training two digits are kept."""
    judge, _ = judge_of("mnist")
    test = load("mnist", "test")

    def run(row: Model, train: ImageSet, _: ImageSet, seed: int) -> dict:
        preset = experiments.get(row.name)
        eight = replace(preset, arch=replace(preset.arch, classes=8))
        part = without(train)
        model, _ = loop.fit(
            eight, part, Pixels.unit(), seed, progress=False, bfloat16=bfloat16
        )
        with torch.no_grad():
            of = Measuring(model, part, without(test), judge)
            ten = Representations(model, of.pixels, train)
            return {"measures": short({
                "m": of_few(of, ten, test),
                "taught": mean_and_error(of.bound(of.test))[0],
            })}  # fmt: skip

    rows = {key: MODELS[key] for key in models if key in KEPT_FROM}
    command = f"{COMMAND} --kept-back"
    run_missing(
        PATH_KEPT, command, BASE, "models", rows, run, seeds, whole=True,
        precision=pipeline.precision(bfloat16),
    )  # fmt: skip


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__.split("\n")[0])
    parser.add_argument("--table", action="store_true", help="only print the table")
    parser.add_argument("--kept-back", action="store_true", help="the second study")
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--out", type=Path, default=MINE.root, help="models to measure")
    parser.add_argument("--bfloat16", action="store_true", help="to train with")
    a = parser.parse_args(arguments)
    seeds, models = tuple(a.seeds), tuple(a.models)
    if a.kept_back:
        if not a.table:
            run_kept_back(seeds, models, a.bfloat16)
        print(kept_back_table(stored(PATH_KEPT), stored(PATH)))
        return 0
    if not a.table:
        run_taught(Folder(a.out), seeds, models, a.bfloat16)
    for table in (moves_table, taught_table):
        print(table(stored(PATH)), end="\n\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
