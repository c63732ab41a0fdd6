"""What a chapter's setup cell decides and prints, and what it notes for its stamp."""

import hashlib
import json

import matplotlib.pyplot as plt
import pytest
import torch

from equivae_lite import ROOT, files
from equivae_lite.chapters import figures
from equivae_lite.chapters import session as sessions
from equivae_lite.chapters.watch import Watch
from equivae_lite.data import sets, sources
from equivae_lite.errors import CheckpointError, DataError, EquivaeError
from equivae_lite.runs import pipeline
from equivae_lite.runs.folders import SHELF, Folder
from equivae_lite.training import checkpoints, experiments
from tests.support.small import SUPERVISED, save_untrained

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


@pytest.fixture(autouse=True)
def no_data(tmp_path, monkeypatch):
    """A machine without real data, in the readers' profile."""
    monkeypatch.setenv("EQUIVAE_DATA", str(tmp_path / "no data"))
    monkeypatch.setenv("EQUIVAE_PROFILE", "book")
    monkeypatch.delenv("EQUIVAE_STAMP_FILE", raising=False)
    yield
    figures.use_style()
    plt.close("all")


@pytest.fixture
def mnist_files(tmp_path, monkeypatch):
    """The names of MNIST's files: `setup` asks only whether they are there."""
    raw = tmp_path / "here" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for part in ("train", "t10k"):
        for kind in ("images-idx3", "labels-idx1"):
            (raw / f"{part}-{kind}-ubyte").touch()
    monkeypatch.setenv("EQUIVAE_DATA", str(tmp_path / "here"))


@pytest.fixture
def stamp(tmp_path, monkeypatch):
    """Lines that a session has noted so far."""
    path = tmp_path / "stamp.jsonl"
    monkeypatch.setenv("EQUIVAE_STAMP_FILE", str(path))

    def lines():
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        return [json.loads(line) for line in text.splitlines()]

    return lines


# --- setup ----------------------------------------------------------------------


def test_setup_without_data(capsys):
    session = sessions.setup()
    assert capsys.readouterr().out == f"profile book, device {DEVICE}, seed 0\n"
    assert (session.wanted, session.data, session.stand_in) == (None, None, False)
    assert session.device == DEVICE


def test_setup_seeds_torch():
    sessions.setup(seed=4)
    a = torch.rand(3)
    sessions.setup(seed=4)
    assert torch.equal(torch.rand(3), a)
    sessions.setup(seed=5)
    assert not torch.equal(torch.rand(3), a)


@pytest.mark.parametrize(
    ("wanted", "stand_in"), [("mnist", "glyphs"), ("svhn", "street-glyphs")]
)
def test_a_stand_in_is_announced(capsys, wanted, stand_in):
    session = sessions.setup(wanted, seed=2)
    first, *banner = capsys.readouterr().out.splitlines()
    assert first == f"profile book, device {DEVICE}, seed 2, data {stand_in}"
    assert banner == [
        f"*** STAND-IN: {wanted} is not here, so this run uses {stand_in}.",
        f"*** Nothing below is a result on {wanted}. To get the real data "
        f"({sources.MEGABYTES[wanted]} MB),",
        "*** run this line in a cell of its own, then the chapter from its top:",
        f'from equivae_lite.data.sources import download; download("{wanted}")',
    ]
    assert session.stand_in and session.data == stand_in and session.wanted == wanted
    grid = figures.image_grid(torch.zeros(1, 1, 1, 28, 28))
    assert f"stand-in: {stand_in}" in grid.axes[0].get_title()


def test_a_set_that_nothing_fetches_says_so(capsys):
    session = sessions.setup("svhn-part")
    banner = capsys.readouterr().out.splitlines()[1:]
    assert banner == [
        "*** STAND-IN: svhn-part is not here, so this run uses street-glyphs.",
        "*** Nothing below is a result on svhn-part.",
        f"*** {sources.remedy('svhn-part')}",
    ]
    assert session.stand_in and session.data == "street-glyphs"


def test_real_data_needs_no_banner(capsys, mnist_files):
    session = sessions.setup("mnist")
    out = capsys.readouterr().out
    assert out == f"profile book, device {DEVICE}, seed 0, data mnist\n"
    assert not session.stand_in and session.data == "mnist"
    grid = figures.image_grid(torch.zeros(1, 1, 1, 28, 28))
    assert grid.axes[0].get_title() == ""


def test_unknown_data_set():
    with pytest.raises(DataError, match="unknown data set 'minst'"):
        sessions.setup("minst")


