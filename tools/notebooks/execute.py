"""Run chapters and store their outputs in one normal form.

    python -m tools.notebooks.execute                      the chapters that are stale
    python -m tools.notebooks.execute --all                every chapter of _toc.yml
    python -m tools.notebooks.execute book/01_x.ipynb …    these
    python -m tools.notebooks.execute --normalise …        only the form, nothing is run

Two chapters run at a time (--jobs). At the end stands which cells print something else
than before. A notebook is written only when all of its cells ran, at once, and so that
a second run leaves no difference: cells numbered from 1, stable ids, no timings, no
widget state. The profile is EQUIVAE_PROFILE, or `book`; data are looked for as the
package does it.
"""

from __future__ import annotations

import argparse
import difflib
import multiprocessing
import os
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

from equivae_lite.data import sources
from tools.notebooks import chapter_runs, freshness
from tools.notebooks.book import ROOT, read, toc_notebooks
from tools.notebooks.normal_form import normalise, write
from tools.notebooks.pictures import keep_pictures

TRACER = Path(__file__).with_name("tracer.py")


def _relative_tracebacks(notebook: NotebookNode, root: Path) -> None:
    """Name the package's files in stored tracebacks as the repository does."""
    prefixes = [f"{root}/"]
    home = Path(os.path.expanduser("~"))  # Path.home() raises where there is none
    if root.is_relative_to(home):  # IPython writes it so
        prefixes.append(f"~/{root.relative_to(home).as_posix()}/")
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            for prefix in prefixes if output.output_type == "error" else ():
                lines = [line.replace(prefix, "") for line in output.traceback]
                output.traceback = lines


def execute(path: Path, timeout: int = 1800, root: Path = ROOT) -> NotebookNode:
    """Run all cells of a notebook, in its own folder, and stamp the result.

    Raises what nbclient raises when a cell fails, and ValueError when the chapter
    ran on other data than it declares.
    """
    notebook = read(path)
    profile = os.environ.get("EQUIVAE_PROFILE", freshness.STORED_PROFILE)
    for name in freshness.declared(notebook):
        if not sources.available(name):
            raise ValueError(
                f"{path.name} is about {name}, which is not in {sources.data_root()}: "
                "set EQUIVAE_DATA to the folder that holds it"
            )
    with tempfile.TemporaryDirectory() as folder:
        records = Path(folder) / "records.jsonl"
        env = {
            "OMP_NUM_THREADS": "1",  # two would sum in another order: other last bits
            **os.environ,
            "EQUIVAE_PROFILE": profile,
            freshness.STAMP_FILE: str(records),
        }
        env.pop("MPLBACKEND", None)  # or no figure is drawn inline
        if env.get("EQUIVAE_DATA"):  # the kernel's folder is another one
            env["EQUIVAE_DATA"] = str(Path(env["EQUIVAE_DATA"]).absolute())
        client = NotebookClient(
            notebook,
            timeout=timeout,
            kernel_name="python3",
            record_timing=False,
            extra_arguments=["--log-level=ERROR"],  # not that loopback is unencrypted
            resources={"metadata": {"path": str(path.parent.resolve())}},
        )
        given = {"ROOT": str(root.resolve()), "PACKAGE": freshness.PACKAGE}
        source = compile_source(TRACER, given)
        client.on_notebook_start = lambda notebook: client.kc.execute(
            source, silent=True, store_history=False
        )
        client.execute(env=env)
        used = freshness.read_records(records)
    if {"kind": "tracer"} not in used:
        raise ValueError(f"{path.name}: the tracer did not start, so no stamp is made")
    named = freshness.reached(notebook, root=root)
    if named and not any(record["kind"] == "call" for record in used):
        raise ValueError(
            f"{path.name} called nothing of {root / freshness.PACKAGE}: another copy "
            "of the package ran (pip install -e . in this clone?)"
        )
    _relative_tracebacks(notebook, root)
    made = freshness.stamp(notebook, used, profile, root)
    wrong = freshness.wrong_data(notebook, made["data"])
    if wrong:
        raise ValueError(f"{path.name} " + "; it ".join(wrong))
    notebook.metadata.setdefault("equivae", {})["stamp"] = made
    return normalise(notebook, executed=True)


