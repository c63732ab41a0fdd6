"""The book as a site: launch buttons, downloads, search, sharing, paper, 404."""

import re
from urllib.parse import unquote, urlsplit

import pytest
from matplotlib import image

from equivae_lite import REPOSITORY
from tests.support.browser import PREFIX, site_file
from tools.notebooks.book import ROOT, code_cells, read, toc_entries, toc_notebooks
from tools.notebooks.bootstrap import colab_link
from tools.pages import check_pages, site_extension

CHAPTERS = toc_notebooks()
each_chapter = pytest.mark.parametrize("path", CHAPTERS, ids=lambda p: p.stem)
each_page = pytest.mark.parametrize("name", toc_entries())
LONGEST = max(CHAPTERS, key=lambda p: p.stat().st_size)


def html(site, name):
    return check_pages.parsed(site / f"{name}.html")


@each_chapter
def test_the_launch_button_opens_this_chapter_on_colab(site, path):
    page = html(site, f"book/{path.stem}")
    buttons = page.select(".dropdown-launch-buttons a[href]")
    assert [b["href"] for b in buttons] == [colab_link(path.name)]
    # …/github/OWNER/NAME/blob/BRANCH/PATH: what Colab makes of it
    parts = urlsplit(buttons[0]["href"]).path.split("/")
    assert "https://github.com/" + "/".join(parts[2:4]) == REPOSITORY
    assert parts[4:6] == ["blob", "main"]
    assert ROOT / "/".join(parts[6:]) == path


@each_chapter
def test_the_notebook_to_download_is_the_chapter(site, path):
    found = [
        unquote(a["href"])
        for a in html(site, f"book/{path.stem}").select("a[href$='.ipynb'][download], "
                                                        "a[href$='.ipynb'].btn")
        if not urlsplit(a["href"]).netloc
    ]  # fmt: skip
    assert found == [f"../_sources/book/{path.name}"]
    copy = site / "book" / found[0]
    assert copy.read_bytes() == path.read_bytes()


@each_page
def test_what_is_shown_where_a_page_is_shared(site, name):
    tags = {
        tag.get("property") or tag.get("name"): tag["content"]
        for tag in html(site, name).select("meta[property], meta[name]")
    }
    heading = html(site, name).select_one("h1").get_text().rstrip("#").strip()
    assert tags["og:title"] == heading
    assert tags["og:url"] == f"{site_extension.ADDRESS}{name}.html"
    assert 20 < len(tags["og:description"]) <= site_extension.LONGEST + 2
    assert tags["description"] == tags["og:description"]
    assert tags["twitter:card"] == "summary_large_image"
    picture = tags["og:image"].removeprefix(site_extension.ADDRESS)
    assert image.imread(site / picture).shape[:2] == (630, 1200)


def test_pages_describe_themselves_differently(site):
    texts = [
        html(site, n).select_one("meta[name=description]")["content"]
        for n in toc_entries()
    ]
    assert len(set(texts)) == len(texts)


def test_the_root_of_the_site_leads_to_the_first_page(visit):
    seen = visit("", scheme="http")
    seen.page.wait_for_url(f"**{PREFIX}{toc_entries()[0]}.html")
    # The first page may be there before the icon of the one that leads to it.
    left = f"failed: net::ERR_ABORTED {seen.page.url.partition(PREFIX)[0]}{PREFIX}"
    assert [p for p in seen.problems() if p != f"{left}_static/favicon.svg"] == []


@pytest.mark.parametrize("lost", ["nothing.html", "book/deep/down/nothing.html"])
def test_the_404_page_works_at_any_depth(visit, site, lost):
    seen = visit(lost, scheme="http")
    page = seen.page
    assert page.inner_text("article h1").startswith("This page is not here")
    assert seen.failed == [f"404 {page.url}"] and seen.outside == []
    assert page.locator(".book-logo img").evaluate("i => i.naturalWidth") > 0
    for address in page.eval_on_selector_all("a[href]", "all => all.map(a => a.href)"):
        if urlsplit(address).hostname == "127.0.0.1" and "#" not in address:
            assert site_file(address, site).is_file(), address
    page.click("article a >> nth=0")
    page.wait_for_url(f"**{toc_entries()[0]}.html")


