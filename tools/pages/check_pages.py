"""Read the built pages as a reader's browser would, and say what is wrong with them.

    python -m tools.pages.check_pages _build/html

Sphinx, strict as it is told to be, lets pass: stored errors, images without a
description, links into files that it did not write itself, and anything that a page
fetches from another host. One line a problem; exit status 1 when there is one.
"""

from __future__ import annotations

import re
import sys
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bs4 import BeautifulSoup, Tag

from tools.notebooks.book import ROOT, toc_entries, toc_notebooks

SUFFIX = re.compile(r"\.(png|svg|jpe?g|gif|webp)$", re.IGNORECASE)
# Elements that make the browser fetch something, and by which attribute.
FETCHING = {"img": "src", "script": "src", "iframe": "src", "link": "href"}
# Links of <link> that are fetched; "next", "search" and the like are only named.
FETCHED_RELATIONS = {"stylesheet", "icon", "preload"}


def is_path(alt: str) -> bool:
    """Whether an alt text is only the address of its image (Sphinx's default)."""
    words = alt.split()
    return len(words) == 1 and bool(SUFFIX.search(alt) or "/" in alt)


@cache
def parsed(path: Path) -> BeautifulSoup:
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


@cache
def _anchors(path: Path) -> frozenset[str]:
    return frozenset(
        str(tag[key]) for tag in parsed(path).find_all(True) for key in ("id", "name")
        if tag.get(key)
    )  # fmt: skip


def _errors(page: BeautifulSoup) -> list[str]:
    """Tracebacks in outputs, except where a cell is meant to raise."""
    problems = []
    for output in page.select(".cell_output, .output"):
        if output.find_parent(class_="tag_raises-exception"):
            continue
        text = output.get_text()
        if "traceback" in output.get("class", []) or "Traceback (most" in text:
            last = text.strip().splitlines()[-1] if text.strip() else "(empty)"
            problems.append(f"a stored error: {last.strip()[:100]}")
    return list(dict.fromkeys(problems))


def _images(page: BeautifulSoup) -> list[str]:
    problems = []
    for image in page.find_all("img"):
        alt, source = (image.get("alt") or "").strip(), str(image.get("src", ""))[:60]
        if not alt:
            problems.append(f"image {source} has no alt text")
        elif is_path(alt):
            problems.append(f"image {source} has its own address as alt text: {alt}")
    return problems


def _unresolved(page: BeautifulSoup) -> list[str]:
    problems = [
        f"a node that Sphinx could not make sense of: {tag.get_text()[:80]!r}"
        for tag in page.select(".problematic, .system-message")
    ]
    body = page.find("article") or page
    for text in body.find_all(string=re.compile(r"\?\?\?|\[\?\]")):
        if not text.find_parent(["code", "pre", "script", "style"]):
            problems.append(f"an unresolved reference: {text.strip()[:80]!r}")
    return problems


def _target(path: Path, address: str, site: Path) -> str | None:
    """What is wrong with an address inside the site, None if nothing is."""
    parts = urlsplit(address)
    file = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if file.is_dir():
        file = file / "index.html"
    if not file.is_relative_to(site):
        return f"{address} leads out of the site"
    if not file.is_file():
        return f"{address} does not exist"
    anchor = unquote(parts.fragment)
    if anchor and file.suffix == ".html" and anchor not in _anchors(file):
        return f"{address} has no such anchor"
    return None


def _fetches(tag: Tag) -> bool:
    if tag.name == "link":
        return bool(FETCHED_RELATIONS & {str(r) for r in tag.get("rel", [])})
    return tag.name in FETCHING


def _links(page: BeautifulSoup, path: Path, site: Path) -> list[str]:
    problems = []
    for tag in page.find_all(["a", *FETCHING]):
        address = str(tag.get(FETCHING.get(tag.name, "href")) or "")
        outside = bool(urlsplit(address).netloc)
        if outside and _fetches(tag):
            problems.append(f"fetches {address} from another host")
        if not address or outside or urlsplit(address).scheme or address == "#":
            continue
        wrong = _target(path, address, site)
        if wrong:
            problems.append(f"<{tag.name}> {wrong}")
    return problems


def _widgets(page: BeautifulSoup) -> list[str]:
    found = page.find_all(
        "script", type=re.compile(r"application/vnd\.jupyter\.widget")
    )
    return [f"a widget left over: <script type={tag['type']}>" for tag in found]


def _download(page: BeautifulSoup, path: Path, notebook: str) -> list[str]:
    """A chapter's page must offer its notebook, and the file must be there."""
    for link in page.find_all("a", href=True):
        if unquote(str(link["href"])).endswith("_sources/" + notebook):
            return []  # whether the file exists, _links says
    return [f"offers no download of {notebook}"]


def check_page(path: Path, site: Path, notebook: str | None = None) -> list[str]:
    """Every problem of one page; `notebook` is its source, if that is a notebook."""
    page = parsed(path)
    return [
        *_errors(page),
        *_images(page),
        *_unresolved(page),
        *_links(page, path, site),
        *_widgets(page),
        *(_download(page, path, notebook) if notebook else []),
    ]


def check(site: Path, root: Path = ROOT) -> list[str]:
    """Every problem of every page of `_toc.yml`, one line each."""
    site = site.resolve()
    notebooks = {p.relative_to(root).as_posix() for p in toc_notebooks(root)}
    problems = []
    for entry in toc_entries(root):
        stem = re.sub(r"\.(md|ipynb)$", "", entry)
        path = site / f"{stem}.html"
        if not path.is_file():
            problems.append(f"{stem}.html: the page was not built")
            continue
        notebook = f"{stem}.ipynb" if f"{stem}.ipynb" in notebooks else None
        problems += [f"{stem}.html: {p}" for p in check_page(path, site, notebook)]
    if not (site / "index.html").is_file():
        problems.append("index.html: the front page was not built")
    return problems


def main(arguments: list[str]) -> int:
    if len(arguments) != 1 or not Path(arguments[0]).is_dir():
        print(
            "Expected the folder of the built pages: "
            "python -m tools.pages.check_pages _build/html",
            file=sys.stderr,
        )
        return 2
    problems = check(Path(arguments[0]))
    print("\n".join(problems) or f"{len(toc_entries())} pages checked: nothing wrong.")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
