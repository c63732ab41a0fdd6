"""A whole run: data, training, evaluation, and the files that vouch for it."""

from __future__ import annotations

import json
import time
from pathlib import Path

import torch

from .. import files
from ..data import splits
from ..data.sets import ImageSet, Pixels
from ..errors import CheckpointError
from ..evaluation.bound import (
    Representations,
    bound_terms,
    mean_and_error,
    supervised_report,
)
from ..evaluation.held_out import held_out_terms
from ..evaluation.labels import (
    label_error,
    label_posteriors,
    label_report,
    semi_supervised_report,
)
from ..model.equivae import EquiVAE
from ..training import checkpoints, experiments, loop
from ..training.settings import Experiment
from . import own
from .folders import MINE, Folder, demand_room, of_reader
from .machine import commit, hardware, peak_megabytes, versions


def pixels_for(experiment: Experiment, train: ImageSet) -> Pixels:
    """[0, 1] for Bernoulli pixels, per-pixel standardisation for Gaussian ones."""
    if experiment.arch.likelihood == "bernoulli":
        return Pixels.unit()
    return Pixels.fit(train.images)


def preset(
    name: str, epochs: int | None = None, folder: Folder = MINE
) -> Experiment:
    """The experiment of a name, with another number of epochs if one is given.

    A preset of the book, or one of the reader's in `folder`.
    """
    experiment = own.named(name, folder)
    return experiment if epochs is None else experiments.with_epochs(experiment, epochs)


def train(
    name: str,
    seed: int = 0,
    device: str = "cpu",
    *,
    folder: Folder = MINE,
    epochs: int | None = None,
    bfloat16: bool = False,
    limit: int | None = None,
    progress: bool = True,
    watch: loop.Watcher | None = None,
) -> Path:
    """Train one seed of an experiment, write checkpoint and card; returns the card.

    Resumes from the state in `folder` if this run was begun before, and does nothing
    if it is there, whole. `limit` trains and tests on the first images only (for
    tests); what is cut short, so or by EQUIVAE_MAX_STEPS, goes to `folder.short`.

    Raises CheckpointError if the folder cannot be written or has a whole run of this
    name with other settings.
    """
    experiment = preset(name, epochs, folder)
    max_steps = loop.max_steps_from_environment()
    whole = limit is None and max_steps is None
    home = of_reader(folder.root)
    folder = home if whole else home.short
    with folder.locked(f"{name}-seed{seed}"):
        if whole and trained(experiment, seed, bfloat16, folder):
            print(f"{name} seed {seed} is in {folder.checkpoints} already, whole")
            return checkpoints.paths(name, seed, folder.checkpoints)[1]
        demand_room(experiment, folder)
        images = own.load(experiment.data, "train", limit, device, home)
        test = own.load(experiment.data, "test", limit, device, home)
        pixels = pixels_for(experiment, images)
        state = folder.state(name, seed) if whole else None
        part = {
            "threads": torch.get_num_threads(),
            "hardware": hardware(device),
            "versions": versions(),
            "commit": commit(),  # of the code as it is before the run
        }
        model, history = loop.fit(
            experiment, images, pixels, seed, state_path=state, bfloat16=bfloat16,
            max_steps=max_steps, progress=progress, part=part, watch=watch,
        )  # fmt: skip
        parts = checkpoints.load_state(state)["parts"] if state else [part]
        labelled = labelled_part(experiment.labels, images, seed)
        if hasattr(model, "encoder"):
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
            "hardware": part["hardware"],
            "peak_megabytes": peak_megabytes(device),
            "versions": part["versions"],
            "commit": part["commit"],
            "data": {"name": images.name, "train": images.md5, "test": test.md5},
        }
        if len(parts) > 1:  # stopped and gone on with
            card["parts"] = parts
        return checkpoints.save(model, pixels, card, seed, folder.checkpoints)


def trained(
    experiment: Experiment, seed: int, bfloat16: bool, folder: Folder
) -> bool:
    """Whether `folder` holds this run, whole and undamaged.

    What is damaged is named and made again: the run's state, if that is left, gives
    the same weights without a step. A whole run with other settings or on other data
    is an error, as no one asked to throw it away.
    """
    name, out = experiment.name, folder.checkpoints
    card_path = checkpoints.paths(name, seed, out)[1]
    if not files.exists(card_path):
        return False
    asked = {
        "experiment": json.loads(json.dumps(experiment.to_dict())),  # as a file has it
        "precision": precision(bfloat16),
        "data": {"name": experiment.data} | own.known_md5(experiment.data, folder),
    }
    try:
        card = checkpoints.read_card(name, seed, out)
        if not card.get("complete"):
            return False
        other = [key for key, value in asked.items() if card.get(key) != value]
        if not other:
            checkpoints.load(name, seed, out)
    except CheckpointError as error:
        print(f"seed {seed} is made again: {error}", flush=True)
        return False
    if other:
        raise CheckpointError(
            f"{card_path} is of a run with another {' and '.join(other)} (precision: "
            f"{card.get('precision')}): give the options of that run, --epochs or "
            "--bfloat16, or another folder with --out"
        )
    return True


