"""The drawings of what flows where: text, no background, one file a theme."""

import re
import xml.etree.ElementTree as ET

import pytest

from tests.support.pins import with_pinned_matplotlib
from tools.notebooks.book import BOOK
from tools.pages import flows
from tools.pages.canvas import THEMES

BOTH = [(name, theme) for name in flows.DRAWINGS for theme in THEMES]
each_file = pytest.mark.parametrize(("name", "theme"), BOTH)


def words(path):
    texts = ET.parse(path).iter("{http://www.w3.org/2000/svg}text")
    return " ".join("".join(t.itertext()) for t in texts)


@with_pinned_matplotlib
@each_file
def test_drawn_again_it_is_the_same_file(name, theme, tmp_path):
    stored = flows.IMAGES / f"flow-{name}-{theme}.svg"
    assert flows.draw(name, theme, tmp_path).read_bytes() == stored.read_bytes(), (
        "run `python -m tools.pages.flows` and look at the drawings"
    )


@each_file
def test_letters_are_text_and_nothing_lies_outside(name, theme):
    path = flows.IMAGES / f"flow-{name}-{theme}.svg"
    text = path.read_text(encoding="utf-8")
    assert "stop_grad" in words(path) and "labelled images" in words(path)
    assert not re.search(r"\b20\d\d-\d\d", text)
    background = re.search(r'id="patch_1".*?</g>', text, re.S)[0]
    assert "fill: none" in background or "opacity: 0" in background


@pytest.mark.parametrize("name", flows.DRAWINGS)
def test_light_and_dark_differ_in_colour_only(name):
    light, dark = (
        re.sub("#[0-9a-f]{6}", "",
               (flows.IMAGES / f"flow-{name}-{t}.svg").read_text("utf-8"))
        for t in THEMES
    )
    assert light == dark


def test_every_drawing_is_stored_and_shown():
    stored = sorted(p.name for p in flows.IMAGES.glob("flow-*"))
    assert stored == sorted(f"flow-{name}-{theme}.svg" for name, theme in BOTH)
    chapters = "".join(p.read_text(encoding="utf-8") for p in BOOK.glob("*.ipynb"))
    for name in stored:
        assert f"images/{name}" in chapters
