"""Sphinx extension: numbers that say where a thing is, and whose number it is.

- A chapter carries the number of its file in its title, and so in the sidebar, in
  links to the previous and next page, in the search and in the browser's tab.
- Equations, figures, tables, exercises and theorems are numbered within chapters: 3.5.
- The equations of the paper keep the paper's number, and say so beside it. Nothing
  else is written like "(4)": each mention of it in a text is made a link to the
  equation, wherever the text has it, so that authors write "(4)" and nothing more.

The paper's equation (8) was not available to us. It is in no list here, and a mention
of it stays as it is.
"""

from __future__ import annotations

import re

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.environment.collectors.toctree import TocTreeCollector
from sphinx.transforms import SphinxTransform
from sphinx.util import logging

from tools.notebooks.book import number

logger = logging.getLogger(__name__)

# The labels of the equations that are the paper's, by the paper's number.
PAPER = {
    1: "eq-labelled-likelihood",
    2: "eq-representation",
    3: "eq-posterior",
    4: "eq-labelled-bound",
    5: "eq-unlabelled-likelihood",
    6: "eq-unlabelled-bound",
    7: "eq-joint-bound",
    9: "eq-joint-split",
}
IDS = {f"equation-{label}": number for number, label in PAPER.items()}
# "(4)", but not the call f(4), nor the standard error of 81.2 (4)
MENTION = re.compile(r"(?<![\w)\]])(?<!\d )\(([1-79])\)")
EQUATION = "displaymath"  # as Sphinx calls it among the things that it numbers
# Text in these is no sentence of ours, or is a link already.
APART = (
    nodes.FixedTextElement,
    nodes.Inline,
    addnodes.pending_xref,
    nodes.math_block,
    nodes.raw,
    nodes.comment,
)
PASSED = (nodes.emphasis, nodes.strong, nodes.inline)  # inline, and still a sentence
SHOWN = re.compile(
    r'(id="equation-(eq-[\w-]+)">\s*<span class="eqno">\(\d\))(?=<a class="headerlink")'
)


def chapter(docname: str) -> str:
    """The number of a chapter as its file has it, "03b"; of other pages nothing."""
    return number(docname.rpartition("/")[2])


def shown(docname: str) -> str:
    """That number as equations and figures carry it: 3 of "03", 3b of "03b"."""
    return chapter(docname).lstrip("0")


class NumberTitle(SphinxTransform):
    """Put a chapter's number into its title, before anything has read the title."""

    default_priority = 840  # labels are collected at 850

    def apply(self, **kwargs: object) -> None:
        number = chapter(self.env.docname)
        title = next(self.document.findall(nodes.title), None)
        if number and title is not None:
            title.insert(0, nodes.Text(" "))
            title.insert(0, nodes.inline("", f"{number}.", classes=["chapter-number"]))


def _is_sentence(text: nodes.Text) -> bool:
    place = text.parent
    while place is not None and not isinstance(place, nodes.document):
        if isinstance(place, APART) and type(place) not in PASSED:
            return False
        place = place.parent
    return True


def _link(number: int) -> addnodes.pending_xref:
    """What {eq} makes of a label; its text is the equation's number."""
    return addnodes.pending_xref(
        "",
        nodes.inline("", f"({number})"),
        refdomain="math",
        reftype="eq",
        reftarget=PAPER[number],
        refexplicit=False,
        refwarn=True,
    )


def link_mentions(app: Sphinx, doctree: nodes.document) -> None:
    """Make each "(4)" of a text a link. Contents lists were copied before, without."""
    for text in list(doctree.findall(nodes.Text)):
        parts = MENTION.split(str(text))
        if len(parts) == 1 or not _is_sentence(text):
            continue
        made: list[nodes.Node] = []
        for place, part in enumerate(parts):
            if place % 2:
                link = _link(int(part))
                link["refdoc"] = app.env.docname
                made.append(link)
            elif part:
                made.append(nodes.Text(part))
        text.parent.replace(text, made)


def _give_way(numbers: dict[str, tuple], own: tuple) -> dict[str, tuple]:
    """The equations of one page; those of the paper leave no gap among the others."""
    given, count = {}, 0
    for name in numbers:
        if name in IDS:
            given[name] = (IDS[name],)
        else:
            count += 1
            given[name] = (*own, count)
    return given


def number_within_chapters(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """Number everything anew, with chapters' numbers as those of their sections.

    Sphinx has numbered by then as it does without numbered sections, through the whole
    book. The sections themselves stay without numbers.
    """
    before, sections = env.toc_fignumbers, env.toc_secnumbers
    numbered = {d: shown(d) for d in env.found_docs if chapter(d)}
    env.toc_secnumbers = {d: {"": (n,)} for d, n in numbered.items()}
    try:
        TocTreeCollector().assign_figure_numbers(env)
    finally:
        env.toc_secnumbers = sections
    for docname, kinds in env.toc_fignumbers.items():
        if docname not in numbered and "table" in kinds:  # each page counts its own
            kinds["table"] = {t: (n,) for n, t in enumerate(kinds["table"], start=1)}
        if EQUATION not in kinds:
            continue
        if docname not in numbered:
            logger.warning(
                "an equation with a label on a page without a chapter's number: its "
                "number would look like one of the paper's",
                location=docname,
            )
            continue
        kinds[EQUATION] = _give_way(kinds[EQUATION], (numbered[docname],))
    return [d for d, kinds in env.toc_fignumbers.items() if kinds != before.get(d)]


def say_whose(app: Sphinx, page: str, template: str, context: dict, doctree) -> None:
    """Beside the number of an equation of the paper: that it is the paper's."""
    if "body" not in context:
        return
    context["body"] = SHOWN.sub(
        lambda match: match[0] + (
            ' <span class="whose">of the paper</span>'
            if match[2] in PAPER.values() else ""
        ),
        context["body"],
    )  # fmt: skip


def setup(app: Sphinx) -> dict[str, object]:
    app.add_transform(NumberTitle)
    app.connect("doctree-read", link_mentions, priority=900)
    app.connect("env-get-updated", number_within_chapters, priority=900)
    app.connect("html-page-context", say_whose)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
