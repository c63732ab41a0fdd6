"""What a chapter asks first: which profile, which device, which data, which seed.

EQUIVAE_PROFILE is `smoke` (tests: few images), `book` (readers: the shipped
checkpoints) or `full` (train from scratch). A chapter about a real data set falls
back to its stand-in, with a visible banner, where the real one is absent. With
EQUIVAE_FOLDER it shows the models and evaluations of a reader's own folder.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch

from .. import ROOT, files
from ..data import sets, sources
from ..data.sets import ImageSet, Pixels
from ..errors import CheckpointError, EquivaeError
from ..model.equivae import EquiVAE
from ..runs import pipeline
from ..runs.folders import SHELF, Folder
from ..training import checkpoints, experiments, loop
from . import figures
from .watch import Watch

PROFILES = ("smoke", "book", "full")
# What figures say of a set that is real, and not the whole.
PARTS = {"svhn-part": "svhn-part: digits of SVHN (Netzer et al. 2011)"}
# What makes those results that no `evaluate` makes: python -m …
MADE_BY = {
    "bench": "equivae_lite bench",
    "bench-labels": "equivae_lite bench mnist-semi-supervised",
    "bench-to-mnist-supervised": "equivae_lite bench mnist-supervised --to -94.0",
    "mnist-semi-supervised-study": "equivae_lite study recipe",
    "dissection": "tools.dissect",
    "readings": "tools.readings",
    "svhn-part-silence": "tools.silence",
    "svhn-part-by-heart": "tools.by_heart",
    "svhn-part-statistics": "tools.part_statistics",
    "characters-neighbours": "tools.neighbours",
    "glyphs-unmoved": "tools.unmoved",
    "mnist-starts": "tools.starts",
    "mnist-stop-gradient": "tools.stop_gradient",
    "mnist-neighbours": "tools.handwriting",
    "mnist-kept-back": "tools.handwriting --kept-back",
    "mnist-fast": "tools.fast",
    "mnist-growth": "tools.growth",
}
T = TypeVar("T")


def record(kind: str, name: str, digest: str, path: Path | None = None) -> None:
    """Note for the freshness stamp what a chapter was executed on.

    `kind` is "data", "checkpoint" or "results". A file that was looked for and not
    found is noted, too: what a chapter shows changes when it comes. Written only while
    a chapter is executed for the book (EQUIVAE_STAMP_FILE names the file).
    """
    target = os.environ.get("EQUIVAE_STAMP_FILE")
    if not target:
        return
    # A path outside the repository means nothing on another machine.
    inside = path is not None and path.resolve().is_relative_to(ROOT)
    relative = path.resolve().relative_to(ROOT).as_posix() if inside else None
    line = {"kind": kind, "name": name, "path": relative, "digest": digest}
    with open(target, "a", encoding="utf-8") as f:
        f.write(json.dumps(line) + "\n")


def _record(kind: str, name: str, path: Path) -> bool:
    """Note a file of the shelf, or that it is not there; whether it is."""
    there = path.exists()
    record(kind, name, _sha256(path) if there else "absent", path)
    return there


def has_model(name: str, seed: int = 0) -> bool:
    """Whether data/checkpoints has the weights of an experiment."""
    return _record("checkpoint", name, checkpoints.paths(name, seed)[0])


def _record_checkpoint(name: str, seed: int) -> None:
    if (card := checkpoints.paths(name, seed)[1]).exists():
        _record("checkpoint", name, card)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@dataclass
class Session:
    """One chapter's run. `data` is the set in use, `wanted` the one it is about."""

    profile: str
    device: str
    seed: int
    wanted: str | None = None
    data: str | None = None

    @property
    def stand_in(self) -> bool:
        """True where a stand-in replaces the real data."""
        return self.data != self.wanted and self.data in sources.STAND_INS.values()

    def pick(self, smoke: T, book: T, full: T | None = None) -> T:
        """The value for this profile (`full` defaults to that of `book`).

        Where EQUIVAE_MAX_STEPS cuts a training of `full` short, the rest is as short.
        """
        cut = self.profile == "full" and loop.max_steps_from_environment()
        if self.profile == "smoke" or cut:
            return smoke
        return full if self.profile == "full" and full is not None else book

    def load(self, split: str = "train", limit: int | None = None) -> ImageSet:
        """A split of the data in use, on the device."""
        images = sets.load(self.data, split, limit, self.device)
        record("data", images.name, images.md5)
        return images

    def experiment(self, name: str) -> str:
        """`name`, with the set in use in place of the one that the chapter is about."""
        named = [d for d in sources.NAMES if name.startswith(f"{d}-")]
        if self.wanted and self.wanted == max(named, key=len, default=None):
            return self.data + name.removeprefix(self.wanted)
        return name

    def model(
        self, name: str, seed: int = 0, watch: bool = False
    ) -> tuple[EquiVAE, Pixels, dict]:
        """The trained model of an experiment: shipped, or in `full` trained now.

        With `watch` a training is drawn as it goes. Raises CheckpointError naming the
        command that makes it, if it is not there; never trains unless the profile is
        `full`.
        """
        if self.profile == "full":
            watcher = self._watch(name) if watch else None
            folder = pipeline.train(name, seed, self.device, watch=watcher).parent
        elif own := _own(name, seed):
            folder = own.checkpoints
            print(f"your own {name}, seed {seed}, from {folder}")
        else:
            folder = SHELF.checkpoints
            _record_checkpoint(name, seed)
        return checkpoints.load(name, seed, folder, self.device)

    def as_shipped(self, card: dict) -> bool:
        """Whether `model` gave the shipped weights: stored numbers are of these alone.

        A reader's own training of the same seed ends at other weights, as on another
        processor sums are made in another order.
        """
        name, seed = card["experiment"]["name"], card["seed"]
        try:
            shipped = checkpoints.read_card(name, seed)
        except CheckpointError:
            return False
        return card["sha256"] == shipped["sha256"]

    def _watch(self, name: str) -> Watch:
        experiment = experiments.get(name)
        images = sets.load(experiment.data, device=self.device)
        return Watch(images, pipeline.pixels_for(experiment, images))

    def shipped(self, name: str, seed: int = 0) -> EquiVAE:
        """A shipped model in every profile and with any data: for drawing only."""
        _record_checkpoint(name, seed)
        return checkpoints.load(name, seed, device=self.device)[0]

    def has_results(self, name: str) -> bool:
        """Whether data/results has a file of that name."""
        return _record("results", name, SHELF.results / f"{name}.json")

    def results(self, name: str) -> dict:
        """A file of data/results, by which tables are drawn.

        With EQUIVAE_FOLDER the evaluations in that folder, where it has some.
        """
        path = SHELF.results / f"{name}.json"
        own = _own(name)
        if own and (found := pipeline.evaluations(name, own)):
            print(f"your own evaluations of {name}, from {own.results}")
            return {"seeds": {str(seed): one for seed, one in found.items()}}
        if not path.exists():
            command = f"equivae_lite evaluate {name}"
            if name.endswith("-validation"):
                command = f"equivae_lite validate {name.removesuffix('-validation')}"
            command = MADE_BY.get(name, command)
            raise EquivaeError(
                f"there are no results {name!r} in data/results; make them with: "
                f"python -m {command}, and look at them with EQUIVAE_FOLDER=FOLDER"
            )
        _record("results", name, path)
        return files.read_json(path, "restore it from git")


