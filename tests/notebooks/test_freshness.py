"""Stamps: what makes a chapter stale. The real chapters notice what they reach."""

import ast
import shutil

import nbformat
import pytest
from nbformat.v4 import new_notebook

from tests.support.notebooks import code, edit, save
from tools.notebooks import freshness
from tools.notebooks.book import BOOK, ROOT, number, read, toc_notebooks
from tools.notebooks.normal_form import normalise, write
from tools.notebooks.syntax import Package
from tools.planted import mutants
from tools.planted.errors import MUTANTS

CHAPTERS = toc_notebooks()
FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef
PACKAGE = ROOT / freshness.PACKAGE


def short(name):
    """03, 03b, st: how the tables below call a chapter."""
    return number(name) or name[:2]


each_chapter = pytest.mark.parametrize("path", CHAPTERS, ids=lambda p: p.stem)


# --- data, files, profile ---------------------------------------------------------


@pytest.fixture
def project(tmp_path):
    """A repository with a checkpoint and one fresh chapter about MNIST."""
    (tmp_path / "book").mkdir()
    (tmp_path / "weights").write_bytes(b"123")
    path = save(
        tmp_path / "book" / "01_x.ipynb",
        code("%time a"),
        code("f(1)  # one"),
        equivae={"data": "mnist"},
    )
    restamp(path)
    return path


def restamp(path, data="mnist", profile="book"):
    notebook = nbformat.read(path, as_version=4)
    records = [
        {"kind": "tracer"},
        {"kind": "data", "name": data, "path": None, "digest": "md5-train"},
        {"kind": "data", "name": data, "path": None, "digest": "md5-test"},
        {"kind": "checkpoint", "name": "w", "path": "weights", "digest": "0"},
        {"kind": "checkpoint", "name": "elsewhere", "path": None, "digest": "0"},
        {"kind": "results", "name": "r", "path": "results", "digest": "absent"},
    ]
    root = path.parent.parent
    notebook.metadata["equivae"]["stamp"] = freshness.stamp(
        notebook, records, profile, root
    )
    write(path, normalise(notebook))


def stale(path):
    return freshness.stale(path, path.parent.parent)


def test_the_stamp(project):
    stamp = nbformat.read(project, as_version=4).metadata.equivae.stamp
    assert list(stamp.files) == ["results", "weights"] and stamp.package == {}
    assert stamp.files["results"] is None
    assert dict(stamp.data) == {"mnist": ["md5-test", "md5-train"]}
    assert stale(project) == []
    edit(project, "f(1)  # one", "f(1)  # the first")
    assert stale(project) == []


@pytest.mark.parametrize(
    ("file", "old", "new", "reason"),
    [
        ("weights", "123", "124", "before weights changed"),
        ("book/01_x.ipynb", "f(1)", "f(2)", "its own code cells"),
        ("book/01_x.ipynb", "f(1)  # one", "f(1);", "its own code cells"),
        ("book/01_x.ipynb", "%time a", "%time b", "its own code cells"),
        ("book/01_x.ipynb", '"data": "mnist"', '"data": "svhn"', "is about svhn but"),
        ("book/01_x.ipynb", '"stamp"', '"other"', "has no stamp"),
    ],
)
def test_changes_make_stale(project, file, old, new, reason):
    edit(project.parent.parent / file, old, new)
    reasons = stale(project)
    assert any(reason in r and r.startswith("book/01_x.ipynb") for r in reasons)


def test_a_lost_file_other_data_and_another_profile_make_stale(project):
    restamp(project, data="glyphs", profile="smoke")
    (project.parent.parent / "weights").unlink()
    reasons = " ".join(stale(project))
    assert "used weights, which is gone" in reasons
    assert "is about mnist but was executed on glyphs" in reasons
    assert "in the smoke profile" in reasons


def test_a_file_that_was_missing_and_has_come_makes_stale(project):
    """A row of a table is empty until its results are there, and no longer."""
    (project.parent.parent / "results").write_bytes(b"{}")
    (reason,) = stale(project)
    assert "looked for results, which was not there yet" in reason


def test_undeclared_data_make_stale(project):
    edit(project, '"data": "mnist",\n', "")
    assert "executed on mnist, which its metadata do not declare" in stale(project)[0]


def test_an_absolute_path_is_refused():
    record = {"kind": "results", "name": "r", "path": "/r.json", "digest": "0"}
    with pytest.raises(ValueError, match="relative to the repository"):
        freshness.stamp(new_notebook(), [record])


# --- the real chapters ------------------------------------------------------------


def functions(tree):
    return [node for node in ast.walk(tree) if isinstance(node, FUNCTION)]


