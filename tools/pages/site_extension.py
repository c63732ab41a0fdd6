"""Sphinx extension: what the theme leaves out of a page.

- a description of each page and a picture, for those who share its address;
- a front page at the root of the site that says where the book begins;
- `404.html`, whose links work from any depth of the public host, and from a file.
"""

from __future__ import annotations

import html
import re
from pathlib import Path
from urllib.parse import urlsplit

from bs4 import BeautifulSoup
from docutils import nodes
from sphinx.application import Sphinx

from equivae_lite import REPOSITORY

OWNER, NAME = urlsplit(REPOSITORY).path.strip("/").split("/")
ADDRESS = f"https://{OWNER}.github.io/{NAME}/"  # where the book is published
FOLDER = urlsplit(ADDRESS).path
PICTURE = "_static/social.png"
PICTURE_ALT = "Rows of the digits 0 to 9; within a row, all ten in one handwriting."
# The 404 page opened as a file: its addresses lead from its own folder again. A script
# that was asked for at its old address is another one from then on.
AS_A_FILE = """\
<script>
if (location.protocol === "file:") {
  const home = () => ["href", "src", "action"].forEach(key => {
    for (const e of document.querySelectorAll(`[${key}^="FOLDER"]`)) {
      const one = e.tagName === "SCRIPT" ? document.createElement("script") : e;
      one.async = false;
      one.setAttribute(key, e.getAttribute(key).replace("FOLDER", "./"));
      if (one !== e) e.replaceWith(one);
    }
  });
  document.documentElement.dataset.content_root = "./";
  home();
  document.addEventListener("DOMContentLoaded", home);
}
</script>
"""
LONGEST = 200  # characters of a description
NOT_FOUND = """\
<section>
<h1>This page is not here</h1>
<p>The address may be old, or have a slip in it. The book begins at
<a href="{start}">its front page</a>; the list of chapters is beside it, and
<a href="search.html">the search</a> looks through all of them.</p>
</section>
"""
FRONT = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="0; url={start}">
<link rel="icon" href="_static/favicon.svg">
{tags}
<title>{title}</title>
</head>
<body><main><h1>{title}</h1><p><a href="{start}">The book begins here.</a></p></main>
</body>
</html>
"""


def description(doctree: nodes.document) -> str:
    """The first paragraph that is more than a link, in plain text, cut at a word."""
    for paragraph in doctree.findall(nodes.paragraph):
        children = [c for c in paragraph.children if not isinstance(c, nodes.reference)]
        text = re.sub(r"\s+", " ", paragraph.astext()).strip()
        if children and text:
            if len(text) > LONGEST:
                text = text[:LONGEST].rpartition(" ")[0].rstrip(",;: ") + " …"
            return text
    return ""


def tags(title: str, text: str, address: str) -> str:
    """<meta> elements that describe a page to those who link to it."""
    properties = {
        "og:type": "article",
        "og:site_name": NAME,
        "og:title": title,
        "og:description": text,
        "og:url": address,
        "og:image": ADDRESS + PICTURE,
        "og:image:alt": PICTURE_ALT,
    }
    named = {"description": text, "twitter:card": "summary_large_image"}
    lines = [
        f'<meta {kind}="{name}" content="{html.escape(value, quote=True)}">'
        for kind, values in (("property", properties), ("name", named))
        for name, value in values.items()
    ]
    return "\n".join(lines) + "\n"


def describe(app: Sphinx, page: str, template: str, context: dict, doctree) -> None:
    """Put the tags into the page; the book's first page keeps them for its root too."""
    if doctree is None:
        return
    title = BeautifulSoup(context.get("title", ""), "html.parser").get_text()
    made = tags(title, description(doctree), ADDRESS + app.builder.get_target_uri(page))
    context["metatags"] = context.get("metatags", "") + made
    if page == app.config.root_doc:
        app.env.front = {"start": app.builder.get_target_uri(page), "tags": made}


def bibliography(app: Sphinx, page: str, template: str, context: dict, doctree) -> None:
    """The entries of a list of references as items of a list.

    Docutils gives them a role that is deprecated and that a list does not allow.
    """
    if "body" in context:
        context["body"] = context["body"].replace(
            'role="doc-biblioentry"', 'role="listitem"'
        )


def not_found(app: Sphinx):
    """The 404 page, in the theme's clothes."""
    start = app.builder.get_target_uri(app.config.root_doc)
    body = NOT_FOUND.format(start=start)
    yield "404", {"title": "This page is not here", "body": body}, "page.html"


def absolute(text: str, folder: str = FOLDER) -> str:
    """A page at the root of the site, its relative addresses made absolute.

    It is then right wherever it is shown: the host sends it for every address that it
    does not know. Addresses with a scheme, a host or nothing but an anchor stay.
    """
    page = BeautifulSoup(text, "html.parser")
    for tag in page.find_all(True):
        for key in ("href", "src", "action", "data-content_root"):
            value = tag.get(key)
            if not value or value.startswith(("#", "/")) or urlsplit(value).scheme:
                continue
            tag[key] = folder + value.removeprefix("./")
    return str(page)


def finish(app: Sphinx, error: Exception | None) -> None:
    out = Path(app.outdir)
    if error or app.builder.name != "html":
        return
    page = out / "404.html"
    text = absolute(page.read_text(encoding="utf-8"))
    script = AS_A_FILE.replace("FOLDER", FOLDER)
    page.write_text(text.replace("</head>", f"{script}</head>", 1), encoding="utf-8")
    front = getattr(app.env, "front", None)
    if front:  # absent where a build had no need to write the first page again
        text = FRONT.format(title=html.escape(app.config.html_title), **front)
        (out / "index.html").write_text(text, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, object]:
    app.connect("html-page-context", describe)
    app.connect("html-page-context", bibliography)
    app.connect("html-collect-pages", not_found)
    app.connect("build-finished", finish, priority=100)  # Jupyter Book's own is later
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": False}