@pytest.mark.parametrize("value", ["smoke", "book", "full"])
def test_profile(monkeypatch, value, capsys):
    monkeypatch.setenv("EQUIVAE_PROFILE", value)
    assert sessions.setup().profile == value
    assert f"profile {value}," in capsys.readouterr().out


def test_book_is_the_default(monkeypatch):
    monkeypatch.setenv("EQUIVAE_PROFILE", "")
    assert sessions.profile() == "book"
    monkeypatch.delenv("EQUIVAE_PROFILE")
    assert sessions.profile() == "book"


def test_unknown_profile(monkeypatch):
    monkeypatch.setenv("EQUIVAE_PROFILE", "fast")
    with pytest.raises(EquivaeError, match="'fast'; it must be one of .*'smoke'"):
        sessions.setup()


# --- session --------------------------------------------------------------------


def test_pick():
    def pick(profile, *values, **named):
        return sessions.Session(profile, "cpu", 0).pick(*values, **named)

    assert [pick(p, 1, 2, 3) for p in sessions.PROFILES] == [1, 2, 3]
    assert [pick(p, 1, 2) for p in sessions.PROFILES] == [1, 2, 2]
    assert pick("full", 1, 2, 0) == 0  # a value, though a false one
    assert pick("smoke", smoke=None, book=2) is None


def test_experiment_of_the_data_in_use():
    def name(wanted, used, experiment):
        session = sessions.Session("book", "cpu", 0, wanted, used)
        return session.experiment(experiment)

    assert name("mnist", "mnist", "mnist-supervised") == "mnist-supervised"
    assert name("mnist", "glyphs", "mnist-supervised") == "glyphs-supervised"
    assert (
        name("svhn", "street-glyphs", "svhn-supervised") == "street-glyphs-supervised"
    )
    assert name("mnist", "glyphs", "svhn-supervised") == "svhn-supervised"
    assert name(None, None, "mnist-supervised") == "mnist-supervised"
    # A set whose name begins like another's is not taken for that.
    assert name("svhn", "svhn-part", "svhn-supervised") == "svhn-part-supervised"
    assert name("svhn", "svhn", "svhn-part-supervised") == "svhn-part-supervised"
    assert name("svhn", "street-glyphs", "svhn-part-labels-alone") == (
        "svhn-part-labels-alone"
    )
    for real, stand_in in (("mnist", "glyphs"), ("svhn", "street-glyphs")):
        for kind in ("supervised", "semi-supervised"):
            found = experiments.get(name(real, stand_in, f"{real}-{kind}"))
            assert (found.name, found.data) == (f"{stand_in}-{kind}", stand_in)


def test_load_notes_what_was_read(stamp):
    session = sessions.setup("mnist")
    images = session.load("test", 12)
    assert (images.name, images.split, len(images)) == ("glyphs", "test", 12)
    assert images.images.device.type == DEVICE
    assert stamp() == [
        {"kind": "data", "name": "glyphs", "path": None, "digest": images.md5}
    ]


def test_nothing_is_noted_outside_the_book(tmp_path, monkeypatch):
    monkeypatch.setenv("EQUIVAE_STAMP_FILE", "")
    sessions.record("data", "glyphs", "0" * 32)
    assert list(tmp_path.iterdir()) == []


def test_record_gives_paths_as_the_repository_does(stamp, tmp_path):
    inside = ROOT / "data" / "checkpoints" / "x.json"
    sessions.record("checkpoint", "x", "d0", inside)
    sessions.record("checkpoint", "x", "d1", tmp_path / "x.json")  # means nothing there
    sessions.record("checkpoint", "x", "d2", inside.parent / ".." / "y.json")
    assert [line["path"] for line in stamp()] == [
        "data/checkpoints/x.json",
        None,
        "data/y.json",
    ]
    assert [line["digest"] for line in stamp()] == ["d0", "d1", "d2"]


def no_training(*arguments, **settings):
    raise AssertionError("a training run was started")


def test_a_missing_checkpoint_never_starts_a_training_run(monkeypatch, stamp):
    monkeypatch.setattr(pipeline, "train", no_training)
    for value in ("smoke", "book"):
        monkeypatch.setenv("EQUIVAE_PROFILE", value)
        session = sessions.setup()
        for ask in (session.model, session.shipped):
            with pytest.raises(CheckpointError) as caught:
                ask("glyphs-supervised", seed=987654)
            command = "python -m equivae_lite train glyphs-supervised --seed 987654"
            assert command in str(caught.value)
    assert stamp() == []


CARDS = [  # one is enough, of those that are there with their weights
    path for path in sorted(checkpoints.FOLDER.glob("*-seed0.json"))
    if path.with_suffix(".safetensors").exists()
][:1]  # fmt: skip


