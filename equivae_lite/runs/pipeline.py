"""A whole run: data, training, evaluation, and the files that vouch for it."""

from __future__ import annotations

import json
import time
from pathlib import Path

import torch

from .. import ROOT
from ..data import sets
from ..data.sets import Pixels
from ..errors import CheckpointError
from ..evaluation.bound import (
    Representations,
    bound_terms,
    mean_and_error,
    supervised_report,
)
from ..evaluation.labels import (
    label_error,
    label_posteriors,
    label_report,
    semi_supervised_report,
)
from ..model.equivae import EquiVAE
from ..training import checkpoints, experiments, loop
from ..training.experiments import Experiment
from .machine import commit, hardware, peak_megabytes, versions

RUNS = ROOT / "data" / "runs"
RESULTS = ROOT / "data" / "results"
VALIDATION_IMAGES = 5000


def pixels_for(experiment: Experiment, train: sets.ImageSet) -> Pixels:
    """[0, 1] for Bernoulli pixels, per-pixel standardisation for Gaussian ones."""
    if experiment.arch.likelihood == "bernoulli":
        return Pixels.unit()
    return Pixels.fit(train.images)


def train(
    name: str,
    seed: int = 0,
    device: str = "cpu",
    *,
    out: Path = checkpoints.FOLDER,
    states: Path | None = None,
    epochs: int | None = None,
    bfloat16: bool = False,
    limit: int | None = None,
    progress: bool = True,
) -> Path:
    """Train one seed of an experiment, write checkpoint and card; returns the card.

    Resumes from the folder `states` (default: data/runs) if this run was begun
    before. `limit` trains and tests on the first images only (for tests).
    """
    experiment = experiments.get(name)
    if epochs is not None:
        experiment = experiments.with_epochs(experiment, epochs)
    checkpoints.demand_writable(out)
    images = sets.load(experiment.data, "train", limit, device)
    test = sets.load(experiment.data, "test", limit, device)
    pixels = pixels_for(experiment, images)
    max_steps = loop.max_steps_from_environment()
    code = commit()  # of the code that finishes the run, taken before it runs
    # A run cut short by a limit never leaves a state that a real run would resume.
    whole = limit is None and max_steps is None
    model, history = loop.fit(
        experiment,
        images,
        pixels,
        seed,
        state_path=_state_path(name, seed, states) if whole else None,
        bfloat16=bfloat16,
        max_steps=max_steps,
        progress=progress,
    )
    labelled = labelled_part(experiment.labels, images, seed)
    if model.representation == "complementary":
        model.class_r = Representations(model, pixels, labelled).table()
    card = {
        "experiment": experiment.to_dict(),
        "seed": seed,
        "parameters": model.parameter_count(),
        "complete": whole,
        "precision": precision(bfloat16),
        "metrics": headline(model, pixels, labelled, test, experiment.generative),
        "history": history,
        "seconds": round(sum(h["seconds"] for h in history), 1),
        "hardware": hardware(device),
        "peak_megabytes": peak_megabytes(device),
        "versions": versions(),
        "commit": code,
        "data": {"name": images.name, "train": images.md5, "test": test.md5},
    }
    return checkpoints.save(model, pixels, card, seed, out)


def precision(bfloat16: bool) -> str:
    """How a card says it."""
    return "bfloat16 products, float32 weights" if bfloat16 else "float32"


def labelled_part(labels: int | None, train: sets.ImageSet, seed: int) -> sets.ImageSet:
    """D_lab of a run with so many labels: all training images if None."""
    if labels is None:
        return train
    per_class = labels // train.classes
    return train.subset(sets.class_balanced_split(train.labels, per_class, seed)[0])


def headline(
    model: EquiVAE,
    pixels: Pixels,
    labelled: sets.ImageSet,
    test: sets.ImageSet,
    generative: bool = True,
) -> dict[str, float]:
    """For the card: test error where labels are inferred, else bound (4).

    r_y comes from all images of `labelled`, which is D_lab. Without a `generative`
    model there is nothing but the error of q_y-post.
    """
    if not generative:
        log_q = label_posteriors(model, pixels, test)
        return {"test_error": label_error(log_q, test.labels)}
    if model.arch.label_posterior:
        table = Representations(model, pixels, labelled).table()
        report = label_report(model, pixels, table, test)
        found = {f"test_{k}": e for k, e in report.errors(test.labels).items()}
        return found | {"test_bound": float(report.unlabelled_bound().mean())}
    indices = torch.arange(len(test))
    r = Representations(model, pixels, labelled).of(
        test.labels, indices, None
    )
    terms = bound_terms(model, pixels.forward(test.images), r, indices)
    bound, error = mean_and_error(terms.bound)
    first = mean_and_error(terms.bound[:1000])[0]
    return {
        "test_bound": bound,
        "test_bound_error": error,
        "test_bound_first_1000": first,
        "test_kl": float(terms.kl.mean()),
        "test_images": len(test),
    }


