"""The search leads to the section that has the words, and marks them there."""

import json
import re
from functools import cache

import pytest

from tools.pages import search

COLLAPSE = "book/11_mnist_supervised.html"
RESULTS = "#search-results li a"
each_scheme = pytest.mark.parametrize("scheme", ["file", "http"])


def ask(visit, query, scheme="file"):
    """The page of results, its answers as (address, text)."""
    page = visit("book/intro.html", scheme=scheme).page
    page.keyboard.press("Control+k")
    page.keyboard.type(query)
    page.keyboard.press("Enter")
    page.wait_for_selector("#search-results p")
    return page, page.eval_on_selector_all(
        "#search-results li",
        "l => l.map(i => [i.querySelector('a').href, i.innerText])",
    )


@each_scheme
def test_a_query_leads_to_a_section_with_its_words_marked(visit, scheme):
    page, found = ask(visit, "posterior collapse", scheme)
    address, text = found[0]
    assert f"{COLLAPSE}?find=posterior%20collapse#a-failure-on-purpose" in address
    assert "11. MNIST, supervised" in text  # the chapter by its number
    page.click(RESULTS)
    page.wait_for_selector("mark.found", state="attached")
    page.evaluate("MathJax.startup.promise")
    assert page.evaluate("scrollY") > 5000  # of a page of 19,000
    marked = {t.lower() for t in page.locator("mark.found").all_text_contents()}
    assert marked and all(m.startswith(("collapse", "posterior")) for m in marked)
    seen = """() => [...document.querySelectorAll('mark.found')].some(m => {
      const box = m.getBoundingClientRect();
      return box.top >= 48 && box.bottom <= innerHeight; })"""
    page.wait_for_function(seen)
    assert "find=" not in page.url and page.url.endswith("collapse-of-v")
    text = page.inner_text("article")
    page.keyboard.press("Escape")
    assert page.locator("mark.found").count() == 0
    assert page.inner_text("article") == text


@pytest.mark.parametrize(
    ("british", "american"),
    [
        ("reparameterisation", "reparametrization"),
        ("initialisation", "initialization"),
        ("labelled bound", "labeled bound"),
        ("grey colour", "gray color"),
        ("standardised", "standardized"),
        ("learnt", "learned"),
        ("centred at 0", "centered at 0"),
        ("licence", "license"),
        ("moves towards", "moves toward"),
        ("coloured digits", "colored digits"),
        ("maximiser", "maximizer"),
    ],
)
def test_both_spellings_find_the_same(visit, british, american):
    _, one = ask(visit, british)
    _, other = ask(visit, american)
    assert one and [text for _, text in one] == [text for _, text in other]


def test_a_short_word_is_no_beginning_of_others(visit):
    """The initialisation of He is not that of the."""
    page, found = ask(visit, "He initialisation")
    assert 0 < len(found) < 10
    marks = page.locator("#search-results mark").all_inner_texts()
    assert {m.lower() for m in marks} <= {"he", "initialisation", "initialisations"}


def test_a_heading_comes_first(visit):
    _, found = ask(visit, "stop-gradient")
    assert "09_label_posterior.html" in found[0][0] and "#the-stop" in found[0][0]


def test_what_is_not_there_is_said(visit):
    page, found = ask(visit, "zzzebra")
    assert found == []
    assert page.inner_text("#search-results [role=status]") == (
        "Nothing in the book has “zzzebra”."
    )
    field = page.locator(".bd-search-container input[name=q]")
    assert field.input_value() == "zzzebra"
    field.fill("pseudo-likelihood zzzebra")
    field.press("Enter")
    page.wait_for_selector(RESULTS)
    assert "No section has all of these words" in page.inner_text("#search-results")


def test_the_page_of_results_is_in_order(visit):
    page, found = ask(visit, "<b>bound</b> & \"q\"", "http")
    assert found and page.locator("#search-results b").count() == 0
    assert page.locator("#search-results a[href*='://127']").count() == 0


def test_every_section_of_the_book_is_in_the_index(site):
    text = (site / "_static" / search.NAME).read_text(encoding="utf-8")
    sections = json.loads(text.partition(" = ")[2].rstrip(";\n"))
    addresses = {address for _, _, address, _ in sections}

    @cache  # of the text: to parse thirty pages takes half a minute
    def ids(page):
        return set(re.findall(r'\bid="([^"]+)"', (site / page).read_text("utf-8")))

    assert len(addresses) == len(sections) > 200
    for address in addresses:
        page, _, anchor = address.partition("#")
        assert not anchor or anchor in ids(page), address
    assert not any("import torch" in text for *_, text in sections)


@pytest.mark.parametrize(
    ("tex", "text"),
    [
        (r"q_{\phi_{y\text{-post}}}(y \mid x)", "q(y   x)"),
        (r"\mathcal{L}(x, y)", "L(x, y)"),
        (r"\alpha \ge 0", "α   0"),
        ("r_y", "r_y"),
    ],
)
def test_formulas_in_excerpts(tex, text):
    assert search.plain(tex) == text
