"""The ledger of claims: each way to break it is reported, and the book's is whole."""

from types import SimpleNamespace

import pytest
import yaml
from docutils import nodes
from docutils.frontend import get_default_settings
from docutils.utils import new_document
from nbformat.v4 import new_markdown_cell

from tests.support.notebooks import code, edit, save
from tools.notebooks.book import read, toc_notebooks
from tools.pages import claims

CHAPTER = "07_small"
TEXT = r"""## Summary

- The sum of $x$
  is **one**.
- The sum is not two.

No point of it.

## Exercises

- Not a point either.
"""
POINTS = ["The sum of $x$ is **one**.", "The sum is not two."]
CELLS = {
    "shows": "print(x.sum())",
    "asserts": "assert x.sum() == 1",
    "compares": "assert_near(x.sum(), 1, atol=1e-9)",
    "cannot-fail": "assert True",
}


def entry(says, *cells, **changes):
    """An entry with nothing wrong; None as a value takes the key out."""
    whole = {
        "says": says,
        "cells": list(cells),
        "data": "none: exact toy",
        "seeds": "seed 0 only",
        "interval": "exact to 1e-9",
        "refuted": "a sum that is not one",
    }
    return {k: v for k, v in (whole | changes).items() if v is not None}


ONE = entry("The sum of $x$", "shows", "asserts")
TWO = entry("The sum is not", "compares")
NEEDS = "needs cells, data, interval, refuted, says, seeds"


@pytest.fixture
def found(tmp_path, monkeypatch):
    """Claims and problems of a ledger for a book of one small chapter."""
    chapter = save(
        tmp_path / f"{CHAPTER}.ipynb",
        *(code(source, id=name) for name, source in CELLS.items()),
        new_markdown_cell(TEXT, id="summary"),
    )
    monkeypatch.setattr(claims, "toc_notebooks", lambda: [chapter])
    intro = tmp_path / "intro.md"
    intro.write_text("# The title\n\n## The chapters\n", encoding="utf-8")
    monkeypatch.setattr(claims, "INTRO", intro)

    def read_ledger(*entries, **others):
        path = tmp_path / "claims.yml"
        path.write_text(yaml.safe_dump({CHAPTER: list(entries)} | others), "utf-8")
        return claims.ledger(path)

    return read_ledger


def test_a_right_ledger_has_no_problems(found):
    right, problems = found(TWO, ONE)
    assert problems == []
    assert [(c.number, c.point, c.entry) for c in right] == [
        (1, POINTS[0], ONE),
        (2, POINTS[1], TWO),
    ]


@pytest.mark.parametrize(
    ("entries", "problem"),
    [
        ([ONE], "no entry for the point 'The sum is not two.'"),
        ([], "no entry for the point 'The sum of $x$ is **one**.'"),
        ([ONE, TWO, entry("A sum", "asserts")], "no point begins with 'A sum'"),
        ([ONE, TWO, entry("two.", "asserts")], "no point begins with 'two.'"),
        ([ONE, TWO, entry(None, "asserts")], "no point begins with None"),
        ([ONE, entry("The sum", "asserts"), TWO], "2 entries for the point"),
        ([ONE, entry("The sum is", "gone", "asserts")], "there is no cell 'gone'"),
        ([ONE, entry("The sum is", "summary", "asserts")], "no cell 'summary'"),
        ([ONE, entry("The sum is", "shows")], "none of its cells can fail"),
        ([ONE, entry("The sum is", "cannot-fail")], "none of its cells can fail"),
        *(
            ([ONE, entry("The sum is", "asserts", **{key: value})], NEEDS)
            for key in ("cells", "data", "seeds", "interval", "refuted")
            for value in (None, "")
        ),
        ([ONE, entry("The sum is", "asserts", proof="none")], NEEDS),
    ],
)
def test_a_broken_ledger_is_reported(found, entries, problem):
    problems = found(*entries)[1]
    assert any(problem in p for p in problems), problems
    assert all(p.startswith(CHAPTER) for p in problems)


def test_a_chapter_that_is_not_there_is_reported(found):
    assert found(ONE, TWO, **{"08_none": [ONE]})[1] == ["08_none: no such chapter"]


def test_a_chapter_without_a_summary_has_no_points(found, tmp_path):
    edit(tmp_path / f"{CHAPTER}.ipynb", "## Summary", "## In short")
    assert found() == ([], [])
    assert found(ONE)[1] == [f"{CHAPTER}: no point begins with {ONE['says']!r}"]


def test_the_page_shows_every_claim_with_links(found):
    right, _ = found(ONE, TWO)
    text = claims.page(right)
    assert text.count("\n## ") == 1 and "## Chapter 07\n" in text
    for claim in right:
        assert f"({claim.anchor})=\n{claim.number}. {claim.point}\n" in text
        for cell in claim.entry["cells"]:
            assert f'<a href="{CHAPTER}.html#cell-{cell}">{cell}</a>' in text
        for key in ("data", "seeds", "interval", "refuted"):
            assert f"{claim.entry[key]}." in text
    assert [c.anchor for c in right] == ["claim-07-1", "claim-07-2"]


