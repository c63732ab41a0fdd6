"""Sphinx extension: a list of references that calls a work what the text calls it.

Both say "Tarvainen and Valpola, 2017". The style `author-year` of `{bibliography}` asks
the style of the citations itself, so the two cannot drift apart.
"""

from __future__ import annotations

from collections.abc import Iterator

from pybtex.database import Entry
from pybtex.plugin import register_plugin
from pybtex.style.formatting.unsrt import Style as Unsorted
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinxcontrib.bibtex.style.referencing.author_year import (
    AuthorYearReferenceStyle,
)
from sphinxcontrib.bibtex.style.template import join, year

NAME = "author-year"


class Labels:
    """What stands in brackets before each work."""

    def format_labels(self, entries: list[Entry]) -> Iterator[str]:
        style, known = AuthorYearReferenceStyle(), set()
        who = style.person.author_or_editor_or_title(full=False)
        template = join(sep=style.author_year_sep)[who, year]
        for entry in entries:
            label = str(template.format_data({"entry": entry, "style": style}))
            if label in known:
                raise ExtensionError(
                    f"two works are called {label!r}: a reader could not tell which"
                )
            known.add(label)
            yield label


class AuthorYear(Unsorted):
    """Works by their authors' names, each with its label."""

    default_sorting_style = "author_year_title"
    default_label_style = NAME


register_plugin("pybtex.style.labels", NAME, Labels)
register_plugin("pybtex.style.formatting", NAME, AuthorYear)


def setup(app: Sphinx) -> dict[str, object]:
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
