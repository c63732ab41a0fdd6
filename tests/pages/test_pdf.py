"""The book as one PDF: where chapters begin, and what its contents say."""

import re

from bs4 import BeautifulSoup
from pypdf import PdfReader

from tools.pages import foot, pdf

PAGE = """<!doctype html><html><head><style>@media print { h1 { display: none } }
</style></head><body><article><h1>The book</h1>
<span id="document-book/01_a"></span><section><h2>01. One day</h2>
<p>a</p><h3>Notation</h3><p style="height: 1300px">b</p></section>
<span id="document-book/b"></span><section><h2>Notation</h2><p>c</p>
<a href="#document-book/01_a">back</a></section></article></body></html>"""


def test_contents_name_the_pages_on_which_chapters_begin(tmp_path, browser):
    path = tmp_path / "whole.html"
    path.write_text(PAGE, encoding="utf-8")
    page = browser.new_page()
    page.goto(path.as_uri())
    made = tmp_path / "book.pdf"
    starts = pdf.print_page(page, made)
    page.context.close()
    reader = PdfReader(made)
    pages = [p.extract_text() for p in reader.pages]
    assert starts == [3, 5] and len(pages) == 5
    assert re.search(r"01\. One day\s*3\s*Notation\s*5", pages[0])
    assert "The book" not in pages[0] and "The book" in pages[1]
    assert [re.search(r"(\d)\s*$", text)[1] for text in pages] == list("12345")
    assert "01. One day" in pages[2] and "Notation" in pages[4]
    links = [a.get_object() for p in reader.pages for a in p.get("/Annots") or []]
    assert all("/Dest" in link or link["/A"].get("/S") == "/GoTo" for link in links)


def test_the_pdf_is_offered_where_it_is_made(site):
    text = (site / "book/intro.html").read_text(encoding="utf-8")
    offered = f'href="../{foot.PDF.name}"' in text
    assert offered == (site / foot.PDF.name).is_file()


SINGLE = """<html><body><nav><a href="elsewhere.html">menu</a></nav><article>
<section id="summary"><h1>The book</h1>
<a id="1" href="book/intro.html#summary">here</a>
<a id="2" href="#document-book/b">b</a>
<span class="bibtex-citation"><a id="3" href="book/intro.html#id1">Feige</a></span>
<a id="4" href="_images/x.png"><img src="_images/x.png"/></a></section>
<span id="document-book/b"></span><section id="summary"><p id="id1">p</p>
<p id="cell">cell</p><a id="5" href="#cell">own</a></section>
<span id="document-book/references"></span><section><p id="id1">paper</p>
<a id="6" href="b.html#cell">cell</a><a id="7" href="../book/b.html#summary">s</a>
<a id="8" href="b.html">b</a><a id="9" href="https://arxiv.org/x#y">outside</a>
<a id="10" href="b.html#gone">gone</a><a id="11" href="intro.html">first</a>
</section></article></body></html>"""


def test_links_between_pages_lead_within_the_one_page():
    soup = BeautifulSoup(pdf.with_links(SINGLE, "intro"), "html.parser")
    body = soup.find("article")
    assert {a["id"]: a["href"] for a in body.find_all("a", href=True)} == {
        "1": "#intro-summary", "2": "#document-book/b", "3": "#references-id1",
        "5": "#cell", "6": "#cell", "7": "#b-summary", "8": "#document-book/b",
        "9": "https://arxiv.org/x#y", "11": "#document-book/intro",
    }  # fmt: skip
    names = [e["id"] for e in body.find_all(id=True)]
    assert len(names) == len(set(names))
    assert body.find("img") and "gone" in body.text  # unlinked, not lost
