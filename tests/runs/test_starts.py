"""The study of starts: each is what it says, and looking leaves no trace."""

import json
import math

import pytest
import torch

from equivae_lite.data.sets import ImageSet, Pixels
from equivae_lite.evaluation.bound import bound_terms
from equivae_lite.training.objectives import Batches
from tools import starts
from tools.starts import BASE, STARTS


def noise(n, seed=0):
    g = torch.Generator().manual_seed(seed)
    images = torch.randint(256, (n, 1, 28, 28), generator=g, dtype=torch.uint8)
    return ImageSet("mnist", "train", images, torch.arange(n) % 10, None, "noise")


def same(a, b):
    return all(torch.equal(p, q) for p, q in zip(a.parameters(), b.parameters()))


def test_each_start_changes_what_it_says_and_nothing_else():
    built = {name: starts.build(start, 0) for name, start in STARTS.items()}
    plain = built["pytorch"]
    one = built["decoder"]
    assert same(one.encoder, plain.encoder) and same(one.posterior, plain.posterior)
    assert not same(one.decoder, plain.decoder)
    assert same(built["encoders"].decoder, plain.decoder)
    for part in ("encoder", "posterior"):
        assert not same(getattr(built["encoders"], part), getattr(plain, part))
    # He's width in the first transposed convolution.
    layer = {
        k: float(m.decoder.convolutions[1].weight.detach().std())
        for k, m in built.items()
    }
    fan_in = 32 * 25 / 4
    assert layer["decoder"] == pytest.approx(math.sqrt(2 / fan_in), rel=0.02)
    assert layer["he"] == pytest.approx(layer["decoder"], rel=0.02)
    # The small heads of q, mu's by a half.
    last = built["encoders"].posterior.mu[-1].weight
    assert float(last.detach().std()) == pytest.approx(math.sqrt(2 / 64) / 2, rel=0.1)


THREE, TWO = 1 / 3, 2  # a weight's variance times its fan-in: PyTorch's, He's
DEFAULT = dict(gain=THREE, taps=False, biases=True, heads=False)
HE = dict(gain=TWO, taps=True, biases=False, heads=True)
EXPECTED = {
    "pytorch": DEFAULT,
    "he": HE,
    "scale": DEFAULT | {"gain": TWO},
    "biases": DEFAULT | {"biases": False},
    "taps": DEFAULT | {"taps": True},
    "heads": DEFAULT | {"heads": True},
    "he-scale": HE | {"gain": THREE},
    "he-biases": HE | {"biases": True},
    "he-taps": HE | {"taps": False},
    "he-heads": HE | {"heads": False},
}


@pytest.mark.parametrize("name", EXPECTED)
def test_one_change_at_a_time(name):
    """Widths of layers by the rules that a start's words name, and no other."""
    model, want = starts.build(STARTS[name], 0), EXPECTED[name]

    def gain(layer, fan_in, times=1.0):
        found = float(layer.weight.detach().var()) * fan_in / times**2
        assert found == pytest.approx(want["gain"], rel=0.15)

    up = model.decoder.convolutions[1]  # 32 to 64 channels up: 64 counted, 32 / 4 fed
    assert up.in_channels == 32 and up.out_channels == 64 and up.stride == (2, 2)
    gain(up, 32 * 25 / 4 if want["taps"] else 64 * 25)
    dense = model.posterior.mu[0]
    gain(dense, dense.in_features)
    gain(model.posterior.mu[-1], 64, 0.5 if want["heads"] else 1)
    gain(model.posterior.log_var[-1], 64, 0.1 if want["heads"] else 1)
    for layer in starts.layers(model):
        if layer.bias is not None:
            reach = layer.weight[0].numel() ** -0.5 if want["biases"] else 0
            assert float(layer.bias.detach().abs().max()) <= reach
    assert (float(dense.bias.detach().abs().max()) > 0) == want["biases"]


def test_every_start_has_an_expectation():
    rest = {"decoder", "encoders", "xavier"}  # tested above; a scheme of the package
    assert EXPECTED.keys() | rest == STARTS.keys()


@pytest.fixture
def short(monkeypatch):
    monkeypatch.setattr(starts, "STEPS", 2)
    monkeypatch.setattr(starts, "LOOKS", (1, 2))
    monkeypatch.setattr(starts, "LOOKED_AT", 20)
    return noise(200), noise(40, seed=1)


def test_a_run_is_repeatable_and_looking_leaves_no_trace(short, monkeypatch):
    one = starts.run(STARTS["decoder"], *short, 0)
    assert [at["step"] for at in one["looks"]] == [0, 1, 2] and one["steps"] == 2
    monkeypatch.setattr(starts, "LOOKS", ())
    again = starts.run(STARTS["decoder"], *short, 0)
    for key in ("bound", "kl", "active_units", "variety"):
        assert one[key] == again[key] and math.isfinite(one[key])
    assert starts.run(STARTS["decoder"], *short, 1)["bound"] != one["bound"]


def test_a_look_has_the_kl_of_each_unit(short):
    train, held_out = short
    model = starts.build(STARTS["he"], 0)
    batches = Batches(BASE, train, Pixels.unit(), 0)
    seen = starts.look(model, batches, held_out)
    assert len(seen["kl"]) == 16 and min(seen["kl"]) >= 0
    r = torch.stack([
        model.encoder(batches.x(torch.arange(y, 200, 10)[: batches.m_max]))
        for y in range(10)
    ])[held_out.labels]  # fmt: skip
    x = Pixels.unit().forward(held_out.images)
    terms = bound_terms(model, x, r, torch.arange(len(x)))
    assert sum(seen["kl"]) == pytest.approx(float(terms.kl.mean()), abs=0.01)
    assert seen["log_lik"] == pytest.approx(float(terms.log_lik.mean()), abs=0.01)


@pytest.mark.skipif(not starts.PATH.exists(), reason="no file of results")
def test_the_stored_runs_are_whole():
    stored = json.loads(starts.PATH.read_text(encoding="utf-8"))
    assert stored["experiment"] == json.loads(json.dumps(BASE.to_dict()))
    assert stored["starts"].keys() == STARTS.keys()
    for name, entry in stored["starts"].items():
        assert entry["words"] == STARTS[name].words and "0" in entry["seeds"]
        for one in entry["seeds"].values():
            assert [at["step"] for at in one["looks"]] == [0, *starts.LOOKS]
            assert one["steps"] == starts.STEPS
            # r_y from seven images at a look, from thousands at the end.
            seen = sum(one["looks"][-1]["kl"])
            assert seen == pytest.approx(one["kl"], rel=0.1, abs=0.05)
