"""The drawings of EquiVAE's relatives: drawn again they are the same, and all shown."""

import pytest

from tests.support.pins import with_pinned_matplotlib
from tools.notebooks.book import BOOK
from tools.pages import family
from tools.pages.canvas import THEMES

BOTH = [(name, theme) for name in family.RELATIVES for theme in THEMES]
PAGE = (BOOK / "related.md").read_text(encoding="utf-8")


@with_pinned_matplotlib
@pytest.mark.parametrize(("name", "theme"), BOTH)
def test_drawn_again_it_is_the_same_file(name, theme, tmp_path):
    drawn = family.draw(name, theme, tmp_path)
    assert drawn.read_bytes() == (family.IMAGES / drawn.name).read_bytes(), (
        "run `python -m tools.pages.family` and look at the drawings"
    )


def test_every_drawing_is_on_the_page_and_no_other():
    stored = {path.name for path in family.IMAGES.glob("family-*")}
    assert stored == {f"family-{name}-{theme}.svg" for name, theme in BOTH}
    for name in stored:
        assert f"{{image}} images/{name}" in PAGE


@pytest.mark.parametrize("name", family.RELATIVES)
def test_arrows_lead_from_variable_to_variable(name):
    model = family.RELATIVES[name]
    ends = [place for arrow in model.arrows for place in arrow]
    ends += [place for start, end, _ in model.looks for place in (start, end)]
    assert set(ends) == set(model.variables) >= model.computed
    for place in model.computed:  # computed from something
        assert place in {end for _, end in model.arrows}
    for _, end, _ in model.looks:  # q is asked about what is not always seen
        assert end not in model.computed


def test_what_the_table_says_of_q_and_v_is_what_is_drawn():
    """`the prior of v knows c` is an arrow of the model from the shared to v."""
    knows = {
        name for name, model in family.RELATIVES.items()
        if ("shared", "own") in model.arrows
    }  # fmt: skip
    assert knows == {"statistician"}
    assert "| Neural Statistician | encodings | $c$, random | yes | $c$ |" in PAGE
