"""Sphinx extension: drawings stand in the page itself, so that their words are text.

A picture that is stored twice, NAME-light.svg and NAME-dark.svg, differs in its colours
only. Of the two <img> one <svg> is made: its letters can be selected, searched by the
browser and copied, and its colours follow the page's. A screen reader gets the
description that the picture had. Nothing else has to be loaded.
"""

from __future__ import annotations

import re
from functools import lru_cache
from html import escape, unescape
from pathlib import Path

from sphinx.application import Sphinx

from tools.pages.previews import ARTICLE

ONE = (
    r'(?:<a\b[^>]*>)?<img\b(?=[^>]*\bclass="[^"]*only-{0})'
    r'[^>]*?\bsrc="([^"]*?)([^"/]+)-{0}\.svg"[^>]*>\s*(?:</a>\s*)?'
)
PAIR = re.compile(ONE.format("light") + ONE.format("dark"), re.S)
COLOUR = re.compile(r"#[0-9a-fA-F]{6}\b")
ALT = re.compile(r'\balt="([^"]*)"')
WIDTH = re.compile(r"\bwidth: ?([\d.]+(?:px|%))")
DARK = "html[data-theme=dark] "


def _bare(svg: str, name: str) -> str:
    """What a drawing draws: no head, no names but those that it refers to itself."""
    body = re.search(r"<svg\b[^>]*>(.*)</svg>", svg, re.S)[1]
    body = re.sub(r"<metadata>.*?</metadata>|<style\b.*?</style>", "", body, flags=re.S)
    body = re.sub(r"(?<=<g) id=\"[^\"]*\"", "", body)
    body = re.sub(r'\bid="|url\(#', lambda m: f"{m[0]}{name}-", body)
    body = re.sub(r"font-family: 'DejaVu Sans',[^;]*?sans-serif; ?", "", body)
    body = re.sub(r' d="[^"]*"', lambda m: " ".join(m[0].split()), body)
    body = re.sub(r"(?<=\") ?d=", " d=", re.sub(r"<path\s*d=", "<path d=", body))
    return re.sub(r">\s*\n\s*<", ">\n<", body).strip()


@lru_cache
def drawing(folder: Path, name: str) -> tuple[str, str, str]:
    """What stands before the description, between it and the width, and after it.

    Raises ValueError where the two drawings differ in more than colours.
    """
    light, dark = (
        (folder / f"{name}-{theme}.svg").read_text(encoding="utf-8")
        for theme in ("light", "dark")
    )
    if COLOUR.sub("#", light) != COLOUR.sub("#", dark):
        raise ValueError(f"{name}: light and dark differ in more than colours")
    pairs = list(zip(COLOUR.findall(light), COLOUR.findall(dark), strict=True))
    names = {pair: f"--c{i}" for i, pair in enumerate(dict.fromkeys(pairs))}
    each = iter(pairs)
    body = COLOUR.sub(lambda m: f"var({names[next(each)]})", light)
    rules = [
        f"{theme}.{name}{{{';'.join(f'{n}:{p[i]}' for p, n in names.items())}}}"
        for i, theme in enumerate(("", DARK))
    ]
    box = re.search(r'\bviewBox="[^"]*"', light)[0]
    points = float(re.search(r'\bwidth="([\d.]+)pt"', light)[1])
    head = f'<svg class="drawing {name}" role="img" {box}'
    body = f"<style>{''.join(rules)}</style>{_bare(body, name)}</svg>"
    return head, f"{points * 4 / 3:.0f}px", body


def inline(article: str, folder: Path) -> str:
    """An article of a page in a folder, with its drawings in it."""

    def told(match: re.Match) -> str:
        where, name, other = match[1], match[2], match[4]
        if name != other:
            return match[0]
        head, width, body = drawing((folder / where).resolve(), name)
        asked = WIDTH.search(match[0])
        alt = escape(unescape(ALT.search(match[0])[1]))
        size = f"width:{asked[1] if asked else width}"
        middle = ";margin-inline:auto" if "align-center" in match[0] else ""
        return f'{head} aria-label="{alt}" style="{size}{middle}">{body}\n'

    return PAIR.sub(told, article)


def finish(app: Sphinx, error: Exception | None) -> None:
    if error or app.builder.name != "html":
        return
    for path in Path(app.outdir).rglob("*.html"):
        page = path.read_text(encoding="utf-8")
        done = ARTICLE.sub(lambda m, path=path: inline(m[0], path.parent), page)
        if done != page:
            path.write_text(done, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, object]:
    app.connect("build-finished", finish, priority=830)  # before pictures, previews
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
