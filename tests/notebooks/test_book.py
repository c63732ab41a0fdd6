"""The book keeps its promises: checked on the committed pages, nothing is run here."""

import nbformat
import pytest
import yaml

from equivae_lite import REPOSITORY
from tools.notebooks import freshness, reading, rules
from tools.notebooks.book import (
    BOOK,
    ROOT,
    number,
    python_of,
    read,
    toc_entries,
    toc_pages,
)
from tools.notebooks.normal_form import normalise, text_of

CHAPTERS = sorted(
    p for p in BOOK.rglob("*.ipynb") if ".ipynb_checkpoints" not in p.parts
)
PAGES = sorted([*CHAPTERS, *BOOK.rglob("*.md")])
each_chapter = pytest.mark.parametrize("path", CHAPTERS, ids=lambda p: p.name)
each_page = pytest.mark.parametrize("path", PAGES, ids=lambda p: p.name)

def test_toc_names_every_page_once_and_none_that_is_missing():
    assert len(toc_entries()) == len(set(toc_entries()))
    assert sorted(toc_pages()) == PAGES


def test_the_front_pages_list_every_chapter():
    readme, intro = (
        p.read_text(encoding="utf-8") for p in (ROOT / "README.md", BOOK / "intro.md")
    )
    for path in CHAPTERS:
        assert f"({path.name})" in intro
        title = read(path).cells[0].source.partition("\n")[0].removeprefix("# ")
        row = f"{number(path.name)} {title}".strip()
        assert f"| {row} |" in readme, path.name


def test_equation_ledger():
    assert rules.ledger(PAGES) == []


@each_page
def test_exercises_have_solutions(path):
    assert rules.exercises(path) == []


@each_page
def test_addresses_of_pages(path):
    chapter = path.name if path.suffix == ".ipynb" else None
    assert rules.addresses(path.read_text(encoding="utf-8"), chapter) == []


@each_chapter
def test_valid_notebook(path):
    nbformat.validate(read(path))


@each_chapter
def test_normal_form(path):
    stored = path.read_text(encoding="utf-8")
    assert text_of(normalise(read(path))) == stored, (
        f"run `python -m tools.notebooks.execute --normalise book/{path.name}`"
    )


@each_chapter
def test_fresh(path):
    assert freshness.stale(path) == []


@each_chapter
def test_begins_with_the_bootstrap(path):
    assert rules.bootstrap(read(path)) == []


@each_chapter
def test_cells(path):
    assert rules.cells(read(path)) == []


@each_chapter
def test_the_head_says_how_long_reading_takes(path):
    if path.stem != "street_glyphs":
        assert reading.reading_time(read(path)) == []


@each_chapter
def test_code_stands_open_in_few_lines_and_folds_say_what_is_in_them(path):
    assert reading.long_cells(read(path)) + reading.unnamed_folds(read(path)) == []


def test_the_address_is_stated_where_it_must_be():
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    options = config["sphinx"]["config"]["html_theme_options"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert options["repository_url"] == citation["repository-code"] == REPOSITORY


def test_toc_that_names_a_missing_page(tmp_path):
    (tmp_path / "_toc.yml").write_text(
        "root: a\nchapters:\n  - file: book/b\n", encoding="utf-8"
    )
    (tmp_path / "a.md").write_text("# A", encoding="utf-8")
    with pytest.raises(FileNotFoundError, match="do not exist: book/b"):
        toc_pages(tmp_path)


def test_python_of_a_cell_with_shell_lines():
    source = "!pip list\n%cd x\nok = (a\n!= b)"
    assert python_of(source) == "pass\npass\nok = (a\n!= b)"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("03_labelled_bound.ipynb", "03"),
        ("03b_what_it_bounds", "03b"),
        ("street_glyphs.ipynb", ""),
        ("3_x", ""),
        ("03bc_x", ""),
    ],
)
def test_the_number_of_a_chapter(name, expected):
    assert number(name) == expected
