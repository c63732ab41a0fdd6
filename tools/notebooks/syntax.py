"""The package's source by name: what each name is bound to, and a digest of it.

A thing has a path and a name: "gaussian_kl", "EquiVAE.terms" for a method, "EquiVAE"
for what a class is apart from its methods' bodies, "STRIDES" for a constant, LOOSE for
statements that bind no name (a loop that fills a dictionary), WHOLE for all of a
module. Its digest is that of its syntax tree, without docstrings, comments, positions
and the type hints of functions, and of what the names in it are bound to: an import
that now brings another function is a change, too.
"""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

PACKAGE = "equivae_lite"
LOOSE, WHOLE = "*", "**"
FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef
ASSIGNMENT = ast.Assign | ast.AnnAssign | ast.AugAssign
HINTS = {"annotation", "returns"}  # of functions and their arguments: never evaluated


def plain(node: object) -> object:
    """A syntax tree as nested lists, equal on every supported Python.

    `ast.dump` is not: 3.12 added fields to it. Absent and empty fields are left out.
    """
    if isinstance(node, ast.AST):
        fields = {k: v for k, v in ast.iter_fields(node) if v not in (None, [])}
        if isinstance(node, FUNCTION | ast.arg):
            fields = {k: v for k, v in fields.items() if k not in HINTS}
        if isinstance(node, ast.Constant):  # "kind" is only the u of u"…"
            return ["Constant", type(node.value).__name__, repr(node.value)]
        body = fields.get("body")
        documented = ast.Module | ast.ClassDef | FUNCTION
        if isinstance(node, documented) and ast.get_docstring(node) is not None:
            fields["body"] = body[1:]
        return [type(node).__name__, [[k, plain(v)] for k, v in fields.items()]]
    if isinstance(node, list):
        return [plain(item) for item in node]
    return repr(node)


def digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()


@dataclass
class Module:
    """A parsed module of the package: what its top level binds each name to."""

    path: str
    name: str  # dotted
    tree: ast.Module
    bound: dict[str, list[ast.stmt]] = field(default_factory=dict)
    loose: list[ast.stmt] = field(default_factory=list)
    imports: dict[str, list[str]] = field(default_factory=dict)  # name -> targets
    _digests: dict[str, str | None] = field(default_factory=dict)

    def members(self, name: str) -> dict[str, list[ast.stmt]]:
        """The methods of a class; a property and its setter are two of one name."""
        found: dict[str, list[ast.stmt]] = {}
        for node in self.bound.get(name, []):
            for part in node.body if isinstance(node, ast.ClassDef) else []:
                if isinstance(part, FUNCTION):
                    found.setdefault(part.name, []).append(part)
        return found

    def at(self, line: int) -> str | None:
        """The name of the function that begins in a line, "Class.method" for one."""
        for name, nodes in self.bound.items():
            for node in nodes:
                if not first(node) <= line <= node.end_lineno:
                    continue
                if not isinstance(node, ast.ClassDef):
                    return name
                for part in node.body:
                    if isinstance(part, FUNCTION) and (
                        first(part) <= line <= part.end_lineno
                    ):
                        return f"{name}.{part.name}"
                return name
        return LOOSE

    def statements(self, name: str) -> list[ast.stmt]:
        """The statements of the top level that make a thing."""
        if name in (WHOLE, LOOSE):
            return self.tree.body if name == WHOLE else self.loose
        return self.bound.get(name.partition(".")[0], [])

    def nodes(self, name: str) -> list[ast.AST] | None:
        """What a thing's digest is made of; None if it is no longer there.

        A name that is only imported is made of nothing but its binding.
        """
        if name in (WHOLE, LOOSE):
            return [self.tree] if name == WHOLE else self.loose
        owner, _, method = name.partition(".")
        if method:
            return self.members(owner).get(method)
        if owner not in self.bound:
            return [] if owner in self.imports else None
        return [
            _skeleton(n) if isinstance(n, ast.ClassDef) else n
            for n in self.bound[owner]
        ]

    def digest(self, name: str) -> str | None:
        """Twelve digits that change with a thing; None if it is gone."""
        if name not in self._digests:
            nodes, found = self.nodes(name), None
            if nodes is not None:
                used = {chain[0] for chain in uses(nodes)}
                if name in self.imports:  # it is imported, or hidden by an import
                    used.add(name)
                bindings = [[n, self.binding(n)] for n in sorted(used)]
                bindings = [[n, binding] for n, binding in bindings if binding]
                found = digest([[plain(n) for n in nodes], bindings])[:12]
            self._digests[name] = found
        return self._digests[name]

    def targets(self, name: str) -> list[str]:
        """The dotted names of what a name may mean in this module."""
        own = [f"{self.name}.{name}"] if name in self.bound else []
        return own + self.imports.get(name, [])

    def binding(self, name: str) -> str:
        """In a few words what a name may mean in this module."""
        kinds = [type(node).__name__ for node in self.bound.get(name, [])]
        return ",".join(kinds + sorted(self.imports.get(name, [])))


