"""Sphinx extension: a search that leads to sections.

Sphinx's own knows which page has a word, and its index is loaded by every page of the
theme. Here the text of each section is written into one script that only the page of
results loads; book/_static/search.js looks through it, and find.js marks the words on
the page that it led to. No request is made that a page from a file could not make.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx

NAME = "search-sections.js"  # below _static/
SEARCH = "search"  # the name of the page of results
SCRIPTS = (NAME, "search.js")
# Code is left out: its words are many, and what is meant by one is in the text.
SILENT = (
    *(nodes.raw, nodes.comment, nodes.image, nodes.target, nodes.math_block),
    *(nodes.literal_block, addnodes.toctree),
)
INDEX = re.compile(r"_\{[^{}]*\}|\^\{[^{}]*\}")  # what stands low or high


def plain(tex: str) -> str:
    """The letters of a short formula: q(y | x) of its TeX."""

    def letter(match: re.Match) -> str:
        try:
            return unicodedata.lookup(f"GREEK SMALL LETTER {match[1].upper()}")
        except KeyError:
            return " "

    tex = re.sub(r"\\(?:text|mathrm|mathcal)\{([^{}]*)\}", r"\1", tex)
    while (less := INDEX.sub("", tex)) != tex:
        tex = less
    return re.sub(r"[{}$&\\]", "", re.sub(r"\\([a-zA-Z]+)", letter, tex))


def _has_title(node: nodes.Node) -> bool:
    """Whether this is a section of its own. What an exercise holds is none."""
    return isinstance(node, nodes.section) and isinstance(node[0], nodes.title)


def _texts(node: nodes.Node) -> Iterator[str]:
    """The words of a section, those of its subsections left out."""
    for child in node.children:
        if _has_title(child) or isinstance(child, (nodes.title, *SILENT)):
            continue
        if isinstance(child, nodes.container) and "cell_output" in child["classes"]:
            # What a cell printed is numbers; its tables and captions are words.
            yield from _texts_of_outputs(child)
        elif isinstance(child, nodes.math):
            yield plain(child.astext())
        elif isinstance(child, nodes.Text):
            yield child.astext()
        else:
            yield from _texts(child)
            if not isinstance(child, nodes.Inline):
                yield " "


def _texts_of_outputs(node: nodes.Element) -> Iterator[str]:
    for kind in (nodes.caption, nodes.table):
        for found in node.findall(kind):
            yield from _texts(found)
            yield " "


def sections(doctree: nodes.document, address: str) -> Iterator[list[str]]:
    """Page, section, address and text of each section; the first is the page itself."""
    page = ""
    for section in doctree.findall(_has_title):
        title = " ".join(section[0].astext().split())
        anchor = f"#{section['ids'][0]}" if page else ""
        page = page or title
        text = " ".join("".join(_texts(section)).split())
        if text or anchor:
            yield [page, title, address + anchor, text]


def collect(app: Sphinx, page: str, template: str, context: dict, doctree) -> None:
    """Take in a page as it is written; give the page of results its scripts."""
    if app.builder.name != "html":
        return
    if doctree is not None:
        found = app.env.__dict__.setdefault("search_sections", {})
        found[page] = [*sections(doctree, app.builder.get_target_uri(page))]
    elif page == SEARCH:
        for name in SCRIPTS:
            app.add_js_file(name, loading_method="defer", priority=900)


def write(app: Sphinx, error: Exception | None) -> None:
    if error or app.builder.name != "html":
        return
    found = getattr(app.env, "search_sections", {})
    order = [page for page in found if page in app.env.found_docs]
    every = [section for page in order for section in found[page]]
    text = json.dumps(every, ensure_ascii=False, separators=(",", ":"))
    (Path(app.outdir) / "_static" / NAME).write_text(
        f"window.EquivaeSections = {text};\n", encoding="utf-8"
    )


def setup(app: Sphinx) -> dict[str, object]:
    app.connect("html-page-context", collect)
    app.connect("build-finished", write)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": False}
