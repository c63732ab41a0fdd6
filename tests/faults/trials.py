"""One run with one fault, then the same command once more: right, refused or wrong.

The run is `reproduce` of a shrunken experiment on 200 images, through the command line:
all files, locks and errors are those of a real one. A fault strikes at the n-th file
operation inside the run's folder, or at a moment, or lies in a file beforehand.
"""

from __future__ import annotations

import builtins
import contextlib
import errno
import hashlib
import io
import json
import os
import random
import re
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from tools.planted import warm

NAME = "glyphs-supervised"
SECONDS = 120


def command(folder: Path, seeds: tuple[int, ...] = (0,)) -> list[str]:
    return ["reproduce", NAME, "--seeds", *map(str, seeds), "--device", "cpu",
            "--threads", "1", "--out", str(folder)]  # fmt: skip


# --- in the child ---------------------------------------------------------------------


def shrink() -> None:
    """200 images of noise, a tiny network, three epochs; two numbers as evaluation."""
    import torch

    from equivae_lite.data import sets
    from equivae_lite.runs import pipeline
    from equivae_lite.training import experiments

    def report(model, pixels, *rest, **settings):
        total = sum(float(p.double().sum()) for p in model.parameters())
        return {"importance_weighted": 0.0, "bound": {"all": {"bound": total}}}

    def load(name, split="train", limit=None, device="cpu", root=None):
        g = torch.Generator().manual_seed(sets.SPLITS.index(split))
        x = torch.randint(256, (200, 1, 28, 28), generator=g, dtype=torch.uint8)
        y = torch.arange(200) % 10
        return sets.ImageSet(name, split, x, y, None, f"noise of {split}")

    sets.load = load
    sets.known_md5 = lambda name: {s: sets.load(name, s).md5 for s in ("train", "test")}
    pipeline.supervised_report = report
    e = experiments.PRESETS[NAME]
    arch = replace(e.arch, hidden=(8, 8))
    small = replace(e, arch=arch, schedule=((100, 3),), m_max=2)
    experiments.PRESETS[NAME] = small


class Operations:
    """Counts what is done to files below a folder, and strikes at one of them."""

    def __init__(
        self, folder: Path, at: int, strike: Callable[[str], None], after: bool
    ) -> None:
        self.folder, self.at, self.strike, self.after = str(folder), at, strike, after
        self.count = 0

    def patch(self) -> None:
        for module, name in ((io, "open"), (os, "open"), (os, "replace"), (os, "link"),
                             (os, "unlink"), (os, "mkdir"), (os, "fsync")):  # fmt: skip
            setattr(module, name, self._counted(getattr(module, name), name))
        builtins.open = io.open

    def _counted(self, function: Callable, name: str) -> Callable:
        def call(*arguments, **named):
            first = arguments[0] if arguments else ""
            mine = isinstance(first, str | os.PathLike) and str(first).startswith(
                self.folder
            )
            if not mine and name != "fsync":
                return function(*arguments, **named)
            self.count += 1
            hit = self.count == self.at
            if hit and not self.after:
                self.strike(name)
            result = function(*arguments, **named)
            if hit and self.after:
                self.strike(name)
            return result

        return call


def crash(name: str) -> None:
    os._exit(137)


def failing(number: int) -> Callable[[str], None]:
    def strike(name: str) -> None:
        raise OSError(number, os.strerror(number))

    return strike


@dataclass(frozen=True)
class Fault:
    """At the `at`-th operation: "crash", "ENOSPC" or "EIO"; `after` it or before."""

    kind: str
    at: int
    after: bool = False


def _child(folder: str, log: str, seeds: tuple[int, ...], fault: Fault | None) -> None:
    os.dup2(os.open(log, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o644), 1)
    os.dup2(1, 2)
    sys.stdout = io.TextIOWrapper(os.fdopen(1, "wb", 0), "utf-8", write_through=True)
    sys.stderr = sys.stdout
    from equivae_lite.runs import command_line

    shrink()
    operations = Operations(Path(folder), 0, crash, False)
    if fault is not None:
        strike = crash if fault.kind == "crash" else failing(getattr(errno, fault.kind))
        operations = Operations(Path(folder), fault.at, strike, fault.after)
    operations.patch()
    code = command_line.main(command(Path(folder), seeds))
    print(f"ended with {code}, operations {operations.count}", flush=True)
    os._exit(code)


