"""Experiments by name: the book's presets, and those of the reader's own images.

    sets/NAME.npz    the images, both splits (`data.own`)
    sets/NAME.json   where they came from, the classes, the settings that were chosen

A set of ours can be the data of such an experiment, too: it has the JSON alone.
"""

from __future__ import annotations

import os
import re
from dataclasses import asdict, fields
from pathlib import Path

import torch

from .. import files
from ..data import own, sets, sources, splits
from ..data.gather import Gathered, from_folder
from ..data.sets import ImageSet
from ..errors import DataError, EquivaeError, ExperimentError
from ..model.networks import Architecture
from ..training import checkpoints, experiments
from ..training.choice import choose
from ..training.settings import Experiment
from .folders import Folder, holder_of, of_reader

KEEP = "delete it and make it again with `train --data PICTURES --name NAME`"
LONGEST_NAME = 60


def named(name: str, folder: Folder) -> Experiment:
    """The preset of that name, or the reader's experiment; else an ExperimentError."""
    if name not in experiments.PRESETS and (card := read(name, folder)):
        return _from_dict(card["experiment"])
    try:
        return experiments.get(name)
    except ExperimentError as error:
        mine = ", ".join(names(folder)) or "none yet"
        raise ExperimentError(
            f"{error}; of yours in {folder.root} there is {mine} (train --data "
            "PICTURES --name NAME makes one)"
        ) from error


def names(folder: Folder) -> list[str]:
    """The reader's experiments in a folder."""
    return sorted(path.stem for path in folder.sets.glob("*.json"))


def read(name: str, folder: Folder) -> dict | None:
    """What is known of a reader's experiment; None if there is none of that name."""
    if not _legal(name):
        return None
    path = folder.sets / f"{name}.json"
    return files.read_json(path, KEEP) if files.exists(path) else None


def load(
    name: str, split: str, limit: int | None, device: str, folder: Folder
) -> ImageSet:
    """A split of a data set, as `sets.load`, or of the reader's own in `folder`."""
    card = None if name in sources.EVERY else read(name, folder)
    if name in sources.EVERY or not _legal(name):
        return sets.load(name, split, limit, device)
    if card is None:
        raise DataError(
            f"the images of {name} are not in {folder.sets}: give the --out that they "
            f"were read into, or `train --data PICTURES --name {name}`"
        )
    path = folder.sets / f"{name}.npz"
    return own.read(
        path, name, split, tuple(card["classes"]), card["data"][split], limit, device
    )


def known_md5(name: str, folder: Folder) -> dict[str, str]:
    """The `md5` that both splits of a data set have, without reading them."""
    if name in sources.EVERY:
        return sets.known_md5(name)
    card = read(name, folder)
    return {} if card is None else card["data"]


def holder(name: str, seed: int, folder: Folder, short: bool) -> Folder:
    """Where a checkpoint lies: as `holder_of`, which the shelf answers for presets.

    With `short`, of a reader's own experiment also what was cut short, if that is all.
    """
    found = holder_of(name, seed, folder)
    whole = files.exists(checkpoints.paths(name, seed, found.checkpoints)[1])
    if whole or not short or name in experiments.PRESETS:
        return found
    return folder.short


