"""Where Appendix B can be read in two ways: train both, briefly, and compare.

    python -m tools.readings              every run that is not in the file yet
    python -m tools.readings --table      the table that the chapters show

Each reading changes one part of the preset `mnist-supervised` and nothing else. A run
is short (8 epochs of 16,384 MNIST training images, batch 256, about a minute of one
core), so it says how fast a reading learns and not where it ends. The bound (4) is
taken on 5,000 other training images; no test image is read. Finished runs are kept in
data/results/readings.json and not made again.
"""

from __future__ import annotations

import argparse
import json
import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from unittest.mock import patch

import torch
from torch import Tensor, nn

from equivae_lite import files
from equivae_lite.data import sets, splits
from equivae_lite.data.sets import ImageSet, Pixels
from equivae_lite.evaluation.bound import Representations, bound_terms, mean_and_error
from equivae_lite.model import bounds
from equivae_lite.model.equivae import EquiVAE
from equivae_lite.model.networks import (
    Architecture,
    Decoder,
    EquivariantPosterior,
    InvariantEncoder,
)
from equivae_lite.runs import tables
from equivae_lite.runs.folders import SHELF
from equivae_lite.runs.machine import versions
from equivae_lite.runs.tables import over_seeds
from equivae_lite.training import checkpoints, experiments, loop
from equivae_lite.training.settings import Experiment

PATH = SHELF.results / "readings.json"
COMMAND = "python -m tools.readings"
PRESET = "mnist-supervised"
# What a supervised run depends on. Fields of other experiments may come and go.
FIELDS = ("name", "data", "arch", "representation", "m_max", "schedule",
          "learning_rate", "kl_start", "kl_epochs")  # fmt: skip
TRAINING_IMAGES, EPOCHS, BATCH, SEEDS = 16_384, 8, 256, (0, 1)


class Unchanged(nn.Identity):
    """Takes vectors of one width, and gives them back."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.in_features = width


class MeanOfG(InvariantEncoder):
    """(2) with g inside the mean: r_y = mean_i g(f(x_i)).

    g moves into `f`, so that training and evaluation average what comes after it.
    """

    def __init__(self, arch: Architecture) -> None:
        super().__init__(arch)
        self.f, self.g = (
            nn.Sequential(self.f, self.g),
            nn.Sequential(Unchanged(arch.r_dim)),
        )


class OutputPadding(Decoder):
    """2-4-7-14-28: the second step pads nothing, the last layer keeps the size."""

    def __init__(self, arch: Architecture) -> None:
        if arch.size != 28:
            raise ValueError(f"2-4-7-14-28 is for 28 pixels, not for {arch.size}")
        super().__init__(arch)
        ups = [c for c in self.convolutions if isinstance(c, nn.ConvTranspose2d)]
        ups[1].output_padding = (0, 0)
        self.convolutions[-1].padding = (2, 2)


class NarrowDoors(Decoder):
    """64 hidden units for r_y and v together, 32 each, in place of 64 each."""

    def __init__(self, arch: Architecture) -> None:
        super().__init__(arch)
        embed, narrow = arch.hidden
        self.dense_r = nn.Linear(arch.r_dim, narrow // 2)
        self.dense_v = nn.Linear(arch.v_dim, narrow // 2)
        self.dense = nn.Linear(narrow, embed)


class WithoutDense(EquivariantPosterior):
    """q_cov's embedding of x ends with the convolutions: 256 features, no dense 128."""

    def __init__(self, arch: Architecture) -> None:
        super().__init__(arch)
        *convolutions, dense, _ = self.embed
        self.embed = _Convolutions(*convolutions)
        for head in (self.mu, self.log_var):
            width = head[0].in_features - dense.out_features + dense.in_features
            head[0] = nn.Linear(width, head[0].out_features)


class _Convolutions(nn.Sequential):
    """Convolutions and a flattening, over any leading axes."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.flatten(0, -4)).reshape(*x.shape[:-3], -1)


class WideDenseR(EquivariantPosterior):
    """q_cov's dense layer for r_y as wide as the embedding of x: 128, not 64."""

    def __init__(self, arch: Architecture) -> None:
        super().__init__(arch)
        embed, narrow = arch.hidden
        self.dense_r = nn.Linear(arch.r_dim, embed)
        for head in (self.mu, self.log_var):
            head[0] = nn.Linear(2 * embed, narrow)


@dataclass(frozen=True)
class Reading:
    """One way to read the appendix: which class stands in for which."""

    words: str
    instead_of: str | None = None  # a name in equivae_lite.model.equivae
    network: type[nn.Module] | None = None

    def patched(self) -> AbstractContextManager:
        """While open, every new EquiVAE is built by this reading."""
        if self.instead_of is None:
            return nullcontext()
        return patch(f"equivae_lite.model.equivae.{self.instead_of}", self.network)

    def build(self, experiment: Experiment) -> EquiVAE:
        """The untrained model of `experiment` by this reading."""
        with self.patched():
            return checkpoints.build(experiment)


