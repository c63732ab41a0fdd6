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
    on_held_out_classes,
    pose,
    read_linearly,
    transport,
)
from equivae_lite.chapters.judge import Judge
from equivae_lite.chapters.neighbours import (
    MS,
    kept_back,
    moves_table,
    taught_table,
    untaught_table,
)
from equivae_lite.data.sets import ImageSet, Pixels, load
from equivae_lite.data.stand_ins.characters import KEPT_BACK, TAUGHT, characters
from equivae_lite.data.stand_ins.glyphs import draw_glyphs
from equivae_lite.evaluation.bound import (
    Representations,
    bound_terms,
    embed_all,
    latent_means,
    mean_and_error,
)
from equivae_lite.evaluation.probes import class_told, posteriors
from equivae_lite.model.equivae import EquiVAE
from equivae_lite.model.groups import r_of
from equivae_lite.runs import pipeline
from equivae_lite.runs.folders import MINE, SHELF, Folder
from equivae_lite.training import checkpoints, experiments
from tools.judges import fit as fit_judge
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


class Measuring:
    """One trained model and all that its measures share."""

    def __init__(self, model: EquiVAE, train: ImageSet, judge: Judge) -> None:
        self.model, self.pixels, self.judge = model, Pixels.unit(), judge
        self.train = train.subset(torch.arange(2 * TESTED))
        self.test = load("characters", "test", TESTED)
        self.of_training = Representations(model, self.pixels, train)
        self.r_y = None if model.representation == "none" else self.of_training.table()

    def v(self, images: Tensor, y: Tensor) -> Tensor:
        """Means of q_cov, told the r_y of the images' classes: (N, V)."""
        r = None if self.r_y is None else self.r_y[y]
        return latent_means(self.model, self.pixels, images, r)

    def decode(self, v: Tensor, y: Tensor) -> Tensor:
        """Pictures (N, 1, H, W); a plain VAE draws the class that is in its v."""
        return self.model.mean_image(None if self.r_y is None else self.r_y[y], v)

    def read_digit(self, images: Tensor) -> Tensor:
        """The judge's likeliest of the ten digits."""
        return self.judge(images)[..., :10].argmax(dim=-1)

    def r(self, images: Tensor) -> Tensor:
        """r of single images, (N, R)."""
        f = embed_all(self.model, self.pixels, images)
        return r_of(self.model.encoder, f[:, None])


@torch.no_grad()
def measured(model: EquiVAE, train: ImageSet, judge: Judge) -> dict:
    """All measures of a model of `characters`, as plain JSON."""
    of = Measuring(model, train, judge)
    found = {"moves": moves(of), "class_in_v": class_in_v(of), "exchange": exchange(of),
             "bound": mean_and_error(_bound(of, of.test))[0]}  # fmt: skip
    if hasattr(model, "encoder"):
        found |= {"pose_in_r": pose_in_r(of), "itself": itself_among(of),
                  "untaught": untaught(of)}  # fmt: skip
    elif model.representation == "none":
        _, test = kept_back()
        found["untaught"] = {"bound": mean_and_error(_bound(of, test))[0]}
    return _short(found)


def _bound(of: Measuring, test: ImageSet, r: Tensor | None = None) -> Tensor:
    """(4) of each image, (N,), given r or the r_y of its class."""
    if r is None and of.r_y is not None:
        r = of.r_y[test.labels]
    x = of.pixels.forward(test.images)
    return bound_terms(of.model, x, r, torch.arange(len(test))).bound


def moves(of: Measuring) -> dict[str, dict[str, float]]:
    """By move: shares of the rules, what of it is drawn, how far r and v go."""
    found = {}
    for kind, (_, amount, _) in KINDS.items():
        pairs = drawn(kind, (-amount / 2, amount / 2), PAIRS, seed=15)
        y = pairs.labels
        v, v_T = (of.v(x, y) for x in pairs.images)
        shares = on_held_out_classes(v, v_T, y)
        found[kind] = {key: shares[key].mean().item() for key in
                       ("rule", "change", "nothing", "own")}  # fmt: skip
        found[kind]["least"] = shares["rule"].min().item()
        if kind in TELLS:
            moved = transport(of.decode, v, v_T, y, pairs.map_of(kind, amount),
                              of.read_digit)  # fmt: skip
            found[kind] |= {"done": moved.done(kind), "wrong": moved.wrong}
        apart = torch.pdist(v[:1000]).mean()
        found[kind]["v_moves"] = ((v_T - v).norm(dim=1).mean() / apart).item()
        if hasattr(of.model, "encoder"):
            r, r_T = (of.r(x) for x in pairs.images)
            between = torch.pdist(of.r_y[:10]).mean()
            found[kind]["r_moves"] = ((r_T - r).norm(dim=1).mean() / between).item()
    return found


def class_in_v(of: Measuring) -> dict[str, float]:
    """Share of test images whose class a network misreads from v: sample and mean."""
    q = [posteriors(of.model, of.pixels, d, of.r_y) for d in (of.train, of.test)]
    return {reads: class_told(*q, reads=reads, steps=STEPS).error
            for reads in ("sample", "mean")}  # fmt: skip


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


def itself_among(of: Measuring, others: int = 7) -> dict[str, float]:
    """(4) with r of `others` training images, and of these and the image itself."""
    test, chance = of.test, torch.Generator().manual_seed(2)
    rows = torch.stack([
        members[torch.randint(len(members), (others,), generator=chance)]
        for members in (of.of_training.by_class[y] for y in test.labels.tolist())
    ])  # fmt: skip
    f = of.of_training.f[rows]  # (N, others, F)
    own = embed_all(of.model, of.pixels, test.images)[:, None]
    encoder = of.model.encoder
    without, among = r_of(encoder, f), r_of(encoder, torch.cat([f, own], 1))
    return {"without": _bound(of, test, without).mean().item(),
            "among": _bound(of, test, among).mean().item()}  # fmt: skip


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
            "bound": _bound(of, test, r).mean().item(),
            "taught": _bound(of, of.test, old).mean().item(),
            "read": (of.judge.read(picture) == y + len(TAUGHT)).double().mean().item(),
        } | _against(picture, y, lend.factors, KEPT_BACK)
    # A rule fitted on digits, tried on letters that no part of the model has seen.
    r_new = torch.stack([r_of(encoder, new.f[rows[:20]]) for rows in new.by_class])
    found["rule"] = {}
    for kind, (_, amount, _) in KINDS.items():
        ends = (-amount / 2, amount / 2)
        digits = drawn(kind, ends, PAIRS, seed=15)
        letters = drawn(kind, ends, PAIRS // 2, seed=16, characters=KEPT_BACK)
        rule = fit_rule(*(of.v(x, digits.labels) for x in digits.images))
        a, b = (latent_means(of.model, of.pixels, x, r_new[letters.labels])
                for x in letters.images)  # fmt: skip
        found["rule"][kind] = explained(rule(a), b)
    return found


def _short(of: dict) -> dict:
    """Every number to five digits."""
    return {k: _short(x) if isinstance(x, dict) else float(f"{x:.5g}")
            for k, x in of.items()}  # fmt: skip


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
