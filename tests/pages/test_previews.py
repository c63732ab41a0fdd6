"""What a link points to is shown beside it, to the pointer and to the keyboard."""

import re

import pytest

from tools.notebooks.book import toc_entries
from tools.pages import previews

FRONT = "book/intro.html"
BOX = "#preview"
# Kinds of links on the front page, and what their previews show.
KINDS = {
    "05_joint_objective.html#equation-eq-joint-bound": ("mjx-container", "(7)"),
    "11_mnist_supervised.html#fig-transfer": ("img", "Fig. 11."),
    "#fig-ten-digits": ("img", "Fig. "),
    "references.html#id3": ("em", "Feige"),
    "03_labelled_bound.html": ("strong", "03. The labelled bound"),
}
LIMIT = 30_000  # bytes


def first(page, href):
    return page.locator(f"article a:not(.headerlink)[href='{href}']").first


def shown(page):
    page.wait_for_selector(BOX, state="visible")
    return page.locator(BOX)


@pytest.mark.parametrize("scheme", ["file", "http"])
def test_the_pointer_sees_each_kind(visit, scheme):
    seen = visit(FRONT, scheme=scheme)
    page = seen.page
    page.evaluate("MathJax.startup.promise")
    count = page.locator("mjx-container").count()
    for href, (part, words) in KINDS.items():
        link = first(page, href)
        link.hover()
        box = shown(page)
        box.locator(part).first.wait_for(state="visible")
        assert words in box.inner_text(), href
        assert "\\(" not in box.inner_text() and "\\[" not in box.inner_text()
        assert box.locator("a, button, [id]").count() == 0
        if part == "img":
            page.wait_for_function(
                "document.querySelector('#preview img').naturalWidth")
        assert link.get_attribute("aria-describedby") == "preview"
        page.mouse.move(2, 2)
        page.wait_for_selector(BOX, state="hidden")
        assert link.get_attribute("aria-describedby") is None
    assert page.locator("mjx-container").count() == count  # nothing is left behind
    assert seen.problems() == []


def test_the_keyboard_sees_it_and_escape_closes_it(visit):
    page = visit(FRONT).page
    link = first(page, "03_labelled_bound.html")
    link.focus()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")
    assert "03. The labelled bound" in shown(page).inner_text()
    page.keyboard.press("Escape")
    page.wait_for_selector(BOX, state="hidden")
    assert link.evaluate("l => document.activeElement === l")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")
    shown(page)
    for _ in range(3):  # to a link of another kind, or to none
        page.keyboard.press("Tab")
    assert link.get_attribute("aria-describedby") is None


def test_the_pointer_may_go_into_the_preview_and_out(visit):
    page = visit(FRONT).page
    first(page, "03_labelled_bound.html").hover()
    area = shown(page).bounding_box()
    page.mouse.move(area["x"] + 30, area["y"] + area["height"] / 2, steps=4)
    page.wait_for_timeout(600)
    assert page.locator(BOX).is_visible()
    assert area["x"] >= 0 and area["x"] + area["width"] <= 1400
    page.keyboard.press("Escape")
    page.wait_for_selector(BOX, state="hidden")


def test_a_finger_gets_the_link_and_no_preview(visit):
    """Neither while it rests on a link, nor once it has followed it."""
    page = visit(FRONT, touch=True).page
    link = first(page, "#fig-ten-digits")
    link.scroll_into_view_if_needed()
    area = link.bounding_box()
    spot = {"x": area["x"] + area["width"] / 2, "y": area["y"] + area["height"] / 2}
    touch = page.context.new_cdp_session(page)
    begin = {"type": "touchStart", "touchPoints": [spot]}
    touch.send("Input.dispatchTouchEvent", begin)
    page.wait_for_timeout(600)
    assert not page.locator(BOX).is_visible()
    touch.send("Input.dispatchTouchEvent", {"type": "touchCancel", "touchPoints": []})
    link.tap()
    page.wait_for_function("location.hash === '#fig-ten-digits'")
    page.wait_for_timeout(600)
    assert not page.locator(BOX).is_visible()


def test_paper_has_none(visit):
    page = visit(FRONT).page
    first(page, "03_labelled_bound.html").hover()
    box = shown(page)
    page.emulate_media(media="print")
    assert not box.is_visible()


