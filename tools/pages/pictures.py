"""Sphinx extension: stored figures load when they come near, and nothing jumps.

Every picture of an article says how large it is, so that its place is kept before it is
there. All but the first of a page, which the first screen may show, wait until the
reader comes near, and that one lets style sheets and text go first; on paper they are
all there (book/_static/paper.js).
"""

from __future__ import annotations

import re
import struct
from pathlib import Path

from sphinx.application import Sphinx

from tools.pages.previews import ARTICLE

IMAGE = re.compile(r"<img\b[^>]*>")
SOURCE = re.compile(r'\bsrc="([^"]+)"')
LENGTH = re.compile(r'^(\d+(?:\.\d+)?)(px|pt|in)?$')
PIXELS = {"px": 1.0, "": 1.0, "pt": 4 / 3, "in": 96.0}  # of CSS


def size(path: Path) -> tuple[int, int] | None:
    """Width and height of a PNG or SVG in CSS pixels, None where it does not say."""
    if path.suffix == ".png":
        head = path.read_bytes()[:24]
        return struct.unpack(">II", head[16:24]) if head[:4] == b"\x89PNG" else None
    if path.suffix != ".svg":
        return None
    root = re.search(r"<svg\b[^>]*>", path.read_text(encoding="utf-8"), re.S)
    lengths = []
    for side in ("width", "height"):
        value = re.search(rf'\s{side}="([^"]+)"', root[0] if root else "")
        length = LENGTH.match(value[1]) if value else None
        if length is None:
            return None
        lengths.append(round(float(length[1]) * PIXELS[length[2] or ""]))
    return lengths[0], lengths[1]


def sized(article: str, folder: Path) -> str:
    """An article of a page in a folder, its pictures told how large they are."""
    count = 0

    def told(match: re.Match) -> str:
        nonlocal count
        source = SOURCE.search(match[0])
        if not source or source[1].startswith("data:"):
            return match[0]
        count += 1
        if "decoding=" in match[0]:  # a page that was not written anew
            return match[0]
        # What is hidden in one theme would wait for a scroll that does not come.
        lazy = count > 1 and not re.search("only-(dark|light)", match[0])
        more = ' loading="lazy"' if lazy else ' fetchpriority="low"'
        path = folder / source[1]
        if not re.search(r"\s(width|height)=", match[0]) and path.is_file():
            sides = size(path)
            more += f' width="{sides[0]}" height="{sides[1]}"' if sides else ""
        end = "/>" if match[0].endswith("/>") else ">"
        return f'{match[0].removesuffix(end).rstrip()} decoding="async"{more}{end}'

    return IMAGE.sub(told, article)


def finish(app: Sphinx, error: Exception | None) -> None:
    if error or app.builder.name != "html":
        return
    for path in Path(app.outdir).rglob("*.html"):
        page = path.read_text(encoding="utf-8")
        done = ARTICLE.sub(lambda m, path=path: sized(m[0], path.parent), page)
        if done != page:
            path.write_text(done, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, object]:
    app.connect("build-finished", finish, priority=840)  # before previews copy them
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
