"""What a page becomes when it is printed."""

import pytest

from tools.notebooks.book import toc_entries, toc_notebooks

CHAPTERS = [path.stem for path in toc_notebooks()]
# What holds code and outputs: whatever of it may not be broken leaves a page's foot
# empty, with its grey ground painted down to it.
BLOCKS = ".cell, .cell_input, .cell_output, .highlight, .highlight pre, .output"
UNBROKEN = f"""() => [...document.querySelectorAll('article :is({BLOCKS})')]
  .filter(e => e.offsetHeight && getComputedStyle(e).breakInside !== 'auto')
  .map(e => e.className)"""
INK = """() => [...document.querySelectorAll('article :is(h1, p, li, pre, td, span)')]
  .filter(e => e.offsetHeight && e.textContent.trim())
  .map(e => getComputedStyle(e).color.match(/[\\d.]+/g).map(Number))
  .filter(([r, g, b, a = 1]) => a < 0.5 || 0.3 * r + 0.6 * g + 0.1 * b > 150).length"""
THEME = "document.documentElement.dataset.theme"


@pytest.mark.parametrize("name", CHAPTERS[-5:])
def test_code_and_outputs_go_on_overleaf(visit, name):
    page = visit(f"book/{name}.html", size=(720, 1000)).page
    assert page.evaluate(UNBROKEN) != []  # as the theme has it, on the screen and off
    page.emulate_media(media="print")
    assert page.evaluate(UNBROKEN) == []


@pytest.mark.parametrize("name", [toc_entries()[0], f"book/{CHAPTERS[4]}"])
def test_ink_is_dark_on_paper_though_the_screen_is(visit, name):
    page = visit(f"{name}.html", dark=True).page
    page.wait_for_function(THEME + " == 'dark'")
    assert page.evaluate(INK) > 10
    page.emulate_media(media="print", color_scheme="dark")
    page.wait_for_function(THEME + " == 'light'")
    assert page.evaluate(INK) == 0
    page.emulate_media(media="screen", color_scheme="dark")
    page.wait_for_function(THEME + " == 'dark'")


def test_a_browser_that_says_so_prints_light(visit):
    page = visit("book/intro.html", dark=True).page
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate(THEME) == "light"
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert page.evaluate(THEME) == "dark"
