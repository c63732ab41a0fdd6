"""The study of EquiVAE's neighbours: what it measures of each, and its file."""

import json
import math

import pytest
import torch

from equivae_lite.chapters import neighbours as tables
from equivae_lite.chapters.judge import Judge
from equivae_lite.data import sets
from equivae_lite.data.stand_ins.characters import KEPT_BACK, TAUGHT
from equivae_lite.evaluation.bound import Representations
from equivae_lite.model.equivae import EquiVAE
from equivae_lite.runs import pipeline
from equivae_lite.runs.folders import Folder
from equivae_lite.training import checkpoints, experiments
from tools import neighbours, studies
from tools.neighbours import BASE, MODELS


@pytest.fixture(scope="module")
def train():
    return sets.load("characters", limit=900)


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(neighbours, "PAIRS", 800)
    monkeypatch.setattr(neighbours, "STEPS", 10)
    two = {kind: neighbours.KINDS[kind] for kind in ("turn", "stroke")}
    monkeypatch.setattr(neighbours, "KINDS", two)
    monkeypatch.setattr(neighbours, "TESTED", 200)
    monkeypatch.setattr(tables, "OF_EACH", 6)
    monkeypatch.setattr(tables, "POOL", 25)


def test_letters_kept_back_are_in_no_training(train):
    assert train.names == tuple(TAUGHT)
    pool, test = tables.kept_back()
    assert pool.names == test.names == tuple(KEPT_BACK)
    for part, each in ((pool, tables.POOL), (test, tables.OF_EACH)):
        assert torch.bincount(part.labels).tolist() == [each] * 8
    flat = {bytes(image.flatten().tolist()) for image in pool.images}
    assert not any(bytes(image.flatten().tolist()) in flat for image in test.images)


def test_models_differ_in_nothing_but_their_representation():
    for model in MODELS.values():
        e = experiments.get(model.name)
        assert (e.schedule, e.data, e.m_max) == (BASE.schedule, BASE.data, BASE.m_max)
        assert e.arch.r_dim + e.arch.v_dim == 32 and not e.separation_steps


@pytest.mark.parametrize("key", ["ml-vae", "class-table", "plain-vae"])
def test_everything_is_measured_that_a_model_can_do(key, train, small):
    e = experiments.get(MODELS[key].name)
    torch.manual_seed(0)
    model = EquiVAE(e.arch, e.representation).eval()
    found = neighbours.measured(model, train, Judge(1, 28, 34))
    of_images = key in ("equivae", "ml-vae")
    assert {"moves", "class_in_v", "exchange", "bound"} <= set(found)
    assert ("pose_in_r" in found) == ("itself" in found) == of_images
    assert ("untaught" in found) == (key != "class-table")
    assert ("m" in found.get("untaught", {})) == of_images
    assert set(found["moves"]) == set(neighbours.KINDS)

    def numbers(of):
        for value in of.values():
            yield from numbers(value) if isinstance(value, dict) else [value]

    assert all(math.isfinite(value) for value in numbers(found))
    for entry in found["moves"].values():
        assert ("r_moves" in entry) == of_images


def test_the_letters_r_y_is_made_of_others_of_it(train, small):
    """By hand: the bound of a kept-back letter from m images of the pool."""
    torch.manual_seed(0)
    model = EquiVAE(BASE.arch).eval()
    test = sets.load("characters", "test", neighbours.TESTED)
    of = neighbours.Measuring(model, train, test, Judge(1, 28, 34))
    with torch.no_grad():
        found = neighbours.untaught(of)
    pool, test = tables.kept_back()
    r = Representations(model, of.pixels, pool).draw(
        test.labels, torch.arange(len(test)), 5
    )
    with torch.no_grad():
        bound = of.bound(test, r).mean().item()
    assert found["m"]["5"]["bound"] == pytest.approx(bound, abs=1e-3)
    assert list(found["m"]) == [str(m) for m in tables.MS]


