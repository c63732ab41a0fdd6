"""Every preset through every command: none of them meets an experiment unprepared."""

from dataclasses import replace

import pytest
import torch

from equivae_lite.data import sets, sources
from equivae_lite.data.stand_ins import characters
from equivae_lite.evaluation import bound
from equivae_lite.runs import command_line, folders
from equivae_lite.runs.bench import label_sum, steps
from equivae_lite.runs.folders import SHELF, Folder
from equivae_lite.training import checkpoints, experiments

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def small(tmp_path, monkeypatch):
    """Noise in place of every set, a few images more than have labels."""

    def load(name, split="train", limit=None, device="cpu", root=None):
        g = torch.Generator().manual_seed(sets.SPLITS.index(split))
        grey = name in ("mnist", "glyphs", "characters")
        names = tuple(characters.TAUGHT) if name == "characters" else sets.DIGITS
        count = min(limit or 1200, 4000) if split == "train" else 100
        shape = (count, 1, 28, 28) if grey else (count, 3, 32, 32)
        x = torch.randint(256, shape, generator=g, dtype=torch.uint8)
        y = torch.arange(len(x)) % len(names)
        return sets.ImageSet(name, split, x, y, None, f"noise of {split}", names)

    def known_md5(name):
        return {s: f"noise of {s}" for s in sets.SPLITS}

    monkeypatch.setattr(sets, "load", load)
    monkeypatch.setattr(sets, "known_md5", known_md5)
    monkeypatch.setattr(sources, "available", lambda name, root=None: True)
    monkeypatch.setattr(folders, "MINE", Folder(tmp_path))
    monkeypatch.setattr(label_sum, "BATCH", 8)
    monkeypatch.setattr(steps, "STEPS", 1)
    whole = bound.importance_weighted
    monkeypatch.setattr(bound, "importance_weighted", lambda *a: whole(*a[:-1], (1, 2)))
    monkeypatch.setenv("EQUIVAE_MAX_STEPS", "1")


def command(capsys, *words):
    code = command_line.main([*words, "--device", "cpu", "--threads", "1"])
    out, err = capsys.readouterr()
    assert code == 0, err
    return out


# The sets in colour have the same experiments; of two of them only both main ones are
# walked through, of svhn-part every one.
MAIN = ("-supervised", "-semi-supervised")
TWINS = [
    f"{data}{kind}"
    for data in ("svhn", "street-glyphs")
    for kind in (n.removeprefix("svhn-part") for n in experiments.PRESETS)
    if f"{data}{kind}" in experiments.PRESETS and kind not in MAIN
]


# The fast recipe is walked through by itself; its neighbours as characters' ones, which
# have the same representations.
FAST = "mnist-supervised-fast"
TWINS += [n for n in experiments.PRESETS if n.startswith(f"{FAST}-")]


def test_twins_are_of_one_kind():
    for name in TWINS:
        e = experiments.PRESETS[name]
        twin = experiments.PRESETS[
            name.replace(FAST, "characters-supervised")
            if name.startswith(FAST)
            else f"svhn-part{name.removeprefix(e.data)}"
        ]
        for field in ("representation", "generative", "labels"):
            assert getattr(e, field) == getattr(twin, field), (name, field)
        assert replace(e.arch, classes=twin.arch.classes) == twin.arch, name
    assert len(TWINS) == 22 + 5


# And one is the fast recipe with another start and fewer epochs (test_fast).
WALKED = [n for n in experiments.PRESETS if n not in (*TWINS, f"{FAST}er")]


@pytest.mark.parametrize("name", WALKED)
def test_smoke(name, tmp_path, capsys):
    for what in ("train", "validate", "bench"):
        command(capsys, what, name, "--profile", "smoke")
    short = Folder(tmp_path).short
    assert checkpoints.read_card(name, 0, short.checkpoints)["complete"] is False
    # `evaluate` takes the weights of the folder that it is given.
    out = command(capsys, "evaluate", name, "--profile", "smoke",
                  "--out", str(short.root))  # fmt: skip
    assert f"weights in {short.checkpoints}" in out
    assert short.short.read_result(name, 0)["evaluation"]["parameters"] > 100_000
    assert not (SHELF.checkpoints / f"{name}-seed0.safetensors.part").exists()


KINDS = {}
for _name, _e in experiments.PRESETS.items():
    _kind = (_e.representation, _e.semi_supervised, _e.generative, _e.arch.colours,
             _e.arch.likelihood, _e.separation_steps > 0)  # fmt: skip
    KINDS.setdefault(_kind, _name)


@pytest.mark.parametrize("name", KINDS.values())
def test_reproduce(name, monkeypatch, tmp_path, capsys):
    """One of every kind, whole: a single step of a single epoch."""
    e = experiments.PRESETS[name]
    one = replace(e, schedule=((2400, 1),), warmup_steps=0, separation_steps=0)
    monkeypatch.setitem(experiments.PRESETS, name, one)
    monkeypatch.delenv("EQUIVAE_MAX_STEPS")
    if e.labels and e.labels > 300:  # the sets here have 1,200 images
        one = replace(one, labels=200)
        monkeypatch.setitem(experiments.PRESETS, name, one)
    out = command(capsys, "reproduce", name, "--seeds", "0")
    assert "| mean |" in out and Folder(tmp_path).read_result(name, 0)
    assert "evaluating" not in command(capsys, "reproduce", name, "--seeds", "0")
