"""From each equation to its check and back."""

import re

import pytest

from tools.notebooks import rules
from tools.notebooks.book import BOOK, toc_pages
from tools.pages import checks

ANCHOR = re.compile(
    r'id="equation-(eq-[\w-]+)">\s*<span class="eqno">\(([\db.]+)\)'
    r'((?:<a class="to-check"[^>]*>✓</a>)*)'
)
BACK = re.compile(r' id="cell-([\w-]+)">\n<p class="checks">checks (.*?)</p>')
HREF = re.compile(r'href="([^"#]*)#(?:cell-|equation-)([\w-]+)"')


@pytest.fixture(scope="module")
def pages(site):
    return {p.stem: (site / "book" / f"{p.stem}.html").read_text(encoding="utf-8")
            for p in toc_pages()}  # fmt: skip


def test_every_equation_leads_to_its_check(pages):
    checked, _ = checks.pairs()
    labels = set()
    for name, text in pages.items():
        for label, _number, links in ANCHOR.findall(text):
            labels.add(label)
            there = [(page.removesuffix(".html") or name, cell)
                     for page, cell in HREF.findall(links)]  # fmt: skip
            expected = [(doc.rpartition("/")[2], c) for doc, c in checked[label]]
            assert there == expected and there, label
            assert all(f' id="cell-{cell}"' in pages[page] for page, cell in there)
    in_text = {label for path in toc_pages()
               for label in rules.equation_labels(rules.page_text(path))}  # fmt: skip
    assert labels == in_text


def test_every_check_leads_back(pages):
    _, by_cell = checks.pairs()
    found = {}
    for name, text in pages.items():
        numbers = {label: number for label, number, _ in ANCHOR.findall(text)}
        for cell, links in BACK.findall(text):
            found[f"book/{name}", cell] = [label for _, label in HREF.findall(links)]
            shown = re.findall(r"\(([\db.]+)\)", links)
            for (page, label), number in zip(HREF.findall(links), shown):
                assert page or numbers[label] == number
    assert found == by_cell


def test_marks_and_lines_of_a_page():
    body = (
        '<div class="math" id="equation-eq-a">\n<span class="eqno">(3.5)<a></a></span>'
        '<div class="math" id="equation-eq-b">\n<span class="eqno">(4) <span>of the '
        'paper</span></span><div class="cell tag docutils" id="cell-one">\nx'
        '<div class="cell" id="cell-two">\ny'
    )
    checked = {"eq-a": [("book/03", "one")], "eq-b": [("book/04", "far"),
                                                      ("book/03", "one")]}  # fmt: skip
    by_cell = {("book/03", "one"): ["eq-a", "eq-b"], ("book/04", "two"): ["eq-b"]}
    numbers = {"eq-a": ("book/03.html", "3.5"), "eq-b": ("book/03.html", "4")}
    done = checks.mark(body, "book/03.html", checked, by_cell, numbers)
    assert done.count("✓") == 3
    assert '(3.5)<a class="to-check" href="#cell-one"' in done
    assert '(4)<a class="to-check" href="04.html#cell-far"' in done
    assert 'aria-label="The code that checks equation 4"' in done
    assert done.count('<p class="checks">') == 1  # the other cell is another page's
    assert 'href="#equation-eq-a">(3.5)</a>, ' in done


def test_the_mark_can_be_seen_pressed_and_left_out_on_paper(visit):
    page = visit("book/13_svhn_supervised.html").page
    mark = page.locator("a.to-check").first
    assert mark.is_visible() and mark.get_attribute("aria-label")
    assert mark.bounding_box()["height"] >= 16
    mark.evaluate("m => m.click()")
    cell = page.locator(mark.get_attribute("href"))
    page.wait_for_function("c => c.getBoundingClientRect().top < innerHeight",
                           arg=cell.element_handle())  # fmt: skip
    assert cell.locator(".checks a").first.is_visible()
    page.emulate_media(media="print")
    assert not mark.is_visible()


def test_the_book_has_them():
    assert len(checks.pairs(BOOK.parent)[0]) > 100
