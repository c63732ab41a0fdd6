"""The study of EquiVAE's neighbours on MNIST: what it measures, and its files."""

import json
import math
from dataclasses import replace

import pytest
import torch

from equivae_lite import files
from equivae_lite.chapters import handwriting as tables
from equivae_lite.chapters.judge import Judge
from equivae_lite.data import sets
from equivae_lite.data.sets import Pixels
from equivae_lite.evaluation.bound import Representations
from equivae_lite.model.equivae import EquiVAE
from equivae_lite.runs import pipeline
from equivae_lite.runs.folders import Folder
from equivae_lite.training import checkpoints, experiments, loop
from tools import handwriting, studies
from tools.handwriting import BASE, KEPT_BACK, MODELS
from tools.measures import Measuring


@pytest.fixture(scope="module")
def digits():
    """(training, test) images in MNIST's place: drawn digits."""
    return tuple(
        replace(sets.load("glyphs", split, n), name="mnist", factors=None)
        for split, n in (("train", 1900), ("test", 900))
    )


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(handwriting, "STEPS", 10)
    monkeypatch.setattr(handwriting, "TESTED", 900)
    monkeypatch.setattr(handwriting, "TELLS", ("turn", "right"))


def made(key, classes=10):
    e = experiments.get(MODELS[key].name)
    torch.manual_seed(0)
    return EquiVAE(replace(e.arch, classes=classes), e.representation).eval()


def numbers(of):
    for value in of.values():
        yield from numbers(value) if isinstance(value, dict) else [value]


@pytest.mark.parametrize("key", ["equivae", "group-vae", "class-table", "plain-vae"])
def test_everything_is_measured_that_a_model_can_do(key, digits, small):
    found = handwriting.measured(made(key), *digits, Judge(1, 28))
    assert set(found["moves"]) == {"turn", "right"}
    of_images = key in ("equivae", "group-vae")
    for name in ("itself", "m"):
        assert (name in found) == of_images
    assert ("wrong" in found) == (key != "plain-vae")
    assert all(math.isfinite(value) for value in numbers(found))


def test_models_differ_in_nothing_but_their_representation():
    for model in MODELS.values():
        e = experiments.get(model.name)
        assert (
            replace(e, name=BASE.name, arch=BASE.arch, representation="complementary")
            == BASE
        )
        assert e.arch.r_dim + e.arch.v_dim == 32


def test_eight_digits_are_left_and_counted_anew(digits):
    part = handwriting.without(digits[0])
    kept = [k for k in range(10) if k not in KEPT_BACK]
    assert part.names == tuple(map(str, kept)) and part.classes == 8
    rows = [i for i, y in enumerate(digits[0].labels.tolist()) if y in kept]
    assert torch.equal(part.images, digits[0].images[rows])
    assert [kept[y] for y in part.labels.tolist()] == digits[0].labels[rows].tolist()


def test_digits_kept_back_have_their_r_y_of_their_own_images(digits, small):
    """By hand: bound and reading from five training images of each, v from others."""
    train, test = digits
    judge, model = Judge(1, 28), made("equivae", classes=8)
    of = Measuring(model, handwriting.without(train), handwriting.without(test), judge)
    with torch.no_grad():
        ten = Representations(model, Pixels.unit(), train)
        found = handwriting.of_few(of, ten, test)["5"]
        some = test.subset(sum(test.labels == k for k in KEPT_BACK).nonzero().flatten())
        assert set(some.labels.tolist()) == set(KEPT_BACK)
        r = ten.draw(some.labels, torch.arange(len(some)), 5)
        lend = handwriting.without(test).subset(torch.arange(len(some)))
        own = of.of_training.table()[lend.labels]
        v, _ = model.posterior(own, lend.images / 255)
        drawn = model.mean_image(r, v)
        read = (judge(drawn).argmax(1) == some.labels).double().mean().item()
        bound = of.bound(some, r).mean().item()
    assert found == {"bound": pytest.approx(bound), "read": pytest.approx(read)}


def test_a_lender_is_never_a_kept_back_digit_either_way(digits, small):
    """A model that was taught all ten is lent the hands of the other eight."""
    of = Measuring(made("equivae"), *digits, Judge(1, 28))
    seen, v = [], of.v

    def watched(images, y):
        seen.append(y)
        return v(images, y)

    of.v = watched
    with torch.no_grad():
        handwriting.of_few(of, of.of_training, digits[1])
    assert not set(seen[0].tolist()) & set(KEPT_BACK)


