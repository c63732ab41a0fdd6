"""Is a chapter's stored output still what its code would give?

The executor stores a stamp in the notebook's metadata, beside the data sets that the
chapter declares (a name or a list of names):

    "equivae": {"data": "mnist", "stamp": {"code": …, "package": {…}, …}}

`stale(path)` compares the stamp with the repository as it is now. Code counts by its
syntax tree, without docstrings, comments and positions: rewording a docstring does not
ask for an hour of execution, changing a constant does. Data sets count by name, since
the data need not be there; files of the repository (checkpoints, cards, results) are
hashed again.

What a run used it tells by appending to the file named by EQUIVAE_STAMP_FILE, one JSON
object a line: {"kind": "data" | "checkpoint" | "card" | "results", "name": …,
"path": relative to the repository or null, "digest": …}. A data set that was read in
several splits may have several lines.
"""

from __future__ import annotations

import ast
import hashlib
import json
import re
from collections.abc import Iterable
from pathlib import Path

from nbformat import NotebookNode

from tools.notebooks.book import ROOT, code_cells, parse, python_of, read

PACKAGE = "equivae_lite"
STAMP_FILE = "EQUIVAE_STAMP_FILE"
STORED_PROFILE = "book"
RUN_AGAIN = "run `python -m tools.notebooks.execute {}`"


def _plain(node: object) -> object:
    """A syntax tree as nested lists, equal on every supported Python.

    `ast.dump` is not: 3.12 added fields to it. Absent and empty fields are left out.
    """
    if isinstance(node, ast.AST):
        fields = {k: v for k, v in ast.iter_fields(node) if v not in (None, [])}
        if isinstance(node, ast.Constant):  # "kind" is only the u of u"…"
            return ["Constant", type(node.value).__name__, repr(node.value)]
        body = fields.get("body")
        documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
        if isinstance(node, documented) and ast.get_docstring(node) is not None:
            fields["body"] = body[1:]
        return [type(node).__name__, [[k, _plain(v)] for k, v in fields.items()]]
    if isinstance(node, list):
        return [_plain(item) for item in node]
    return repr(node)


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()


def module_digest(path: Path) -> str:
    """SHA-256 of a module's syntax tree, free of docstrings and comments."""
    return _digest(_plain(ast.parse(path.read_text(encoding="utf-8"))))


def code_digest(notebook: NotebookNode) -> str:
    """SHA-256 over the code cells; comments do not count, a final `;` does.

    Cells with `!` or `%` lines, which are no Python, count by their text.
    """

    def cell(source: str) -> object:
        tree = parse(source)
        if tree is None or python_of(source) != source:
            return source
        return [_plain(tree.body), source.rstrip().endswith(";")]

    return _digest([cell(c.source) for c in code_cells(notebook) if c.source.strip()])


def file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _module_file(name: str, root: Path) -> Path | None:
    stem = root.joinpath(*name.split("."))
    for path in (stem / "__init__.py", stem.with_suffix(".py")):
        if path.is_file():
            return path
    return None


def _imported(tree: ast.AST, package: str) -> set[str]:
    """Dotted names inside the package that a tree imports, anywhere in it.

    `package` is the package that relative imports start from.
    """
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*parts, base] if base else parts)
            # `from package import x`: x may be a module or a name in the package
            names |= {base} | {f"{base}.{alias.name}" for alias in node.names}
    return {n for n in names if n.split(".")[0] == PACKAGE}


def modules_used(notebook: NotebookNode, root: Path = ROOT) -> dict[str, Path]:
    """The package's modules that a notebook imports, directly or through others."""
    waiting: set[str] = set()
    for cell in code_cells(notebook):
        tree = parse(cell.source)
        if tree is not None:
            waiting |= _imported(tree, "")
        if re.search(rf"-m\W+{PACKAGE}", cell.source):  # the command line
            waiting.add(f"{PACKAGE}.__main__")
    found: dict[str, Path] = {}
    while waiting:
        name = waiting.pop()
        path = _module_file(name, root)
        relative = None if path is None else path.relative_to(root).as_posix()
        if path is None or relative in found:
            continue
        found[relative] = path
        parent = name if path.name == "__init__.py" else name.rpartition(".")[0]
        waiting |= _imported(ast.parse(path.read_text(encoding="utf-8")), parent)
        if "." in name:  # importing a.b runs a/__init__.py first
            waiting.add(name.rpartition(".")[0])
    return dict(sorted(found.items()))


def declared(notebook: NotebookNode) -> list[str]:
    """The data sets that a chapter says it is about."""
    data = notebook.metadata.get("equivae", {}).get("data", [])
    return [data] if isinstance(data, str) else list(data)


def read_records(path: Path) -> list[dict]:
    """The lines of a stamp file; an absent file means that nothing was used."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().splitlines() if line.strip()]


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
    for record in records:
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
        "package": {
            name: module_digest(path)
            for name, path in modules_used(notebook, root).items()
        },
        "files": {name: file_digest(root / name) for name in sorted(files)},
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
            '("equivae": {"data": […]})'
        )
    return reasons


def _changes(what: str, old: dict[str, str], new: dict[str, str | None]) -> list[str]:
    reasons = []
    for name in sorted(old.keys() | new.keys()):
        if new.get(name) is None:
            reasons.append(f"used {what} {name}, which is gone or used no longer")
        elif name not in old:
            reasons.append(f"now uses {what} {name}")
        elif old[name] != new[name]:
            reasons.append(f"was executed before {what} {name} changed")
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
    package = {n: module_digest(p) for n, p in modules_used(notebook, root).items()}
    reasons += _changes("module", old["package"], package)
    files = {
        n: file_digest(root / n) if (root / n).is_file() else None for n in old["files"]
    }
    reasons += _changes("file", old["files"], files)
    reasons += wrong_data(notebook, old["data"])
    if old["profile"] != STORED_PROFILE:
        reasons.append(
            f"was executed in the {old['profile']} profile, not in {STORED_PROFILE}"
        )
    return [f"{name} {reason}: {RUN_AGAIN.format(name)}" for reason in reasons]
