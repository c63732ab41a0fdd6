"""Two commands for images of one's own: what they say, keep, and refuse."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from equivae_lite.chapters import explorer
from equivae_lite.chapters.own_classes import explorer_of
from equivae_lite.data import sets
from equivae_lite.errors import EquivaeError
from equivae_lite.evaluation import bound
from equivae_lite.runs import command_line as cli
from equivae_lite.runs import own
from equivae_lite.runs.folders import Folder
from equivae_lite.training import choice

WHOLE = bound.importance_weighted


@pytest.fixture(autouse=True)
def short(monkeypatch, tmp_path):
    """One epoch, two samples for the importance-weighted bound, no limits."""
    monkeypatch.setattr(choice, "LOOKS", 1)
    monkeypatch.setattr(choice, "LOOKS_SEMI", 1)
    monkeypatch.setattr(choice, "FEW_EPOCHS", 1)
    monkeypatch.setattr(bound, "importance_weighted", lambda *a: WHOLE(*a[:-1], (1, 2)))
    monkeypatch.setenv("EQUIVAE_DATA", str(tmp_path / "no data"))
    monkeypatch.setenv("EQUIVAE_MAX_STEPS", "1")
    monkeypatch.delenv("EQUIVAE_MAX_STEPS")


@pytest.fixture
def run(capsys, tmp_path):
    def run(command, *more):
        arguments = [*command.split(), *map(str, more), "--out", str(tmp_path / "out")]
        code = cli.main(arguments)
        return code, *capsys.readouterr()

    return run


def noise(path, counts, colours=1, size=16):
    random = np.random.default_rng(0)
    labels = np.repeat(np.arange(len(counts)), counts)
    shape = (len(labels), colours, size, size)
    images = random.integers(256, size=shape, dtype=np.uint8)
    names = [f"class {i:02d}" for i in range(len(counts))]
    np.savez(path, images=images, labels=labels, names=names)
    return path


def test_sixty_two_unequal_classes_through_every_command(run, tmp_path):
    counts = [2 + i % 4 for i in range(61)] + [30]
    data = noise(tmp_path / "x.npz", counts)
    code, out, err = run("train --name mine --data", data)
    assert (code, err) == (0, "")
    for words in ("62 classes, ", "(2 to 25 a class)", "r_y from up to 1 images",
                  "the classes are unequal", "training will take about"):  # fmt: skip
        assert words in out, words
    data.unlink()  # what is kept is enough from now on
    code, out, err = run("train --name mine --data", data)
    assert code == 0 and "read into" in out and "already, whole" in out
    assert "will take" not in out

    code, out, err = run("evaluate mine --no-importance-weighted")
    assert (code, err) == (0, "")
    folder = Folder(tmp_path / "out")
    found = folder.read_result("mine", 0)["evaluation"]
    assert list(found["bound"]) == ["1", "2", "all"]  # some class has two images
    assert found["test_images"] == sum(max(0, min(max(1, round(n / 6)), n - 2))
                                       for n in counts)  # fmt: skip

    code, out, err = run("reproduce mine --seeds 0")
    assert (code, err) == (0, "")
    assert "mine, on the test images of mine (images of the reader's own)" in out
    assert "training, its state" not in out and "no table of the book" in out
    code, out, err = run("validate mine")
    assert (code, err) == (0, "")
    code, out, err = run("page mine")
    assert (code, err) == (0, "") and "index.html" in out
    text = (folder.root / "pages" / "mine" / "index.html").read_text("utf-8")
    assert "class 61" in text and "and 36 more" in text and "cut short" not in text
    code, out, err = run("list")
    assert "experiment  mine" in out and "mine, yours seeds [0]" in out
    explored = explorer_of("mine", out=folder.root)
    assert explored.classes == 62 and len(explored.test) == found["test_images"]
    drawn = explorer.encode(explored, explored.test.images[0]).redrawn
    assert drawn.shape == (62, 1, 16, 16)
    with pytest.raises(EquivaeError, match="mine"):
        explorer_of("other", out=folder.root)


def test_colour_and_some_labels(run, tmp_path):
    data = noise(tmp_path / "x.npz", [8] * 26, colours=3, size=20)
    code, out, err = run("train --name mine --labels 60 --data", data)
    assert (code, err) == (0, "")
    assert "Gaussian pixels" in out and "semi-supervised with 52 labels" in out
    assert run("evaluate mine")[0] == 0
    found = Folder(tmp_path / "out").read_result("mine", 0)["evaluation"]
    assert found["labels"] == 52 and np.shape(found["confusion"]) == (26, 26)
    assert np.shape(found["bound_matrix"]) == (26, 26)


def test_a_folder_and_pictures_without_names(run, tmp_path):
    random = np.random.default_rng(0)
    for name, count in (("named/Ähre", 5), ("named/🍁 rot", 6), ("unnamed", 7)):
        (tmp_path / name).mkdir(parents=True)
        for i in range(count):
            pixels = random.integers(256, size=(16, 16), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / name / f"{i}.png")
    places = (tmp_path / "named", "--unlabelled", tmp_path / "unnamed")
    code, out, err = run("train --name mine --data", *places)
    assert (code, err) == (0, "")
    assert "reading 18 pictures" in out and "semi-supervised with 9 labels" in out
    folder = Folder(tmp_path / "out")
    assert own.read("mine", folder)["classes"] == ["Ähre", "🍁 rot"]
    card = json.loads((folder.checkpoints / "mine-seed0.json").read_text("utf-8"))
    assert card["experiment"]["labels"] == 9 and "test_bound" in card["metrics"]
    code, out, err = run("evaluate mine")
    assert (code, err) == (0, "")
    assert folder.read_result("mine", 0)["evaluation"]["labels"] == 9
    shutil.rmtree(folder.sets)
    code, out, err = run("evaluate mine")
    assert code == 2 and "of yours in" in err and "none yet" in err


def test_a_set_by_name(run, tmp_path, monkeypatch):
    whole = sets.load
    few = lambda name, split="train", *_, **__: whole(name, split, 260)  # noqa: E731
    monkeypatch.setattr(sets, "load", few)
    code, out, err = run("train --name abc --profile smoke --data letters")
    assert (code, err) == (0, "")
    card = own.read("abc", Folder(tmp_path / "out"))
    assert card["classes"] == list("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    assert card["experiment"]["data"] == "letters"
    assert not list((tmp_path / "out" / "sets").glob("*.npz"))


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("train", "give the name of an experiment"),
        ("train mnist-supervised --data x", "give the name of an experiment"),
        ("train --data {x}", "--name NAME for images of your own"),
        ("train mine --size 20", "--size goes with --data"),
        ("train --name mine", "--name goes with --data"),
        ("train nobody", "there is no experiment 'nobody'"),
        ("evaluate mine", "of yours in"),
        ("train --data {x} --name a/b", "cannot be part of a file's name"),
        ("train --data {x} --name mnist-supervised", "has another meaning"),
        ("train --data {x} --name letters", "has another meaning"),
        ("train --data {x} --name my-validation", "has another meaning"),
        ("train --data {x} --name a-seed1", "has another meaning"),
        ("train --data {x} --name mine --labels 3", "r_y needs 2 of each"),
        ("train --data {x} --name mine --labels 6", "needs at least 2 labelled"),
        ("train --data {x} --name mine --labels 900", "ask for fewer"),
        ("train --data {x} --name mine --size 9", "choose from 16 to 64"),
        ("train --data nowhere --name mine", "there is no folder"),
        ("train --data letters --name mine --size 20", "has its own size"),
        ("train --data usps --name mine", "download usps"),
    ],
)
def test_what_will_not_do(run, tmp_path, command, words):
    x = noise(tmp_path / "x.npz", [6] * 5)
    code, out, err = run(command.format(x=x))
    assert code == 2 and words in err and err.count("\n") == 1
    assert not list((tmp_path / "out").rglob("*.npz"))


def test_one_name_is_one_set_with_one_set_of_options(run, tmp_path):
    x = noise(tmp_path / "x.npz", [6] * 5)
    y = noise(tmp_path / "y.npz", [6] * 5)
    assert run(f"train --name mine --profile smoke --data {x}")[0] == 0
    for more in (f"--data {y}", f"--data {x} --labels 10", f"--data {x} --colours 1"):
        code, _, err = run(f"train --name mine --profile smoke {more}")
        assert code == 2 and "mine was made with another" in err
    (tmp_path / "out" / "sets" / "mine.npz").write_bytes(b"damaged")
    code, _, err = run("train mine --profile smoke")
    assert code == 2 and "mine.npz cannot be read" in err and "make it again" in err
