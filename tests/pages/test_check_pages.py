"""The page checker passes a good site and fails a broken one."""

import subprocess
import sys

import pytest

from tests.support.notebooks import code, edit, save
from tools.notebooks.book import ROOT
from tools.pages import check_pages

PAGE = """<html><head>
<link rel="stylesheet" href="../_static/own.css"><link rel="next" href="b.html">
</head><body><article>
<h1 id="top">Title</h1>
<img src="../_static/p.png" alt="What there is to see">
<a href="#top">up</a> <a href="b.html#end">b</a> <a href="https://a.org">out</a>
<a href="../_sources/book/a.ipynb">.ipynb</a>
<div class="cell tag_raises-exception"><div class="cell_output">
<div class="output traceback">ValueError: on purpose</div></div></div>
<pre>print("???")</pre>
</article></body></html>
"""


@pytest.fixture
def site(tmp_path):
    """A repository with a built site of two pages, one of them a notebook."""
    (tmp_path / "_toc.yml").write_text(
        "root: book/b\nchapters:\n- file: book/a\n", encoding="utf-8"
    )
    site = tmp_path / "html"
    for folder in ("book", "html/book", "html/_static", "html/_sources/book"):
        (tmp_path / folder).mkdir(parents=True)
    save(tmp_path / "book" / "a.ipynb", code("x = 1"))
    (tmp_path / "book" / "b.md").write_text("# B", encoding="utf-8")
    for name in ("_static/own.css", "_static/p.png", "_sources/book/a.ipynb"):
        (site / name).write_text("", encoding="utf-8")
    (site / "book" / "a.html").write_text(PAGE, encoding="utf-8")
    (site / "book" / "b.html").write_text("<p id='end'>b</p>", encoding="utf-8")
    (site / "index.html").write_text("", encoding="utf-8")
    check_pages.parsed.cache_clear()
    check_pages._anchors.cache_clear()
    return site


def test_good_pages_pass(site):
    assert check_pages.check(site, site.parent) == []


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (' alt="What there is to see"', "", "has no alt text"),
        ("What there is to see", "../_images/p.png", "own address as alt text"),
        ("What there is to see", "p.png", "own address as alt text"),
        (' tag_raises-exception"', '"', "a stored error: ValueError: on purpose"),
        ("_static/p.png", "_static/q.png", "<img> ../_static/q.png does not exist"),
        ("b.html#end", "c.html", "<a> c.html does not exist"),
        ("b.html#end", "b.html#start", "b.html#start has no such anchor"),
        ("#top", "#bottom", "#bottom has no such anchor"),
        ("b.html#end", "../../../x", "leads out of the site"),
        ("../_static/own.css", "https://cdn.org/a.css", "from another host"),
        ("Title", "Title ???", "an unresolved reference"),
        ("Title", '<span class="problematic">|x|</span>', "make sense of: '|x|'"),
        (
            "<h1",
            '<script type="application/vnd.jupyter.widget-state+json"></script><h1',
            "a widget left over",
        ),
        ("../_sources/book/a.ipynb", "#top", "offers no download of book/a.ipynb"),
        (
            "<h1",
            '<p class="cell_output">Traceback (most recent call last)</p><h1',
            "a stored error",
        ),
    ],
)
def test_broken_pages_fail(site, old, new, problem):
    edit(site / "book" / "a.html", old, new)
    problems = check_pages.check(site, site.parent)
    assert any(p.startswith("book/a.html: ") and problem in p for p in problems)


@pytest.mark.parametrize("name", ["book/a.html", "book/b.html", "index.html"])
def test_a_page_that_was_not_built(site, name):
    (site / name).unlink()
    assert any("was not built" in p for p in check_pages.check(site, site.parent))


def test_the_notebook_to_download_must_be_there(site):
    (site / "_sources/book/a.ipynb").unlink()
    assert check_pages.check(site, site.parent) == [
        "book/a.html: <a> ../_sources/book/a.ipynb does not exist"
    ]


def test_page_checker_as_a_command(tmp_path):
    command = [sys.executable, "-m", "tools.pages.check_pages", str(tmp_path)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8")
    assert run.returncode == 1 and "the page was not built" in run.stdout
    run = subprocess.run(command[:-1], cwd=ROOT, capture_output=True, encoding="utf-8")
    assert run.returncode == 2 and "Expected the folder" in run.stderr
