"""Studies of several runs each, as `silence` and `by_heart`: what they all need.

A study is a file of results with a row for each thing tried, and in it a run for each
seed. What a file holds already is not made again; a stop loses the run it was in. Two
processes may work on one file, each on seeds of its own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

import torch

from equivae_lite import files
from equivae_lite.data import sets, splits
from equivae_lite.data.sets import ImageSet
from equivae_lite.runs.folders import MINE
from equivae_lite.runs.machine import versions
from equivae_lite.training.settings import Experiment


class Row(Protocol):
    """Something tried; its words stand in the table."""

    words: str


def run_missing(
    path: Path, command: str, base: Experiment, kind: str, rows: Mapping[str, Row],
    run: Callable[[Row, ImageSet, ImageSet, int], dict], seeds: tuple[int, ...],
    whole: bool = False, precision: str = "float32",
) -> dict:  # fmt: skip
    """Make every run that the file at `path` lacks; each is written when it ends.

    `run` gets a row, the training images without the held-out ones, those, and a seed;
    with `whole` all training images, and none held out.
    Raises ValueError if the file holds runs of other settings, data or precision.
    """
    torch.set_num_threads(1)
    images = sets.load(base.data)
    every = torch.arange(len(images))
    train, held_out = (
        (images, images.subset(every[:0])) if whole else splits.held_out(images)
    )
    content = {
        "command": command,
        "experiment": json.loads(json.dumps(base.to_dict())),  # as a file has it
        "data": {"name": images.name, "split": "train", "md5": images.md5},
        "training_images": len(train),
        "held_out_images": len(held_out),
        "versions": versions(),
        kind: {},
    }
    if precision != "float32":  # which files of before this do not say
        content["precision"] = precision

    def with_stored() -> dict:
        if not path.exists():
            return content
        found = stored(path)
        same = ("experiment", "data", "precision")
        if any(found.get(key) != content.get(key) for key in same):
            raise ValueError(
                f"{path.name} holds runs of other settings, data or precision "
                f"({found.get('precision', 'float32')}): delete it to make all of them "
                f"again with `{command}`"
            )
        return content | {kind: found[kind]}

    def seeds_of(name: str) -> dict:
        entry = {"words": rows[name].words, "seeds": {}}
        return content[kind].setdefault(name, entry)["seeds"]

    content = with_stored()
    for seed in seeds:  # all rows of one seed first: a stop leaves a whole table
        for name, row in rows.items():
            if str(seed) in seeds_of(name):
                continue
            made = run(row, train, held_out, seed)
            # Another process may have written another seed meanwhile.
            with files.locked(MINE.states / f".{path.stem}.lock", path.name):
                content = with_stored()
                seeds_of(name)[str(seed)] = made
                files.write_json(path, content)
            print(name, seed, "done", flush=True)
    return content


def stored(path: Path) -> dict:
    """A study's file of results."""
    return files.read_json(path, "restore it from git")
