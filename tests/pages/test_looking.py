"""Each thing that the page tests look for, planted in a page and seen."""

import re

import pytest

from tests.support import looking
from tests.support.browser import PHONE

STYLE = "body { margin: 1rem; color: #222; background: #fff }"
DARK = "html[data-theme=dark] body { color: #ddd; background: #111 }"
# As the theme does it.
THEME = """
const dark = matchMedia('(prefers-color-scheme: dark)');
const set = () => { document.documentElement.dataset.theme =
  dark.matches ? 'dark' : 'light' };
set(); dark.addEventListener('change', set);
"""
DOT = "data:image/png;base64," + (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAA"
    "SUVORK5CYII="
)
PAGE = f"""<!doctype html>
<html lang="en"><head><meta name="viewport" content="width=device-width">
<title>A page</title><style>{STYLE}{DARK}</style><script>{THEME}</script></head>
<body><main><article>
<h1>One</h1><p id="text">Some text.</p><h2>Two</h2>
<img src="{DOT}" alt="A single dot, for want of a better picture.">
<div class="math" id="equation-eq-a"><mjx-container>x</mjx-container></div>
</article></main></body></html>
"""


@pytest.fixture
def seen(browser, tmp_path):
    """Looks at PAGE with one thing replaced."""

    def look(old="", new=""):
        assert old in PAGE
        path = tmp_path / "page.html"
        path.write_text(PAGE.replace(old, new, 1) if old else PAGE, encoding="utf-8")
        return looking.look(browser, path, tmp_path)

    return look


def test_a_good_page(seen):
    found = seen()
    assert found.visit + found.typeset + found.pictures + found.headings == []
    assert found.too_wide + found.accessible == []
    assert found.formulas == 1 and "equation-eq-a" in found.anchors
    assert found.own == len(PAGE) and found.shared == 0


@pytest.mark.parametrize(
    ("where", "old", "new", "problem"),
    [
        ("visit", "<h2>", "<script>console.error('hear me')</script><h2>", "hear me"),
        ("visit", "<h2>", "<script src=no.js></script><h2>", "no.js"),
        ("visit", "<h2>", "<script src=https://cdn.org/a.js></script><h2>", "cdn.org"),
        ("typeset", "<mjx-container>x</mjx-container>", "x^2", "1 formulas are not"),
        ("typeset", "Some text", r"Some \(text\)", "TeX shown as text"),
        ("typeset", "Some text", r"Some $$text$$", "TeX shown as text"),
        (
            "typeset",
            ">x</mjx",
            "><mjx-merror title='Missing brace'></mjx-merror></mjx",
            "bad TeX: Missing brace",
        ),
        ("pictures", "A single dot, for want of a better picture.", "", "alt text ''"),
        ("pictures", "A single dot, for want of a better picture.", "a/b.png", "alt"),
        ("pictures", DOT, "none.png", "does not show"),
        ("headings", "<h2>Two</h2>", "<h3>Two</h3>", "level 3 below one of level 1"),
        ("headings", "<h2>Two</h2>", "<h1>Two</h1>", "2 headings of level 1"),
        (
            "too_wide",
            '<p id="text"',
            '<p style="width: 500px" id="text"',
            "of 390",
        ),
        ("accessible", "color: #222", "color: #aaa", "light: color-contrast"),
        ("accessible", "color: #ddd", "color: #444", "dark: color-contrast"),
        ("accessible", "<h2>", "<button></button><h2>", "light: button-name"),
        ("accessible", "<main>", "<div>", "light: landmark-one-main"),
        ("accessible", '<html lang="en">', "<html>", "light: html-has-lang"),
    ],
)
def test_a_planted_error_is_seen(seen, where, old, new, problem):
    found = getattr(seen(old, new), where)
    assert any(problem in p for p in found), found


def test_a_wide_block_that_scrolls_by_itself_is_fine(seen):
    block = '<div style="overflow: auto"><p style="width: 500px" tabindex="0">'
    assert seen('<p id="text">Some text.</p>', f"{block}x</p></div>").too_wide == []


def test_thinning_keeps_what_is_different(visit, tmp_path):
    spans = "<span class=a>1</span><span class=a>2</span><span class=b>3</span>"
    path = tmp_path / "a.html"
    path.write_text(
        f"<div class=highlight><pre>{spans}</pre></div><pre>{spans}</pre>",
        encoding="utf-8",
    )
    page = visit(path.as_uri()).page
    page.evaluate(looking.THIN)
    assert re.sub(r"\s", "", page.inner_text("body")) == "1313"


def test_one_of_each_look_is_left(visit, tmp_path):
    """What looks the same in both themes goes, what differs in one of them stays."""
    path = tmp_path / "a.html"
    path.write_text(
        f"<!doctype html><style>{STYLE}{DARK} html[data-theme=dark] #e {{ color: red }}"
        f"</style><script>{THEME}</script><body><p>a</p><p>a</p>"
        "<p style='color: #555'>b</p><section><p>c</p></section>"
        "<section style='background: #eee'><p>d</p><p>d</p></section><p id=e>e</p>",
        encoding="utf-8",
    )
    page = visit(path.as_uri()).page
    page.evaluate(looking.LOOKS)
    looking.turn(page, "dark")
    page.evaluate(looking.LOOKS)
    page.evaluate(looking.ONE_OF_EACH)
    assert re.sub(r"\s", "", page.inner_text("body")) == "abcde"


def test_weights_count_each_file_once_and_by_its_kind(tmp_path):
    for name, size in {"a.html": 5, "_images/a.png": 70, "_static/a.js": 900}.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(bytes(size))
    loaded = [
        "data:image/png;base64,xxxx",
        (tmp_path / "a.html").as_uri() + "#there",
        *[(tmp_path / "_images/a.png").as_uri()] * 2,
        (tmp_path / "_static/a.js").as_uri() + "?v=1",
        "http://127.0.0.1:1/equivae-lite/_static/a.js?v=2",
    ]
    assert looking.weights(loaded, tmp_path / "a.html", tmp_path) == (75, 900)
    assert looking.heavy(3_000_000, 2_500_000) == []
    assert len(looking.heavy(3_000_001, 2_500_001)) == 2
    assert PHONE[0] == 390
