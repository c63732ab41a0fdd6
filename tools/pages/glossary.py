"""Sphinx extension: a glossary made from the page of notation, and links into it.

In the tables of book/notation.md the words in bold are terms; the line in which one
stands is its definition. The directive {words-of-notation} puts them in the order of
the alphabet. The first use of each in a chapter's text becomes a link, which a preview
(book/_static/preview.js) answers without leaving the page.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from docutils import nodes
from docutils.statemachine import StringList
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from tools.notebooks.book import BOOK, toc_notebooks
from tools.notebooks.rules import page_text
from tools.pages.numbers import chapter

NOTATION = BOOK / "notation.md"
ROW = re.compile(r"^\|(.*)\|\s*$", re.M)
BOLD = re.compile(r"\*\*(.+?)\*\*")
APART = re.compile(r"`[^`]*`|\$[^$]*\$|^\([\w-]+\)=|^#.*$", re.M)  # no sentence
MANY = re.compile(r"(?<!s)s$")  # "decoders" are more than one decoder


class Term(NamedTuple):
    """A word, and the line of the tables that says what it means, by column."""

    word: str
    line: dict[str, str]


def terms(text: str) -> list[Term]:
    """All terms of the tables of a page, as `notation.md` has them.

    Raises ValueError where two lines define one word.
    """
    found: dict[str, Term] = {}
    columns: list[str] = []
    for row in ROW.findall(text):
        cells = [cell.strip() for cell in row.split(" | ")]
        if "meaning" in cells:
            columns = cells
        elif len(cells) == len(columns):
            line = dict(zip(columns, cells))
            for word in BOLD.findall(line["meaning"]):
                if word.lower() in found:
                    raise ValueError(f"notation.md defines {word!r} twice")
                found[word.lower()] = Term(word, line)
    return sorted(found.values(), key=lambda term: term.word.lower())


def entry(term: Term, chapters: dict[str, Path]) -> list[str]:
    """Lines of a term in a {glossary}; `chapters` has each file by its number."""
    line = term.line
    # "**word**, what it means" stands below the word itself.
    meaning = re.sub(rf"^\*\*{re.escape(term.word)}\*\*[:,]?\s*", "", line["meaning"])
    parts = [BOLD.sub(r"\1", meaning)]
    if line.get("symbol"):
        parts.append(f"Symbol: {line['symbol']}")
    number = line.get("first in") or first_use(term.word, chapters)
    if number in chapters:
        parts.append(f"First in [chapter {number}]({chapters[number].name})")
    if line["in code"]:
        parts.append(f"In code: {line['in code']}")
    return [term.word, "  " + ". ".join(parts) + "."]


def first_use(word: str, chapters: dict[str, Path]) -> str:
    """The number of the first chapter whose text has a word, "" if none has it."""
    finder = pattern([word])
    for number, path in chapters.items():
        text = APART.sub(" ", page_text(path))
        if any(meant(m[0], {word.lower(): word}) for m in finder.finditer(text)):
            return number
    return ""


class WordsOfNotation(SphinxDirective):
    """The glossary; it is made again when the page of notation changes."""

    def run(self) -> list[nodes.Node]:
        self.env.note_dependency(str(NOTATION))
        chapters = {chapter(p.stem): p for p in toc_notebooks() if chapter(p.stem)}
        lines = ["```{glossary}"]
        for term in terms(NOTATION.read_text(encoding="utf-8")):
            lines += [*entry(term, chapters), ""]
        lines[-1] = "```"
        box = nodes.Element()
        self.state.nested_parse(StringList(lines, str(NOTATION)), 0, box)
        return box.children


def pattern(words: list[str]) -> re.Pattern:
    """Finds any of the terms as a word of a text, the longest that fits, or several."""
    each = "|".join(re.escape(w) for w in sorted(words, key=len, reverse=True))
    return re.compile(rf"(?<![\w-])(?:{each})s?(?![\w-])", re.IGNORECASE)


def meant(found: str, words: dict[str, str]) -> str:
    """The term that a word of a text is; `words` has the terms by their small letters.

    A term in capitals is no word in small letters.
    """
    low = found.lower()
    word = words.get(low) or words.get(MANY.sub("", low), "")
    return "" if word.isupper() and not found.startswith(word) else word


def _link(word: str, text: str, docname: str) -> addnodes.pending_xref:
    return addnodes.pending_xref(
        "",
        nodes.inline("", text, classes=["xref", "std", "std-term"]),
        refdomain="std",
        reftype="term",
        reftarget=word,
        refexplicit=True,
        refwarn=True,
        refdoc=docname,
    )


def link_first_uses(doctree: nodes.document, words: list[str], docname: str) -> None:
    """Make the first use of each term in the sentences of a chapter a link."""
    by_small = {word.lower(): word for word in words}
    finder = pattern(words)
    left = set(words)
    for text in list(doctree.findall(nodes.Text)):
        # A caption, a heading, something in bold is no place for it, nor is a table.
        if not isinstance(text.parent, nodes.paragraph) or isinstance(
            text.parent.parent, nodes.entry
        ):
            continue
        made: list[nodes.Node] = []
        start = 0
        for match in finder.finditer(text):
            word = meant(match[0], by_small)
            if word not in left:
                continue
            left.remove(word)
            made += [nodes.Text(text[start : match.start()]),
                     _link(word, match[0], docname)]  # fmt: skip
            start = match.end()
        if made:
            text.parent.replace(text, [*made, nodes.Text(text[start:])])


def on_read(app: Sphinx, doctree: nodes.document) -> None:
    if chapter(app.env.docname) and Path(NOTATION).is_file():
        words = [t.word for t in terms(NOTATION.read_text(encoding="utf-8"))]
        link_first_uses(doctree, words, app.env.docname)


def setup(app: Sphinx) -> dict[str, object]:
    app.add_directive("words-of-notation", WordsOfNotation)
    app.connect("doctree-read", on_read, priority=910)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