def test_a_page_of_a_chapter_without_a_number(found):
    (one, _), _ = found(ONE, TWO)
    page = claims.page([one._replace(chapter="street_glyphs")])
    assert "\n## Street glyphs\n" in page


def test_cells_have_addresses_and_points_their_links(found, tmp_path):
    """As Sphinx calls it, on the document of a chapter."""
    path = tmp_path / f"{CHAPTER}.ipynb"
    document = new_document(CHAPTER, get_default_settings())
    number = next(i for i, c in enumerate(read(path).cells) if c.id == "asserts")
    box = nodes.container(nb_element="cell_code", cell_index=number)
    items = [nodes.list_item("", nodes.paragraph(text=point)) for point in POINTS]
    section = nodes.section("", nodes.title(text="Summary"))
    section += [nodes.bullet_list("", *items), nodes.bullet_list()]
    document += [box, section]
    env = SimpleNamespace(docname=CHAPTER, doc2path=lambda name: str(path))
    claims.address_cells(SimpleNamespace(env=env), document)
    assert box["ids"] == ["cell-asserts"]
    for item, anchor in zip(items, ("claim-07-1", "claim-07-2")):
        (mark,) = item.findall(nodes.raw)
        assert f'href="claims.html#{anchor}"' in mark.astext()


INTRO_TEXT = """# The title

Nothing is claimed here.

```{live} hero
:name: fig-hero

A block that is no paragraph.
```

1. The sum of $x$ is one,
   as is seen.
2. The sum is not two.

## The chapters

- 07 claims what it likes
"""
PLAIN = {"says": "Nothing is", "none": "it greets"}
FIRST = entry("The sum of", f"{CHAPTER}#asserts")
LAST = entry("The sum is not", "tests/pages/test_claims.py::test_as_a_command")


@pytest.mark.parametrize(
    ("entries", "problem"),
    [
        ([PLAIN, FIRST, LAST], None),
        ([FIRST, LAST], "no entry for the point 'Nothing is claimed here.'"),
        ([PLAIN, LAST], "no entry for the point 'The sum of $x$ is one, as is seen.'"),
        ([PLAIN, entry("The sum of", "asserts"), LAST], "there is no cell 'asserts'"),
        ([PLAIN, entry("The sum of", f"{CHAPTER}#shows"), LAST], "none of its cells"),
        ([PLAIN, entry("The sum of", "tests/no.py::test_x"), LAST], "is no cell 'te"),
        ([PLAIN | {"none": ""}, FIRST, LAST], NEEDS),
        ([PLAIN, entry("A block", f"{CHAPTER}#asserts")], "no point begins with"),
        ([PLAIN, entry("07 claims", f"{CHAPTER}#asserts")], "no point begins with"),
    ],
)
def test_the_introduction(found, tmp_path, entries, problem):
    found()
    path = tmp_path / "intro.md"
    path.write_text(INTRO_TEXT, encoding="utf-8")
    whole, problems = claims.pair(path, entries)
    assert any(problem in p for p in problems) if problem else problems == []
    if not problem:
        assert [c.number for c in whole] == [2, 3]
        page = claims.page(whole)
        assert f'<a href="{CHAPTER}.html#cell-asserts">07, asserts</a>' in page
        assert "## The introduction" in page and f"`{LAST['cells'][0]}`" in page


def test_only_the_introduction_may_claim_nothing(found):
    assert found(ONE, {"says": TWO["says"], "none": "it greets"})[1]


def test_as_a_command(found, tmp_path, monkeypatch, capsys):
    page = tmp_path / "claims.md"
    monkeypatch.setattr(claims, "PAGE", page)
    broken, right = found(ONE), found(ONE, TWO)
    monkeypatch.setattr(claims, "ledger", lambda: broken)
    assert claims.main(["--write"]) == 1 and not page.exists()
    assert "no entry for the point" in capsys.readouterr().out
    monkeypatch.setattr(claims, "ledger", lambda: right)
    assert claims.main([]) == 0 and not page.exists()
    assert claims.main(["--write"]) == 0
    assert page.read_text(encoding="utf-8") == claims.page(right[0])
    assert "2 claims, no orphans" in capsys.readouterr().out


@pytest.mark.parametrize(
    "chapter", [claims.INTRO, *toc_notebooks()], ids=lambda path: path.stem
)
def test_every_point_of_the_book_has_its_entry(chapter):
    entries = yaml.safe_load(claims.LEDGER.read_text(encoding="utf-8"))
    assert claims.pair(chapter, entries.get(chapter.stem) or [])[1] == []


def test_the_page_of_the_book_is_current():
    found, problems = claims.ledger()
    assert problems == []
    assert claims.PAGE.read_text(encoding="utf-8") == claims.page(found), (
        "run `python -m tools.pages.claims --write`"
    )
