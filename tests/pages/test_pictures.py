"""Figures keep their place and load when they come near; tables have captions."""

import io
import re
import struct
import time

import pytest
from docutils import nodes
from pypdf import PdfReader

from tests.support.browser import Handler
from tools.notebooks.book import read, toc_entries, toc_notebooks, toc_pages
from tools.pages import captions, check_pages, pictures
from tools.pages.previews import ARTICLE

PNG = b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIHDR" + struct.pack(">II", 640, 480)
LONG = "book/14_svhn_semi_supervised.html"


@pytest.mark.parametrize("name", toc_entries())
def test_pictures_say_how_large_they_are_and_wait(site, name):
    page = site / f"{name}.html"
    article = ARTICLE.search(page.read_text(encoding="utf-8"))[0]
    found = [i for i in pictures.IMAGE.findall(article) if 'src="data:' not in i]
    assert [i for i in found if 'decoding="async"' not in i] == []
    waiting = [i for i in found if 'loading="lazy"' in i]
    themed = [i for i in found if re.search("only-(dark|light)", i)]
    assert waiting == [i for i in found[1:] if i not in themed]
    assert [i for i in found if 'priority="low"' not in i] == waiting
    for image in found:
        sides = re.search(r'\bwidth="(\d+)" height="(\d+)"', image)
        file = page.parent / pictures.SOURCE.search(image)[1]
        width, height = map(int, sides.groups())
        own = pictures.size(file)  # a live figure has its own idea of the size
        assert width * own[1] == height * own[0], image


def test_nothing_jumps_and_far_pictures_are_not_asked_for(visit):
    seen = visit(LONG, scheme="http")
    page = seen.page
    page.evaluate("MathJax.startup.promise")
    height = page.evaluate("document.body.scrollHeight")
    total = page.locator("article img[src*='_images']").count()
    early = len([u for u in seen.loaded if "_images/" in u])
    assert total > 2 and early < total
    page.evaluate("""async () => {
      for (let y = 0; y < document.body.scrollHeight; y += 500) {
        scrollTo({ top: y, behavior: "instant" });
        await new Promise(requestAnimationFrame);
      }
    }""")
    page.wait_for_function(
        "[...document.querySelectorAll('article img')].every(i => i.naturalWidth)"
    )
    assert abs(page.evaluate("document.body.scrollHeight") - height) <= 1
    assert len([u for u in seen.loaded if "_images/" in u]) == total


def test_paper_has_all_pictures_though_they_come_slowly(visit, monkeypatch):
    """Printed as it was opened, without a scroll, from a server that takes its time."""
    get = Handler.do_GET

    def slow(self):
        if "_images/" in self.path:
            time.sleep(0.5)
        get(self)

    monkeypatch.setattr(Handler, "do_GET", slow)
    page = visit(LONG, scheme="http", dark=True).page
    there = page.eval_on_selector_all(
        "article img[src$='.png']", "all => all.map(i => i.naturalWidth > 0)"
    )
    assert there.count(False) > 2
    pdf = PdfReader(io.BytesIO(page.pdf(format="A4")))
    # A filter, which dark pages put on pictures, would make more of them.
    assert sum(len(p.images.keys()) for p in pdf.pages) == len(there)


def test_sizes(tmp_path):
    files = {
        "a.png": PNG,
        "bad.png": b"GIF89a",
        "a.svg": b'<?xml version="1.0"?>\n<svg xmlns="s" width="96pt" height="36pt">',
        "b.svg": b'<svg viewBox="0 0 1 1" width="12" height="7px">',
        "c.svg": b'<svg viewBox="0 0 1 1" width="100%">',
        "d.gif": b"GIF89a",
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    sizes = [pictures.size(tmp_path / name) for name in files]
    assert sizes == [(640, 480), None, (128, 48), (12, 7), None, None]


def test_attributes_are_put_once(tmp_path):
    (tmp_path / "a.png").write_bytes(PNG)
    article = ('<img src="data:x"><img alt="one" src="a.png" /><img src="a.png" '
               'width="10" height="7"><img src="none.png">')  # fmt: skip
    done = pictures.sized(article, tmp_path)
    assert done == (
        '<img src="data:x"><img alt="one" src="a.png" decoding="async" '
        'fetchpriority="low" width="640" height="480"/><img src="a.png" width="10" '
        'height="7" decoding="async" loading="lazy"><img src="none.png" '
        'decoding="async" loading="lazy">'
    )
    assert pictures.sized(done, tmp_path) == done


def test_the_caption_of_a_table():
    box = nodes.container("", nodes.table("", nodes.tgroup()), nodes.table())
    assert captions.put(box, "All of $x$, by (4)", "table-a")
    title = box[0][0]
    assert isinstance(title, nodes.title) and box[0]["ids"] == ["table-a"]
    assert title.astext() == "All of x, by (4)"
    assert [n.astext() for n in title.findall(nodes.math)] == ["x"]
    assert len(box[1]) == 0
    assert not captions.put(nodes.container(), "None", "table-b")
    two = nodes.container("", nodes.table(), nodes.table())
    assert captions.put(two, ["One", "Two"], "table-c")
    assert [t["ids"] for t in two] == [["table-c"], ["table-c-2"]]
    assert [t[0].astext() for t in two] == ["One", "Two"]
    assert not captions.put(two, ["One", "Two", "Three"], "table-c")


@pytest.mark.parametrize("path", toc_notebooks(), ids=lambda p: p.stem)
def test_tables_that_cells_print_have_captions(site, path):
    page = (site / "book" / f"{path.stem}.html").read_text(encoding="utf-8")
    printed = [
        c.id
        for c in read(path).cells
        if c.cell_type == "code"
        for o in c.outputs
        if re.search(r"\|:?--", o.get("data", {}).get("text/markdown", ""))
    ]
    found = re.findall(
        r'<table\b[^>]*id="table-([\w-]+?)(?:-2)?">\s*<caption>'
        r'<span class="caption-number">Table (\d+b?)\.\d+ </span>'
        r'<span class="caption-text">(.+?)</span>', page)  # fmt: skip
    words = "\n".join(c.source for c in read(path).cells if c.cell_type == "markdown")
    written = re.findall(r"^:name: table-([\w-]+)$", words, re.M)
    code = {c.id for c in read(path).cells if c.cell_type == "code"}
    assert not code & set(written)  # each has an anchor of its own
    assert [cell for cell, _, _ in found if cell not in written] == printed
    assert {number.zfill(2) for _, number, _ in found} <= {path.stem.split("_")[0]}
    plain = re.findall(r"<table\b[^>]*>(?!\s*<caption>)", page)
    tables, captioned = (
        len(re.findall(r, words, re.M)) for r in (r"^\|:?--", r"^:::\{table\}")
    )
    assert len(plain) == tables - captioned


@pytest.mark.parametrize("name", [p.stem for p in toc_pages() if p.suffix == ".md"])
def test_tables_of_pages_have_captions(site, name):
    page = check_pages.parsed(site / "book" / f"{name}.html")
    for table in page.select("article table"):
        assert table.caption and table.caption.select_one(".caption-number"), table.th
