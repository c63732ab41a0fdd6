"""The drawings of EquiVAE's relatives say what their page says."""

import pytest

from tools.notebooks.book import BOOK
from tools.pages import family

PAGE = (BOOK / "related.md").read_text(encoding="utf-8")


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