READINGS = {
    "preset": Reading("as built"),
    "mean-of-g": Reading("mean after all dense layers", "InvariantEncoder", MeanOfG),
    "output-padding": Reading("decoder 2-4-7-14-28", "Decoder", OutputPadding),
    "narrow-doors": Reading("dense(r), dense(v): 32 each", "Decoder", NarrowDoors),
    "without-dense": Reading(
        "q_cov embeds x without dense 128", "EquivariantPosterior", WithoutDense
    ),
    "wide-dense-r": Reading(
        "q_cov: dense(r) 128 wide", "EquivariantPosterior", WideDenseR
    ),
}


def short(experiment: Experiment, epochs: int = EPOCHS) -> Experiment:
    """The preset with a short schedule; all else, KL weight included, as it is."""
    return replace(experiment, schedule=((BATCH, epochs),))


def settings(experiment: Experiment) -> dict:
    """What the file says of the experiment, as JSON gives it back."""
    every = json.loads(json.dumps(experiment.to_dict()))
    return {field: every[field] for field in FIELDS}


def run(
    reading: Reading,
    experiment: Experiment,
    train: ImageSet,
    held_out: ImageSet,
    seed: int,
) -> dict[str, float]:
    """Train one reading once; bound (4) on `held_out`, nats an image.

    r_y of a held-out image comes from m_max random training images of its class.
    """
    started, pixels = time.process_time(), Pixels.unit()
    with reading.patched():
        model, _ = loop.fit(
            experiment, train, pixels, seed, bfloat16=True, progress=False
        )
    indices = torch.arange(len(held_out))
    r = Representations(model, pixels, train).of(
        held_out.labels, indices, experiment.m_max
    )
    x = pixels.forward(held_out.images)
    terms = bound_terms(model, x, r, indices)
    bound = bounds.labelled_bound(terms.log_lik, terms.kl)
    mean, error = mean_and_error(bound)
    return {
        "bound": round(mean, 4),
        "error": round(error, 4),
        "log_lik": round(float(terms.log_lik.mean()), 4),
        "kl": round(float(terms.kl.mean()), 4),
        "cpu_seconds": round(time.process_time() - started, 1),
    }


def run_all(
    experiment: Experiment,
    images: ImageSet,
    path: Path,
    training_images: int = TRAINING_IMAGES,
    held_out_images: int = splits.MOST_HELD_OUT,
    seeds: tuple[int, ...] = SEEDS,
) -> dict:
    """Make every run that `path` does not hold yet; each is written when it ends.

    Raises ValueError if `path` holds runs of other settings.
    """
    kept, held_out = splits.held_out(images, held_out_images)
    train = kept.subset(torch.arange(min(training_images, len(kept))))
    content = {
        "command": COMMAND,
        "experiment": settings(experiment),
        "data": {"name": images.name, "split": images.split, "md5": images.md5},
        "training_images": len(train),
        "held_out_images": len(held_out),
        "precision": "bfloat16 products, float32 weights",
        "versions": versions(),
        "readings": {},
    }
    if path.exists():
        found = files.read_json(path, "restore it from git")
        differ = [k for k, v in content.items() if k not in ("readings", "versions")
                  and found.get(k) != v]  # fmt: skip
        if differ:
            raise ValueError(
                f"{path.name} holds runs with another {', '.join(differ)}: delete it "
                f"to make all of them again with `{COMMAND}`"
            )
        content["readings"] = found["readings"]
    for seed in seeds:  # all readings of one seed first: a stop leaves a whole table
        for name, reading in READINGS.items():
            entry = content["readings"].setdefault(
                name,
                {
                    "words": reading.words,
                    "parameters": reading.build(experiment).parameter_count(),
                    "seeds": {},
                },
            )
            if str(seed) in entry["seeds"]:
                continue
            entry["seeds"][str(seed)] = run(reading, experiment, train, held_out, seed)
            files.write_json(path, content)
            print(name, seed, entry["seeds"][str(seed)], flush=True)
    return content


def table(content: dict, names: tuple[str, ...] | None = None) -> str:
    """Markdown: parameters and mean bound of each reading, differences to the preset.

    The standard error of a difference is over seeds, paired: equal seeds share the
    minibatches and the noise.
    """
    preset = content["readings"]["preset"]["parameters"]
    rows = []
    for name in names or tuple(content["readings"]):
        entry = content["readings"][name]
        bound, _ = over_seeds([s["bound"] for s in entry["seeds"].values()])
        apart = tables.plus_minus(difference(content, name), sign="+")
        rows.append([
            entry["words"],
            f"{entry['parameters']:,} ({entry['parameters'] - preset:+,})",
            f"{bound:.2f}",
            "" if name == "preset" else apart,
        ])  # fmt: skip
    heads = ["reading", "parameters", "bound (nats)", "minus preset"]
    return tables.markdown(heads, rows)


def difference(content: dict, name: str) -> tuple[float, float | None]:
    """Bound of a reading minus that of the preset: mean over seeds, standard error.

    The error is None where only one seed has been run.
    """
    seeds = [content["readings"][key]["seeds"] for key in (name, "preset")]
    pairs = [a["bound"] - seeds[1][k]["bound"] for k, a in seeds[0].items()]
    return over_seeds(pairs)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__.split("\n")[0])
    parser.add_argument("--table", action="store_true", help="only print the table")
    if not parser.parse_args(arguments).table:
        torch.set_num_threads(1)
        images = sets.load("mnist", "train")
        run_all(short(experiments.get(PRESET)), images, PATH)
    print(table(files.read_json(PATH, "restore it from git")))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