# --- in the parent --------------------------------------------------------------------


@dataclass
class Ended:
    code: int | None  # None: it was still running and was killed
    said: str

    @property
    def operations(self) -> int:
        return int(self.said.rsplit("operations ", 1)[1])


def start(folder: Path, log: Path, seeds=(0,), fault: Fault | None = None):
    arguments = (str(folder), str(log), tuple(seeds), fault)
    process = warm.context().Process(target=_child, args=arguments)
    process.start()
    return process


def run(folder: Path, seeds=(0,), fault: Fault | None = None) -> Ended:
    log = folder.parent / f"{folder.name}.log"
    return ended(start(folder, log, seeds, fault), log)


def ended(process, log: Path) -> Ended:
    """Wait for a run; it is killed if it takes too long."""
    process.join(SECONDS)
    code = process.exitcode
    if code is None:
        process.kill()
        process.join()
    said = log.read_text(encoding="utf-8", errors="replace")
    # A fork server that starts many at once loses an exit status now and then (255).
    if told := re.search(r"^ended with (\d+), operations \d+$", said, re.M):
        code = int(told[1])
    return Ended(code, said)


def kill_after(folder: Path, seconds: float) -> None:
    """Start the run and kill it, or find that it has ended."""
    log = folder.parent / f"{folder.name}.log"
    process = start(folder, log)
    begun = time.monotonic()
    while not log.exists() and time.monotonic() < begun + SECONDS:
        time.sleep(0.01)
    time.sleep(seconds)
    with contextlib.suppress(ProcessLookupError):
        os.kill(process.pid, signal.SIGKILL)
    process.join()


def outcome(folder: Path, seeds=(0,)) -> dict[str, str]:
    """What a finished folder says: weights, and every number of the evaluation."""
    found = {}
    for seed in seeds:
        stem = f"{NAME}-seed{seed}"
        weights = (folder / "checkpoints" / f"{stem}.safetensors").read_bytes()
        result = (folder / "results" / f"{stem}.json").read_text(encoding="utf-8")
        found[f"weights {seed}"] = hashlib.sha256(weights).hexdigest()
        found[f"numbers {seed}"] = json.dumps(json.loads(result)["evaluation"])
    return found


def parts(folder: Path) -> dict[str, Path]:
    """The files whose damage must be noticed."""
    stem = f"{NAME}-seed0"
    return {
        "state": folder / "runs" / f"{stem}.state.pt",
        "card": folder / "checkpoints" / f"{stem}.json",
        "weights": folder / "checkpoints" / f"{stem}.safetensors",
        "results": folder / "results" / f"{stem}.json",
    }


def flip(path: Path, chance: random.Random) -> None:
    """One bit; in JSON not within spaces, which say nothing."""
    content = bytearray(path.read_bytes())
    while True:
        at = chance.randrange(len(content))
        if path.suffix != ".json" or not chr(content[at]).isspace():
            break
    content[at] ^= 1 << chance.randrange(8)
    path.write_bytes(content)


def left_over(folder: Path) -> list[str]:
    """Files that no finished run should have beside its own."""
    kinds = (".safetensors", ".json", ".pt", ".previous", ".lock")
    return [p.name for p in folder.rglob("*") if p.is_file() and p.suffix not in kinds]


def verdict(folder: Path, expected: dict[str, str], first: Ended | None) -> str:
    """Of a folder that a fault has struck, after the same command once more.

    "right": the outcome of a run without faults, and nothing left over. "refused": an
    error in words. All else is wrong and says how.
    """
    for ended in filter(None, (first,)):
        if "Traceback" in ended.said:
            return f"wrong: traceback: {ended.said[-300:]}"
        if ended.code == 0 and outcome(folder) != expected:
            return "wrong: said that all was well"
        if ended.code is None:
            return "wrong: hangs"
    again = run(folder)
    if "Traceback" in again.said:
        return f"wrong: traceback after it: {again.said[-300:]}"
    if again.code == 2 and "error: " in again.said:
        return "refused"
    if again.code != 0:
        return f"wrong: status {again.code}: {again.said[-300:]}"
    if outcome(folder) != expected:
        return "wrong: other weights or numbers"
    if extra := left_over(folder):
        return f"wrong: left over: {extra}"
    return "right"