def first(node: ast.stmt) -> int:
    """The line in which a statement begins, its decorators included."""
    return min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])


def _skeleton(node: ast.ClassDef) -> ast.ClassDef:
    """A class without the bodies of its methods.

    In a class that inherits from none, a plain method matters only where it is called.
    """
    body = []
    for part in node.body:
        if isinstance(part, FUNCTION):
            plain_one = not part.name.startswith("__") and not part.decorator_list
            if plain_one and not node.bases:
                continue
            kept = {"name": part.name, "args": part.args, "body": []}
            part = type(part)(**kept, decorator_list=part.decorator_list)
        body.append(part)
    if ast.get_docstring(node) is not None:
        body = body[1:]
    fields = dict(ast.iter_fields(node)) | {"body": body or [ast.Pass()]}
    return ast.ClassDef(**fields)


def _stored(node: ast.stmt) -> list[str]:
    """The names that a statement of the top level binds, within `if` and `for`, too."""
    found = []
    for part in ast.walk(node):
        if isinstance(part, FUNCTION | ast.ClassDef):
            found.append(part.name)
        elif isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
            found.append(part.id)
    return list(dict.fromkeys(found))


class Package:
    """The package of a repository, its modules read once."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._read: dict[str, Module | None] = {}

    def module(self, dotted: str) -> Module | None:
        """A module by its dotted name; None where there is no such file."""
        if dotted not in self._read:
            self._read[dotted] = None
            stem = self.root.joinpath(*dotted.split("."))
            files = (stem / "__init__.py", stem.with_suffix(".py"))
            file = next((f for f in files if f.is_file()), None)
            if file is not None:
                path = file.relative_to(self.root).as_posix()
                self._read[dotted] = parsed(path, dotted, file.read_text("utf-8"))
        return self._read[dotted]

    def at(self, path: str) -> Module | None:
        """A module by its path relative to the repository."""
        parts = Path(path).with_suffix("").parts
        return self.module(".".join(parts[:-1] if parts[-1] == "__init__" else parts))

    def resolve(self, dotted: str) -> tuple[Module, str] | Module | None:
        """A dotted name inside the package: a module, or a module and a name in it."""
        module = self.module(dotted)
        if module is not None:
            return module
        parent, _, name = dotted.rpartition(".")
        owner = self.module(parent) if parent else None
        return None if owner is None else (owner, name)


@lru_cache(maxsize=512)
def parsed(path: str, dotted: str, source: str) -> Module:
    """A module from its source; the same source is read once."""
    module = Module(path, dotted, ast.parse(source))
    package = dotted if path.endswith("__init__.py") else dotted.rpartition(".")[0]
    for node in module.tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom) or _is_idle(node):
            continue
        if isinstance(node, FUNCTION | ast.ClassDef):
            names = [node.name]
        else:
            names = _stored(node)
            if not names or not isinstance(node, ASSIGNMENT):
                module.loose.append(node)  # also where it binds names, as `if` may
        for name in names:
            module.bound.setdefault(name, []).append(node)
    for node in ast.walk(module.tree):  # imports within functions, too
        for name, target in imported(node, package).items():
            targets = module.imports.setdefault(name, [])
            if target not in targets:
                targets.append(target)
    return module


def _is_idle(node: ast.stmt) -> bool:
    """Whether a statement does nothing when it runs: a text, or `if TYPE_CHECKING`."""
    if isinstance(node, ast.If):
        return isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def imported(node: ast.AST, package: str) -> dict[str, str]:
    """The names that an import statement binds: {name: dotted target}.

    `package` is the one that relative imports start from.
    """
    if isinstance(node, ast.Import):
        return {
            a.asname or a.name.partition(".")[0]: a.name if a.asname else
            a.name.partition(".")[0] for a in node.names
        }  # fmt: skip
    if not isinstance(node, ast.ImportFrom):
        return {}
    base = node.module or ""
    if node.level:
        parts = package.split(".")
        parts = parts[: len(parts) - node.level + 1]
        base = ".".join([*parts, base] if base else parts)
    return {a.asname or a.name: f"{base}.{a.name}" for a in node.names}


def inside(dotted: str) -> bool:
    return dotted.split(".")[0] == PACKAGE


def _walk(tree: ast.AST) -> Iterator[ast.AST]:
    """As `ast.walk`, type hints left out."""
    yield tree
    for name, value in ast.iter_fields(tree):
        if name not in HINTS:
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    yield from _walk(child)


def uses(trees: Iterable[ast.AST]) -> Iterator[list[str]]:
    """Every name that is read, with the attributes behind it: ["sets", "load"]."""
    for tree in trees:
        inner: set[ast.AST] = set()
        for node in _walk(tree):
            chain, top = [], node
            while isinstance(top, ast.Attribute):
                inner.add(top.value)
                chain.append(top.attr)
                top = top.value
            if isinstance(top, ast.Name) and node not in inner:
                yield [top.id, *reversed(chain)]
