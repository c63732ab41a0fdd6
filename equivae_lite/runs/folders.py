"""Where a run's files lie: the book's shelf, and a folder of the reader's.

    checkpoints/   weights and cards          NAME-seedS.safetensors, NAME-seedS.json
    results/       evaluations, one file each NAME-seedS.json
    runs/          states to go on from, and locks
    sets/          images of the reader's own  NAME.npz, NAME.json (see `own`)

The shelf, `data/` of a clone, is what the book shows: git tracks it, chapters read it,
and no command of a reader writes to it. A reader's own folder has the same parts; it
is `data/mine/`, which git ignores, unless --out names another. `tools.publish` puts
something of such a folder on the shelf.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .. import ROOT, files
from ..errors import CheckpointError, EquivaeError
from ..training import checkpoints
from ..training.settings import Experiment

KEEP = "move it away or evaluate again"


@dataclass(frozen=True)
class Folder:
    """A place for runs; nothing is made until something is written."""

    root: Path

    @property
    def checkpoints(self) -> Path:
        return self.root / "checkpoints"

    @property
    def results(self) -> Path:
        return self.root / "results"

    @property
    def states(self) -> Path:
        return self.root / "runs"

    @property
    def sets(self) -> Path:
        return self.root / "sets"

    @property
    def short(self) -> Folder:
        """For runs that were cut short: they never take the name of a whole one."""
        return Folder(self.root / "short")

    def state(self, name: str, seed: int) -> Path:
        return self.states / f"{name}-seed{seed}.state.pt"

    def result(self, name: str, seed: int) -> Path:
        return self.results / f"{name}-seed{seed}.json"

    @contextmanager
    def locked(self, run: str) -> Iterator[None]:
        """Work on one run alone, and first clear away what killed ones left of it."""
        with files.locked(self.states / f".{run}.lock", f"{run} in {self.root}"):
            for part in (self.checkpoints, self.results, self.states):
                files.sweep(part, f"{run}.")
            yield

    def settle(self, run: str) -> None:
        """Clear away what a process left that was killed when all was written."""
        if files.exists(self.states / f".{run}.held"):
            with self.locked(run):
                pass

    def keep_result(self, name: str, seed: int, found: dict) -> Path:
        path = self.result(name, seed)
        files.write_json(path, {"experiment": name, "seed": seed} | found)
        return path

    def read_result(self, name: str, seed: int) -> dict | None:
        """What `keep_result` kept; None without it. Raises CheckpointError."""
        path = self.result(name, seed)
        if not files.exists(path):
            return None
        found = files.read_json(path, KEEP)
        if (found.get("experiment"), found.get("seed")) != (name, seed):
            raise CheckpointError(
                f"{path} holds {found.get('experiment')} with seed "
                f"{found.get('seed')}: files were renamed; {KEEP}"
            )
        return found


SHELF = Folder(ROOT / "data")
MINE = Folder(ROOT / "data" / "mine")


def of_reader(out: str | Path | None = None) -> Folder:
    """The folder that a command writes to; the shelf is refused, by whatever name.

    Raises EquivaeError for an empty name and for the shelf or a place within it.
    """
    if out is None:
        return MINE
    if not str(out).strip():
        raise EquivaeError(
            "--out is empty (an unset variable?): name a folder, or leave --out out"
        )
    root = Path(os.path.expanduser(out))
    try:
        resolved = root.resolve()
    except (OSError, RuntimeError) as error:  # a loop of links
        raise EquivaeError(f"--out {out} cannot be followed: {error}") from error
    folder = Folder(root)
    shelf = [SHELF.checkpoints, SHELF.results]
    for part in (folder.checkpoints, folder.results, root):
        if resolved == SHELF.root or any(_within(part, place) for place in shelf):
            raise EquivaeError(
                f"--out {out} is the book's own shelf, to which only `python -m "
                "tools.publish` writes: choose another folder, or leave --out out for "
                f"{MINE.root}"
            )
    return folder


def _within(path: Path, place: Path) -> bool:
    """Whether `path` is `place` or below it, also by links and other spellings."""
    for parent in (path, *path.resolve().parents, path.resolve()):
        try:
            if os.path.samefile(parent, place):
                return True
        except OSError:  # one of them does not exist
            continue
    return path.resolve().is_relative_to(place.resolve())


def demand_room(experiment: Experiment, folder: Folder, runs: int = 1) -> None:
    """Fail before hours of training if `folder` cannot hold what they will write."""
    for part in (folder.checkpoints, folder.results):
        files.demand_writable(part)
    # A checkpoint has the weights; a state has them, two moments of Adam and averaged
    # weights; there are two states, and a new one is written before the oldest goes.
    copies = (1 + 2 * 4) * runs + 4
    size = 4 * copies * checkpoints.build(experiment).parameter_count()
    files.demand_room(folder.states, size)


def holder_of(name: str, seed: int, folder: Folder) -> Folder:
    """The reader's folder if it has this checkpoint's card, else the shelf."""
    there = files.exists(checkpoints.paths(name, seed, folder.checkpoints)[1])
    return folder if there else SHELF
