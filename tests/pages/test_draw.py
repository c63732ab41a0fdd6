"""All drawings: drawn again they are the same; text on no background; all are shown."""

import re
import xml.etree.ElementTree as ET

import pytest

from tests.support.pins import with_pinned_matplotlib
from tools.notebooks.book import BOOK
from tools.pages import draw
from tools.pages.canvas import THEMES

BOTH = [(name, theme) for name in draw.NAMES for theme in THEMES]
each_file = pytest.mark.parametrize(("name", "theme"), BOTH)


def words(path):
    """All letters of a drawing: they are text, not outlines."""
    texts = ET.parse(path).iter("{http://www.w3.org/2000/svg}text")
    return ["".join(t.itertext()) for t in texts]


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """Everything drawn once more, into a folder that is made for it."""
    folder = tmp_path_factory.mktemp("drawn") / "images"
    return {path.name: path for path in draw.main(folder)}


@with_pinned_matplotlib
@each_file
def test_drawn_again_it_is_the_same_file(name, theme, drawn):
    stored = draw.IMAGES / f"{name}-{theme}.svg"
    assert drawn[stored.name].read_bytes() == stored.read_bytes(), (
        "run `python -m tools.pages.draw` and look at the drawings"
    )


def test_every_drawing_is_stored_and_shown_and_no_other(drawn):
    assert len(drawn) == len(BOTH)
    kinds = tuple(f"{kind}-" for kind in draw.KINDS)
    stored = [p.name for p in draw.IMAGES.iterdir() if p.name.startswith(kinds)]
    assert sorted(stored) == sorted(drawn)
    pages = [*BOOK.glob("*.ipynb"), *BOOK.glob("*.md")]
    book = "".join(p.read_text(encoding="utf-8") for p in pages)
    assert [name for name in stored if f"images/{name}" not in book] == []


@each_file
def test_letters_are_text_and_nothing_lies_outside(name, theme):
    path = draw.IMAGES / f"{name}-{theme}.svg"
    assert len("".join(words(path))) > 5
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"\b20\d\d-\d\d", text)
    hosts = set(re.findall(r"https?://([^/\"]+)", text))
    assert hosts <= {"www.w3.org", "purl.org", "creativecommons.org"}
    background = re.search(r'id="patch_1".*?</g>', text, re.S)[0]
    assert "fill: none" in background or "opacity: 0" in background


@pytest.mark.parametrize("name", draw.NAMES)
def test_light_and_dark_differ_in_colour_only(name, drawn):
    light, dark = (
        re.sub("#[0-9a-f]{6}", "", drawn[f"{name}-{t}.svg"].read_text("utf-8"))
        for t in THEMES
    )
    assert light == dark


def luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [
        p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a, b):
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_letters_stand_out(theme):
    for shade, face, edge in theme.boxes.values():
        for letters, ground in (
            (theme.ink, shade), (theme.faint, shade), (edge, shade), (theme.ink, face),
        ):  # fmt: skip
            assert contrast(letters, ground) >= 4.5, (letters, ground)


def test_the_gradient_is_said_to_stop():
    assert "stop_grad" in words(draw.IMAGES / "flow-gradient-light.svg")