def change_every_function(source):
    """All of them return None at once."""
    tree = ast.parse(source)
    for node in functions(tree):
        at = 1 if ast.get_docstring(node) is not None else 0
        node.body.insert(at, ast.parse("return None").body[0])
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


def repository(folder, change=None):
    """One whose package is a copy, every module of it rewritten by `change`."""
    (folder / "book").symlink_to(BOOK)
    (folder / "data").symlink_to(ROOT / "data")
    target = folder / PACKAGE.name
    shutil.copytree(PACKAGE, target, ignore=shutil.ignore_patterns("__pycache__"))
    for path in target.rglob("*.py") if change else ():
        path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def with_other_functions(tmp_path_factory):
    return repository(tmp_path_factory.mktemp("functions"), change_every_function)


@pytest.fixture(scope="module")
def with_other_words(tmp_path_factory):
    return repository(tmp_path_factory.mktemp("words"), change_the_words)


@pytest.fixture(scope="module")
def edited(tmp_path_factory):
    """Called with edits of the package, the numbers of the chapters they make stale."""
    folder = repository(tmp_path_factory.mktemp("edited"))

    def stale_after(path, old, new, among=CHAPTERS):
        file = folder / "equivae_lite" / path
        before = file.read_text(encoding="utf-8")
        edit(file, old, new)
        pages = [folder / "book" / p.name for p in among]
        found = {short(p.name) for p in pages if freshness.stale(p, folder)}
        file.write_text(before, encoding="utf-8")
        return found

    return stale_after


@each_chapter
def test_every_function_that_a_chapter_reaches_is_noticed(path, with_other_functions):
    folder = with_other_functions
    reasons = freshness.stale(folder / "book" / path.name, folder)
    package = read(path).metadata["equivae"]["stamp"]["package"]
    source = Package(ROOT)
    used = [
        f"{module}: {thing}"
        for module, things in package.items()
        for thing in things
        if any(isinstance(n, FUNCTION) for n in source.at(module).nodes(thing))
    ]
    assert len(used) > 10
    for thing in used:
        assert any(f"before {thing} changed" in r for r in reasons), thing


@each_chapter
def test_changed_words_are_not(path, with_other_words):
    folder = with_other_words
    assert freshness.stale(folder / "book" / path.name, folder) == []


@pytest.mark.slow
def test_a_chapter_that_catches_a_planted_error_is_stale_with_it(edited):
    """What a chapter's own checks notice, its stamp must notice: two independent ways
    to know that a chapter reaches a line."""
    rows = mutants.stored_table().splitlines()
    for mutant in MUTANTS:
        slip = mutant.slip.replace("|", r"\|")
        (row,) = [row for row in rows if row.startswith(f"| {slip} |")]
        caught_by = [mutants.chapter(row.partition("[chapter ")[2].partition("]")[0])]
        path = mutant.module.replace(".", "/") + ".py"
        assert edited(path, mutant.old, mutant.new, caught_by), mutant.name


# An edit of the package, chapters that it must make stale, chapters that it must not.
EDITS = [
    ("runs/reproduce.py", "for seed in todo:", "for seed in todo[:]:", "", "all"),
    ("runs/study.py", '"–"', '"-"', "12", "02 03 04 05 11 13"),
    ("model/bounds.py", "scaled - 1 - difference", "scaled - difference - 1",
     "02 03 04 05 07 11 12 13", "st"),
    ("model/networks.py", "STRIDES = (1, 2", "STRIDES = (2, 2",
     "04 05 06 07 08 09 11 16", "02 03 st"),
    ("training/loop.py", "CHECK_EVERY = 50", "CHECK_EVERY = 51", "10",
     "02 03 04 05 07 08 11 13 16"),
    ("training/sampling.py", "embeddings.sum(1)[y]", "embeddings.sum(dim=1)[y]",
     "03 10", "11 16 st"),
    ("chapters/figures.py", '"font.size": 10', '"font.size": 11', "all", ""),
    ("chapters/exercises/ch07.py", "sigma = (log_var / 2)", "sigma = (log_var * 0.5)",
     "07", "02 06 08 09"),
    ("data/stand_ins/street_paint.py", "CHUNK = ", "CHUNK = 1 + ", "01 st", "02 07 11"),
    ("evaluation/summaries.py", "threshold: float = 0.01", "threshold: float = 0.02",
     "07 11", "02 12 14 st"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "old", "new", "must", "must_not"), EDITS)
def test_an_edit_costs_the_chapters_that_it_touches(
    edited, path, old, new, must, must_not
):
    every = {short(p.name) for p in CHAPTERS}
    expected, spared = (
        every if words == "all" else set(words.split()) for words in (must, must_not)
    )
    found = edited(path, old, new)
    print(path, "makes stale:", *sorted(found))
    assert expected <= found and not spared & found