def _own(name: str, seed: int | None = None) -> Folder | None:
    """The reader's folder that EQUIVAE_FOLDER names, if it has this run."""
    value = os.environ.get("EQUIVAE_FOLDER")
    if not value:
        return None
    folder = Folder(Path(os.path.expanduser(value)))
    if not folder.root.is_dir():
        raise EquivaeError(
            f"EQUIVAE_FOLDER is {value!r}, and there is no such folder: name that in "
            "which your checkpoints/ and results/ are, or unset it"
        )
    if seed is None:
        return folder
    card = checkpoints.paths(name, seed, folder.checkpoints)[1]
    return folder if files.exists(card) else None


def profile() -> str:
    """EQUIVAE_PROFILE, `book` unless given."""
    value = os.environ.get("EQUIVAE_PROFILE") or "book"
    if value not in PROFILES:
        raise EquivaeError(
            f"EQUIVAE_PROFILE is {value!r}; it must be one of {PROFILES}"
        )
    return value


def setup(
    data_set: str | None = None, seed: int = 0, use: str | None = None
) -> Session:
    """Start a chapter: seed, device, figure style; prints what it found.

    `data_set` is the real set that the chapter is about ("mnist", "svhn"), or
    None for a chapter that needs none. `use` is the set that it runs on, by default
    `data_set` or, where that is absent, its stand-in.
    """
    torch.manual_seed(seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if use is None and data_set is not None:
        here = sources.available(data_set)
        use = data_set if here else sources.STAND_INS[data_set]
    session = Session(profile(), device, seed, data_set, use)
    figures.use_style(note_of(session))
    print(f"profile {session.profile}, device {device}, seed {seed}", end="")
    print(f", data {session.data}" if data_set else "")
    if session.data != data_set:
        what = "STAND-IN" if session.stand_in else "A PART OF THE REAL DATA"
        here = sources.available(data_set)
        absent = "" if here else f"{data_set} is not here, so "
        fetch = "" if here else _fetch(data_set)
        print(f"*** {what}: {absent}this run uses {session.data}.\n"
              f"*** Nothing below is a result on {data_set}.{fetch}")  # fmt: skip
    return session


def _fetch(data_set: str) -> str:
    """How a reader of the notebook comes by a set, for the end of the banner."""
    if data_set not in sources.MEGABYTES:
        return f"\n*** {sources.remedy(data_set)}"
    return (
        f" To get the real data ({sources.MEGABYTES[data_set]} MB),\n"
        "*** run this line in a cell of its own, then the chapter from its top:\n"
        f'from equivae_lite.data.sources import download; download("{data_set}")'
    )


def note_of(session: Session) -> str:
    """What every figure says of its data, where these are not the wanted ones."""
    if session.stand_in:
        return f"stand-in: {session.data}"
    return "" if session.data == session.wanted else PARTS[session.data]