def test_a_page_without_formulas_gets_mathjax_when_a_preview_needs_it(
    visit, site, tmp_path
):
    (tmp_path / "a.html").write_text(
        f"<!doctype html><html data-content_root='{site.as_uri()}/'><title>t</title>"
        "<article><a href='b.html#x'>there</a></article><template id='previews'>"
        "<div data-of='b.html#x'><p>A \\(x^2\\) of it</p></div></template>"
        f"<script src='{(site / '_static/preview.js').as_uri()}'></script>",
        encoding="utf-8",
    )
    seen = visit((tmp_path / "a.html").as_uri())
    assert not [u for u in seen.loaded if "mathjax" in u]
    seen.page.hover("a")
    shown(seen.page).locator("mjx-container").wait_for(state="visible")
    assert seen.problems() == []


@pytest.mark.parametrize("name", toc_entries())
def test_a_page_grows_little_and_its_entries_are_of_its_links(site, name):
    page = (site / f"{name}.html").read_text(encoding="utf-8")
    found = previews.TEMPLATE.findall(page)
    assert len(found) <= 1
    template = found[0] if found else ""
    assert len(template.encode()) < LIMIT
    article = previews.ARTICLE.search(page)[0]
    for href in re.findall(r'data-of="([^"]+)"', template):
        assert f'href="{href}"' in article
    assert not re.search(r'<a\b|\bid="(?!previews)|class="[^"]*\bmath\b', template)


OTHER = """<html><body><article><section id="top"><h1>02. Two<a class="headerlink"
href="#top">#</a></h1><p><a href="x">Colab</a></p><p>What it <a href="#y">says</a>.</p>
<div class="math notranslate" id="equation-eq-a">
<span class="eqno">(2.1)<a class="to-check" href="#c">✓</a><a class="headerlink"
href="#equation-eq-a">#</a></span>\\[a\\]</div>
<figure class="w" id="fig-a"><img alt="A" src="../a.png"/><figcaption><p>A caption
<span class="math">\\(a\\)</span></p></figcaption></figure>
<div class="citation" id="id3" role="listitem"><p>Somebody, 2020.</p></div>
<dl class="glossary"><dt id="term-word">word</dt><dd><p>Its meaning.</p></dd></dl>
<section id="sub">
<span id="also"></span><h2>Sub</h2><p>First.</p><p>Second.</p></section>
</section></article></body></html>"""


@pytest.mark.parametrize(
    ("anchor", "expected"),
    [
        ("", "<p><strong>02. Two</strong></p><p>What it says.</p>"),
        ("equation-eq-a",
         '<div class="tex"><span class="eqno">(2.1)</span>\\[a\\]</div>'),
        ("fig-a", '<img alt="A" src="../a.png"/><figcaption><p>A caption\n'
                  '<span class="tex">\\(a\\)</span></p></figcaption>'),
        ("id3", "<p>Somebody, 2020.</p>"),
        ("term-word", "<p><strong>word</strong></p><p>Its meaning.</p>"),
        ("sub", "<p><strong>Sub</strong></p><p>First.</p>"),
        ("also", "<p><strong>Sub</strong></p><p>First.</p>"),
        ("none", ""),
    ],
)  # fmt: skip
def test_what_is_shown_of_a_target(anchor, expected):
    made = previews.of_anchor(OTHER, anchor) if anchor else previews.of_page(OTHER)
    assert made == expected


def test_the_template_of_a_page_takes_the_place_of_an_older_one(tmp_path):
    (tmp_path / "b.html").write_text(OTHER, encoding="utf-8")
    links = "".join(f'<a href="{h}">l</a>' for h in (
        "b.html#sub", "b.html#sub", "b.html", "a.html#own", "#own", "b.html#none",
        "https://a.org/b.html", "c.html", "../b.html"))  # fmt: skip
    mine = tmp_path / "a.html"
    mine.write_text(f"<body><a href='b.html#id3'></a><article>{links}"
                    '<a class="claim" href="b.html#id3">e</a></article></body>',
                    encoding="utf-8")  # fmt: skip
    for _ in range(2):
        previews.write(tmp_path)
        text = mine.read_text(encoding="utf-8")
        assert re.findall(r'data-of="([^"]*)"', text) == ["b.html#sub", "b.html"]
    assert (tmp_path / "b.html").read_text(encoding="utf-8") == OTHER
