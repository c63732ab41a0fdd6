"""Each reading changes what it says and nothing else; the runs are made once."""

import json

import pytest
import torch
from torch import nn

from equivae_lite import files
from equivae_lite.data import sets
from equivae_lite.model.equivae import EquiVAE
from equivae_lite.model.networks import Architecture, Decoder
from equivae_lite.training import experiments
from tools import readings
from tools.readings import READINGS, WithoutDense

pytestmark = pytest.mark.slow

PRESET = experiments.get(readings.PRESET)
MODELS = {name: reading.build(PRESET) for name, reading in READINGS.items()}


def dense(i: int, o: int) -> int:
    return i * o + o


# What a reading adds to the parameters, counted by hand, and where it may do so.
EXTRA = {
    "preset": ("", 0),
    "mean-of-g": ("encoder", 0),
    "output-padding": ("decoder", 0),
    "narrow-doors": ("decoder", -2 * dense(16, 32) - 64 * 128),
    "without-dense": ("posterior", 2 * 128 * 64 - dense(256, 128)),
    "wide-dense-r": ("posterior", dense(16, 64) + 2 * 64 * 64),
}


@pytest.mark.parametrize("name", READINGS)
def test_parameters_counted_by_hand(name):
    counts = {n: m.parameter_count() for n, m in MODELS.items()}
    assert counts[name] - counts["preset"] == EXTRA[name][1]


@pytest.mark.parametrize("name", READINGS)
def test_the_other_networks_are_the_presets(name):
    changed = EXTRA[name][0]
    for part in ("encoder", "posterior", "decoder"):
        theirs, ours = getattr(MODELS[name], part), getattr(MODELS["preset"], part)
        assert (type(theirs) is not type(ours)) == (part == changed)
        if part != changed:
            assert repr(theirs) == repr(ours)


@pytest.mark.parametrize("name", READINGS)
def test_every_reading_runs_and_is_initialised_as_the_preset(name):
    model, g = MODELS[name], torch.Generator().manual_seed(0)
    x = torch.rand(5, 1, 28, 28, generator=g)
    r = model.encoder(torch.rand(5, 3, 1, 28, 28, generator=g))
    terms = model.terms(x, r, torch.randn(5, 16, generator=g))
    assert r.shape == (5, 16) and terms.bound.shape == (5,)
    for layer in model.modules():  # He's rule sets all biases to zero
        if getattr(layer, "bias", None) is not None:
            assert not layer.bias.any()


def test_output_padding_goes_by_4_7_14_28():
    sizes = []
    decoder = MODELS["output-padding"].decoder
    for layer in decoder.convolutions:
        if isinstance(layer, nn.ConvTranspose2d | nn.Conv2d):
            layer.register_forward_hook(
                lambda _, inputs, out: sizes.append(out.shape[-1])
            )
    decoder(torch.zeros(1, 16), torch.zeros(1, 16))
    assert sizes == [4, 7, 14, 28, 28]
    with pytest.raises(ValueError, match="not for 32"):
        readings.OutputPadding(Architecture(size=32))


def test_mean_of_g_is_the_mean_of_g():
    preset, reading = MODELS["preset"].encoder, MODELS["mean-of-g"].encoder
    weights = dict(zip(reading.state_dict(), preset.state_dict().values()))
    reading.load_state_dict(weights)
    x = torch.rand(4, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    by_hand = torch.stack([preset.g(preset.f(image)) for image in x]).mean(0)
    # float32 sums in another order; g(mean f) is another number.
    torch.testing.assert_close(reading(x), by_hand)
    assert (reading(x) - preset(x)).abs().max() > 1e-3


def test_without_dense_sees_256_features_with_any_leading_axes():
    embed = WithoutDense(PRESET.arch).embed
    x = torch.rand(2, 3, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    assert embed(x).shape == (2, 3, 256)
    torch.testing.assert_close(embed(x)[1], embed(x[1]))


SMALL = {"training_images": 200, "held_out_images": 50}


@pytest.fixture(scope="module")
def glyphs():
    return sets.load("glyphs", limit=300)


def test_a_run_is_made_once_and_leaves_the_package_as_it_was(
    tmp_path, glyphs, monkeypatch
):
    made, real = [], readings.run

    def counted(reading, *rest):
        made.append(reading.words)
        assert len(made) != 3, "stopped in the third run"
        return real(reading, *rest)

    monkeypatch.setattr(readings, "run", counted)
    experiment, path = readings.short(PRESET, epochs=1), tmp_path / "readings.json"
    with pytest.raises(AssertionError, match="third run"):
        readings.run_all(experiment, glyphs, path, **SMALL)
    content = readings.run_all(experiment, glyphs, path, **SMALL)
    assert len(made) == 1 + len(READINGS) * 2  # the third one twice, no other
    assert content == files.read_json(path, "")
    assert type(EquiVAE(PRESET.arch).decoder) is Decoder
    rows = readings.table(content).split("\n")
    assert len(rows) == 2 + len(READINGS)

    with pytest.raises(ValueError, match="another training_images"):
        readings.run_all(
            experiment, glyphs, path, training_images=100, held_out_images=50
        )


def test_difference_is_paired_over_seeds():
    content = {
        "readings": {
            "preset": {"seeds": {"0": {"bound": -100.0}, "1": {"bound": -110.0}}},
            "other": {"seeds": {"0": {"bound": -99.0}, "1": {"bound": -107.0}}},
        }
    }
    assert readings.difference(content, "other") == (2.0, pytest.approx(1.0))
    del content["readings"]["other"]["seeds"]["1"]
    assert readings.difference(content, "other") == (1.0, None)


@pytest.fixture(scope="module")
def stored():
    return json.loads(readings.PATH.read_text(encoding="utf-8"))


def test_the_stored_runs_are_those_of_the_preset_on_training_images(stored):
    assert stored["experiment"] == readings.settings(readings.short(PRESET))
    assert (stored["data"]["name"], stored["data"]["split"]) == ("mnist", "train")
    assert stored["training_images"] + stored["held_out_images"] <= 60_000
    assert list(stored["readings"]) == list(READINGS)


@pytest.mark.parametrize("name", READINGS)
def test_the_stored_numbers_hang_together(name, stored):
    entry = stored["readings"][name]
    assert entry["words"] == READINGS[name].words
    assert entry["parameters"] == MODELS[name].parameter_count()
    assert list(entry["seeds"]) == ["0", "1"]
    for run in entry["seeds"].values():
        # Each is rounded to 1e-4, and the bound is their difference.
        assert run["bound"] == pytest.approx(run["log_lik"] - run["kl"], abs=3e-4)
        assert -200 < run["bound"] < -90


def test_the_whole_file_cost_less_than_15_minutes(stored):
    runs = [s for e in stored["readings"].values() for s in e["seeds"].values()]
    assert sum(run["cpu_seconds"] for run in runs) < 900
