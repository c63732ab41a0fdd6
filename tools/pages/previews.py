"""Sphinx extension: what a link of the text points to, for a preview beside the link.

Once all pages are written, each page gets a <template> with what its links to other
pages point to: an equation, a figure, a reference, a term, a section, a page. A
template is read by nobody until book/_static/preview.js takes from it, so that it
costs no drawing, no typesetting and no picture; nothing has to be fetched, which a page
from a file could not do. What a link points to on its own page the script finds there.

sphinx-tippy does the like with two libraries from another host, a script of 40 kB
beside them, and a file for each page.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape, unescape
from pathlib import Path

from bs4 import BeautifulSoup
from sphinx.application import Sphinx

ARTICLE = re.compile(r"<article\b.*</article>", re.S)
LINK = re.compile(r'<a\b[^>]*\bhref="([^":#]+\.html)(#[^"]*)?"')
NOT_SHOWN = re.compile(r'class="[^"]*\b(headerlink|to-check|claim)\b')
HEADING = re.compile(r"<h[1-6]>(.*?)</h[1-6]>", re.S)
PARAGRAPH = re.compile(r"<p>(.*?)</p>", re.S)
TEMPLATE = re.compile(r'<template id="previews">.*?</template>\n', re.S)
NEAR = 6000  # characters within which a section's first paragraph is looked for


def clean(piece: str) -> str:
    """A piece of a page to read, with nothing to press and no address of its own."""
    soup = BeautifulSoup(piece, "html.parser")
    for tag in soup.find_all(True):
        classes = tag.get("class", [])
        if {"headerlink", "to-check"} & set(classes) or tag.name == "button":
            tag.decompose()
        elif tag.name == "a":
            tag.unwrap()
        else:
            del tag["id"]
            # What is in a template is no formula of the page, to those who count them.
            if "math" in classes:
                tag["class"] = "tex"
    return str(soup).strip()


def _first_paragraph(text: str) -> str:
    """The first paragraph that is more than a link, as `clean` leaves it."""
    for match in PARAGRAPH.finditer(text):
        if re.sub(r"<a\b.*?</a>|<[^>]+>|\W", "", match[1], flags=re.S):
            return f"<p>{clean(match[1])}</p>"
    return ""


def of_page(page: str) -> str:
    found = ARTICLE.search(page)
    title = HEADING.search(found[0]) if found else None
    if title is None:
        return ""
    text = _first_paragraph(found[0][title.end() : title.end() + NEAR])
    return f"<p><strong>{clean(title[1])}</strong></p>{text}"


def _equation(match: re.Match) -> str:
    return f'<div class="tex">{clean(match[1])}</div>'


def _figure(match: re.Match) -> str:
    image = re.search(r"<img\b[^>]*>", match[1])
    caption = re.search(r"<figcaption>.*?</figcaption>", match[1], re.S)
    shown = image[0] if image and 'src="data:' not in image[0] else ""
    return clean(shown) + (clean(caption[0]) if caption else "")


def _section(match: re.Match) -> str:
    text = match.string[match.end() :][:NEAR].partition("<section")[0]
    return f"<p><strong>{clean(match[1])}</strong></p>{_first_paragraph(text)}"


# How a target begins and ends in a page ({} is its anchor), and what is shown of it.
TARGETS: tuple[tuple[str, Callable[[re.Match], str]], ...] = (
    (r'<div class="math[^"]*" id="{}">(.*?)</div>', _equation),
    (r'<figure\b[^>]*\bid="{}"[^>]*>(.*?)</figure>', _figure),
    (r'<div class="citation" id="{}"[^>]*>(.*?)</div>', lambda m: clean(m[1])),
    (
        r'<dt id="{}">(.*?)</dt>\s*<dd>(.*?)</dd>',
        lambda m: f"<p><strong>{clean(m[1])}</strong></p>{clean(m[2])}",
    ),
    (
        r'id="{}">(?:</span>)?\s*(?:<span id="[^"]*"></span>\s*)*'
        r"<h[1-6]>(.*?)</h[1-6]>",
        _section,
    ),
)


def of_anchor(page: str, anchor: str) -> str:
    """What is shown of a target within a page; nothing if it is of another kind."""
    for pattern, shown in TARGETS:
        match = re.search(pattern.format(re.escape(anchor)), page, re.S)
        if match:
            return shown(match)
    return ""


def of_links(page: str, others: dict[str, str]) -> str:
    """The template of a page; `others` are the pages of its folder, by their name."""
    article = ARTICLE.search(page)
    hrefs: dict[str, tuple[str, str]] = {}
    for match in LINK.finditer(article[0] if article else ""):
        name, anchor = match[1], unescape(match[2] or "")[1:]
        if name in others and not NOT_SHOWN.search(match[0]):
            hrefs[name + (match[2] or "")] = name, anchor
    shown = {
        href: of_anchor(others[name], anchor) if anchor else of_page(others[name])
        for href, (name, anchor) in hrefs.items()
    }
    entries = "\n".join(
        f'<div data-of="{escape(href)}">{piece}</div>'
        for href, piece in shown.items() if piece
    )  # fmt: skip
    return f'<template id="previews">\n{entries}\n</template>\n' if entries else ""


def write(site: Path) -> None:
    """Give each page below a built book its template, in place of an older one."""
    for folder in {path.parent for path in site.rglob("*.html")}:
        pages = {p.name: TEMPLATE.sub("", p.read_text(encoding="utf-8"))
                 for p in folder.glob("*.html")}  # fmt: skip
        for name, page in pages.items():
            template = of_links(page, pages)
            if template:
                before, _, after = page.rpartition("</body>")
                page = f"{before}{template}</body>{after}"
                (folder / name).write_text(page, encoding="utf-8")


def finish(app: Sphinx, error: Exception | None) -> None:
    if not error and app.builder.name == "html":
        write(Path(app.outdir))


def setup(app: Sphinx) -> dict[str, object]:
    app.connect("build-finished", finish, priority=850)  # light.py looks at the result
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