def precision(bfloat16: bool) -> str:
    """How a card says it."""
    return "bfloat16 products, float32 weights" if bfloat16 else "float32"


def labelled_part(labels: int | None, train: ImageSet, seed: int) -> ImageSet:
    """D_lab of a run with so many labels: all training images if None."""
    if labels is None and train.named is None:
        return train
    return train.subset(splits.labelled_rows(train, labels, seed)[0])


def headline(
    model: EquiVAE,
    pixels: Pixels,
    labelled: ImageSet,
    test: ImageSet,
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
    name: str, seed: int = 0, device: str = "cpu", *, folder: Folder = MINE,
    epochs: int | None = None, bfloat16: bool = False, limit: int | None = None,
    progress: bool = True,
) -> Path:  # fmt: skip
    """Train on all images but those of `splits.held_out`, and follow the bound on them.

    This is how the number of epochs is chosen; no test image is read. With a `limit`
    (for tests) half of so many images is held out.
    """
    experiment = preset(name, epochs, folder)
    max_steps = loop.max_steps_from_environment()
    whole = limit is None and max_steps is None
    home = of_reader(folder.root)
    folder = home if whole else home.short
    run = f"{name}-validation"
    with folder.locked(f"{run}-seed{seed}"):
        demand_room(experiment, folder)
        images = own.load(experiment.data, "train", limit, device, home)
        images, held_out = splits.held_out(images, limit and limit // 2)
        pixels = pixels_for(experiment, images)
        labelled = labelled_part(experiment.labels, images, seed)

        def follow(model: EquiVAE) -> dict[str, float]:
            if experiment.semi_supervised:
                found = headline(
                    model, pixels, labelled, held_out, experiment.generative
                )
                return {k.replace("test", "validation"): v for k, v in found.items()}
            terms = held_out_terms(model, pixels, images, held_out, experiment.m_max)
            return {
                "validation_bound": float(terms.bound.mean()),
                "validation_kl": float(terms.kl.mean()),
            }

        _, history = loop.fit(
            experiment, images, pixels, seed,
            state_path=folder.state(run, seed) if whole else None, validate=follow,
            bfloat16=bfloat16, progress=progress, max_steps=max_steps,
        )  # fmt: skip
        found = {"settings": experiment.to_dict(), "history": history}
        return folder.keep_result(run, seed, found | {"hardware": hardware(device)})


def evaluate(
    name: str,
    seeds: list[int],
    device: str = "cpu",
    *,
    folder: Folder = MINE,
    importance_weighted: bool = True,
    limit: int | None = None,
) -> list[Path]:
    """Evaluate seeds on all test images; a file for each in `folder.results`.

    Weights are those of `folder` or, where it has none, the shipped ones. With a
    `limit` on the images (for tests) the files go to `folder.short`.
    """
    home = of_reader(folder.root)
    place = home if limit is None else home.short
    for seed in seeds:  # all errors before any work
        holder = own.holder(name, seed, folder, limit is not None)
        checkpoints.load(name, seed, holder.checkpoints)
    files.demand_writable(place.results)
    paths, train_set, test = [], None, None
    for seed in seeds:
        holder = own.holder(name, seed, folder, limit is not None)
        with place.locked(f"{name}-seed{seed}"):
            where = holder.checkpoints
            model, pixels, card = checkpoints.load(name, seed, where, device)
            if train_set is None:
                data = card["data"]["name"]
                train_set = own.load(data, "train", limit, device, home)
                test = own.load(data, "test", limit, device, home)
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
            seconds = time.perf_counter() - started
            print(f"{name} seed {seed}, weights in {where}: {seconds:.0f} s")
            paths.append(place.keep_result(name, seed, {
                "data": card["data"],
                "command": f"python -m equivae_lite evaluate {name} --seeds {seed}",
                "evaluation": report,
                "versions": versions(),
            }))  # fmt: skip
    return paths


def evaluations(name: str, folder: Folder) -> dict[int, dict]:
    """The evaluations of every seed in a reader's folder, checked, by seed."""
    found = {}
    for path in sorted(folder.results.glob(f"{name}-seed*.json")):
        number = path.stem.removeprefix(f"{name}-seed")
        if number.isdecimal():
            found[int(number)] = folder.read_result(name, int(number))["evaluation"]
    return dict(sorted(found.items()))
