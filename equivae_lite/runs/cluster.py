"""Seeds and experiments side by side: N processes of this machine, or a cluster.

A task is one seed of one experiment: what `reproduce NAME --seeds S` does, in a process
that takes one task at a time. It writes files of its own and nothing else, so it may be
begun anywhere, and again: what is finished is not done twice, what was stopped goes on
from its last whole epoch. Dask's `distributed` hands the tasks out, and gives
those of a process that died to another; it is optional, and imported here alone.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import socket
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import torch

from .. import files
from ..data import sources
from ..errors import EquivaeError
from ..training import experiments
from .folders import Folder
from .machine import commit
from .reproduce import one_by_one

INSTALL = 'python -m pip install "equivae-lite[cluster]", in a clone ".[cluster]"'
WAIT = 60  # seconds for a first worker of a scheduler
CODE = commit()  # as it was imported, whatever is committed while it runs
_ONE_AT_A_TIME = threading.Lock()  # torch has one generator a process


def reproduce(
    runs: list[tuple[str, int]], folder: Folder, options: dict, *,
    jobs: int | None = None, scheduler: str | None = None,
) -> None:  # fmt: skip
    """Train and evaluate (experiment, seed) pairs, each in a process of its own.

    `jobs` processes of this machine, or the workers of a Dask `scheduler`, which must
    see `folder` under the same path. `options` are those of `task`. What the runs say
    is printed here.

    Raises EquivaeError without the package, without workers, and, when all other runs
    are done, for those that failed.
    """
    distributed = _engine()
    topic = f"equivae-{uuid.uuid4().hex}"
    with _marked(folder) as mark, _client(distributed, jobs, scheduler) as client:
        client.subscribe_topic(topic, lambda event: print(event[1], flush=True))
        here = {"mark": mark, "code": CODE, "topic": topic}
        futures = {
            client.submit(task, name, seed, options, here, pure=False,
                          key=f"{name}-seed{seed}-{topic}"): f"{name} seed {seed}"
            for name, seed in runs
        }  # fmt: skip
        failed = []
        for count, future in enumerate(distributed.as_completed(futures), 1):
            # An exception: of Dask, whose workers died, or one that nobody foresaw.
            error = future.exception()
            amiss = future.result() if error is None else repr(error)
            if amiss:
                failed.append(f"{futures[future]}: {amiss}")
            how = "failed" if amiss else "done"
            print(f"{futures[future]}: {how}, {count} of {len(futures)}", flush=True)
    if failed:
        raise EquivaeError(
            f"{len(failed)} of {len(futures)} runs failed. {'. '.join(failed)}. What "
            "is finished is kept; the same command tries the others again"
        )


def task(name: str, seed: int, options: dict, client: dict) -> str:
    """In a worker: train and evaluate one seed. What went wrong, in words, or nothing.

    `options`: threads (None: as many as torch takes), device as it was asked for,
    epochs and bfloat16. `client`: its marked folder, its code, where it listens.
    """
    from distributed import get_worker

    from .command_line import device

    said = Lines(name, seed, partial(get_worker().log_event, client["topic"]))
    with (_ONE_AT_A_TIME, contextlib.redirect_stdout(said),
          contextlib.redirect_stderr(said)):  # fmt: skip
        print(f"begins on {socket.gethostname()}, process {os.getpid()}")
        preset = experiments.PRESETS.get(name)  # a reader's own images are in --out
        if amiss := _amiss(client, preset and preset.data):
            return amiss
        if options["threads"]:
            torch.set_num_threads(options["threads"])
        try:
            where = _card(device(options["device"]), get_worker().name)
            one_by_one(name, [seed], Folder(client["mark"].parent), where,
                       epochs=options["epochs"], bfloat16=options["bfloat16"],
                       )  # fmt: skip
        except EquivaeError as error:
            return str(error)
    return ""


def _amiss(client: dict, data: str | None) -> str:
    """What this machine lacks: the folder, the same code, the data."""
    here, mark = socket.gethostname(), client["mark"]
    if not mark.exists():
        return (f"{here} does not see {mark.parent}: --out must name a folder that all "
                "machines share")  # fmt: skip
    if client["code"] != CODE:
        return (f"{here} has the code {CODE}, not {client['code']}: give all "
                "machines the same commit and start their workers again")  # fmt: skip
    if data is not None and not sources.available(data):
        return (f"{here} has no {data} in {sources.data_root()}: give it `python -m "
                f"equivae_lite download {data}`, or set EQUIVAE_DATA")  # fmt: skip
    return ""


def _card(device: str, worker: int | str) -> str:
    """Where there are several cards and none was named, each worker has its own."""
    cards = torch.cuda.device_count()
    spread = device == "cuda" and cards > 1 and isinstance(worker, int)
    return f"cuda:{worker % cards}" if spread else device


class Lines(io.TextIOBase):
    """A stream that hands on whole lines, with the name of the run that says them."""

    def __init__(self, name: str, seed: int, hand_on: Callable[[str], None]) -> None:
        self.name, self.seed, self.hand_on, self.rest = name, seed, hand_on, ""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        *lines, self.rest = (self.rest + text).split("\n")
        for line in filter(str.strip, lines):
            named = line.startswith(self.name)
            self.hand_on(line if named else f"{self.name} seed {self.seed}: {line}")
        return len(text)


def _engine():
    try:
        import distributed
    except ImportError as error:
        raise EquivaeError(
            f"--jobs and --scheduler need Dask's distributed ({error}): {INSTALL}"
        ) from error
    return distributed


@contextmanager
def _client(distributed, jobs: int | None, scheduler: str | None) -> Iterator:
    """Connected to the scheduler of that address or to one made here, which ends."""
    with contextlib.ExitStack() as stack:
        if scheduler is None:
            # No limit on memory: Dask's would kill what needs more than its share.
            scheduler = stack.enter_context(distributed.LocalCluster(
                n_workers=jobs, threads_per_worker=1, processes=True,
                memory_limit=None, dashboard_address=None, silence_logs=logging.ERROR,
            ))  # fmt: skip
        try:
            client = stack.enter_context(distributed.Client(scheduler, timeout=WAIT))
            client.wait_for_workers(1, timeout=WAIT)
        except (OSError, ValueError, TimeoutError) as error:
            raise EquivaeError(
                f"--scheduler {scheduler}: no scheduler with a worker is there "
                f"({error}). Start `dask scheduler`, and on each machine, where "
                "equivae_lite is installed, `dask worker ADDRESS --nthreads 1`"
            ) from error
        yield client


@contextmanager
def _marked(folder: Folder) -> Iterator[Path]:
    """A file by which a worker sees that its folder is this one."""
    mark = folder.root.resolve() / f".cluster-{uuid.uuid4().hex}"
    files.write(mark, b"")
    try:
        yield mark
    finally:
        with contextlib.suppress(OSError):
            mark.unlink()
