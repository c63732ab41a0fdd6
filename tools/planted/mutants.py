"""Plant classic errors in the mathematics, one at a time, and see the book notice.

    python -m tools.planted.mutants            plant all, print the table
    python -m tools.planted.mutants --write    and put it into book/planted_errors.md

A mutant is one changed line of `equivae_lite`. It is caught when an assertion in a
chapter's own cells fails; the chapter that owns the line goes first. Chapters run as
plain scripts in the smoke profile, without their figures, each in a fresh process whose
`equivae_lite` holds the changed line: no file is written.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import sys
import time
import traceback
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader
from multiprocessing.connection import Connection
from pathlib import Path

from tools.notebooks.book import BOOK, ROOT, read
from tools.planted import warm
from tools.planted.errors import MUTANTS
from tools.planted.mutant import Mutant
from tools.planted.slices import script, statement

PACKAGE = "equivae_lite"
PAGE = BOOK / "planted_errors.md"
START, END = "<!-- tables: begin -->", "<!-- tables: end -->"
SECONDS = 900  # for one chapter under one mutant, on a machine that is busy


@dataclass(frozen=True)
class Outcome:
    """What a chapter did: `cell` is where it stopped, None if it ran to its end."""

    chapter: str
    cell: str | None = None
    noticed: str = ""  # the statement of the cell that stopped it
    error: str | None = None
    message: str = ""


def chapter(number: str) -> Path:
    """The notebook of a chapter, by the number that its name begins with."""
    found = sorted(BOOK.glob(f"{number}_*.ipynb"))
    if len(found) != 1:
        raise FileNotFoundError(
            f"expected one notebook book/{number}_….ipynb, found {len(found)}"
        )
    return found[0]


def mutated(mutant: Mutant) -> str:
    """The source of the mutant's module with its line changed.

    Raises ValueError unless the line to change is there exactly once.
    """
    path = Path(PACKAGE, *mutant.module.split(".")).with_suffix(".py")
    source = (ROOT / path).read_text(encoding="utf-8")
    count = source.count(mutant.old)
    if count != 1:
        raise ValueError(
            f"mutant {mutant.name}: {mutant.old!r} is {count} times in "
            f"{path}; it must be there once: adapt tools/planted/errors.py"
        )
    return source.replace(mutant.old, mutant.new)


class _Planted(MetaPathFinder, Loader):
    """Imports one module of the package from a changed source."""

    def __init__(self, module: str, source: str) -> None:
        self.name, self.source = f"{PACKAGE}.{module}", source

    def find_spec(self, name: str, path: object, target: object = None) -> ModuleSpec:
        return spec_from_loader(name, self) if name == self.name else None

    def exec_module(self, module: object) -> None:
        exec(compile(self.source, self.name, "exec"), module.__dict__)


def run(
    number: str, mutant: Mutant | None, last: str | None = None, only: tuple = ()
) -> Outcome:
    """Run one chapter in this process, which should be fresh.

    Up to cell `last`, or with `only` these cells and what they need.
    """
    import matplotlib.pyplot as plt
    import torch

    if mutant is not None:
        assert not any(name.startswith(f"{PACKAGE}.") for name in sys.modules)
        sys.meta_path.insert(0, _Planted(mutant.module, mutated(mutant)))
    os.environ.setdefault("EQUIVAE_PROFILE", "smoke")
    os.chdir(BOOK)
    torch.set_num_threads(1)
    plt.switch_backend("Agg")
    namespace: dict = {"__name__": "__main__"}
    for cell, source in script(read(chapter(number)), only):
        name = f"{number}:{cell.id}"
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                exec(compile(source, name, "exec"), namespace)
            plt.close("all")
        except Exception as error:  # whatever it is, it is the outcome
            words = traceback.format_exception_only(error)[-1].strip()
            kind = "AssertionError" if isinstance(error, AssertionError) else None
            lines = [
                frame.lineno
                for frame in traceback.extract_tb(error.__traceback__)
                if (frame.filename, frame.name) == (name, "<module>")
            ]
            noticed = statement(source, lines[-1]) if lines else ""
            return Outcome(
                number, cell.id, noticed, kind or type(error).__name__, words
            )
        if cell.id == last:
            break
    return Outcome(number)


def _report(send: Connection, *arguments: object) -> None:
    send.send(run(*arguments))


def apart(
    number: str, mutant: Mutant | None, last: str | None = None, only: tuple = ()
) -> Outcome:
    """`run` in a process of its own."""
    context = warm.context()
    receive, send = context.Pipe(duplex=False)
    child = context.Process(target=_report, args=(send, number, mutant, last, only))
    child.start()
    send.close()
    try:
        in_time = receive.poll(SECONDS)
        outcome = receive.recv() if in_time else Outcome(number, error="out of time")
    except EOFError:
        outcome = Outcome(number, error="the process died")
    child.kill()
    child.join()
    return outcome


def hunt(mutant: Mutant) -> list[Outcome]:
    """Run the mutant's chapters until one of them notices."""
    outcomes = []
    for number in mutant.chapters:
        outcomes.append(apart(number, mutant, None, mutant.cells))
        if outcomes[-1].error is not None:
            break
    return outcomes


