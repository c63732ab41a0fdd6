"""The drawings that are no networks: drawn again they are the same, and add up."""

import re
import xml.etree.ElementTree as ET
from itertools import product

import pytest

from tests.support.pins import with_pinned_matplotlib
from tools.pages import graphs
from tools.pages.canvas import THEMES

BOTH = [(name, theme) for name in graphs.DRAWINGS for theme in THEMES]


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """Everything drawn once more, into a folder that is made for it."""
    folder = tmp_path_factory.mktemp("drawn") / "images"
    return {path.name: path for path in graphs.main(folder)}


def words(path):
    texts = ET.parse(path).iter("{http://www.w3.org/2000/svg}text")
    return ["".join(t.itertext()) for t in texts]


@with_pinned_matplotlib
@pytest.mark.parametrize(("name", "theme"), BOTH)
def test_drawn_again_it_is_the_same_file(name, theme, drawn):
    stored = graphs.IMAGES / f"graph-{name}-{theme}.svg"
    assert drawn[stored.name].read_bytes() == stored.read_bytes(), (
        "run `python -m tools.pages.graphs` and look at the drawings"
    )


def test_every_drawing_is_there_and_no_other(drawn):
    assert sorted(drawn) == sorted(p.name for p in graphs.IMAGES.glob("graph-*"))


@pytest.mark.parametrize("name", graphs.DRAWINGS)
def test_light_and_dark_differ_in_colour_only(name, drawn):
    light, dark = (
        re.sub("#[0-9a-f]{6}", "", drawn[f"graph-{name}-{t}.svg"].read_text("utf-8"))
        for t in THEMES
    )
    assert light == dark


def test_each_factor_of_the_table_adds_up_to_one_and_the_product_does_not(drawn):
    table = graphs.product_table()
    for other in (0, 1):
        assert sum(table[bit, other][0] for bit in (0, 1)) == 1
        assert sum(table[other, bit][1] for bit in (0, 1)) == 1
    Z = sum(a * b for a, b in table.values())
    assert Z != 1
    written = " ".join(words(drawn["graph-two-by-two-light.svg"]))
    assert f"= {Z}" in written
    for bit, other in product((0, 1), repeat=2):
        a, b = table[bit, other]
        assert f"= {a * b}" in written


def test_the_letters_of_the_model_are_text(drawn):
    written = words(drawn["graph-model-light.svg"])
    assert sum("labelled image" in line for line in written) == 2
    assert any("double ring" in line for line in written)
