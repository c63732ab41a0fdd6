"""Sphinx extension: the whole book as one page, which `make pdf` prints.

Some extensions know how their parts look in pages only. In one long page they look the
same; without this the builder `singlehtml` stops at the first of them.
"""

from __future__ import annotations

from sphinx.application import Sphinx

WHOLE = "singlehtml"


def as_in_pages(app: Sphinx) -> None:
    if app.builder.name == WHOLE:
        handlers = app.registry.translation_handlers
        handlers[WHOLE] = {**handlers.get("html", {}), **handlers.get(WHOLE, {})}


def setup(app: Sphinx) -> dict[str, object]:
    app.connect("builder-inited", as_in_pages)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
