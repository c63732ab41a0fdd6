"""What the shipped models of chapter 11 hide: class in v, the gap, how they classify.

    python -m tools.dissect               every part that is not in the file yet
    python -m tools.dissect NAME ...      of these models only

Of seed 0 of each model, the only seed whose weights are here, on MNIST's test images:

    class_in_v   what classifiers read of the class from q_cov's samples, means and
                 log-variances, fitted to the training images; three seeds of each
    gap          image by image: the bound (4), the bound of the best Gaussian for the
                 image, and the importance-weighted bounds with it
    argmax       errors of the largest bound of ten, by the number of draws of v

Half an hour of one core in all. Finished parts are kept in data/results/dissection.json
and not made again; chapter 11 shows them, and makes some of them again.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch
from torch import Tensor

from equivae_lite import files
from equivae_lite.data import sets
from equivae_lite.data.sets import ImageSet, Pixels
from equivae_lite.evaluation.bound import CHUNK, importance_weighted, noise_of
from equivae_lite.evaluation.gap import bound_of, fitted_posterior
from equivae_lite.evaluation.labels import label_error
from equivae_lite.evaluation.probes import Posteriors, class_told, posteriors
from equivae_lite.model.equivae import EquiVAE
from equivae_lite.runs.folders import SHELF
from equivae_lite.runs.machine import versions
from equivae_lite.training import checkpoints

PATH = SHELF.results / "dissection.json"
COMMAND = "python -m tools.dissect"
# The model, its two ablations, and the failure.
WHOLE = (
    "mnist-supervised", "mnist-supervised-class-table", "mnist-supervised-plain-vae",
)  # fmt: skip
MODELS = (*WHOLE, "mnist-init-pytorch")
# What is read, and the width of the classifier's hidden layers: 0 is a linear one.
PROBES = {
    "linear, mean": ("mean", 0),
    "MLP, mean": ("mean", 128),
    "linear, sample": ("sample", 0),
    "MLP, sample": ("sample", 128),
    "MLP, log-variances": ("log-variance", 128),
}
SEEDS = (0, 1, 2)
IMAGES, KS, DRAWS = 300, (1, 10, 100, 1000), 10
SCORED, COUNTS = 1000, (1, 2, 4, 8, 16)


def table_of(model: EquiVAE) -> Tensor | None:
    """r_y of every class, (classes, R); None for a plain VAE."""
    if model.representation == "none":
        return None
    return model.table.weight if model.representation == "table" else model.class_r


def class_in_v(
    model: EquiVAE, train: ImageSet, test: ImageSet, seeds: tuple[int, ...] = SEEDS
) -> dict[str, list[list[float]]]:
    """[error, nats] of each classifier, seed by seed; and with labels that say nothing.

    The last entry is the control: the classes of the training images are shuffled.
    """
    pixels, table = Pixels.unit(), table_of(model)
    fit, tried = (posteriors(model, pixels, part, table) for part in (train, test))
    found = {
        words: [_rounded(class_told(fit, tried, reads, hidden, seed=s)) for s in seeds]
        for words, (reads, hidden) in PROBES.items()
    }
    generator = torch.Generator().manual_seed(0)
    order = torch.randperm(len(fit.labels), generator=generator)
    shuffled = Posteriors(fit.mu, fit.log_var, fit.labels[order])
    found["MLP, sample, shuffled classes"] = [
        _rounded(class_told(shuffled, tried, "sample", 128, seed=s)) for s in seeds
    ]
    return found


def gap(
    model: EquiVAE, test: ImageSet, images: int = IMAGES, ks: tuple[int, ...] = KS
) -> dict[str, list[float]]:
    """Nats of each of the first test images: (4), (4) with its own Gaussian, L_k."""
    rows = torch.arange(min(images, len(test)))
    x, table = Pixels.unit().forward(test.images[rows]), table_of(model)
    r = None if table is None else table[test.labels[rows]]
    with torch.no_grad():
        amortised = model.posterior(r, x)
    fitted = fitted_posterior(model, x, r)
    parts = {
        "amortised": bound_of(model, x, r, amortised, rows, DRAWS),
        "fitted": bound_of(model, x, r, fitted, rows, DRAWS),
    }
    by_k = importance_weighted(model, x, r, rows, ks, fitted)
    parts |= {f"fitted, k = {k}": values for k, values in by_k.items()}
    return {name: [round(float(b), 3) for b in each] for name, each in parts.items()}


@torch.no_grad()
def argmax(
    model: EquiVAE, test: ImageSet, images: int = SCORED,
    counts: tuple[int, ...] = COUNTS,
) -> dict[str, float] | None:  # fmt: skip
    """Share of the first test images that the largest bound misreads, by draws of v.

    None for a plain VAE, which has one bound for all classes.
    """
    table = table_of(model)
    if table is None:
        return None
    part = test.subset(torch.arange(min(images, len(test))))
    x = Pixels.unit().forward(part.images)
    shape, total, found = (model.arch.classes, model.arch.v_dim), 0, {}
    for draw in range(max(counts)):
        eps = noise_of(torch.arange(len(x)), *shape, seed=draw)
        chunks = zip(x.split(CHUNK // 5), eps.split(CHUNK // 5))
        bound = [model.terms_per_class(a, table, e).bound for a, e in chunks]
        total = total + torch.cat(bound)
        if draw + 1 in counts:
            found[str(draw + 1)] = label_error(total, part.labels)
    return found


def _rounded(told: tuple[float, float]) -> list[float]:
    return [round(value, 4) for value in told]


def run_all(
    names: tuple[str, ...], train: ImageSet, test: ImageSet, path: Path
) -> dict:
    """Make every part that `path` does not hold yet; each is written when it ends.

    Raises ValueError if it holds parts of other weights.
    """
    content = {
        "command": COMMAND,
        "data": {"name": test.name, "train": train.md5, "test": test.md5},
        "images": IMAGES,
        "scored": SCORED,
        "versions": versions(),
        "models": {},
    }
    if path.exists():
        content |= {"models": files.read_json(path, "restore it from git")["models"]}
    for name in names:
        model, _, card = checkpoints.load(name, 0)
        entry = content["models"].setdefault(name, {"sha256": card["sha256"]})
        if entry["sha256"] != card["sha256"]:
            raise ValueError(
                f"{path.name} holds parts of other weights of {name}: delete it to "
                f"make all of them again with `{COMMAND}`"
            )
        parts = {"class_in_v": lambda m: class_in_v(m, train, test)}
        if name in WHOLE:
            parts["argmax"] = lambda m: argmax(m, test)
            parts["gap"] = lambda m: gap(m, test)
        for part, make in parts.items():
            if part not in entry:
                entry[part] = make(model)
                files.write_json(path, content)
                print(name, part, flush=True)
    return content


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", help="of the models; all unless given")
    names = tuple(parser.parse_args(arguments).names) or MODELS
    if unknown := set(names) - set(MODELS):
        parser.error(f"{sorted(unknown)}: choose from {', '.join(MODELS)}")
    torch.set_num_threads(1)
    run_all(names, sets.load("mnist", "train"), sets.load("mnist", "test"), PATH)
    return 0


if __name__ == "__main__":
    sys.exit(main())
