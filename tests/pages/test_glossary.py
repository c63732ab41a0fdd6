"""The glossary is the page of notation, put in order; first uses lead to it."""

import re

import pytest
from docutils import nodes
from docutils.frontend import get_default_settings
from docutils.utils import new_document
from sphinx import addnodes

from tools.notebooks.book import toc_notebooks
from tools.pages import glossary

TABLE = """
| symbol | meaning | shape | first in | in code |
|---|---|---|---|---|
| $r_y$ | **inner word** of class $y$ | $R \\mid 16$ | 02 | `model.encoder` |
| $x$ | image | 3 | 01 | |

| meaning | in code |
|---|---|
| **ABC**, a thing **other** | |
| **stand-in**: drawn | `sets.load` |
"""
TERMS = glossary.terms(glossary.NOTATION.read_text(encoding="utf-8"))


def test_terms_of_tables():
    found = glossary.terms(TABLE)
    assert [t.word for t in found] == ["ABC", "inner word", "other", "stand-in"]
    assert glossary.entry(found[1], {"02": toc_notebooks()[1]}) == [
        "inner word",
        "  of class $y$. Symbol: $r_y$. First in "
        "[chapter 02](02_exact_laboratory.ipynb). In code: `model.encoder`.",
    ]
    with pytest.raises(ValueError, match="'Other' twice"):
        glossary.terms(TABLE + "| **Other**: again | |\n")


def test_each_bold_word_of_the_page_is_a_term():
    text = glossary.NOTATION.read_text(encoding="utf-8")
    bold = [word for line in text.splitlines() if line.startswith("|")
            for word in re.findall(r"\*\*(.+?)\*\*", line)]  # fmt: skip
    assert sorted(bold, key=str.lower) == [t.word for t in TERMS] and len(bold) > 15


@pytest.mark.parametrize("term", TERMS, ids=lambda t: t.word)
def test_each_term_is_used_in_a_chapter(term):
    chapters = {glossary.chapter(p.stem): p for p in toc_notebooks()
                if glossary.chapter(p.stem)}  # fmt: skip
    number = glossary.first_use(term.word, chapters)
    assert number or term.line.get("first in") in chapters


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("an inner word", ["inner word"]),
        ("Inner words, and the inner word", ["Inner words"]),
        ("the ABC of it", ["ABC"]),
        ("abc, Abc", []),
        ("stand-in and stand-ins", ["stand-in"]),
        ("a bystand-in, stand-in-like", []),
        ("others and the other ABC", ["others", "ABC"]),
    ],
)
def test_first_uses_become_links(text, found):
    document = new_document("d", get_default_settings())
    paragraph = nodes.paragraph("", text)
    heading = nodes.title("", text)
    cell = nodes.entry("", nodes.paragraph("", text))
    bold = nodes.paragraph("", "", nodes.strong("", text))
    document += [heading, cell, bold, paragraph]
    words = [t.word for t in glossary.terms(TABLE)]
    glossary.link_first_uses(document, words, "book/02_x")
    links = list(document.findall(addnodes.pending_xref))
    assert [link.astext() for link in links] == found
    assert all(link.parent is paragraph for link in links)
    assert {link["reftarget"] for link in links} <= set(words)
    assert paragraph.astext() == text


LINK = re.compile(r'href="glossary\.html#(term-[\w-]+)"[^>]*><span class="xref std')


def test_the_built_page_has_all_terms_and_chapters_link_each_once(site):
    text = (site / "book" / "glossary.html").read_text(encoding="utf-8")
    there = re.findall(r'<dt id="(term-[\w-]+)">', text)
    assert len(there) == len(set(there)) == len(TERMS)
    used = set()
    for path in toc_notebooks():
        page = (site / "book" / f"{path.stem}.html").read_text(encoding="utf-8")
        links = LINK.findall(page[page.index("<article") : page.index("</article>")])
        assert len(links) == len(set(links)), path.stem
        assert bool(links) == bool(glossary.chapter(path.stem)), path.stem
        used |= set(links)
    assert used <= set(there) and len(used) > len(there) / 2


def test_a_term_is_previewed(visit):
    page = visit("book/14_svhn_semi_supervised.html").page
    link = page.locator("article a:has(> .std-term):visible").first
    link.hover()
    page.wait_for_selector("#preview", state="visible")
    word = link.inner_text().lower().removesuffix("s")
    assert word in page.inner_text("#preview strong").lower()
    assert "First in chapter" in page.inner_text("#preview")
