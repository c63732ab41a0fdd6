"""What gets onto the book's shelf, and what does not."""

import shutil

import pytest

from equivae_lite import files
from equivae_lite.errors import CheckpointError
from equivae_lite.runs import folders, pipeline, reproduce, study
from equivae_lite.runs.folders import SHELF, Folder
from equivae_lite.training import checkpoints
from tools import publish

NAME = "glyphs-semi-supervised"


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """An empty shelf; the real one lends a run to the reader's folder."""
    shelf = Folder(tmp_path / "shelf")
    for module in (folders, publish, study):
        monkeypatch.setattr(module, "SHELF", shelf)
    return shelf


@pytest.fixture
def mine(tmp_path, shelf):
    return folder_with(NAME, tmp_path / "mine")


def folder_with(name, root, without=()):
    """A reader's folder with a shipped run, as if it had been trained there."""
    mine = Folder(root)
    mine.checkpoints.mkdir(parents=True)
    for path in checkpoints.paths(name, 0, SHELF.checkpoints):
        shutil.copy(path, mine.checkpoints)
    found = files.read_json(SHELF.results / f"{name}.json", "")["seeds"]["0"]
    found = {key: value for key, value in found.items() if key not in without}
    mine.keep_result(name, 0, {"evaluation": found, "versions": {}})
    return mine


def test_a_whole_run_gets_there(mine, shelf):
    assert reproduce.evaluated(pipeline.preset(NAME), 0, mine)
    paths = publish.publish([NAME], None, mine)
    assert [p.name for p in paths] == [
        f"{NAME}-seed0.safetensors", f"{NAME}-seed0.json", f"{NAME}.json"
    ]  # fmt: skip
    for name in ("checkpoints", "results"):
        for path in (shelf.root / name).iterdir():
            ours = files.read_json(path, "") if path.suffix == ".json" else path
            theirs = SHELF.root / name / path.name
            if path.suffix != ".json":
                assert path.read_bytes() == theirs.read_bytes()
            elif name == "checkpoints":
                assert ours == files.read_json(theirs, "")
            else:
                assert ours["seeds"] == files.read_json(theirs, "")["seeds"]
    model, _, card = checkpoints.load(NAME, 0, shelf.checkpoints)
    assert card["complete"] and model.class_r is not None


def wrong_card(mine, **changes):
    path = checkpoints.paths(NAME, 0, mine.checkpoints)[1]
    files.write_json(path, files.read_json(path, "") | changes)


WRONG = {
    "cut short": lambda mine: wrong_card(mine, complete=False),
    "other settings": lambda mine: wrong_card(mine, experiment={"name": NAME}),
    "other data": lambda mine: wrong_card(mine, data={"name": "glyphs"}),
    "another seed": lambda mine: wrong_card(mine, seed=1),
    "no card": lambda mine: checkpoints.paths(NAME, 0, mine.checkpoints)[1].unlink(),
    "no weights": lambda mine: checkpoints.paths(NAME, 0, mine.checkpoints)[0].unlink(),
    "other weights": lambda mine: mine.keep_result(
        NAME, 0, {"evaluation": {"sha256": "x"}, "versions": {}}
    ),
    "no evaluation": lambda mine: mine.result(NAME, 0).unlink(),
}


@pytest.mark.parametrize("what", WRONG)
def test_nothing_else_does(mine, shelf, what):
    WRONG[what](mine)
    with pytest.raises(CheckpointError):
        publish.publish([NAME], None, mine)
    assert not shelf.root.exists()


def test_the_slowest_part_may_be_left_out_if_one_says_so(tmp_path, shelf):
    name = "glyphs-supervised"
    mine = folder_with(name, tmp_path / "mine", without=["importance_weighted"])
    with pytest.raises(CheckpointError, match="was not evaluated whole"):
        publish.publish([name], None, mine)
    publish.publish([name], None, mine, importance_weighted=False)
    kept = files.read_json(shelf.results / f"{name}.json", "")
    assert "importance_weighted" not in kept["seeds"]["0"]
    assert kept["command"].endswith(f"{name} --no-importance-weighted --seeds 0")


def test_all_or_nothing(mine, shelf):
    with pytest.raises(CheckpointError, match="no evaluation of mnist-supervised"):
        publish.publish([NAME, "mnist-supervised"], None, mine)
    assert not shelf.root.exists()


def test_seeds_are_added_to_those_that_are_there(mine, shelf):
    publish.publish([NAME], None, mine)
    path = shelf.results / f"{NAME}.json"
    table = files.read_json(path, "")
    table["seeds"]["7"] = {"error": 0.5}
    files.write_json(path, table)
    publish.publish([NAME], [0], mine)
    again = files.read_json(path, "")
    assert list(again["seeds"]) == ["0", "7"] and again["command"].endswith("0 7")


def test_measurements_and_the_study(mine, shelf):
    shutil.copytree(SHELF.results, shelf.results)
    files.write_json(mine.results / "bench-steps-glyphs-supervised.json", {"rows": []})
    name, settings = study.experiment("recipe").name, study.settings("recipe")
    run = {"held_out_error": 0.25}
    mine.keep_result(name, 99, {"settings": settings, "run": run})
    publish.publish(["bench-steps", "study"], None, mine)
    steps = files.read_json(shelf.results / "bench-steps.json", "")
    assert steps["glyphs-supervised"] == {"rows": []} and "svhn-supervised" in steps
    assert study.shelf()["recipe"]["seeds"]["99"] == run
    before = files.read_json(SHELF.results / f"{study.STUDY}.json", "")
    assert set(study.shelf()) == set(before)


def test_the_command_says_what_is_stale(mine, shelf, monkeypatch, capsys):
    one = "11_mnist_supervised.ipynb"
    monkeypatch.setattr(publish.freshness, "stale", lambda path: path.name == one)
    assert publish.main([NAME, "--out", str(mine.root)]) == 0
    out = capsys.readouterr().out
    assert f"on the shelf: {NAME}.json" in out
    assert out.endswith("stale now (make execute): 11_mnist_supervised.ipynb\n")
    assert publish.main([NAME, "--seeds", "5", "--out", str(mine.root)]) == 2
    assert "error: there is no checkpoint" in capsys.readouterr().err
