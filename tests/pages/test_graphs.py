"""The drawings that are no networks say what they should, and add up."""

from itertools import product

from tests.pages.test_draw import words
from tools.pages import draw, graphs


def test_each_factor_of_the_table_adds_up_to_one_and_the_product_does_not():
    table = graphs.product_table()
    for other in (0, 1):
        assert sum(table[bit, other][0] for bit in (0, 1)) == 1
        assert sum(table[other, bit][1] for bit in (0, 1)) == 1
    Z = sum(a * b for a, b in table.values())
    assert Z != 1
    written = " ".join(words(draw.IMAGES / "graph-two-by-two-light.svg"))
    assert f"= {Z}" in written
    for bit, other in product((0, 1), repeat=2):
        a, b = table[bit, other]
        assert f"= {a * b}" in written


def test_the_letters_of_the_model_are_text():
    written = words(draw.IMAGES / "graph-model-light.svg")
    assert sum("labelled image" in line for line in written) == 2
    assert any("double ring" in line for line in written)