def plant(
    mutants: Iterable[Mutant] = MUTANTS, processes: int = 2
) -> tuple[dict[str, list[Outcome]], list[Outcome]]:
    """Every mutant's outcomes by its name, and those of the unchanged chapters.

    A mutant is caught if its last outcome is an AssertionError and the same cell
    passes in the unchanged chapter, which is run as far as any mutant came; of mutants
    that name their cells, as these cells.
    """
    mutants = list(mutants)
    with ThreadPoolExecutor(processes) as pool:
        found = dict(zip([m.name for m in mutants], pool.map(hunt, mutants)))
        reached: dict[str, list[str]] = {}
        furthest: list[tuple] = []
        for mutant in mutants:
            last = found[mutant.name][-1]
            alone = (last.chapter, None, None, mutant.cells)
            if last.cell is not None and not mutant.cells:
                reached.setdefault(last.chapter, []).append(last.cell)
            elif last.cell is not None and alone not in furthest:
                furthest.append(alone)
        for number, stopped in sorted(reached.items()):
            order = [cell.id for cell, _ in script(read(chapter(number)))]
            furthest.append((number, None, max(stopped, key=order.index)))
        unchanged = list(pool.map(lambda arguments: apart(*arguments), furthest))
    return found, unchanged


def caught(outcomes: list[Outcome]) -> bool:
    return outcomes[-1].error == "AssertionError"


def table(found: dict[str, list[Outcome]]) -> str:
    """The page's tables, one for each changed function: the error, and who noticed."""
    groups: dict[str, list[str]] = {}
    for mutant in MUTANTS:
        module = mutant.module.rpartition(".")[2]
        head = f":::{{table}} In `{module}.{mutant.function}`"
        rows = groups.setdefault(head, ["| error planted | caught by |", "|---|---|"])
        rows.append(row(mutant, found[mutant.name]))
    return "\n\n".join("\n".join([head, *r, ":::"]) for head, r in groups.items())


def row(mutant: Mutant, outcomes: list[Outcome]) -> str:
    """Of the table: the error in words, and who noticed it."""
    slip = mutant.slip.replace("|", r"\|")  # a bar would end the table's cell
    return f"| {slip} | {_noticed(outcomes)} |"


def _noticed(outcomes: list[Outcome]) -> str:
    """Chapter and cell that caught an error, and the statement that did not hold."""
    if not caught(outcomes):
        return "**nothing**"
    last = outcomes[-1]
    path = chapter(last.chapter)
    cell = f'<a href="{path.stem}.html#cell-{last.cell}">{last.cell}</a>'
    words = last.noticed.replace("|", r"\|")
    return f"[chapter {last.chapter}]({path.name}), {cell}: `{words}`"


def stored_table() -> str:
    """The table that the page shows."""
    text = PAGE.read_text(encoding="utf-8")
    return text.partition(START)[2].partition(END)[0].strip()


def write(text: str) -> None:
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(START)
    after = rest.partition(END)[2]
    PAGE.write_text(f"{before}{START}\n{text}\n{END}{after}", encoding="utf-8")


def main(given: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--write", action="store_true", help="update the page's table")
    parser.add_argument("names", nargs="*", help="only these mutants")
    arguments = parser.parse_args(given)
    unknown = set(arguments.names) - {m.name for m in MUTANTS}
    if unknown:
        parser.error(f"no mutant is called {', '.join(sorted(unknown))}")
    if arguments.write and arguments.names:
        parser.error("the page lists all mutants: give no names with --write")
    started = time.perf_counter()
    mutants = [m for m in MUTANTS if not arguments.names or m.name in arguments.names]
    found, unchanged = plant(mutants)
    bad = [o for o in unchanged if o.error]
    for o in bad:
        print(f"unchanged chapter {o.chapter}: {o.error} in cell {o.cell} {o.message}")
    for mutant in mutants:
        last = found[mutant.name][-1]
        where = f"{last.chapter} {last.cell}: {last.error}" if last.error else "NOTHING"
        print(f"{mutant.name:28} {where}")
        if last.error and not caught(found[mutant.name]):
            print(f"  {last.message}")
    survivors = [m.name for m in mutants if not caught(found[m.name])]
    print(f"{len(mutants)} planted, {len(survivors)} not caught {survivors or ''}")
    print(f"{time.perf_counter() - started:.0f} s")
    if arguments.write and not bad:
        write(table(found))
    elif arguments.write:
        print("the page is left as it was: an unchanged chapter fails")
    return 1 if bad or survivors else 0


if __name__ == "__main__":
    sys.exit(main())
