"""Random distortions: what they are, and that a class survives them."""

import math

import pytest
import torch

from equivae_lite.data import distortions
from equivae_lite.data.distortions import distort
from tests.support.small import images


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def x():
    return images().images[:64].float() / 255


def test_shape_range_and_seed(x):
    a, b = distort(x, 1.0, generator()), distort(x, 1.0, generator())
    assert torch.equal(a, b) and a.shape == x.shape
    assert not torch.equal(a, distort(x, 1.0, generator(1)))
    assert a.min() >= 0 and a.max() <= 1  # grey values are interpolated, not made up
    colour = torch.rand(3, 3, 32, 32)
    assert distort(colour, 1.0, generator()).shape == colour.shape


def test_strength_zero_is_the_image_itself_and_less_is_nearer(x):
    assert distort(x, 0.0) is x
    moved = [(distort(x, s, generator()) - x).abs().mean() for s in (0.01, 0.1, 1.0)]
    assert moved[0] < moved[1] < moved[2]
    assert moved[0] < 0.01
    with pytest.raises(ValueError, match="at least 0, not -1"):
        distort(x, -1.0)


def test_every_image_has_its_own(x):
    same = x[:1].expand(16, -1, -1, -1)
    out = distort(same, 1.0, generator()).flatten(1)
    apart = torch.cdist(out, out) + 1e9 * torch.eye(16)
    assert apart.min() > 0.1


@pytest.mark.parametrize("kind", ["shift", "rotation", "scale"])
def test_geometry_stays_within_its_limits(kind, monkeypatch):
    """A bright square: where its centre, its axis and its area go."""
    for name in ("ROTATION", "SCALE", "SHEAR", "SHIFT", "BEND"):
        if name.lower() != kind:
            monkeypatch.setattr(distortions, name, 0.0)
    square = torch.zeros(200, 1, 28, 28)
    square[..., 6:22, 12:16] = 1  # a tall bar in the middle
    out = distort(square, 1.0, generator())[:, 0]
    mass = out.sum((1, 2))
    at = torch.arange(28) - 13.5
    row = (out.sum(2) * at).sum(1) / mass
    column = (out.sum(1) * at).sum(1) / mass
    grid_r, grid_c = torch.meshgrid(at, at, indexing="ij")
    r, c = grid_r - row[:, None, None], grid_c - column[:, None, None]
    tilt = (out * r * c).sum((1, 2)) / (out * r**2).sum((1, 2))
    area = mass / square[0].sum()
    if kind == "shift":
        assert 1.7 < row.abs().max() <= 2.01 and 1.7 < column.abs().max() <= 2.01
    else:
        assert row.abs().max() < 0.1 and column.abs().max() < 0.1
    if kind == "rotation":
        steepest = math.tan(distortions.ROTATION)
        assert 0.8 * steepest < tilt.abs().max() < 1.1 * steepest
    else:
        assert tilt.abs().max() < 1e-3
    if kind == "scale":
        assert area.min() > 0.7 and area.max() < 1 / 0.85**2 + 0.02
        assert area.std() > 0.05


# --- the size of what is random ---------------------------------------------------

BATCH = 20_000
# At strength 1: rotation in degrees, scale, shear, shift and bend; all but the bend
# are uniform up to these.
SIZES = {"ROTATION": 20.0, "SCALE": 0.15, "SHEAR": 0.25, "SHIFT": 1 / 7, "BEND": 0.06}


@pytest.fixture
def grids(monkeypatch):
    """grids(strength, "SHEAR", …) -> theta (B, 2, 3) and the bend (B, H, W, 2).

    With only these distortions switched on, for a batch of tiny images.
    """
    kept = {}
    affine, sample = distortions.F.affine_grid, distortions.F.grid_sample

    def record_affine(theta, *rest, **named):
        kept["theta"] = theta.double()
        kept["affine"] = affine(theta, *rest, **named)
        return kept["affine"]

    def record_sample(x, grid, **named):
        kept["bend"] = (grid - kept["affine"]).double()
        return sample(x, grid, **named)

    monkeypatch.setattr(distortions.F, "affine_grid", record_affine)
    monkeypatch.setattr(distortions.F, "grid_sample", record_sample)

    def draw(strength, *names):
        with monkeypatch.context() as patch:
            for name in SIZES.keys() - set(names):
                patch.setattr(distortions, name, 0.0)
            distort(torch.zeros(BATCH, 1, 4, 4), strength, generator(5))
        return kept["theta"], kept["bend"]

    return draw


