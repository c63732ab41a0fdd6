"""Sphinx extension: figures that move in the built page, `{live}`.

    ```{live} styles
    :alt: What there is to see, for readers who do not see it.
    :name: fig-styles

    The caption.
    ```

The page gets a figure whose controls and pictures are there from the first paint. A
page with such a figure, and no other page, holds book/live/state.js and loads the other
scripts of book/live; they load the weights when the figure comes near the screen and
then draw over the pictures. Where scripts are off the pictures stay and the controls
are gone; where anything fails the pictures stay, and the figure says what has failed.

Nothing that this module writes is committed: weights and pictures are made from the
shipped checkpoints into `_static/live/` of the built book.
"""

from __future__ import annotations

import html
import shutil
from collections.abc import Iterable
from pathlib import Path
from string import Template

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective
from sphinx.util.osutil import relative_uri

from equivae_lite.errors import EquivaeError
from equivae_lite.training import checkpoints
from tools.live import export, start
from tools.live.export import NEEDS
from tools.live.node import live
from tools.live.pictures import FIGURES
from tools.live.still import PAGES, Still
from tools.notebooks.book import BOOK

SOURCES = BOOK / "live"
FOLDER = "live"  # below the built book's _static/
ALT_LENGTH = 40  # as for every figure of the book
STATE = "state.js"  # stands in the page: it is there where other scripts are not
COMMON = ("weights.js", "network.js", "engine.js", "paint.js")
# What each figure needs beside COMMON.
SCRIPTS = {
    "hero": ("hero.js",),
    "styles": ("keep.js", "pad.js", "styles.js"),
    "interpolation": ("keep.js", "interpolation.js"),
    "draw": (
        *("keep.js", "encoder.js", "handwriting.js"),
        *("keys.js", "paper.js", "draw.js"),
    ),
    "scene": ("keep.js", "pad.js", "scene.js"),
}
# In a template: what figures share, and its file in book/live.
SHARED = {"$pad": "pad.html", "$keep": "keep.html"}


class LiveDirective(SphinxDirective):
    """`{live} NAME` with an alt text and, as its content, a caption."""

    required_arguments = 1
    has_content = True
    option_spec = {"alt": directives.unchanged_required, "name": directives.unchanged}

    def run(self) -> list[nodes.Node]:
        name, alt = self.arguments[0], self.options.get("alt", "").strip()
        if name not in SCRIPTS:
            raise self.error(f"no live figure {name!r}: it is one of {[*SCRIPTS]}")
        if len(alt) < ALT_LENGTH:
            raise self.error(
                f"live figure {name}: its alt text is {alt!r}; say in {ALT_LENGTH} "
                "characters or more what there is to see (:alt:)"
            )
        figure = nodes.figure(
            "", live(figure=name, alt=alt, serial=self.env.new_serialno("live"))
        )
        self.set_source_info(figure)
        body = self.parse_content_to_nodes()
        if not body or not isinstance(body[0], nodes.paragraph):
            raise self.error(
                f"live figure {name}: its content must begin with a caption"
            )
        first, *rest = body
        figure += nodes.caption(first.rawsource, "", *first.children)
        if rest:
            figure += nodes.legend("", *rest)
        self.add_name(figure)
        return [figure]


def figures_of(env: BuildEnvironment) -> dict[str, set[str]]:
    """The live figures of each document, by its name; kept from build to build."""
    if not hasattr(env, "live_figures"):
        env.live_figures = {}
    return env.live_figures


def note(app: Sphinx, doctree: nodes.document) -> None:
    found = {node["figure"] for node in doctree.findall(live)}
    if found:
        figures_of(app.env)[app.env.docname] = found


def forget(app: Sphinx, env: BuildEnvironment, docname: str) -> None:
    figures_of(env).pop(docname, None)


def merge(
    app: Sphinx, env: BuildEnvironment, names: Iterable[str], other: BuildEnvironment
) -> None:
    for name in names:
        if name in figures_of(other):
            figures_of(env)[name] = figures_of(other)[name]


def write_assets(app: Sphinx, env: BuildEnvironment) -> None:
    """Write scripts, weights and pictures of the figures in use, before any page."""
    used = set().union(*figures_of(env).values())
    if not used or app.builder.name not in PAGES:
        return
    known = (
        (start.STARTS, "start.py"), (FIGURES, "pictures.py"), (NEEDS, "export.py")
    )  # fmt: skip
    for places, where in known:
        if missing := ", ".join(sorted(used - places.keys())):
            raise ExtensionError(
                f"live figure {missing}: tools/live/{where} does not know it"
            )
    target = Path(app.outdir) / "_static" / FOLDER
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for name in sorted({"live.css", *COMMON, *(s for f in used for s in SCRIPTS[f])}):
        shutil.copyfile(SOURCES / name, target / name)
    try:
        export.write(target, used, app.config.live_checkpoints)
    except EquivaeError as error:
        raise ExtensionError(f"the live figures cannot be built: {error}") from error


def add_assets(
    app: Sphinx, page: str, template: str, context: dict, doctree: nodes.document | None
) -> None:
    """Let a page with live figures load what they need, and no other page."""
    used = figures_of(app.env).get(page, set()) if doctree is not None else set()
    if not used or app.builder.name not in PAGES:
        return
    app.add_css_file(f"{FOLDER}/live.css")
    state = (SOURCES / STATE).read_text(encoding="utf-8")
    app.add_js_file(None, body=state, priority=100)
    # What two figures share is named twice; Sphinx puts it into the page once.
    for name in [*COMMON, *(s for f in SCRIPTS if f in used for s in SCRIPTS[f])]:
        app.add_js_file(f"{FOLDER}/{name}", loading_method="defer")
    context["metatags"] = context.get("metatags", "") + (
        "<noscript><style>.live .live-controls { display: none }</style></noscript>"
    )


def template(figure: str) -> str:
    """The HTML of a figure, with what it shares with others put in."""
    text = (SOURCES / f"{figure}.html").read_text(encoding="utf-8")
    for place, file in SHARED.items():
        part = (SOURCES / file).read_text(encoding="utf-8")
        text = text.replace(f"{place}\n", part)
    return text


def visit_live(self, node: live) -> None:
    """HTML of a figure: its template in book/live, addresses and ids filled in."""
    here = self.builder.get_target_uri(self.builder.current_docname)
    base = relative_uri(here, f"_static/{FOLDER}/")
    target = Path(self.builder.outdir) / "_static" / FOLDER
    name = f"live-{node['figure']}-{node['serial']}"
    weight = export.megabytes(target, node["figure"])
    self.body.append(
        Template(template(node["figure"])).substitute(
            figure=node["figure"],
            id=name,
            scripts=" ".join((*COMMON, *SCRIPTS[node["figure"]])),
            loading=f"Loading the model: {weight} MB.",
            alt=html.escape(node["alt"], quote=True),
            base=base,
            **export.addresses(target),
            **start.fields(node["figure"], name),
        )
    )


def depart_live(self, node: live) -> None:
    pass


def setup(app: Sphinx) -> dict[str, object]:
    app.add_node(live, html=(visit_live, depart_live))
    app.add_post_transform(Still)  # for builders that make no pages
    app.add_directive("live", LiveDirective)
    app.add_config_value("live_checkpoints", str(checkpoints.FOLDER), "html")
    app.connect("doctree-read", note)
    app.connect("env-purge-doc", forget)
    app.connect("env-merge-info", merge)
    app.connect("env-updated", write_assets)
    app.connect("html-page-context", add_assets)
    return {
        "version": "1",
        "env_version": 1,
        "parallel_read_safe": True,
        "parallel_write_safe": True,
    }
