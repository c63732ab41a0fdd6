"""What the fast recipe's departures are worth: each arm is what it says."""

from dataclasses import replace

import pytest

from equivae_lite import files
from equivae_lite.data import sets
from equivae_lite.runs.folders import Folder
from equivae_lite.training import experiments, loop
from tests.training.test_experiments import differing
from tools import fast, studies
from tools.fast import ARMS, BASE


def test_the_recipe_has_the_networks_and_the_objective_of_the_preset():
    assert differing(BASE, experiments.get("mnist-supervised-fast")) == {"schedule"}
    ours = {"name", "schedule", "learning_rate", "muon_rate", "kl_epochs",
            "decay_from", "averaging"}  # fmt: skip
    assert differing(BASE, experiments.get("mnist-supervised")) == ours
    taken_back = {key for arm in ARMS.values() for key in arm.fields}
    assert taken_back == ours - {"name"}  # each departure has its arm
    faster = experiments.get("mnist-supervised-faster")
    assert differing(faster, BASE) == {"name", "schedule", "arch.init"}
    assert faster.arch.init == ARMS["pytorch"].init


def test_every_arm_is_trained_as_it_says_and_judged_on_held_out_images(
    tmp_path, monkeypatch
):
    asked, original = {}, loop.fit
    images = replace(sets.load("glyphs", "train", 240), name="mnist", factors=None)

    def fit(e, data, pixels, seed, **settings):
        changed = differing(e, BASE)
        asked[tuple(sorted(changed))] = (len(data), seed, settings["bfloat16"])
        return original(e, data, pixels, seed, max_steps=1, **settings)

    monkeypatch.setattr(loop, "fit", fit)
    monkeypatch.setattr(sets, "load", lambda name: images)
    monkeypatch.setattr(fast, "PATH", tmp_path / "x.json")
    monkeypatch.setattr(studies, "MINE", Folder(tmp_path))
    monkeypatch.setattr(
        studies.splits, "held_out",
        lambda train: (train.subset(range(200)), train.subset(range(200, 240))),
    )  # fmt: skip
    for chosen in (["recipe", "adam"], ["pytorch", "rate-stays"]):
        assert fast.main(["--seeds", "4", "--bfloat16", "--arms", *chosen]) == 0
    assert asked == dict.fromkeys(
        [(), ("learning_rate", "muon_rate"), ("arch.init",), ("decay_from",)],
        (200, 4, True),
    )
    content = files.read_json(tmp_path / "x.json", "")
    assert list(content["arms"]) == ["recipe", "adam", "pytorch", "rate-stays"]
    one = content["arms"]["recipe"]["seeds"]["4"]
    assert one["steps"] == 1 and one["bound"] < 0 < one["kl"]
    assert content["held_out_images"] == 40
    assert content["precision"] == "bfloat16 products, float32 weights"


def test_a_table_has_means_over_seeds():
    seeds = {str(k): {"bound": b, "kl": 18.0, "steps": 7} for k, b in
             enumerate((-94.0, -95.0))}  # fmt: skip
    table = fast.worth_table({"arms": {"x": {"words": "a change", "seeds": seeds}}})
    assert table.split("\n")[2] == "| a change | 2 | 7 | -94.50 ± 0.50 | 18.00 ± 0.00 |"


@pytest.mark.skipif(not fast.PATH.exists(), reason="no file of results")
def test_the_stored_file_has_every_arm():
    content = studies.stored(fast.PATH)
    assert set(content["arms"]) == set(ARMS)
    for name, entry in content["arms"].items():
        assert entry["words"] == ARMS[name].words and entry["seeds"]
