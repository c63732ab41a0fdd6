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
import base64
import difflib
import multiprocessing
import os
import re
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

from equivae_lite.data import sources
from tools.notebooks import chapter_runs, freshness
from tools.notebooks.book import ROOT, read, toc_notebooks

KERNELSPEC = {"display_name": "Python 3", "language": "python", "name": "python3"}
# Colab and the book's pages need the lexer to show `!` and `%` lines as code.
LANGUAGE = {"name": "python", "pygments_lexer": "ipython3"}
CELL_METADATA = ("tags", "mystnb")
# What editors give: 8 hex digits (nbformat), a UUID (JupyterLab), a mixed-case word
# (Colab). A hand-set id is lower-case words joined by hyphens.
RANDOM_ID = re.compile(r"[0-9a-f]{8}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
HAND_SET_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
WIDGET = "application/vnd.jupyter.widget"
TRACER = Path(__file__).with_name("tracer.py")


def _slug(source: str) -> str:
    """The first words of a cell; links and IPython's marks are left out."""
    text = re.sub(r"\]\([^)]*\)|https?://\S+", " ", source)
    words = re.findall(r"[a-z0-9]+", text.lower())[:5]
    return "-".join(words)[:40].rstrip("-") or "cell"


def _stable_ids(notebook: NotebookNode) -> None:
    taken: set[str] = set()
    for cell in notebook.cells:
        name = cell.get("id") or ""
        if not HAND_SET_ID.fullmatch(name) or RANDOM_ID.fullmatch(name):
            name = _slug(cell.source)
        stem, number = name, 2
        while name in taken:
            name, number = f"{stem}-{number}", number + 1
        taken.add(name)
        cell["id"] = name


def _outputs(cell: NotebookNode, number: int) -> list[NotebookNode]:
    """A cell's outputs without widgets, neighbouring pieces of a stream joined."""
    outputs: list[NotebookNode] = []
    for output in cell.outputs:
        kind = output.output_type
        if kind == "stream":
            last = outputs[-1] if outputs else None
            if last is not None and last.get("name") == output.name:
                last.text += output.text
                continue
        elif kind in ("display_data", "execute_result"):
            output.data = {
                k: v for k, v in output.data.items() if not k.startswith(WIDGET)
            }
            if not output.data:
                continue
            if "image/png" in output.data:  # base64 comes wrapped or not
                png = base64.b64decode(output.data["image/png"])
                output.data["image/png"] = base64.b64encode(png).decode()
            if kind == "execute_result":
                output.execution_count = number
        outputs.append(output)
    return outputs


def normalise(notebook: NotebookNode, executed: bool = False) -> NotebookNode:
    """The same notebook in normal form; the argument is left alone.

    `executed` says that every cell has just run; otherwise a cell that holds no
    execution count keeps none.
    """
    notebook = nbformat.from_dict(notebook)  # a copy
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    metadata = {"kernelspec": dict(KERNELSPEC), "language_info": dict(LANGUAGE)}
    if "equivae" in notebook.metadata:
        metadata["equivae"] = notebook.metadata["equivae"]
    notebook.metadata = nbformat.from_dict(metadata)
    _stable_ids(notebook)
    number = 0
    for cell in notebook.cells:
        kept = {k: cell.metadata[k] for k in CELL_METADATA if cell.metadata.get(k)}
        cell.metadata = nbformat.from_dict(kept)
        if cell.cell_type != "code":
            continue
        number += 1
        cell.outputs = _outputs(cell, number)
        ran = executed or cell.execution_count is not None
        cell.execution_count = number if ran else None
    nbformat.validate(notebook)
    return notebook


def text_of(notebook: NotebookNode) -> str:
    """The file of a notebook in normal form, newline at the end."""
    return nbformat.writes(notebook, version=nbformat.NO_CONVERT).rstrip("\n") + "\n"


def write(path: Path, notebook: NotebookNode) -> bool:
    """Write atomically; False where the file held the same already."""
    text = text_of(notebook)
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return False
    handle, name = tempfile.mkstemp(
        dir=path.parent, prefix=f".{path.name}.", suffix=".tmp"
    )
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
    return True


def _relative_tracebacks(notebook: NotebookNode, root: Path) -> None:
    """Name the package's files in stored tracebacks as the repository does."""
    prefixes = [f"{root}/"]
    if root.is_relative_to(Path.home()):  # IPython writes it so
        prefixes.append(f"~/{root.relative_to(Path.home()).as_posix()}/")
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
