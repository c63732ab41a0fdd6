"""What the foot of a page says of it, and how the book asks to be cited."""

import os
import re
import subprocess
from datetime import date

import pytest
import yaml
from pybtex.database import parse_string

from equivae_lite import __version__
from tools.notebooks.book import ROOT, toc_entries, toc_pages
from tools.pages import check_pages, foot

SOURCES = dict(zip(toc_entries(), toc_pages()))
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
ENVIRONMENT = {"PATH": os.environ["PATH"], "GIT_CONFIG_NOSYSTEM": "1"}


def entry(text):
    (found,) = parse_string(text, "bibtex").entries.values()
    return found


@pytest.mark.parametrize("name", SOURCES)
def test_each_foot_names_version_day_and_page(site, name):
    page = check_pages.parsed(site / f"{name}.html")
    text = page.select_one(".page-foot").get_text()
    assert f"equivae-lite {__version__}" in text
    day = foot.last_change(SOURCES[name])
    shown = page.select_one(".page-foot time")
    assert (shown is not None) == (day is not None)
    if day:
        assert date.fromisoformat(shown["datetime"]) <= date.today()
        assert shown.get_text() == foot.in_words(date.fromisoformat(shown["datetime"]))
    found = entry(page.select_one(".page-bibtex pre").get_text())
    title = page.select_one("article h1").get_text().rstrip("#")
    assert title.endswith(found.fields["title"])
    assert found.fields["url"] == page.select_one("meta[property='og:url']")["content"]
    assert f"version {__version__}" in found.fields["howpublished"]
    number = re.match(r"\d\db?", title)
    assert not number or f"Chapter {number[0]} of" in found.fields["howpublished"]


def test_keys_of_pages_differ(site):
    keys = [
        re.search(r"\{([\w-]+),", str(check_pages.parsed(site / f"{n}.html")
                                      .select_one(".page-bibtex pre")))[1]
        for n in SOURCES
    ]  # fmt: skip
    assert len(set(keys)) == len(keys)


def test_the_last_change_is_that_of_the_file(tmp_path):
    def git(*arguments, day="2026-02-03"):
        stamp = dict.fromkeys(
            ("GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"), f"{day}T12:00:00Z"
        )
        subprocess.run(
            ["git", "-c", "user.name=A", "-c", "user.email=a@b.org", *arguments],
            cwd=tmp_path, check=True, capture_output=True, env={**ENVIRONMENT, **stamp},
        )  # fmt: skip

    a, b = tmp_path / "a.md", tmp_path / "b.md"
    a.write_text("a", encoding="utf-8")
    assert foot.last_change(a) is None  # there is no repository
    git("init", "-q")
    git("add", "a.md")
    git("commit", "-qm", "one")
    b.write_text("b", encoding="utf-8")
    assert foot.last_change(b) is None  # it was never committed
    git("add", "b.md")
    git("commit", "-qm", "two", day="2026-11-29")
    assert foot.in_words(foot.last_change(a)) == "3 February 2026"
    assert foot.in_words(foot.last_change(b)) == "29 November 2026"
    copy = tmp_path / "copy"
    git("clone", "-q", "--depth", "1", f"file://{tmp_path}", str(copy))
    assert foot.last_change(copy / "a.md") is None  # its history is cut short


def test_the_page_on_citing_says_what_the_citation_file_says():
    text = (ROOT / "book/cite.md").read_text(encoding="utf-8")
    book, paper = map(entry, re.findall(r"```bibtex\n(.*?)```", text, re.DOTALL))
    assert book.fields["title"] == CITATION["title"]
    assert book.fields["url"] == CITATION["repository-code"]
    assert CITATION["version"] == __version__
    assert book.fields["note"] == f"Version {__version__}"
    assert f"version {__version__}" in text
    kept = (ROOT / "book/references.bib").read_text(encoding="utf-8")
    assert paper == parse_string(kept, "bibtex").entries["feige2019"]
    cited = CITATION["preferred-citation"]
    assert paper.fields["title"] == cited["title"]
    assert paper.fields["url"] == cited["url"]
