"""The whole book as one PDF, printed by Chromium: `make pdf`.

    python -m tools.pages.pdf

Sphinx writes the book as one page, Chromium typesets and prints it twice: the first
print tells on which page each chapter begins, the second has it in its table of
contents. The next `make book` offers the PDF at the foot of every page.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from bs4 import BeautifulSoup
from pypdf import PdfReader

from tools.notebooks.book import ROOT

FOLDER = ROOT / "_build" / "whole"
RESULT = ROOT / "_build" / "pdf" / "equivae-lite.pdf"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
BUILD = [
    *(sys.executable, "-c", "from jupyter_book.cli.main import main; main()"),
    *("build", ".", "--builder", "singlehtml", "--path-output", str(FOLDER)),
    *("--all", "-W", "--keep-going", "-n"),
]
CHAPTER = "document-book/"  # begins the id that Sphinx puts before a page
MINUTES = 20 * 60_000  # in milliseconds: hundreds of pages, thousands of formulas
FOOT = (
    '<div style="width: 100%; text-align: center; font-size: 9px">'
    '<span class="pageNumber"></span></div>'
)
MARGIN = {"top": "15mm", "bottom": "18mm", "left": "15mm", "right": "15mm"}
# Puts a table of contents in front; `pages` says where chapters begin. The first page
# of the book follows on a page of its own, with its title, which the theme would hide.
CONTENTS = """pages => {
  document.querySelectorAll('#whole-contents, #jb-print-docs-body').forEach(
    e => e.remove());
  const list = document.createElement('div');
  list.id = 'whole-contents';
  list.innerHTML = '<p style="font-size: 2.4em">equivae-lite</p>' +
    '<p style="font-size: 1.4em">EquiVAE as an executable book</p>' +
    '<p style="font-size: 1.4em; margin-top: 2em">Contents</p>';
  document.querySelectorAll('span[id^="document-"]').forEach(anchor => {
    const heading = anchor.nextElementSibling?.querySelector('h1, h2, h3');
    if (!heading) return;
    heading.style.breakBefore = 'page';
    const row = document.createElement('a');
    row.href = '#' + anchor.id;
    row.style = 'display: flex; color: inherit; text-decoration: none; padding: 2px';
    const name = document.createElement('span');
    name.textContent = heading.textContent.replace('#', '').trim();
    name.className = 'whole-name';
    const dots = document.createElement('span');
    dots.style = 'flex: 1; border-bottom: 1px dotted; margin: 0 6px 5px';
    row.append(name, dots, pages[list.querySelectorAll('a').length] ?? '');
    list.append(row);
  });
  const title = document.querySelector('article h1');
  title.style.setProperty('display', 'block', 'important');
  title.style.breakBefore = 'page';
  title.before(list);
  return [...list.querySelectorAll('.whole-name')].map(e => e.textContent);
}"""


def one_page() -> Path:
    """The book as one HTML page. Raises RuntimeError where Sphinx does not write it."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    run = subprocess.run(BUILD, cwd=ROOT, capture_output=True, encoding="utf-8")
    out = FOLDER / "_build" / "singlehtml"
    pages = [*out.glob("book/*.html")]
    if run.returncode or len(pages) != 1:
        said = run.stdout + run.stderr
        raise RuntimeError(f"the book does not build:\n{said[-3000:]}")
    text = pages[0].read_text(encoding="utf-8")
    whole = out / "whole.html"
    whole.write_text(with_links(text, pages[0].stem), encoding="utf-8")
    return whole


def with_links(text: str, first: str) -> str:
    """The one page with every link to a page of the book made one within it.

    `first` is the page that the book begins with. An id that several pages have gets
    the page's name in front. A link to what is not in the book's text becomes text.
    """
    soup = BeautifulSoup(text, "html.parser")
    body = soup.find("article")
    # Not the span that other pages have: the contents list those.
    body.insert(0, soup.new_tag("a", id=f"{CHAPTER}{first}"))
    times = Counter(element["id"] for element in body.find_all(id=True))
    here, links, new = first, [], {}
    for element in body.find_all(True):
        if element.get("id", "").startswith(CHAPTER):
            here = element["id"].removeprefix(CHAPTER)
            new[here, ""] = element["id"]
        elif name := element.get("id"):
            element["id"] = f"{here}-{name}" if times[name] > 1 else name
            new[here, name] = element["id"]
        if element.name == "a" and element.get("href"):
            links.append((here, element))
    anywhere = set(new.values())
    for here, link in links:
        address, _, name = link["href"].partition("#")
        if re.match(r"[a-z]+:", address):
            continue
        page = Path(address).stem if address else here
        if link.find_parent(class_="bibtex-citation"):  # Sphinx has lost its page
            page = "references"
        target = new.get((page, name), name)
        if target in anywhere:
            link["href"] = f"#{target}"
        else:
            link.unwrap()
    return str(soup)


def first_pages(pdf: Path, titles: Iterable[str]) -> list[int]:
    """On which page, from 1, each title begins; the outline of the PDF says so."""
    reader = PdfReader(pdf)
    found: list[tuple[str, int, int]] = []

    def letters(text: str) -> str:
        # In the outline, words on two lines stand without a space between them, and
        # headings with a formula come twice.
        return re.sub(r"\W", "", text)

    def walk(items: list, depth: int = 0) -> None:
        for item in items:
            if isinstance(item, list):
                walk(item, depth + 1)
            else:
                page = reader.get_destination_page_number(item) + 1
                found.append((letters(item.title), page, depth))

    walk(reader.outline)
    wanted = [letters(title) for title in titles]
    # A section of a chapter may be called like a later page, but it lies deeper.
    level = next(depth for name, _, depth in found if name.startswith(wanted[0]))
    left = iter([(name, page) for name, page, depth in found if depth == level])
    return [next(page for name, page in left if name.startswith(w)) for w in wanted]


def print_page(page, result: Path) -> list[int]:
    """Print an open page of the whole book; gives where its chapters begin."""
    starts: list[int] = []
    for _ in range(2):  # the contents have their length before their numbers
        titles = page.evaluate(CONTENTS, starts)
        page.pdf(
            path=result, format="A4", outline=True, tagged=True, margin=MARGIN,
            display_header_footer=True, header_template="<span></span>",
            footer_template=FOOT,
        )  # fmt: skip
        starts = first_pages(result, titles)
    return starts


def print_book(page_file: Path, result: Path = RESULT) -> Path:
    """Print a page of the whole book into a PDF with contents and page numbers."""
    from playwright.sync_api import sync_playwright

    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        raise RuntimeError("no Chromium was found (apt-get install chromium)")
    result.parent.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(color_scheme="light")
        page.set_default_timeout(MINUTES)
        page.goto(page_file.as_uri())
        page.evaluate("window.MathJax?.startup?.promise")
        # Solutions are read in the book, not clicked open.
        page.evaluate("for (const d of document.querySelectorAll('details'))"
                      " d.open = true")  # fmt: skip
        print_page(page, result)
        browser.close()
    return result


def main() -> int:
    try:
        made = print_book(one_page())
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{made}: {len(PdfReader(made).pages)} pages")
    return 0


if __name__ == "__main__":
    sys.exit(main())
