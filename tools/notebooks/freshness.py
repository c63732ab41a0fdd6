"""Is a chapter's stored output still what its code would give?

The executor stores a stamp in the notebook's metadata, beside the data sets that the
chapter declares (a name or a list of names):

    "equivae": {"data": "mnist", "stamp": {"code": …, "package": {…}, …}}

`stale(path)` compares the stamp with the repository as it is now. Of the package, what
the chapter reaches counts (see `reach`): functions that it called, classes and
constants that these name. Code counts by its syntax tree, without docstrings, comments
and positions: rewording a docstring asks for no execution, changing a constant does.
Data sets count by name, since the data need not be there; files of the repository
(checkpoints, cards, results) are hashed again.

What a run used it tells by appending to the file named by EQUIVAE_STAMP_FILE, one JSON
object a line: the package notes {"kind": "data" | "checkpoint" | "results", "name": …,
"path": relative to the repository or null, "digest": …}, and `tracer` the calls. A data
set that was read in several splits may have several lines.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from nbformat import NotebookNode

from tools.notebooks.book import ROOT, code_cells, parse, python_of, read
from tools.notebooks.reach import Reach, digests
from tools.notebooks.syntax import PACKAGE, Package, digest, plain

STAMP_FILE = "EQUIVAE_STAMP_FILE"
STORED_PROFILE = "book"
RUN_AGAIN = "run `python -m tools.notebooks.execute {}`"


def code_digest(notebook: NotebookNode) -> str:
    """SHA-256 over the code cells; comments do not count, a final `;` does.

    Cells with `!` or `%` lines, which are no Python, count by their text.
    """
    return digest([_cell(c.source) for c in code_cells(notebook) if c.source.strip()])


@lru_cache(maxsize=2048)
def _cell(source: str) -> object:
    tree = parse(source)
    if tree is None or python_of(source) != source:
        return source
    return [plain(tree.body), source.rstrip().endswith(";")]


def file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def reached(
    notebook: NotebookNode, records: Iterable[dict] = (), root: Path = ROOT
) -> dict[str, dict[str, str]]:
    """What a chapter that has just run reaches: {path: {name: digest}}."""
    calls, imports = [], []
    for record in records:
        if record["kind"] == "call":
            calls.append((record["path"], record["line"], record["during"]))
        elif record["kind"] == "import":
            imports.append(record["path"])
    reach = Reach(Package(root), calls, imports)
    trees = [parse(cell.source) for cell in code_cells(notebook)]
    reach.chapter([tree for tree in trees if tree is not None])
    if any(_command_line(cell.source) for cell in code_cells(notebook)):
        reach.command_line()
    return digests(reach.package, reach.found)


def _command_line(source: str) -> bool:
    """Whether a cell runs the package as a command; naming one in a text is nothing."""
    shell = re.search(rf"^[ \t]*[!%].*-m\W+{PACKAGE}", source, re.M)
    return bool(shell or re.search(rf"""["']-m["'],\s*["']{PACKAGE}""", source))


def declared(notebook: NotebookNode) -> list[str]:
    """The data sets that a chapter says it is about."""
    data = notebook.metadata.get("equivae", {}).get("data", [])
    return [data] if isinstance(data, str) else list(data)


def read_records(path: Path) -> list[dict]:
    """The lines of a stamp file; an absent file means that nothing was used."""
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines if line.strip()]


def stamp(
    notebook: NotebookNode,
    records: Iterable[dict] = (),
    profile: str = STORED_PROFILE,
    root: Path = ROOT,
) -> dict:
    """The stamp of a notebook that has just run and used what `records` say.

    Files outside the repository are no part of it: they come and go (a run that a
    chapter makes in a temporary folder), and no check could look at them again.
    """
    files: set[str] = set()
    data: dict[str, list[str]] = {}
    records = list(records)
    for record in records:
        if record["kind"] in ("tracer", "import", "call"):
            continue  # code, of which `reached` makes the best
        if record["kind"] == "data":  # one digest for each split that was read
            digests = data.setdefault(record["name"], [])
            data[record["name"]] = sorted({*digests, record["digest"]})
        elif record.get("path"):
            if Path(record["path"]).is_absolute():
                raise ValueError(
                    f"{record['kind']} {record['name']} was recorded with the path "
                    f"{record['path']}: expected one relative to the repository"
                )
            files.add(record["path"])
    return {
        "code": code_digest(notebook),
        "package": reached(notebook, records, root),
        "files": {name: _digest(root / name) for name in sorted(files)},
        "data": dict(sorted(data.items())),
        "profile": profile,
    }


def wrong_data(notebook: NotebookNode, used: Iterable[str]) -> list[str]:
    """Reasons why the data sets that were used are not those that are declared."""
    wanted, got = set(declared(notebook)), set(used)
    reasons = [
        f"is about {name} but was executed on {', '.join(sorted(got)) or 'no data'} "
        "(is EQUIVAE_DATA set?)"
        for name in sorted(wanted - got)
    ]
    if got - wanted and not reasons:
        extra = ", ".join(sorted(got - wanted))
        reasons.append(
            f"was executed on {extra}, which its metadata do not declare "
            '("equivae": {"data": […]}): declare it there'
        )
    return reasons


def stale(path: Path, root: Path = ROOT) -> list[str]:
    """Why a chapter must be executed again; an empty list when it is fresh."""
    notebook = read(path)
    name = path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name
    old = notebook.metadata.get("equivae", {}).get("stamp")
    if old is None:
        return [f"{name} has no stamp: {RUN_AGAIN.format(name)}"]
    reasons = []
    if old["code"] != code_digest(notebook):
        reasons.append("was executed before its own code cells changed")
    package = Package(root)
    for module, things in old["package"].items():
        for thing, before in things.items():
            home = package.at(module)
            now = None if home is None else home.digest(thing)
            reasons += _change(f"{module}: {thing}", before, now)
    for file, before in old["files"].items():
        reasons += _change(file, before, _digest(root / file))
    reasons += wrong_data(notebook, old["data"])
    if old["profile"] != STORED_PROFILE:
        reasons.append(
            f"was executed in the {old['profile']} profile, not in {STORED_PROFILE}"
        )
    return [f"{name} {reason}: {RUN_AGAIN.format(name)}" for reason in reasons]


def _digest(path: Path) -> str | None:
    return file_digest(path) if path.is_file() else None


def _change(what: str, before: str | None, now: str | None) -> list[str]:
    if now == before:
        return []
    if before is None:
        return [f"looked for {what}, which was not there yet"]
    if now is None:
        return [f"used {what}, which is gone"]
    return [f"was executed before {what} changed"]
