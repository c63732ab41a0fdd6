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