def test_a_run_is_trained_once_and_measured(tmp_path, small, monkeypatch):
    trained = []

    def train(name, seed, *, folder, progress):
        trained.append((name, seed))
        torch.manual_seed(seed)
        e = experiments.get(name)
        card = {"experiment": e.to_dict(), "seed": seed, "complete": True,
                "data": {"name": e.data}}  # fmt: skip
        model = checkpoints.build(e).eval()
        return checkpoints.save(
            model, sets.Pixels.unit(), card, seed, folder.checkpoints
        )

    monkeypatch.setattr(pipeline, "train", train)
    monkeypatch.setattr(neighbours, "PATH", tmp_path / "x.json")
    monkeypatch.setattr(neighbours, "judge_of_characters", lambda: Judge(1, 28, 34))
    monkeypatch.setattr(neighbours, "MODELS", {"class-table": MODELS["class-table"]})
    load = sets.load

    def few(name, split="train", limit=None, **more):
        return load(name, split, 500)

    monkeypatch.setattr(sets, "load", few)
    content = neighbours.run_all(Folder(tmp_path), seeds=(0,))
    assert trained == [("characters-supervised-class-table", 0)]
    assert content["held_out_images"] == 0 and content["training_images"] == 500
    assert neighbours.run_all(Folder(tmp_path), seeds=(0,)) == content
    assert len(trained) == 1


def made_up():
    share = {"rule": 0.9, "done": 0.8, "r_moves": 0.05}
    one = {"moves": {k: share for k in neighbours.KINDS}, "bound": -70.0,
           "class_in_v": {"sample": 0.8, "mean": 0.25}, "pose_in_r": {"shift_y": 0.1},
           "exchange": {"wrong": 0.01, "lean": 2.0, "squared": 12.0},
           "itself": {"among": -69.0, "without": -70.0},
           "untaught": {"m": {str(m): {"read": 0.5, "bound": -80.0, "taught": -70.0}
                              for m in tables.MS},
                        "rule": dict.fromkeys(neighbours.KINDS, 0.7)}}  # fmt: skip
    plain = {k: one[k] for k in ("moves", "bound", "class_in_v", "exchange")}
    plain["untaught"] = {"bound": -90.0}
    runs = {"equivae": one, "plain-vae": plain}
    return {"models": {
        name: {"words": MODELS[name].words, "seeds": {"0": {"measures": of}}}
        for name, of in runs.items()
    }}  # fmt: skip


def test_tables_show_what_was_measured_and_a_dash_for_the_rest():
    content = made_up()
    rows = tables.moves_table(content).split("\n")[2:]
    assert "| EquiVAE | 0.900 |" in rows[0] and "| 0.800 | 5.0 |" in rows[0]
    rows = tables.taught_table(content).split("\n")[2:]
    assert "| -70.0 | 1.00 | 80.0 | 25.0 | 0.100 | 1.0 | 2.00 |" in rows[0]
    assert "| -70.0 | – | 80.0 | 25.0 | – | – | – |" in rows[1]
    rows = tables.untaught_table(content).split("\n")[2:]
    assert "| 50.0 | 50.0 | 50.0 | -80.0 | -80.0 | -80.0 | -70.0 | 0.700 |" in (rows[0])
    assert "| – | – | – | -90.0 | -90.0 | -90.0 | – | – |" in rows[1]


@pytest.mark.skipif(not neighbours.PATH.exists(), reason="no file of results")
def test_the_file_is_whole():
    content = studies.stored(neighbours.PATH)
    assert list(content["models"]) == list(MODELS)
    assert content["experiment"] == json.loads(json.dumps(BASE.to_dict()))
    shipped = checkpoints.read_card(BASE.name, 0)
    assert content["models"]["equivae"]["seeds"]["0"]["sha256"] == shipped["sha256"]
    for name, entry in content["models"].items():
        assert entry["words"] == MODELS[name].words
        assert set(entry["seeds"]) == {"0", "1", "2"}
