"""The study of what helps against learning by heart: its arms and its file."""

import json
import math
from dataclasses import replace

import pytest
import torch

from equivae_lite.chapters.colour import arms_table
from equivae_lite.data.sets import Pixels
from equivae_lite.training import experiments
from tests.runs.test_silence import noise
from tools import by_heart, studies
from tools.by_heart import ARMS, BASE

stored = pytest.mark.skipif(not by_heart.PATH.exists(), reason="no file of results")


@pytest.fixture
def short(monkeypatch):
    """One epoch of two steps on 128 images of noise."""
    small = replace(BASE, schedule=((64, 1),), m_max=3)
    monkeypatch.setattr(by_heart, "BASE", small)
    return noise(128), noise(40, seed=1)


def test_shifted_pictures_are_whole_moves_of_the_picture():
    images = noise(60).images
    plain = Pixels.fit(images)
    torch.manual_seed(0)
    shifted = by_heart.Shifted(plain.mean, plain.std)
    moved = shifted.forward(images.reshape(6, 10, 3, 32, 32))
    levels = (moved.reshape(60, 3, 32, 32) * plain.std + plain.mean) * 255
    inner, seen = levels[..., 1:-1, 1:-1], set()
    for picture, original in zip(inner, images.float()):
        places = {
            (i, j)
            for i in range(3)
            for j in range(3)
            if (picture - original[:, i : i + 30, j : j + 30]).abs().max() < 0.01
        }
        assert len(places) == 1  # noise is like itself at one place only
        seen |= places
    assert len(seen) == 9
    # At the border its own last row or column comes again.
    torch.manual_seed(0)
    again = shifted.forward(images)
    assert torch.equal(again, moved.reshape(60, 3, 32, 32))
    flat = torch.full((9, 3, 32, 32), 7, dtype=torch.uint8)
    ones = Pixels(torch.zeros(3, 32, 32), torch.ones(3, 32, 32))
    level = by_heart.Shifted(ones.mean, ones.std).forward(flat)
    assert torch.equal(level, ones.forward(flat))


def test_an_arm_changes_what_it_says():
    half = replace(BASE, **ARMS["half"].fields)
    assert 2 * half.epochs == BASE.epochs
    assert [size for size, _ in half.schedule] == [size for size, _ in BASE.schedule]
    assert BASE.averaging > 0  # or there were no last weights to compare with
    assert ARMS["preset"].fields == {} and ARMS["preset"].pixels is Pixels


@pytest.mark.parametrize("name", ["preset", "shifted"])
def test_a_run_follows_both_kinds_of_images(short, name):
    found = by_heart.run(ARMS[name], *short, seed=0)
    (entry,) = found["history"]
    assert entry["epoch"] == 1 and found["steps"] == 2 and found["error"] > 0
    bounds = {entry[f"{k}_bound"] for k in ("training", "held_out", "last_weights")}
    assert len(bounds) == 3 and all(map(math.isfinite, bounds))
    if name == "shifted":
        assert found != by_heart.run(ARMS["preset"], *short, seed=0)


def test_finished_runs_are_kept_and_others_refused(short, monkeypatch, tmp_path):
    made = []

    def once(arm, train, held_out, seed):
        made.append((arm.words, seed))
        bounds = {"training_bound": -1.0 - seed, "held_out_bound": -5.0 - seed}
        bounds |= {"last_weights_bound": -7.0 - 2 * seed}
        return {"history": [{"epoch": 1} | bounds], "error": 1.0, "steps": 2}

    monkeypatch.setattr(by_heart, "PATH", tmp_path / "x.json")
    monkeypatch.setattr(studies.sets, "load", lambda name: noise(600))
    monkeypatch.setattr(by_heart, "run", once)
    whole = by_heart.run_all(seeds=(0, 1))
    assert len(made) == len(set(made)) == 2 * len(ARMS)
    assert by_heart.run_all(seeds=(0, 1)) == whole and len(made) == 2 * len(ARMS)
    _, _, first, second, *_ = arms_table(whole).split("\n")
    assert first.startswith("| as it is | 2 | -2 ± 0 | -6 ± 0 | 4 ± 0 | +2, 95 %")
    assert first.endswith("| – |")
    assert "+0, 95 % interval +0 to +0 (2 pairs): so few" in second
    monkeypatch.setattr(by_heart, "BASE", replace(BASE, learning_rate=1.0))
    with pytest.raises(ValueError, match="runs of other settings"):
        by_heart.run_all()


def test_the_last_weights_are_those_that_were_not_averaged(short, monkeypatch):
    """Where nothing is averaged they are the model's own."""
    monkeypatch.setattr(by_heart, "BASE", replace(by_heart.BASE, averaging=0.0))
    (entry,) = by_heart.run(ARMS["preset"], *short, seed=0)["history"]
    held_out = pytest.approx(entry["held_out_bound"], rel=1e-3)
    assert entry["last_weights_bound"] == held_out


@stored
def test_the_file_is_whole():
    content = studies.stored(by_heart.PATH)
    # What chapter 13 shows; "shifted" has not been run to its end.
    assert list(content["arms"]) in (["preset", "half"], list(ARMS))
    assert content["experiment"] == json.loads(
        json.dumps(experiments.get("svhn-part-supervised").to_dict())
    )
    for name, entry in content["arms"].items():
        assert entry["words"] == ARMS[name].words
        assert set(entry["seeds"]) == {"0", "1", "2"}
        epochs = replace(BASE, **ARMS[name].fields).epochs
        assert all(len(s["history"]) == epochs for s in entry["seeds"].values())
