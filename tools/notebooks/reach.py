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
    first,
    imported,
    inside,
    uses,
)

Thing = tuple[str, str]  # path relative to the repository, name


class Reach:
    """The things that a chapter reaches, found by following names.

    `calls` are the functions that were called while it ran: path, line, and [path,
    line] of the statement that called it while its module was imported (None: none).
    `imports` are the modules that were imported.
    """

    def __init__(
        self,
        package: Package,
        calls: Iterable[tuple[str, int, tuple[str, int] | None]] = (),
        imports: Iterable[str] = (),
    ) -> None:
        self.package = package
        self.found: set[Thing] = set()
        self._at_import: dict[str, list[tuple[int, str, int]]] = {}
        called = []
        for path, line, during in calls:
            if during is None:
                called.append((path, line))
            else:
                module, statement = during
                self._at_import.setdefault(module, []).append((statement, path, line))
        for path, line in called:
            self._call(path, line)
        for path in imports:  # statements that bind nothing may do anything
            module = package.at(path)
            if module is not None:
                self._add(module, LOOSE)

    def chapter(self, trees: list[ast.AST]) -> None:
        """What the chapter's own code names; a function counts even if not called."""
        scope: dict[str, list[str]] = {}
        for tree in trees:
            for node in ast.walk(tree):
                for name, target in imported(node, "").items():
                    scope.setdefault(name, []).append(target)
        self._follow(trees, lambda name: scope.get(name, []), named=True)

    def command_line(self) -> None:
        """`python -m equivae_lite` in a cell: every module behind it, whole."""
        waiting = [f"{PACKAGE}.__main__"]
        while waiting:
            found = self.package.resolve(waiting.pop())
            module = found[0] if isinstance(found, tuple) else found
            if module is not None and (module.path, WHOLE) not in self.found:
                self._add(module, WHOLE)
                targets = [t for some in module.imports.values() for t in some]
                waiting += [t for t in targets if inside(t)]

    def _call(self, path: str, line: int) -> None:
        module = self.package.at(path)
        if module is not None:
            self._add(module, module.at(line))

    def _follow(
        self,
        trees: list[ast.AST],
        targets_of: Callable[[str], list[str]],
        named: bool = False,
    ) -> None:
        for name, *attributes in uses(trees):
            for target in targets_of(name):
                if inside(target):
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
        if name in module.imports:
            self._add(module, name)  # what it is bound to
            for target in module.imports[name]:
                if target != dotted and inside(target):
                    self._reach(target, attributes, named)
        if name not in module.bound:
            return
        if not isinstance(module.bound[name][-1], FUNCTION):
            self._add(module, name)
            if named and attributes and attributes[0] in module.members(name):
                self._add(module, f"{name}.{attributes[0]}")
        elif named:
            self._add(module, name)

    def _add(self, module: Module, name: str) -> None:
        """A thing, what it names, and what was called to make it by an import.

        A function that somebody only names is not followed: if it was called, `calls`
        has it.
        """
        nodes = module.nodes(name)
        if nodes is None or (module.path, name) in self.found:
            return
        self.found.add((module.path, name))
        owner, _, method = name.partition(".")
        if method:
            self._add(module, owner)
        self._add(module, LOOSE)
        made_by = module.statements(name)
        for statement, path, line in self._at_import.get(module.path, []):
            if any(first(s) <= statement <= s.end_lineno for s in made_by):
                self._call(path, line)
        self._follow(nodes, module.targets)


def digests(package: Package, things: Iterable[Thing]) -> dict[str, dict[str, str]]:
    """{path: {name: twelve digits}} of things that are there."""
    out: dict[str, dict[str, str]] = {}
    for path, name in sorted(things):
        out.setdefault(path, {})[name] = package.at(path).digest(name)
    return out
