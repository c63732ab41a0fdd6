"""The study of glyphs that were never shifted: what its arms train on, and its file."""

import json
from dataclasses import replace

import pytest
import torch

from equivae_lite.chapters.equivariance import TELLS
from equivae_lite.chapters.moved import moved_table
from equivae_lite.data import sets
from tools import studies, unmoved
from tools.unmoved import ARMS, BASE


@pytest.fixture(scope="module")
def glyphs():
    return sets.load("glyphs", limit=300)


def test_an_arm_changes_nothing_but_what_it_lacks(glyphs):
    same = unmoved.redrawn(ARMS["all"], glyphs)
    assert torch.equal(same.images, glyphs.images)
    other = unmoved.redrawn(ARMS["no-shift"], glyphs)
    assert torch.equal(other.labels, glyphs.labels)
    assert not torch.equal(other.images, glyphs.images)
    for name, values in other.factors.items():
        assert torch.equal(values, glyphs.factors[name]) == (name not in unmoved.STILL)
        assert name not in unmoved.STILL or not values.any()


def test_a_run_trains_on_its_own_glyphs_and_measures_every_move(glyphs, monkeypatch):
    monkeypatch.setattr(unmoved, "BASE", replace(BASE, schedule=((64, 1),)))
    monkeypatch.setattr(unmoved, "IMAGES", 128)
    monkeypatch.setattr(unmoved, "PAIRS", 600)
    trained, real = [], unmoved.loop.fit

    def fit(e, part, *rest, **more):
        trained.append(part)
        return real(e, part, *rest, **more)

    monkeypatch.setattr(unmoved.loop, "fit", fit)
    found = unmoved.run(ARMS["no-shift"], glyphs, None, 0)
    (part,) = trained
    assert len(part) == 128 and not part.factors["shift_x"].any()
    assert found["steps"] == 2 and list(found["moves"]) == list(TELLS)
    for of in found["moves"].values():
        assert set(of) == {"rule", "own", "least", "done", "wrong"}


def test_the_table_has_a_row_for_each_move_and_arm():
    moves = {kind: {"rule": 0.5, "own": 0.75, "done": 0.25} for kind in TELLS}
    arms = {
        name: {"words": arm.words, "seeds": {"0": {"moves": moves}}}
        for name, arm in ARMS.items()
    }
    _, _, *rows = moved_table({"arms": arms}).split("\n")
    assert len(rows) == len(TELLS) * len(ARMS)
    assert "| everything varies | 1 | 0.500 | 0.750 | 0.250 |" in rows[0]


@pytest.mark.skipif(not unmoved.PATH.exists(), reason="no file of results")
def test_the_file_is_whole():
    content = studies.stored(unmoved.PATH)
    assert list(content["arms"]) == list(ARMS)
    assert content["experiment"] == json.loads(json.dumps(BASE.to_dict()))
    for name, entry in content["arms"].items():
        assert entry["words"] == ARMS[name].words
        assert set(entry["seeds"]) == {"0", "1", "2"}
        assert len({run["steps"] for run in entry["seeds"].values()}) == 1
