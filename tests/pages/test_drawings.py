"""Drawings stand in the page: their words are text, their colours are the theme's."""

import re

import pytest

from tools.notebooks.book import toc_entries
from tools.pages import drawings
from tools.pages.draw import IMAGES

NAMES = sorted(p.name.removesuffix("-light.svg") for p in IMAGES.glob("*-light.svg"))
PAGE = "book/03_labelled_bound.html"
DARKER = '<svg viewBox="0 0 9 9" width="3pt"><path style="fill: #ffffff"/>{}</svg>'


@pytest.mark.parametrize("name", NAMES)
def test_one_drawing_has_what_both_files_have(name):
    *_, body = drawings.drawing(IMAGES, name)
    used = set(re.findall(r"var\((--c\d+)\)", body))
    style = re.search(r"<style>(.*?)</style>", body)[1]
    given = [dict(re.findall(r"(--c\d+):(#\w{6})", rule)) for rule in style.split("}")]
    for theme, colours in zip(("light", "dark"), given, strict=False):
        assert set(colours) == used
        svg = (IMAGES / f"{name}-{theme}.svg").read_text(encoding="utf-8")
        shown = re.sub(r"var\((--c\d+)\)", lambda m, c=colours: c[m[1]], body)
        shown = shown.split("style>")[-1]
        for kind in (r"#[0-9a-f]{6}\b(?=[;\"])", r">[^<>\s][^<>]*<"):
            drawn = re.sub(r"<style.*?</style>|<metadata.*?</metadata>", "", svg,
                           flags=re.S)  # fmt: skip
            assert re.findall(kind, drawn) == re.findall(kind, shown)
    assert len(body) < sum(p.stat().st_size for p in IMAGES.glob(f"{name}-*")) / 2
    for name_of in re.findall(r"url\(#([^)]+)\)", body):
        assert f'id="{name_of}"' in body


def test_two_drawings_that_are_not_one_are_refused(tmp_path):
    for theme, more in (("light", ""), ("dark", "<path/>")):
        file = tmp_path / f"two-{theme}.svg"
        file.write_text(DARKER.format(more), encoding="utf-8")
    with pytest.raises(ValueError, match="more than colours"):
        drawings.drawing(tmp_path, "two")


def test_no_drawing_is_left_outside_and_no_name_stands_twice(site):
    shown = []
    for entry in toc_entries():
        page = (site / f"{entry}.html").read_text(encoding="utf-8")
        assert not re.search(r"<img[^>]*only-(light|dark)", page), entry
        one = r'<svg class="drawing ([\w-]+)"[^>]*aria-label="(.+?)"'
        found = re.findall(one, page)
        shown += [name for name, _ in found]
        assert all(len(alt) > 40 for _, alt in found)
        names = re.findall(r'<clipPath id="([^"]+)"', page.split("<template")[0])
        assert len(names) == len({*names}), entry
    assert set(shown) == set(NAMES)


def test_words_can_be_selected_and_colours_follow_the_theme(visit):
    page = visit(PAGE).page
    words = page.evaluate("""() => {
      getSelection().selectAllChildren(document.querySelector("svg.drawing"));
      return getSelection().toString(); }""")
    assert "all of it" in words and "solid: the model" in words
    ink = """() => getComputedStyle([...document.querySelectorAll("svg.drawing text")]
      .find(t => t.textContent.includes("all of it"))).fill"""
    seen = {}
    for theme in ("light", "dark"):
        page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
        seen[theme] = sum(map(int, re.findall(r"\d+", page.evaluate(ink))))
    assert seen["light"] < 150 < 600 < seen["dark"]
