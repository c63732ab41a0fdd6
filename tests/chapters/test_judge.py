"""The judges of drawings: they learn what they are given, and a damaged one is none."""

import json
from types import SimpleNamespace

import pytest
import torch

from equivae_lite import files
from equivae_lite.chapters import judge as judges
from equivae_lite.data import sets, sources
from equivae_lite.errors import CheckpointError, InputError
from tests.support.small import images
from tools import judges as maker

SHIPPED = sorted(path.stem for path in judges.FOLDER.glob("*.json"))


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """A judge of a few glyphs, made by the command, in a folder of its own."""
    monkeypatch.setattr(judges, "FOLDER", tmp_path)
    monkeypatch.setattr(maker, "FOLDER", tmp_path)
    monkeypatch.setattr(maker, "SIZES", {"glyphs": (512, 20)})
    few = SimpleNamespace(load=lambda name, split, limit: images(name, split))
    monkeypatch.setattr(maker, "sets", few)
    assert maker.main(["glyphs"]) == 0
    return tmp_path


def test_a_judge_learns_and_comes_back_as_it_was(shelf, monkeypatch):
    card = files.read_json(shelf / "glyphs.json", "")
    judge, found = judges.judge_of("glyphs")
    assert found == card and not judge.training
    assert card["test_error"] < 0.6  # chance is 0.9, and these are few images
    assert maker.error(judge, images("glyphs", "test")) == card["test_error"]
    noted = shelf / "stamp"
    monkeypatch.setenv("EQUIVAE_STAMP_FILE", str(noted))
    judges.judge_of("glyphs")
    line = json.loads(noted.read_text(encoding="utf-8"))
    assert line["kind"] == "checkpoint" and line["digest"] == card["sha256"]


def test_it_reads_pictures_with_any_leading_axes():
    torch.manual_seed(0)
    judge = judges.Judge(3, 32).eval()
    x = torch.rand(2, 5, 3, 32, 32)
    assert judge(x).shape == (2, 5, 10)
    torch.testing.assert_close(judge.read(x)[1], judge.read(x[1]))
    with pytest.raises(InputError, match="runs from"):
        judge.read(255 * x)  # grey levels, where shares of them are asked for


def test_a_judge_of_other_labels_learns_other_labels():
    """Labels are all that it is told: with two classes swapped it says them swapped."""
    few = images(limit=400)
    swapped = few.labels.clone()
    swapped[few.labels == 4], swapped[few.labels == 9] = 9, 4
    right, other = (
        maker.fit(sets.ImageSet("glyphs", "train", few.images, y, None, ""), 12)
        for y in (few.labels, swapped)
    )
    of_two = few.subset((few.labels == 4) | (few.labels == 9))
    assert maker.error(right, of_two) < 0.4 < 0.6 < maker.error(other, of_two)


@pytest.mark.parametrize("harm", ["weights", "card", "no weights", "another shape"])
def test_a_damaged_judge_is_refused_with_the_command(shelf, harm):
    weights, card = shelf / "glyphs.safetensors", shelf / "glyphs.json"
    if harm == "weights":
        blob = bytearray(weights.read_bytes())
        blob[-1] ^= 1
        weights.write_bytes(blob)
    elif harm == "card":
        text = card.read_text(encoding="utf-8")
        text = text.replace("true", "false").replace("6", "7")
        card.write_text(text, encoding="utf-8")
    elif harm == "no weights":
        weights.unlink()
    else:
        content = files.read_json(card, "")
        files.write_json(card, content | {"image_shape": [3, 32, 32]})
    with pytest.raises(CheckpointError, match=f"{maker.COMMAND} glyphs"):
        judges.judge_of("glyphs")


def test_an_unknown_set_is_refused():
    with pytest.raises(SystemExit):
        maker.main(["letters-of-nothing"])


@pytest.mark.parametrize("data", SHIPPED)
def test_the_shipped_judges(data):
    judge, card = judges.judge_of(data)
    assert (judges.FOLDER / f"{data}.safetensors").stat().st_size < 200_000
    limit, epochs = maker.SIZES[data]
    assert card["epochs"] == epochs
    assert card["training_images"] == (limit or sets.SIZES[data]["train"])
    assert card["test_error"] < {"mnist": 0.015}.get(data, 0.25)
    if sources.available(data) and data != "street-glyphs":
        count = 300
        few = sets.load(data, "test", count)
        off = maker.error(judge, few) - card["test_error"]
        assert abs(off) < 4 * (card["test_error"] / count) ** 0.5 + 0.01