def test_two_processes_write_one_file(tmp_path, digits, small, monkeypatch):
    trained = []

    def train(name, seed, *, folder, progress, bfloat16):
        trained.append((name, seed, bfloat16))
        e = experiments.get(name)
        torch.manual_seed(seed)
        card = {"experiment": e.to_dict(), "seed": seed, "complete": True,
                "data": {"name": e.data}, "seconds": 1.0,
                "precision": pipeline.precision(bfloat16)}  # fmt: skip
        model = checkpoints.build(e).eval()
        return checkpoints.save(model, Pixels.unit(), card, seed, folder.checkpoints)

    def fit(experiment, data, pixels, seed, **settings):
        trained.append((experiment.arch.classes, seed, settings["bfloat16"]))
        return made("equivae", classes=8), []

    monkeypatch.setattr(pipeline, "train", train)
    monkeypatch.setattr(loop, "fit", fit)
    monkeypatch.setattr(handwriting, "PATH", tmp_path / "a.json")
    monkeypatch.setattr(handwriting, "PATH_KEPT", tmp_path / "b.json")
    monkeypatch.setattr(handwriting, "judge_of", lambda name: (Judge(1, 28), {}))
    monkeypatch.setattr(handwriting, "load", lambda name, split: digits[1])
    monkeypatch.setattr(sets, "load", lambda name: digits[0])
    monkeypatch.setattr(studies, "MINE", Folder(tmp_path))
    one = ["--models", "equivae", "--out", str(tmp_path)]
    assert handwriting.main([*one, "--seeds", "0", "--bfloat16"]) == 0
    two = [*one[2:], "--models", "equivae", "class-table", "--bfloat16"]
    assert handwriting.main([*two, "--seeds", "3"]) == 0
    assert handwriting.main([*two, "--seeds", "1", "--kept-back"]) == 0
    assert trained == [
        (BASE.name, 0, True), (BASE.name, 3, True),
        (f"{BASE.name}-class-table", 3, True), (8, 1, True),
    ]  # fmt: skip
    with pytest.raises(ValueError, match="bfloat16 products"):
        handwriting.main([*one, "--seeds", "4"])  # in float32
    content = files.read_json(tmp_path / "a.json", "")
    seeds = {key: list(entry["seeds"]) for key, entry in content["models"].items()}
    assert seeds == {"equivae": ["0", "3"], "class-table": ["3"]}
    kept = files.read_json(tmp_path / "b.json", "")["models"]["equivae"]["seeds"]
    assert list(kept) == ["1"] and set(kept["1"]["measures"]) == {"m", "taught"}


def made_up():
    one = {"moves": {k: {"rule": 0.9, "done": 0.8, "r_moves": 0.05}
                     for k in tables.TELLS},
           "bound": -94.0, "wrong": 0.01,
           "class_in_v": {"sample": 0.8, "mean": 0.25},
           "itself": {"among": -93.0, "without": -94.0},
           "m": {str(m): {"read": 0.5, "bound": -120.0} for m in tables.MS},
           }  # fmt: skip
    plain = {k: one[k] for k in ("moves", "bound", "class_in_v")}
    plain["moves"] = {k: {"rule": 0.9, "done": 0.8} for k in tables.TELLS}
    runs = {"equivae": one, "plain-vae": plain}
    return {"models": {
        name: {"words": MODELS[name].words, "seeds": {"0": {"measures": of}}}
        for name, of in runs.items()
    }}  # fmt: skip


def test_tables_show_what_was_measured_and_a_dash_for_the_rest():
    content = json.loads(json.dumps(made_up()))
    first, second = tables.moves_table(content).split("\n")[2:4]
    assert first == "| EquiVAE |" + " 0.900 |" * 4 + " 0.800 |" * 4 + " 5.0 |"
    assert second.endswith(" 0.800 | – |")
    first, second = tables.taught_table(content).split("\n")[2:4]
    assert first == "| EquiVAE | 1 | -94.00 | 1.00 | 80.0 | 25.0 | 1.0 |"
    assert second == "| plain VAE | 1 | -94.00 | – | 80.0 | 25.0 | – |"
    only = {"models": {"equivae": content["models"]["equivae"]}}
    rows = tables.kept_back_table(only, content).split("\n")[2:4]
    values = " 50.0 | 50.0 | 50.0 | -120.0 | -120.0 | -120.0 |"
    assert rows == [f"| EquiVAE | {words} |{values}" for words in ("no", "yes")]
