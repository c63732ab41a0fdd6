"""The Gaussian over pixels: its variances, its density in three spaces, its bits."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from scipy.stats import norm
from torch.distributions import (
    AffineTransform,
    Independent,
    Normal,
    TransformedDistribution,
)
from torch.testing import assert_close

from equivae_lite.data import sources
from equivae_lite.data.sets import Pixels
from equivae_lite.errors import DataError
from equivae_lite.evaluation import bound
from equivae_lite.evaluation import pixel_density as density
from equivae_lite.model import bounds
from equivae_lite.model.networks import VARIANCES, Architecture
from equivae_lite.training import checkpoints, experiments, loop
from tests.support.small import COLOUR, SUPERVISED, images, model, network_input, pixels

D = 3 * 32 * 32
each_variance = pytest.mark.parametrize("variance", VARIANCES)


def with_variance(variance):
    return replace(COLOUR, arch=replace(COLOUR.arch, variance=variance))


def double_precision(variance, seed=0):
    """A colour model in float64 with a variance unlike 1 where it is learned."""
    net = model(with_variance(variance), seed).double()
    if variance != "unit":
        torch.manual_seed(seed + 1)
        with torch.no_grad():
            net.decoder.log_var.copy_(torch.randn(net.decoder.log_var.shape))
    return net


def float64(some_pixels):
    return Pixels(some_pixels.mean.double(), some_pixels.std.double())


def small_pixels(seed=0, shape=(3, 2, 2)):
    generator = torch.Generator().manual_seed(seed)
    mean, std = torch.rand(2, *shape, generator=generator, dtype=torch.float64)
    return Pixels(mean, 0.1 + 0.4 * std)


# --- the variances --------------------------------------------------------------


def test_three_variances_and_no_other():
    shapes = {
        v: model(with_variance(v)).decoder.log_var.shape for v in ("shared", "pixel")
    }
    assert shapes == {"shared": (), "pixel": (3, 32, 32)}
    unit = model(with_variance("unit"))
    assert unit.decoder.log_var == 0 and "decoder.log_var" not in unit.state_dict()
    assert all(p is not unit.decoder.log_var for p in unit.parameters())
    assert unit.to("meta").decoder.log_var.device.type == "meta"
    assert model(SUPERVISED).decoder.log_var is None
    with pytest.raises(ValueError, match="variance must be one of .*not 'full'"):
        Architecture(likelihood="gaussian", variance="full")
    with pytest.raises(ValueError, match="'unit', but a Bernoulli has no variance"):
        Architecture(variance="unit")


@each_variance
def test_a_variance_changes_nothing_else_at_the_start(variance):
    net, before = model(with_variance(variance)), model(COLOUR)
    states = [
        {k: t for k, t in m.state_dict().items() if k != "decoder.log_var"}
        for m in (net, before)
    ]
    assert states[0].keys() == states[1].keys()
    assert all(torch.equal(states[0][k], states[1][k]) for k in states[0])
    x = network_input(COLOUR, 4)
    r, v = torch.zeros(4, 16), torch.ones(4, 16)
    assert_close(net.log_likelihood(x, r, v), before.log_likelihood(x, r, v))


@each_variance
def test_learned_variance_is_the_mean_square_residual(variance):
    """The likelihood is largest there: the gradient is zero, and beside it is not."""
    net = double_precision(variance)
    x = network_input(COLOUR, 6).double()
    torch.manual_seed(2)
    r, v = torch.randn(2, 6, 16, dtype=torch.float64)
    squares = (x - net.decoder(r, v)).square().detach()

    def gradient():
        net.zero_grad()
        net.log_likelihood(x, r, v).sum().backward()
        return net.decoder.log_var.grad

    if variance == "unit":
        assert gradient() is None and not net.decoder.log_var.requires_grad
        return
    best = squares.mean() if variance == "shared" else squares.mean(0)
    at = {}
    for shift in (-0.1, 0.0, 0.1):
        with torch.no_grad():
            net.decoder.log_var.copy_(best.log() + shift)
        at[shift] = gradient().clone()
    n = x.numel() if variance == "shared" else 6
    assert_close(at[0.0], torch.zeros_like(best), rtol=0, atol=1e-9 * n)
    # Of log N: (square / variance - 1) / 2 per pixel, so n (e^-shift - 1) / 2 in all.
    for shift in (-0.1, 0.1):
        expected = torch.full_like(best, 0.5 * n * math.expm1(-shift))
        assert_close(at[shift], expected, rtol=1e-9, atol=0)


@each_variance
def test_training_moves_what_is_to_be_learned(variance):
    short = replace(with_variance(variance), schedule=((64, 1),))
    train = images(COLOUR.data)
    net, _ = loop.fit(short, train, pixels(COLOUR), max_steps=2, progress=False)
    log_var = net.decoder.log_var
    assert (log_var != 0).all() == (variance != "unit")
    assert log_var.unique().numel() == (1 if variance != "pixel" else D) or (
        variance == "pixel" and log_var.unique().numel() > D / 2
    )


# --- the density ----------------------------------------------------------------


@pytest.mark.parametrize("space", density.SPACES)
@pytest.mark.parametrize("log_var", [[0.0, 0.0], [-0.9, -0.9], [0.4, -1.3]])
def test_integral_is_one(space, log_var):
    """Over a grid of all pictures of two pixels, in the coordinates of each space."""
    some = Pixels(torch.tensor([0.3, 0.6])[None, None].double(),
                  torch.tensor([0.2, 0.05])[None, None].double())  # fmt: skip
    mean, variance = torch.tensor([0.5, -1.0]), torch.tensor(log_var).double()
    # Ten deviations to each side hold all but 1e-23.
    axes = [
        m + s.mul(0.5).exp() * torch.linspace(-10, 10, 801).double()
        for m, s in zip(mean, variance)
    ]
    z = torch.cartesian_prod(*axes)[:, None, None]  # (801², 1, 1, 2)
    log_p = bounds.gaussian_log_prob(z, mean.double(), variance)
    log_p = density.convert(log_p, some, space, 2).reshape(801, 801)
    # What the axes are in the space: the inverse of the standardisation.
    scale = {"standardised": 0, "unit": 1, "levels": 255}[space]
    if scale:
        axes = [
            scale * (a * s + m)
            for a, s, m in zip(axes, some.std.flatten(), some.mean.flatten())
        ]
    total = torch.trapezoid(torch.trapezoid(log_p.exp(), axes[1]), axes[0])
    assert total.item() == pytest.approx(1, abs=1e-9)


@each_variance
@pytest.mark.parametrize("space", density.SPACES)
def test_against_transformed_distributions(variance, space):
    net = double_precision(variance)
    some = float64(pixels(COLOUR))
    levels = images(COLOUR.data).images[:5].double()
    x = (levels / 255 - some.mean) / some.std
    torch.manual_seed(3)
    r, v = torch.randn(2, 5, 16, dtype=torch.float64)
    ours = density.convert(net.log_likelihood(x, r, v), some, space, D)
    deviation = torch.exp(0.5 * net.decoder.log_var).expand(3, 32, 32)
    theirs = Independent(Normal(net.decoder(r, v), deviation), 3)
    unit = AffineTransform(some.mean, some.std, event_dim=3)
    to_levels = AffineTransform(0.0, 255.0, event_dim=3)
    chain = {"standardised": [], "unit": [unit], "levels": [unit, to_levels]}[space]
    picture = {"standardised": x, "unit": levels / 255, "levels": levels}[space]
    if chain:
        theirs = TransformedDistribution(theirs, chain)
    assert_close(ours, theirs.log_prob(picture), rtol=1e-11, atol=0)


@pytest.mark.parametrize("space", ["unit", "levels"])
def test_log_det_by_autograd(space):
    some = small_pixels()

    def standardise(x):
        unit = x.reshape(3, 2, 2) / (255 if space == "levels" else 1)
        return ((unit - some.mean) / some.std).flatten()

    jacobian = torch.autograd.functional.jacobian(
        standardise, torch.rand(12, dtype=torch.float64)
    )
    expected = torch.linalg.slogdet(jacobian).logabsdet.item()
    assert density.log_det(some, space, 12) == pytest.approx(expected, rel=1e-12)


def test_pixels_in_the_unit_interval_have_only_the_levels():
    assert density.log_det(Pixels.unit(), "unit", 784) == 0
    expected = -784 * math.log(255)
    assert density.log_det(Pixels.unit(), "levels", 784) == pytest.approx(expected)


def test_errors():
    with pytest.raises(DataError, match="space is 'grey': choose from standardised"):
        density.log_det(Pixels.unit(), "grey", 784)
    with pytest.raises(DataError, match="are for 12 dimensions, but .* have 3,072"):
        density.log_det(small_pixels(), "unit", D)


# --- bits per dimension ---------------------------------------------------------


def test_dequantised_pictures_keep_their_grey_level():
    grey = images(COLOUR.data).images[:40]
    some = pixels(COLOUR)
    x = density.dequantised(grey, some, torch.arange(40))
    noise = 255 * (x * some.std + some.mean) - grey
    assert noise.abs().max() < 0.5 + 1e-3
    assert torch.equal((255 * some.inverse(x)).round().to(torch.uint8), grey)
    # Uniform: mean 0 and variance 1/12, and as many in each tenth.
    n = noise.numel()
    assert abs(noise.mean()) < 5 / math.sqrt(12 * n)
    assert noise.var().item() == pytest.approx(1 / 12, rel=0.01)
    counts = torch.histc(noise, 10, -0.5, 0.5)
    assert (counts - n / 10).abs().max() < 5 * math.sqrt(0.09 * n)
    # An image's noise is its own, whatever else is asked for; each has another.
    assert torch.equal(
        density.dequantised(grey[7:9], some, torch.tensor([7, 8])), x[7:9]
    )
    same = density.dequantised(grey[:1].expand(2, -1, -1, -1), some, torch.arange(2))
    assert not torch.equal(same[0], same[1])


def test_uniform_levels_have_eight_bits():
    # A density of 1/256 over the 256 levels' intervals, whatever the statistics are.
    some = small_pixels()
    log_p = torch.full((3,), -12 * math.log(256), dtype=torch.float64)
    log_p = log_p - density.log_det(some, "levels", 12)
    bits = density.bits_per_dimension(log_p, some, 12)
    assert_close(bits, torch.full((3,), 8.0).double(), rtol=1e-12, atol=0)


@pytest.mark.parametrize("sigma", [3.0, 20.0])
def test_bits_against_the_probability_of_the_levels(sigma):
    """Levels drawn from a Gaussian: SciPy gives the probability of each interval."""
    random = np.random.default_rng(0)
    mean = random.uniform(90, 160, (3, 2, 2))
    grey = np.rint(mean + sigma * random.standard_normal((4000, 3, 2, 2)))
    grey = torch.from_numpy(grey.clip(0, 255).astype(np.uint8))
    some = Pixels.fit(grey)
    x = density.dequantised(grey, some, torch.arange(4000)).double()
    # The true density, in standardised space.
    centre = (torch.from_numpy(mean) / 255 - some.mean) / some.std
    log_var = 2 * (sigma / 255 / some.std.double()).log()
    log_p = bounds.gaussian_log_prob(x, centre, log_var)
    bits = density.bits_per_dimension(log_p, some, 12)
    levels = grey.numpy().astype(float)
    upper, lower = ((levels + s / 2 - mean) / sigma for s in (1, -1))
    exact = -np.log2(norm.cdf(upper) - norm.cdf(lower)).sum((1, 2, 3)) / 12
    # An upper bound, too high by 1 / (24 sigma²) nats to leading order, plus the
    # noise of one draw of the dequantisation for each picture.
    gap = bits.numpy() - exact
    error = gap.std() / math.sqrt(len(gap))
    excess = 1 / (24 * sigma**2 * math.log(2))
    assert gap.mean() == pytest.approx(excess, abs=5 * error)
    # And near the entropy of the Gaussian itself, log2(sigma sqrt(2 pi e)): rounding
    # and dequantisation have each added 1/12 to the mean square.
    entropy = math.log2(sigma * math.sqrt(2 * math.pi * math.e))
    entropy += (2 / 12) / (2 * sigma**2 * math.log(2))
    error = bits.std().item() / math.sqrt(len(bits))
    assert bits.mean().item() == pytest.approx(entropy, abs=5 * error)


@each_variance
def test_report_has_bits_of_a_gaussian(variance):
    experiment = with_variance(variance)
    net, some = model(experiment), pixels(COLOUR)
    train, test = images(COLOUR.data), images(COLOUR.data, "test", 40)
    report = bound.supervised_report(net, some, train, test, iw_images=0, ms=(2,))
    found = report["bits_per_dimension"]
    # Again, image by image and from the definition.
    r = bound.Representations(net, some, train).table()[test.labels]
    bits = []
    for i in range(40):
        at = torch.tensor([i])
        x = density.dequantised(test.images[at], some, at)
        eps = bound.noise_of(at, 1, 16)[:, 0]
        with torch.no_grad():
            nats = net.terms(x, r[at], eps).bound.double()
        per_level = nats - some.std.double().log().sum() - D * math.log(255)
        bits.append(float(-per_level / D / math.log(2)))
    assert found["bits"] == pytest.approx(np.mean(bits), rel=1e-5)
    assert found["error"] == pytest.approx(np.std(bits, ddof=1) / 40**0.5, rel=1e-3)


def test_bits_are_those_of_the_dequantised_images(monkeypatch):
    """A noise of our own, half the range of a picture, must be felt in the bits."""
    net, some = model(COLOUR), pixels(COLOUR)
    few, at = images(COLOUR.data, "test", 40).images[:4], torch.arange(4)
    r = torch.zeros(4, COLOUR.arch.r_dim)
    asked = []

    def shifted(pictures, px, indices):
        asked.append((len(pictures), indices.tolist()))
        return px.forward(pictures) + 1.0

    usual = bound.bound_in_bits(net, some, few, r, at)
    monkeypatch.setattr(bound, "dequantised", shifted)
    found = bound.bound_in_bits(net, some, few, r, at)
    assert asked == [(4, [0, 1, 2, 3])]
    terms = bound.bound_terms(net, some.forward(few) + 1.0, r, at)
    torch.testing.assert_close(
        found, density.bits_per_dimension(terms.bound, some, D), rtol=1e-6, atol=0
    )
    assert ((found - usual).abs() > 0.01).all()


def test_report_has_no_bits_of_a_bernoulli():
    train, test = images("glyphs"), images("glyphs", "test", 40)
    report = bound.supervised_report(
        model(SUPERVISED), Pixels.unit(), train, test, iw_images=0, ms=(2,)
    )
    assert "bits_per_dimension" not in report


# --- checkpoints and presets ----------------------------------------------------


def shipped():
    for weights in sorted(checkpoints.FOLDER.glob("*.safetensors")):
        name, _, seed = weights.stem.rpartition("-seed")
        yield pytest.param(name, int(seed), weights, id=weights.stem)


@pytest.mark.parametrize(("name", "seed", "weights"), list(shipped()))
def test_checkpoints_from_before_load_bit_for_bit(name, seed, weights):
    net, _, card = checkpoints.load(name, seed)
    assert net.arch.variance == card["experiment"]["arch"].get("variance", "shared")
    stored = load_file(weights)
    for key, tensor in net.state_dict().items():
        assert torch.equal(tensor, stored.pop(key)), key
    assert all(key == "class_r" or key.startswith("pixels.") for key in stored)


@each_variance
def test_checkpoint_keeps_its_variance(tmp_path, variance):
    net = model(with_variance(variance))
    if variance != "unit":
        torch.nn.init.normal_(net.decoder.log_var)
    card = {"experiment": with_variance(variance).to_dict()}
    checkpoints.save(net, pixels(COLOUR), card, 0, tmp_path)
    again, some, _ = checkpoints.load(COLOUR.name, 0, tmp_path)
    assert again.arch.variance == variance
    assert torch.equal(again.decoder.log_var, net.decoder.log_var)
    assert torch.equal(some.std, pixels(COLOUR).std)


def test_the_card_of_a_gaussian_names_its_variance_and_no_other_card_does():
    for preset in experiments.PRESETS.values():
        arch = preset.to_dict()["arch"]
        gaussian = preset.arch.likelihood == "gaussian"
        assert arch.get("variance") == (preset.arch.variance if gaussian else None)


def test_a_card_without_the_field_has_the_shared_variance():
    card = COLOUR.to_dict()
    card["arch"] = {k: v for k, v in card["arch"].items() if k != "variance"}
    net = checkpoints.build(card)
    assert net.arch == replace(COLOUR.arch, variance="shared")
    assert net.decoder.log_var.shape == ()


@pytest.mark.parametrize("variance", ["unit", "shared"])
def test_presets_change_the_variance_alone(variance):
    base = experiments.get("street-glyphs-supervised")
    other = experiments.get(f"street-glyphs-supervised-{variance}-variance")
    arch = replace(base.arch, variance=variance)
    assert other == replace(base, name=other.name, arch=arch)
    assert base.arch.variance == "pixel" and other.data in sources.NAMES
