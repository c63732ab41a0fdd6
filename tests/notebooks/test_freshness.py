"""The real chapters notice a changed function of the package, and no changed words."""

import ast
import shutil
from functools import cache

import pytest

from tools.notebooks import freshness
from tools.notebooks.book import BOOK, ROOT, read, toc_notebooks

CHAPTERS = toc_notebooks()
FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef
PACKAGE = ROOT / freshness.PACKAGE


def functions(tree):
    return [node for node in ast.walk(tree) if isinstance(node, FUNCTION)]


def change_a_function(source):
    """The first function returns None at once; None where there is no function."""
    tree = ast.parse(source)
    if not functions(tree):
        return None
    first = functions(tree)[0]
    at = 1 if ast.get_docstring(first) is not None else 0
    first.body.insert(at, ast.parse("return None").body[0])
    return ast.unparse(ast.fix_missing_locations(tree))


def change_the_words(source):
    """Every docstring is another, functions without one get one, comments are gone."""
    tree = ast.parse(source)
    documented = [tree, *functions(tree)]
    documented += [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    for node in documented:
        if ast.get_docstring(node) is not None:
            node.body = node.body[1:]
        node.body.insert(0, ast.Expr(ast.Constant("Other words.")))
    return ast.unparse(ast.fix_missing_locations(tree))


def rewritten(folder, change):
    """A repository in which `change` has rewritten every module of the package.

    Returns the names of the modules that it changed.
    """
    (folder / "book").symlink_to(BOOK)
    (folder / "data").symlink_to(ROOT / "data")
    target = folder / PACKAGE.name
    shutil.copytree(PACKAGE, target, ignore=shutil.ignore_patterns("__pycache__"))
    changed = set()
    for path in target.rglob("*.py"):
        text = change(path.read_text(encoding="utf-8"))
        if text is not None:
            path.write_text(text, encoding="utf-8")
            changed.add(path.relative_to(folder).as_posix())
    return changed


@pytest.fixture(autouse=True, scope="module")
def each_module_is_read_once():
    """Chapters share modules: their digests are kept while this file's tests run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(freshness, "module_digest", cache(freshness.module_digest))
        yield


@pytest.fixture(scope="module")
def with_other_functions(tmp_path_factory):
    folder = tmp_path_factory.mktemp("functions")
    return folder, rewritten(folder, change_a_function)


@pytest.fixture(scope="module")
def with_other_words(tmp_path_factory):
    folder = tmp_path_factory.mktemp("words")
    return folder, rewritten(folder, change_the_words)


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda p: p.stem)
def test_a_changed_function_is_noticed_in_every_module(path, with_other_functions):
    folder, changed = with_other_functions
    reasons = freshness.stale(folder / "book" / path.name, folder)
    assert all(reason.startswith(f"book/{path.name} ") for reason in reasons)
    used = changed & read(path).metadata["equivae"]["stamp"]["package"].keys()
    assert len(used) > 3
    for module in used:
        assert any(f"before module {module} changed" in r for r in reasons), module


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda p: p.stem)
def test_changed_words_are_not(path, with_other_words):
    folder, changed = with_other_words
    assert len(changed) > 20
    reasons = freshness.stale(folder / "book" / path.name, folder)
    assert [r for r in reasons if "module" in r] == []