@pytest.mark.parametrize("card", CARDS, ids=lambda p: p.stem)
def test_a_shipped_model_is_noted(stamp, card, monkeypatch):
    monkeypatch.setattr(pipeline, "train", no_training)
    name = card.stem.removesuffix("-seed0")
    session = sessions.setup()
    model, _, read = session.model(name)
    assert not model.training and read["experiment"]["name"] == name
    session.shipped(name)
    digest = hashlib.sha256(card.read_bytes()).hexdigest()
    line = {"kind": "checkpoint", "name": name, "digest": digest}
    assert stamp() == [line | {"path": f"data/checkpoints/{card.name}"}] * 2


def test_stored_numbers_are_of_the_shipped_weights_alone(tmp_path):
    session = sessions.setup()
    shipped = checkpoints.read_card("mnist-supervised", 0)
    assert session.as_shipped(shipped)
    assert not session.as_shipped(shipped | {"sha256": "0" * 64})  # trained again
    assert not session.as_shipped(shipped | {"seed": 1})
    path = save_untrained(SUPERVISED, tmp_path, 9)[1]  # of which none is shipped
    assert not session.as_shipped(json.loads(path.read_text(encoding="utf-8")))


def test_full_trains_into_the_runs(monkeypatch, tmp_path):
    asked, watched = [], []

    def train(name, seed, device, watch):
        asked.append((name, seed, device))
        watched.append(watch)
        return save_untrained(SUPERVISED, tmp_path, seed)[1]

    monkeypatch.setattr(pipeline, "train", train)
    monkeypatch.setenv("EQUIVAE_PROFILE", "full")
    model, _, card = sessions.setup().model(SUPERVISED.name, seed=6)
    assert asked == [(SUPERVISED.name, 6, DEVICE)]
    assert card["experiment"]["name"] == SUPERVISED.name
    few = sets.load(SUPERVISED.data, limit=200)
    monkeypatch.setattr(sessions.sets, "load", lambda *_, **__: few)
    sessions.setup().model(SUPERVISED.name, seed=7, watch=True)
    assert watched[0] is None and isinstance(watched[1], Watch)
    assert torch.equal(watched[1].labels, few.labels)


def test_a_readers_own_models_and_results(monkeypatch, stamp, tmp_path, capsys):
    """EQUIVAE_FOLDER names a folder; what it lacks is taken from the shelf."""
    own = Folder(tmp_path / "mine")
    save_untrained(SUPERVISED, own.checkpoints, 0)
    own.keep_result(SUPERVISED.name, 0, {"evaluation": {"x": 1}})
    monkeypatch.setenv("EQUIVAE_FOLDER", str(own.root))
    session = sessions.setup()
    theirs = session.model("mnist-supervised")[2]
    assert theirs["complete"] and "your own" not in capsys.readouterr().out
    card = session.model(SUPERVISED.name)[2]
    assert "complete" not in card
    assert session.results(SUPERVISED.name) == {"seeds": {"0": {"x": 1}}}
    said = capsys.readouterr().out
    assert f"your own {SUPERVISED.name}, seed 0, from {own.checkpoints}" in said
    assert "your own evaluations" in said
    assert [x["name"] for x in stamp()] == ["mnist-supervised"]
    monkeypatch.setenv("EQUIVAE_FOLDER", str(tmp_path / "nowhere"))
    with pytest.raises(EquivaeError, match="there is no such folder"):
        session.model(SUPERVISED.name)


def test_results(monkeypatch, stamp, tmp_path):
    monkeypatch.setattr(sessions, "SHELF", Folder(tmp_path))
    session = sessions.setup()
    with pytest.raises(EquivaeError, match="python -m equivae_lite evaluate my-model"):
        session.results("my-model")
    path = tmp_path / "results" / "my-model.json"
    files.write_json(path, {"seeds": {}})
    assert session.results("my-model") == {"seeds": {}}
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert [(x["kind"], x["name"], x["digest"]) for x in stamp()] == [
        ("results", "my-model", digest)
    ]


def test_every_stored_study_is_made_by_the_command_that_is_named():
    commands = {}
    for path in SHELF.results.glob("*.json"):
        content = json.loads(path.read_text(encoding="utf-8"))
        command = content.get("command", "")
        if command and " evaluate " not in command and "live" not in command:
            commands[path.stem] = command
    assert len(commands) > 10
    for name, command in commands.items():
        assert command.startswith(f"python -m {sessions.MADE_BY[name]}"), name
