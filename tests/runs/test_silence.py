"""The study of f's silence: each departure is what it says, and the file is whole."""

import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from equivae_lite.chapters.colour import departures_table
from equivae_lite.data.sets import ImageSet, Pixels
from equivae_lite.training import checkpoints
from tools import silence, studies
from tools.silence import BASE, DEPARTURES, Departure

stored = pytest.mark.skipif(not silence.PATH.exists(), reason="no file of results")


def noise(n, seed=0):
    g = torch.Generator().manual_seed(seed)
    images = torch.randint(256, (n, 3, 32, 32), generator=g, dtype=torch.uint8)
    return ImageSet("svhn-part", "train", images, torch.arange(n) % 10, None, "noise")


@pytest.fixture
def short(monkeypatch):
    """Two steps on 128 images of noise."""
    monkeypatch.setattr(silence, "BASE", replace(BASE, schedule=((64, 1),), m_max=3))
    monkeypatch.setattr(silence, "LOOKS", (0, 1))
    monkeypatch.setattr(silence, "LOOKED_AT", 20)
    return noise(128), noise(40, seed=1)


def built(name):
    model = checkpoints.build(replace(BASE, **DEPARTURES[name].fields))
    DEPARTURES[name].network(model)
    return model


def test_what_changes_the_networks():
    x = torch.rand(4, 3, 3, 32, 32)
    kinds = [type(layer) for layer in built("leaky").encoder.f]
    assert nn.ReLU not in kinds and kinds.count(silence.LeakyReLU) == 6
    quiet = built("silent-start").encoder
    assert quiet(x).std(dim=0).max() == 0 and quiet.f(x).std() > 0
    normal = built("normalised").encoder
    assert sum(isinstance(layer, nn.BatchNorm2d) for layer in normal.f) == 5
    assert normal(x).shape == (4, 16)
    assert built("table").representation == "table"
    assert built("xavier").arch.init == "xavier"


def batches_of(departure, train):
    return silence._batches(departure, BASE, train, Pixels.fit(train.images), 0)


def test_what_changes_the_pools():
    train = noise(200)
    plain = batches_of(DEPARTURES["plain"], train).pools
    assert not torch.equal(plain.draw(3), plain.draw(3))
    same = batches_of(DEPARTURES["same-images"], train).pools
    pool = same.draw(3)
    assert torch.equal(pool, same.draw(7))
    assert (train.labels[pool] == torch.arange(10)[:, None]).all()
    mixed = batches_of(DEPARTURES["mixed-up"], train).pools.draw(3)
    right = (train.labels[mixed] == torch.arange(10)[:, None]).double().mean()
    assert right < 0.5


def test_what_changes_the_steps():
    model = checkpoints.build(BASE)
    rates = {
        name: [g["lr"] for g in silence._groups(DEPARTURES[name], BASE, model)]
        for name in ("plain", "slow")
    }
    assert rates["plain"] == [1e-3, 1e-3] and rates["slow"][1] == pytest.approx(1e-4)
    of_f = silence._groups(DEPARTURES["slow"], BASE, model)[1]["params"]
    assert {id(p) for p in of_f} == {id(p) for p in model.encoder.parameters()}
    e = replace(BASE, **DEPARTURES["kl-falls"].fields)
    assert e.kl_weight(0) == 4 and e.kl_weight(e.epochs) == 1
    e = replace(BASE, **DEPARTURES["no-kl"].fields)
    assert e.kl_weight(e.epochs) < 1e-6


def test_no_two_departures_are_the_same_run():
    made = [(replace(BASE, **d.fields), replace(d, words="", fields={}))
            for d in DEPARTURES.values()]  # fmt: skip
    assert all(one not in made[:i] for i, one in enumerate(made))
    distorted = {n for n, (e, _) in zip(DEPARTURES, made) if e.separation_distortion}
    assert distorted == {n for n in DEPARTURES if "distorted" in n}


def test_v_is_shut_and_f_is_held(short, monkeypatch):
    train, _ = short
    seen = []
    terms = silence.labelled_bound

    def spy(model, *rest):
        seen.append(next(model.encoder.parameters()).requires_grad)
        return terms(model, *rest)

    monkeypatch.setattr(silence, "labelled_bound", spy)
    silence.run(Departure("", shut_steps=1), train, train, 0)
    assert seen == [True]  # one of two steps had no v and no bound
    seen.clear()
    silence.run(Departure("", {"separation_steps": 1}), train, train, 0)
    assert seen == [False, True]


@pytest.mark.parametrize("name", ["plain", "clipped", "normalised", "table"])
def test_a_run_is_repeatable_and_looking_leaves_no_trace(short, monkeypatch, name):
    train, held_out = short
    one = silence.run(DEPARTURES[name], train, held_out, 0)
    assert one["steps"] == 2 and math.isfinite(one["bound"]) and one["kl"] > 0
    assert len(one["looks"]) == (0 if name == "table" else 2)
    monkeypatch.setattr(silence, "LOOKS", ())
    again = silence.run(DEPARTURES[name], train, held_out, 0)
    assert {k: v for k, v in again.items() if k not in ("looks", "cpu_seconds")} == {
        k: v for k, v in one.items() if k not in ("looks", "cpu_seconds")
    }
    other = silence.run(DEPARTURES[name], train, held_out, 1)
    assert other["bound"] != one["bound"]


def test_a_look_says_what_f_is(short):
    train, _ = short
    batches = batches_of(DEPARTURES["plain"], train)
    model, pixels = checkpoints.build(BASE), Pixels.fit(train.images)
    before = silence.look(model, batches, pixels, train)
    assert len(before["dead"]) == 6 and max(before["dead"]) < 0.5
    assert before["apart"] > 0.1 and before["noise"] > 0
    with torch.no_grad():  # the third convolution falls silent
        model.encoder.f[4].bias.fill_(-1e3)
    after = silence.look(model, batches, pixels, train)
    assert after["dead"][2] == 1 and after["apart"] == 0
    assert after["gradient_log_lik"] < before["gradient_log_lik"]
    assert after["wrong_class"] == 0 and after["noise"] == 0


def test_runs_are_kept_and_those_of_other_settings_refused(
    short, monkeypatch, tmp_path
):
    monkeypatch.setattr(silence, "PATH", tmp_path / "silence.json")
    monkeypatch.setattr(silence, "DEPARTURES", {"plain": DEPARTURES["plain"]})
    monkeypatch.setattr(studies.sets, "load", lambda name: noise(160))
    one = silence.run_all(seeds=(0,))
    monkeypatch.setattr(silence, "run", None)  # nothing is run again
    assert silence.run_all(seeds=(0,))["departures"] == one["departures"]
    monkeypatch.setattr(silence, "BASE", replace(silence.BASE, m_max=2))
    with pytest.raises(ValueError, match="of other settings"):
        silence.run_all(seeds=(0,))


@stored
def test_the_file_has_every_departure_and_seed():
    content = studies.stored(silence.PATH)
    assert list(content["departures"]) == list(DEPARTURES)
    for name, entry in content["departures"].items():
        assert entry["words"] == DEPARTURES[name].words
        assert list(entry["seeds"]) == [str(s) for s in silence.SEEDS]
    assert departures_table(content).count("\n") == 1 + len(DEPARTURES)
