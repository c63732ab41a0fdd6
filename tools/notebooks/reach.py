"""What a chapter reaches in the package: functions, classes and constants, by name.

The chapter's own code names some of them. The functions that were called while it ran
are known from `tracer`. Whatever these name in turn (constants, classes, modules) is
followed. Where that cannot be known, more counts than must: a module that is used as
an object counts whole, and so does every module behind a command line in a cell.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable

from tools.notebooks.syntax import (
    FUNCTION,
    LOOSE,
    PACKAGE,
    WHOLE,
    Module,
    Package,
    imported,
    inside,
    uses,
)

Thing = tuple[str, str]  # path relative to the repository, name


class Reach:
    """The things that a chapter reaches, found by following names.

    `calls` are the functions that were called while it ran, each with the module during
    whose import that was (None: none): (path, line, path or None).
    """

    def __init__(
        self, package: Package, calls: Iterable[tuple[str, int, str | None]] = ()
    ) -> None:
        self.package = package
        self.found: set[Thing] = set()
        self._at_import: dict[str, list[tuple[str, int]]] = {}
        called = []
        for path, line, during in calls:
            if during is None:
                called.append((path, line))
            else:
                self._at_import.setdefault(during, []).append((path, line))
        for path, line in called:
            self._call(path, line)

    def chapter(self, trees: list[ast.AST]) -> None:
        """What the chapter's own code names; a function counts even if not called."""
        scope: dict[str, str] = {}
        for tree in trees:
            for node in ast.walk(tree):
                scope |= imported(node, "")
        self._follow(trees, scope.get, named=True)

    def command_line(self) -> None:
        """`python -m equivae_lite` in a cell: every module behind it, whole."""
        waiting = [f"{PACKAGE}.__main__"]
        while waiting:
            found = self.package.resolve(waiting.pop())
            module = found[0] if isinstance(found, tuple) else found
            if module is not None and (module.path, WHOLE) not in self.found:
                self.found.add((module.path, WHOLE))
                waiting += [t for t in module.imports.values() if inside(t)]

    def _call(self, path: str, line: int) -> None:
        module = self.package.at(path)
        if module is not None:
            self._add(module, module.at(line))

    def _follow(
        self,
        trees: list[ast.AST],
        target_of: Callable[[str], str | None],
        named: bool = False,
    ) -> None:
        for name, *attributes in uses(trees):
            target = target_of(name)
            if target is not None and inside(target):
                self._reach(target, attributes, named)

    def _reach(self, dotted: str, attributes: list[str], named: bool) -> None:
        """Somebody reads a dotted name of the package, and attributes behind it."""
        found = self.package.resolve(dotted)
        while isinstance(found, Module) and attributes:
            dotted, attributes = f"{dotted}.{attributes[0]}", attributes[1:]
            found = self.package.resolve(dotted)
        if isinstance(found, Module):
            if found.name != PACKAGE:  # `import equivae_lite` by itself reaches nothing
                self._add(found, WHOLE)
            return
        if found is None:
            return
        module, name = found
        if name not in module.bound:
            target = module.imports.get(name)
            if target not in (None, dotted) and inside(target):
                self._reach(target, attributes, named)
        elif not isinstance(module.bound[name][-1], FUNCTION):
            self._add(module, name)
            if named and attributes and attributes[0] in module.members(name):
                self._add(module, f"{name}.{attributes[0]}")
        elif named:
            self._add(module, name)

    def _add(self, module: Module, name: str) -> None:
        """A thing, and what it names. A function that somebody only names is not
        followed: if it was called, `calls` has it."""
        nodes = module.nodes(name)
        if not nodes or (module.path, name) in self.found:
            return
        self.found.add((module.path, name))
        if name == WHOLE:
            return
        owner, _, method = name.partition(".")
        if method:
            self._add(module, owner)
        if module.loose:
            self._add(module, LOOSE)
        if not isinstance(nodes[-1], FUNCTION | ast.ClassDef):
            # A constant: what was called to make it, while the module was imported.
            for call in self._at_import.pop(module.path, []):
                self._call(*call)
        self._follow(nodes, module.target)


def digests(package: Package, things: Iterable[Thing]) -> dict[str, dict[str, str]]:
    """{path: {name: twelve digits}} of things that are there."""
    out: dict[str, dict[str, str]] = {}
    for path, name in sorted(things):
        out.setdefault(path, {})[name] = package.at(path).digest(name)
    return out