def test_the_404_page_is_a_page_as_a_file_too(visit, site):
    page = visit("404.html", dark=True).page
    page.wait_for_function("document.documentElement.dataset.theme === 'dark'")
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground != "rgba(0, 0, 0, 0)"
    page.wait_for_function("document.querySelector('.book-logo img').naturalWidth")
    for address in page.eval_on_selector_all("a[href]", "all => all.map(a => a.href)"):
        if address.startswith("file:") and "#" not in address:
            assert site_file(address, site).is_file(), address
    page.keyboard.press("Control+k")
    page.keyboard.type("pseudo-likelihood")
    page.keyboard.press("Enter")
    page.wait_for_url(f"{site.as_uri()}/search.html?*")


@pytest.mark.parametrize("scheme", ["file", "http"])
def test_search_finds_a_chapter(visit, scheme):
    page = visit("book/intro.html", scheme=scheme).page
    page.keyboard.press("Control+k")
    page.keyboard.type("pseudo-likelihood")
    page.keyboard.press("Enter")
    page.wait_for_selector("#search-results li a")
    found = page.eval_on_selector_all("#search-results li a", "l => l.map(a => a.href)")
    assert any("book/03b_what_it_bounds.html" in address for address in found)


def test_a_copy_button_copies_its_cell(visit):
    path = CHAPTERS[0]
    page = visit(f"book/{path.stem}.html", scheme="http").page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    shown = page.locator(".cell_input").count()
    assert page.locator(".cell_input .copybtn").count() == shown
    button = page.locator(".cell:not(.tag_hide-input) .cell_input .copybtn").first
    button.scroll_into_view_if_needed()
    button.hover()
    assert button.get_attribute("aria-label") or button.get_attribute("data-tooltip")
    button.click()
    copied = page.evaluate("navigator.clipboard.readText()").strip()
    assert copied in [cell.source.strip() for cell in code_cells(read(path))]


FOCUS = """() => {
  const e = document.activeElement, style = getComputedStyle(e);
  const outline = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0;
  const name = `${e.tagName} ${e.className} ${e.textContent.trim().slice(0, 30)}`;
  const box = e.getBoundingClientRect();
  return [name, outline || style.boxShadow !== 'none', box.width * box.height > 0];
}"""


@pytest.mark.parametrize("dark", [False, True])
def test_the_keyboard_shows_where_it_is(visit, dark):
    page = visit(f"book/{CHAPTERS[0].stem}.html", dark=dark).page
    stops = []
    for _ in range(45):
        page.keyboard.press("Tab")
        stops.append(page.evaluate(FOCUS))
    assert "skip" in stops[0][0].lower()
    assert [name for name, marked, there in stops if not (marked and there)] == []
    assert len({name for name, _, _ in stops}) > 30  # it does not run in circles


def test_paper_shows_all_of_a_chapter_and_nothing_for_the_screen(visit):
    page = visit(f"book/{LONGEST.stem}.html", size=(720, 1000)).page
    page.emulate_media(media="print")
    for gone in (".bd-sidebar-primary", ".header-article", ".copybtn", ".headerlink"):
        assert not page.locator(gone).first.is_visible(), gone
    # The theme puts the title and a list of contents in front: one title is enough.
    assert page.locator("h1:visible").count() == 1
    wide = page.eval_on_selector_all(
        "article pre, article figure, article img",
        "all => all.filter(e => e.offsetWidth && e.scrollWidth > e.clientWidth + 1 ||"
        " e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML)",
    )
    assert [w[:100] for w in wide] == []
    assert page.pdf(format="A4").startswith(b"%PDF")


def test_addresses_of_a_page_at_the_root_become_absolute():
    page = (
        '<html data-content_root="./"><a href="book/a.html#x"></a><a href="#top"></a>'
        '<img src="_static/a.png"><a href="https://a.org/b"></a><a href="/c"></a>'
    )
    assert re.findall(r'="([^"]*)"', site_extension.absolute(page, "/f/")) == [
        "/f/", "/f/book/a.html#x", "#top", "/f/_static/a.png", "https://a.org/b", "/c",
    ]  # fmt: skip


def test_formulas_are_no_stops_of_the_tab_key(visit):
    page = visit("book/notation.html").page
    page.evaluate("MathJax.startup.promise")
    assert page.locator("mjx-container").count() > 100
    assert page.locator("mjx-container[tabindex='0']").count() == 0