def validate(
    name: str, seed: int = 0, device: str = "cpu", *, epochs: int | None = None,
    bfloat16: bool = False, progress: bool = True,
) -> Path:  # fmt: skip
    """Train on all but 5,000 training images and follow the bound on those.

    This is how the number of epochs is chosen; no test image is read.
    """
    experiment = experiments.get(name)
    if epochs is not None:
        experiment = experiments.with_epochs(experiment, epochs)
    images = sets.load(experiment.data, "train", device=device)
    kept, held = sets.holdout_split(len(images), VALIDATION_IMAGES, seed=0)
    held_out, images = images.subset(held), images.subset(kept)
    pixels = pixels_for(experiment, images)
    labelled = labelled_part(experiment.labels, images, seed)
    x, indices = pixels.forward(held_out.images), torch.arange(len(held_out))

    def follow(model: EquiVAE) -> dict[str, float]:
        if experiment.semi_supervised:
            found = headline(model, pixels, labelled, held_out, experiment.generative)
            return {k.replace("test", "validation"): v for k, v in found.items()}
        m = experiment.m_max
        r = Representations(model, pixels, images).of(
            held_out.labels, indices, m
        )
        terms = bound_terms(model, x, r, indices)
        return {
            "validation_bound": float(terms.bound.mean()),
            "validation_kl": float(terms.kl.mean()),
        }

    max_steps = loop.max_steps_from_environment()
    whole = max_steps is None
    _, history = loop.fit(
        experiment, images, pixels, seed,
        state_path=_state_path(f"{name}-validation", seed) if whole else None,
        validate=follow, bfloat16=bfloat16, progress=progress, max_steps=max_steps,
    )  # fmt: skip
    path = (RESULTS if whole else RUNS) / f"{name}-validation.json"
    result = {"experiment": experiment.to_dict(), "seed": seed, "history": history}
    checkpoints.write_json(path, result | {"hardware": hardware(device)})
    return path


def evaluate(
    name: str,
    seeds: list[int],
    device: str = "cpu",
    *,
    folder: Path = checkpoints.FOLDER,
    results: Path | None = None,
    importance_weighted: bool = True,
    limit: int | None = None,
) -> Path:
    """Evaluate seeds in `folder` on all test images, into NAME.json in `results`.

    The default is data/results; with a `limit` on the images (for tests) the file
    goes to data/runs instead. It is written after each seed.
    """
    path = ((results or RESULTS) if limit is None else RUNS) / f"{name}.json"
    per_seed = stored(path)
    train_set = test = None
    for seed in seeds:
        model, pixels, card = checkpoints.load(name, seed, folder, device)
        if train_set is None:
            train_set = sets.load(card["data"]["name"], "train", limit, device)
            test = sets.load(card["data"]["name"], "test", limit, device)
        started = time.perf_counter()
        labels = card["experiment"]["labels"]
        if labels is None:
            report = supervised_report(
                model, pixels, train_set, test,
                iw_images=1000 if importance_weighted else 0,
            )  # fmt: skip
        else:
            labelled = labelled_part(labels, train_set, seed)
            report = semi_supervised_report(
                model, pixels, labelled, test, card["experiment"]["generative"]
            )
        report |= {"parameters": card["parameters"], "sha256": card["sha256"]}
        per_seed[str(seed)] = report
        print(f"{name} seed {seed}: {time.perf_counter() - started:.0f} s")
        per_seed = dict(sorted(per_seed.items(), key=lambda item: int(item[0])))
        content = {
            "experiment": name,
            "data": card["data"],
            "command": f"python -m equivae_lite evaluate {name} --seeds "
            + " ".join(per_seed),
            "seeds": per_seed,
            "versions": versions(),
        }
        checkpoints.write_json(path, content)
    return path


def stored(path: Path) -> dict[str, dict]:
    """The evaluations in a file that `evaluate` wrote, {seed: …}; {} without it."""
    if not path.exists():
        return {}
    try:
        return dict(json.loads(path.read_text(encoding="utf-8"))["seeds"])
    except (ValueError, KeyError, TypeError) as error:
        raise CheckpointError(
            f"the results {path} are damaged ({type(error).__name__}); delete the file "
            "and evaluate again"
        ) from error


def _state_path(name: str, seed: int, folder: Path | None = None) -> Path:
    return (folder or RUNS) / f"{name}-seed{seed}.state.pt"
