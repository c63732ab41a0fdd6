"""Captions of printed tables: words and formulas, and no mark that would stay one."""

import pytest
from docutils import nodes

from tools.notebooks.book import read, toc_notebooks
from tools.pages import captions


def test_words_and_formulas():
    first, formula, last = captions.inline("How much $r_y$ tells.")
    assert isinstance(formula, nodes.math) and formula.astext() == "r_y"
    assert (first.astext(), last.astext()) == ("How much ", " tells.")
    assert isinstance(captions.inline("$a * {b}$")[0], nodes.math)


@pytest.mark.parametrize("mark", ["`train`", "*Help*", "{eq}`eq-x`", "[a](b)"])
def test_other_marks_are_refused(mark):
    with pytest.raises(ValueError, match="words and formulas only"):
        captions.inline(f"What {mark} does, for $r_y$.")


@pytest.mark.parametrize("path", toc_notebooks(), ids=lambda path: path.name)
def test_every_caption_of_the_book(path):
    for cell in read(path).cells:
        found = cell.metadata.get("mystnb", {}).get("table", {}).get("caption", [])
        for caption in [found] if isinstance(found, str) else found:
            assert captions.inline(caption)
