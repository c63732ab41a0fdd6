"""Every page of the book in a real browser, without a network."""

import functools
import re

import pytest

from tests.support import looking
from tools.notebooks import rules
from tools.notebooks.book import toc_entries, toc_pages
from tools.pages import check_pages

SOURCES = dict(zip(toc_entries(), toc_pages()))
each_page = pytest.mark.parametrize("name", SOURCES)


@pytest.fixture(scope="module")
def looked(browser, site):
    """What there is to see on a page of the book; each is visited once."""
    return functools.cache(
        lambda name: looking.look(browser, site / f"{name}.html", site)
    )


def test_pages_as_files(site):
    """Links, anchors, stored errors, downloads: what needs no browser."""
    assert check_pages.check(site) == []


@each_page
def test_loads_from_a_file_without_a_network(looked, name):
    assert looked(name).visit == []


@each_page
def test_formulas_are_typeset(looked, site, name):
    seen = looked(name)
    assert seen.typeset == []
    in_html = check_pages.parsed(site / f"{name}.html").select(".math")
    assert seen.formulas >= len(in_html)
    labels = rules.equation_labels(rules.page_text(SOURCES[name]))
    assert {f"equation-{label}" for label in labels} <= seen.anchors


@each_page
def test_pictures_have_alt_texts_and_show(looked, name):
    assert looked(name).pictures == []


@each_page
def test_live_figures_start(looked, name):
    there = re.findall(r"\{live\} (\w+)", SOURCES[name].read_text(encoding="utf-8"))
    assert looked(name).figures == [(figure, "live") for figure in there]


@each_page
def test_headings_are_in_order(looked, name):
    assert looked(name).headings == []


@each_page
def test_no_page_scrolls_sideways_on_a_phone(looked, name):
    assert looked(name).too_wide == []


@each_page
def test_axe_finds_nothing_in_light_nor_low_contrast_in_dark(looked, name):
    assert looked(name).accessible == []


@each_page
def test_weight(looked, name):
    seen = looked(name)
    print(f"{name}: {seen.own / 1e6:.2f} MB its own, {seen.shared / 1e6:.2f} MB shared")
    assert looking.heavy(seen.own, seen.shared) == []


def test_loads_from_a_server(visit):
    assert visit("", scheme="http").problems() == []