def make(
    name: str, source: str, folder: Folder, *, size: int | None = None,
    colours: int | None = None, labels: int | None = None,
    unlabelled: str | None = None,
) -> Experiment:  # fmt: skip
    """Read a reader's images once, choose settings, keep both; says what it did.

    Where this was done before, with the same options, what was kept is used: a
    training goes on. Raises EquivaeError if the name is taken or no name, or the images
    will not do.
    """
    _check_name(name)
    folder = of_reader(folder.root)
    asked = {
        "source": source if source in sources.EVERY else _absolute(source),
        "size": size, "colours": colours, "labels": labels,
        "unlabelled": None if unlabelled is None else _absolute(unlabelled),
    }  # fmt: skip
    with folder.locked(f"{name}-set"):
        card = read(name, folder)
        if card is not None:
            other = [key for key, value in asked.items() if card["asked"][key] != value]
            if other:
                raise EquivaeError(
                    f"{name} was made with another {' and '.join(other)}: "
                    f"{card['asked']}. Take another --name, or delete "
                    f"{folder.sets / name}.json to make it anew"
                )
            print(f"{name}: the images that were read into {folder.sets} before")
            return _from_dict(card["experiment"])
        found, notes = _images(name, source, size, colours, unlabelled)
        train, test = found["train"], found["test"]
        if train.named is not None:
            if labels is not None:
                raise EquivaeError(
                    "--labels and --unlabelled both say which images have a label: "
                    "give one of them"
                )
            labels = int(train.named.sum())
        rows, rest = splits.labelled_rows(train, labels, 0)
        if labels is not None and not len(rest):
            raise EquivaeError(f"--labels {labels} leaves no image without a label")
        counts = torch.bincount(train.labels[rows], minlength=train.classes)
        experiment = choose(
            name, source if source in sources.EVERY else name,
            size=train.images.shape[-1], colours=train.images.shape[1],
            classes=train.classes, images=len(rest) if labels else len(train),
            smallest=int(counts.min()), labels=None if labels is None else len(rows),
        )  # fmt: skip
        if experiment.data == name:
            own.keep(found, folder.sets / f"{name}.npz")
        files.write_json(folder.sets / f"{name}.json", {
            "experiment": experiment.to_dict(),
            "asked": asked,
            "classes": list(train.names),
            "notes": notes,
            "data": {"train": train.md5, "test": test.md5},
        })  # fmt: skip
    for line in [*notes, *described(experiment, train, test, counts)]:
        print(f"  {line}")
    return experiment


def described(
    e: Experiment, train: ImageSet, test: ImageSet, counts: torch.Tensor
) -> list[str]:
    """What was chosen, in lines."""
    few, many = int(counts.min()), int(counts.max())
    each = f"{few}" if few == many else f"{few} to {many}"
    which = "a class" if e.labels is None else "a class with a label"
    plan = ", ".join(f"{size} for {epochs}" for size, epochs in e.schedule)
    lines = [
        f"{train.classes} classes, {len(train):,} images to train on ({each} {which}), "
        f"{len(test):,} to test on",
        f"{'Gaussian' if e.arch.colours == 3 else 'Bernoulli'} pixels, r_y and v of "
        f"{e.arch.r_dim} numbers, r_y from up to {e.m_max} images",
        f"{e.epochs} epochs; batches: {plan}",
    ]
    if many > 5 * few:
        lines.append(
            "the classes are unequal: the model sees a large class more often, and m "
            "is bounded by the smallest"
        )
    if e.semi_supervised:
        lines.append(
            f"semi-supervised with {e.labels} labels; p(y) is uniform, and labels are "
            "read off distorted images: a class must survive small rotations and bends"
        )
    return lines


def _images(
    name: str, source: str, size: int | None, colours: int | None,
    unlabelled: str | None,
) -> tuple[dict[str, ImageSet], list[str]]:  # fmt: skip
    if source in sources.EVERY:
        if size or colours or unlabelled:
            raise EquivaeError(
                f"{source} has its own size and colours, and all its images have "
                "names: leave --size, --colours and --unlabelled out"
            )
        return {s: sets.load(source, s) for s in sources.SPLITS}, []
    gathered: Gathered = from_folder(source, size, colours, unlabelled)
    return own.split(gathered, name), gathered.notes


def _absolute(path: str) -> str:
    return str(Path(os.path.expanduser(path)).absolute())


def _legal(name: str) -> bool:
    return bool(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", name)) and (
        len(name) <= LONGEST_NAME
    )


def _check_name(name: str) -> None:
    if not _legal(name):
        raise EquivaeError(
            f"--name {name[:80]!r} cannot be part of a file's name: take letters a to "
            f"z, digits, - and _, at most {LONGEST_NAME}"
        )
    taken = name in experiments.PRESETS or name in sources.EVERY
    if taken or re.search(r"(-validation|-set|-seed\d+)$", name):
        raise EquivaeError(f"--name {name} has another meaning here: take another")


def _from_dict(settings: dict) -> Experiment:
    known = {f.name for f in fields(Experiment)}
    arch = {**asdict(Architecture()), **settings["arch"]}
    arch["hidden"] = tuple(arch["hidden"])
    rest = {k: v for k, v in settings.items() if k in known and k != "arch"}
    rest["schedule"] = tuple(tuple(part) for part in rest["schedule"])
    return Experiment(arch=Architecture(**arch), **rest)
