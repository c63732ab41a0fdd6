"""Code opens and closes by one switch, and when a link leads into it."""

import pytest
from bs4 import BeautifulSoup

from tools.notebooks.book import BOOK, code_cells, read, tags
from tools.pages import folds

SHORT, OTHER = "street_glyphs", "14_svhn_semi_supervised"
FOLDED = "16_explorer"  # its checks are folded
STATES = "() => [...document.querySelectorAll('.above-input')].map(f => f.open)"
WRITTEN = (
    "() => [...document.querySelectorAll('.above-input')]"
    ".map(f => f.classList.contains('open-code'))"
)
PRESSED = (
    "() => [...document.querySelectorAll('button[data-code]')]"
    ".filter(b => b.ariaPressed === 'true').map(b => b.dataset.code)"
)
SWITCH = ".dropdown-code-switch > button"


def choose(page, words):
    page.locator(SWITCH).focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name=words).focus()
    page.keyboard.press("Enter")


def folded(name):
    return [c for c in code_cells(read(BOOK / f"{name}.ipynb"))
            if {"hide-input", "hide-cell"} & set(tags(c))]  # fmt: skip


@pytest.mark.parametrize("scheme", ["file", "http"])
def test_one_choice_holds_for_all_code_of_all_pages(visit, scheme):
    page = visit(f"book/{SHORT}.html", scheme=scheme).page
    assert page.evaluate(STATES) == page.evaluate(WRITTEN)
    assert {True, False} == set(page.evaluate(STATES))
    assert page.evaluate(PRESSED) == [""]
    for words, state in (("Hide all code", "closed"), ("Show all code", "open")):
        choose(page, words)
        assert set(page.evaluate(STATES)) == {state == "open"}
        assert page.evaluate(PRESSED) == [state]
        # What the code printed and drew is shown in each state.
        shown = page.locator(".cell_output").evaluate_all(
            "all => all.every(o => o.offsetHeight > 0)")  # fmt: skip
        assert shown
        page.goto(page.url.replace(SHORT, OTHER), wait_until="load")
        assert set(page.evaluate(STATES)) == {state == "open"}
        assert page.evaluate(PRESSED) == [state]
        page.goto(page.url.replace(OTHER, SHORT), wait_until="load")
    choose(page, "Code as the page has it")
    assert page.evaluate(STATES) == page.evaluate(WRITTEN)
    page.reload()
    assert page.evaluate(STATES) == page.evaluate(WRITTEN)


def test_nothing_flashes(visit):
    """Code is closed while the page is read: no script that comes later is needed."""
    seen = visit(f"book/{SHORT}.html", scheme="http")
    page = seen.page
    choose(page, "Hide all code")
    page.route("**/code.js*", lambda route: route.abort())
    page.add_init_script("""addEventListener('DOMContentLoaded', () => {
      window.firstSeen = [...document.querySelectorAll('.above-input')]
        .map(f => f.open); }, true);""")
    page.reload()
    assert page.evaluate("firstSeen.length") > 3
    assert set(page.evaluate("firstSeen")) == {False}
    page.unroute_all()


@pytest.mark.parametrize("anchors", ["auto", "none"])
def test_what_the_reader_looks_at_stays_in_place(visit, anchors):
    """In browsers that keep the place themselves, and in those that do not."""
    page = visit(f"book/{OTHER}.html").page
    page.add_style_tag(content=f"* {{ overflow-anchor: {anchors} }}")
    page.evaluate("MathJax.startup.promise")
    heading = page.locator("article h2").nth(2)
    heading.evaluate("""h => scrollTo({ behavior: "instant",
      top: scrollY + h.getBoundingClientRect().top - 80 })""")
    before = heading.evaluate("h => h.getBoundingClientRect().top")
    height = page.evaluate("document.body.scrollHeight")
    page.evaluate("document.querySelector('[data-code=closed]').click()")
    assert page.evaluate("document.body.scrollHeight") < height - 500
    after = heading.evaluate("h => h.getBoundingClientRect().top")
    assert abs(after - before) < 3


def test_a_link_to_a_folded_cell_opens_it(visit):
    cell = next(c for c in folded(FOLDED) if any(t.startswith("check:eq-")
                                                 for t in tags(c)))  # fmt: skip
    page = visit(f"book/{FOLDED}.html").page
    fold = page.locator(f"#cell-{cell.id} > .above-input")
    assert not fold.evaluate("f => f.open")
    mark = page.locator(f"a.to-check[href='#cell-{cell.id}']").first
    for _ in range(2):  # the second time the address stays what it is
        mark.evaluate("m => m.click()")
        page.wait_for_function("f => f.open", arg=fold.element_handle())
        assert fold.locator("pre").is_visible()
        fold.evaluate("f => { f.open = false; }")
    page.reload()  # and as the address that a page is opened with
    page.wait_for_function("f => f.open", arg=fold.element_handle())


def test_a_link_into_a_solution_opens_the_solution(visit, site, tmp_path):
    path = tmp_path / "a.html"
    path.write_text(
        "<!doctype html><title>t</title><a href='#cell-x'>x</a>"
        "<div class='admonition toggle toggle-hidden'><button class='toggle-button' "
        "onclick='this.parentNode.classList.remove(`toggle-hidden`)'></button>"
        "<div class='cell' id='cell-x'><details class='fold above-input'>"
        "<summary>s</summary><p>in it</p></details></div></div>"
        f"<script src='{(site / '_static/code.js').as_uri()}'></script>",
        encoding="utf-8",
    )
    page = visit(path.as_uri()).page
    page.click("a")
    page.wait_for_selector("p", state="visible")
    assert page.locator(".toggle-hidden").count() == 0


def test_without_scripts_a_cell_is_as_it_was_written(visit):
    page = visit(f"book/{SHORT}.html", scripts=False).page
    assert not page.locator(SWITCH).is_visible()
    assert page.locator(".open-code pre").first.is_visible()
    fold = page.locator("details.fold:not(.open-code)").first
    assert not fold.locator("pre").is_visible()
    fold.locator("summary").click()
    assert fold.locator("pre").is_visible()


def test_paper_has_what_the_screen_has(visit):
    page = visit(f"book/{SHORT}.html").page
    choose(page, "Hide all code")
    page.emulate_media(media="print")
    assert not page.locator(".open-code pre").first.is_visible()
    assert page.locator(".cell_output").first.is_visible()
    assert not page.locator(SWITCH).is_visible()


@pytest.mark.parametrize("name", [SHORT, OTHER])
def test_a_fold_says_what_is_in_it(site, name):
    text = (site / "book" / f"{name}.html").read_text(encoding="utf-8")
    cells = {c.id: c for c in code_cells(read(BOOK / f"{name}.ipynb"))}
    found = 0
    for box in BeautifulSoup(text, "html.parser").select("div.cell"):
        cell = cells[box["id"].removeprefix("cell-")]
        line = box.select_one(".above-input > summary").get_text()
        own = cell.metadata.get("mystnb", {}).get("code_prompt_show")
        count = len(cell.source.strip("\n").split("\n"))
        if "setup" in tags(cell):
            assert line == folds.SETUP
        else:
            assert line == (own or f"Code, {count} line{'s' * (count > 1)}")
        found += 1
    assert found == len(cells)


def test_pages_without_code_have_no_switch(site):
    for name, there in ((SHORT, True), ("cite", False), ("references", False)):
        text = (site / "book" / f"{name}.html").read_text(encoding="utf-8")
        assert ("dropdown-code-switch" in text) == ("equivae-code" in text) == there