def within(found, expected, error, errors=5):
    assert abs(float(found) - expected) < errors * error, (float(found), expected)


def is_uniform(values, limit):
    """Mean, standard deviation and extremes of a uniform number in ±limit."""
    n = len(values)
    within(values.mean(), 0, limit / (3 * n) ** 0.5)
    # The variance of u^2 is 4/45.
    within((values / limit).square().mean(), 1 / 3, (4 / 45 / n) ** 0.5)
    assert 0.999 * limit < values.abs().max() <= limit * (1 + 1e-6)
    within((values[1:] * values[:-1]).mean() / limit**2, 0, 1 / 3 / n**0.5)


def know_nothing_of_each_other(a, b):
    within(torch.corrcoef(torch.stack([a, b]))[0, 1], 0, len(a) ** -0.5)


@pytest.mark.parametrize("strength", [1.0, 0.5])
def test_the_sizes_are_those_that_are_documented(grids, strength):
    theta, bend = grids(strength, "ROTATION")
    angle = torch.rad2deg(torch.atan2(theta[:, 1, 0], theta[:, 0, 0]))
    is_uniform(angle, strength * SIZES["ROTATION"])
    theta, _ = grids(strength, "SCALE")
    width, height = theta[:, 0, 0] - 1, theta[:, 1, 1] - 1
    is_uniform(width, strength * SIZES["SCALE"])
    is_uniform(height, strength * SIZES["SCALE"])
    know_nothing_of_each_other(width, height)
    theta, _ = grids(strength, "SHEAR")
    is_uniform(theta[:, 0, 1], strength * SIZES["SHEAR"])
    theta, _ = grids(strength, "SHIFT")
    is_uniform(theta[:, 0, 2], strength * SIZES["SHIFT"])
    is_uniform(theta[:, 1, 2], strength * SIZES["SHIFT"])
    know_nothing_of_each_other(theta[:, 0, 2], theta[:, 1, 2])
    assert bend.abs().max() < 1e-6


@pytest.mark.parametrize("strength", [1.0, 0.5])
def test_the_bend_is_normal_and_every_image_has_its_own(grids, strength):
    theta, bend = grids(strength, "BEND")
    assert torch.equal(theta, torch.eye(2, 3).double().expand(BATCH, -1, -1))
    # On 4 x 4 pixels the coarse grid is not interpolated.
    size = strength * SIZES["BEND"]
    for axis in (0, 1):
        for at in ((0, 0), (1, 2), (3, 3)):
            values = bend[:, at[0], at[1], axis] / size
            within(values.mean(), 0, BATCH**-0.5)
            within(values.square().mean(), 1, (2 / BATCH) ** 0.5)
            within(values.pow(4).mean(), 3, (96 / BATCH) ** 0.5)
            within((values[1:] * values[:-1]).mean(), 0, BATCH**-0.5)
    know_nothing_of_each_other(bend[:, 1, 2, 0], bend[:, 1, 2, 1])
    know_nothing_of_each_other(bend[:, 0, 0, 0], bend[:, 3, 3, 0])


def test_the_parts_of_a_distortion_know_nothing_of_each_other(grids):
    theta, bend = grids(1.0, *SIZES)
    numbers = [theta[:, 0, 2], theta[:, 1, 2], bend[:, 1, 2, 0], bend[:, 1, 2, 1]]
    angle = torch.atan2(theta[:, 1, 0], theta[:, 0, 0])
    width = theta[:, :, 0].square().sum(1).sqrt()
    numbers += [angle, width]
    for i, a in enumerate(numbers):
        for b in numbers[:i]:
            know_nothing_of_each_other(a, b)