def compile_source(path: Path, given: dict[str, str]) -> str:
    """Python that runs a file with these globals and leaves no name behind."""
    return (
        f"exec(compile(open({str(path)!r}, encoding='utf-8').read(), {str(path)!r}, "
        f"'exec'), {given!r})"
    )


def printed(notebook: NotebookNode) -> dict[str, list[str]]:
    """What each code cell shows, line by line; a picture is a line of its digest."""
    shown = {}
    for cell in notebook.cells:
        lines: list[str] = []
        for output in cell.get("outputs", []):
            lines += str(output.get("text", "")).splitlines()
            lines += "\n".join(output.get("traceback", [])).splitlines()
            for kind, data in sorted(output.get("data", {}).items()):
                if kind.startswith("image/"):
                    lines.append(f"<{kind} {freshness.digest(data)[:12]}>")
                else:
                    lines += str(data).splitlines()
        if cell.cell_type == "code":
            shown[cell.id] = lines
    return shown


def changes(before: NotebookNode, after: NotebookNode) -> list[str]:
    """The cells that show something else, each with its first line that differs."""
    old, new = printed(before), printed(after)
    found = []
    for name in new:
        lines = difflib.ndiff(old.get(name, []), new[name])
        differing = [line for line in lines if line[:2] in ("- ", "+ ")]
        if differing:
            found.append("\n    ".join([name, *differing[:2]]))
    return found


@dataclass
class Outcome:
    """What became of one chapter."""

    path: Path
    seconds: float
    written: bool = False
    changed: tuple[str, ...] = ()
    error: str | None = None


def run(path: Path, timeout: int, only_normalise: bool = False) -> Outcome:
    """Execute (or only normalise) a chapter and write it; errors become words."""
    started = time.monotonic()
    before = read(path)
    try:
        after = normalise(before) if only_normalise else execute(path, timeout)
        keep_pictures(before, after)
        written = write(path, after)
    except (
        CellExecutionError,
        CellTimeoutError,
        DeadKernelError,
        OSError,
        ValueError,
    ) as error:
        return Outcome(path, time.monotonic() - started, error=str(error))
    seconds = time.monotonic() - started
    return Outcome(path, seconds, written, tuple(changes(before, after)))


def longest_first(paths: list[Path]) -> list[Path]:
    """By the times that were noted: a long one that starts last leaves a core idle."""
    runs = chapter_runs.load()
    return sorted(paths, key=lambda p: -runs.get(p.name, {}).get("seconds", 1e9))


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tools.notebooks.execute",
        description=__doc__.split("\n")[0],
    )
    parser.add_argument("notebooks", nargs="*", type=Path)
    parser.add_argument("--all", action="store_true", help="fresh chapters, too")
    parser.add_argument("--jobs", type=int, default=2, help="chapters at a time")
    parser.add_argument(
        "--normalise", action="store_true", help="only the form, run nothing"
    )
    parser.add_argument(
        "--timeout", type=int, default=1800, help="seconds a cell may take"
    )
    options = parser.parse_args(arguments)
    paths = options.notebooks or toc_notebooks()
    if not (options.notebooks or options.all or options.normalise):
        paths = [path for path in paths if freshness.stale(path)]
    if not paths:
        print("every chapter is fresh: nothing to do (--all runs them all the same)")
        return 0
    jobs = max(1, min(options.jobs, len(paths)))
    started, done = time.monotonic(), []
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=context) as pool:
        tasks = [
            pool.submit(run, path, options.timeout, options.normalise)
            for path in longest_first(paths)
        ]
        for task in as_completed(tasks):
            outcome = task.result()
            done.append(outcome)
            state = "written" if outcome.written else "unchanged"
            if outcome.error is not None:
                state = "FAILED, nothing written"
                print(f"{outcome.path}:\n{outcome.error}", file=sys.stderr)
            elif not options.normalise:
                chapter_runs.note(outcome.path, read(outcome.path), outcome.seconds)
            print(
                f"[{len(done)}/{len(paths)}] {outcome.path}: {state}, "
                f"{outcome.seconds:.0f} s",
                flush=True,
            )
    print(f"{time.monotonic() - started:.0f} s in all")
    differing = [(o.path.name, c) for o in done for c in o.changed]
    for name, cell in differing:
        print(f"{name}, cell {cell}")
    print(f"{len(differing)} cells show something else than before")
    return 1 if any(outcome.error for outcome in done) else 0


if __name__ == "__main__":
    sys.exit(main())
