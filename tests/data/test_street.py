"""Street glyphs, the stand-in for SVHN: the same bytes, and factors that act."""

import os

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from torch.testing import assert_close

from equivae_lite.data.stand_ins import glyphs, street, street_paint
from equivae_lite.data.stand_ins.faces import outlines
from equivae_lite.data.stand_ins.glyphs import draw_glyphs
from equivae_lite.data.stand_ins.street import street_glyphs
from equivae_lite.data.stand_ins.street_paint import paint
from equivae_lite.errors import DataError
from tests.support.stand_ins import centre_of_mass

POSE = ("face", "rotation", "scale", "shear", "shift_x", "shift_y", "stroke")


def plain(n=1, **factors):
    """Factors of n upright black digits on white, alone, sharp and without noise."""
    zero, one = torch.zeros(n), torch.ones(n)
    names = "rotation shear shift_x shift_y stroke perspective_x perspective_y gap"
    names += " light_x light_y stripes stripe_angle stripe_phase noise"
    base = {name: zero for name in names.split()}
    base |= {"scale": one, "stripe_period": one, "blur": 0.01 * one}
    base |= {"face": torch.zeros(n).long(), "inverted": torch.zeros(n).long()}
    base |= {"left": torch.full((n,), -1), "right": torch.full((n,), -1)}
    base |= {"ink": torch.zeros(n, 3), "paper": torch.ones(n, 3)}
    base |= {"bumps": torch.zeros(n, street_paint.BUMPS, street_paint.BUMPS)}
    given = {k: torch.as_tensor(v).expand_as(base[k]) for k, v in factors.items()}
    given = {k: v.to(base[k].dtype).contiguous() for k, v in given.items()}
    return base | given


def arrays(factors):
    return {name: street_paint._exact(value) for name, value in factors.items()}


# --- the same everywhere --------------------------------------------------------


def test_seeds_are_disjoint():
    """No image of one split or seed is in another; the grey glyphs have others too."""
    entropy = {(n,) for n in street.SPLITS.values()} | set(glyphs.SEEDS.values())
    assert len(entropy) == 4
    seen = set()
    for split, seed in (("train", 0), ("test", 0), ("train", 1), ("test", 1)):
        images = street_glyphs(300, split, seed)[0]
        found = {image.tobytes() for image in images.numpy()}
        assert len(found) == 300 and not found & seen
        seen |= found


def test_threads_do_not_matter(monkeypatch):
    n = 3 * street.BLOCK + 5
    several = street_glyphs(n)
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    one = street_glyphs(n)
    assert torch.equal(several[0], one[0]) and torch.equal(several[1], one[1])
    assert all(torch.equal(several[2][k], one[2][k]) for k in one[2])


def test_errors():
    with pytest.raises(DataError, match="train or test"):
        street_glyphs(5, "valid")
    with pytest.raises(DataError, match="ask for at least one"):
        street_glyphs(0)
    with pytest.raises(DataError, match="seed is -1: it must be 0 or more"):
        street_glyphs(5, seed=-1)


def test_errors_of_paint():
    labels, factors = torch.tensor([1, 2]), plain(2)
    for wrong in (torch.tensor([1, 10]), torch.tensor([-1, 2]), labels[:0]):
        with pytest.raises(DataError, match="digits from 0 to 9"):
            paint(wrong, factors)
    with pytest.raises(DataError, match="these factors are missing: blur, gap"):
        paint(labels, {k: v for k, v in factors.items() if k not in ("gap", "blur")})
    with pytest.raises(DataError, match="1 labels, but .* is for 2 images"):
        paint(labels[:1], factors)
    with pytest.raises(DataError, match="2 labels, but the grain is for 3 images"):
        paint(labels, factors, torch.zeros(3, 3, 32, 32))
    with pytest.raises(DataError, match="face must be an index from 0 to 20"):
        paint(labels, factors | {"face": torch.tensor([0, 21])})


# --- the factors ----------------------------------------------------------------


def test_shapes_and_colours():
    images, labels, factors = street_glyphs(500)
    assert images.shape == (500, 3, 32, 32) and images.dtype == torch.uint8
    assert labels.dtype == torch.int64
    assert all(len(values) == 500 for values in factors.values())
    assert factors["ink"].shape == factors["paper"].shape == (500, 3)
    # Ink is the brighter one where the picture is inverted, about half the time.
    brighter = factors["ink"].mean(1) > factors["paper"].mean(1)
    inverted = factors["inverted"] == 1
    clear = factors["contrast"] > 0.25  # a tint can hide a weaker contrast
    assert torch.equal(brighter[clear], inverted[clear])
    assert 0.4 < inverted.float().mean() < 0.6
    # Pictures are neither black nor white, and nowhere even.
    assert 90 < images.float().mean() < 165
    assert (images.float().std((2, 3)).mean(1) > 5).float().mean() > 0.99


def test_images_are_drawn_from_their_factors_up_to_the_noise():
    images, labels, factors = street_glyphs(200, "test")
    clean = paint(labels, factors)
    inside = (clean > 40) & (clean < 215)  # where no noise is clipped
    difference = images.double() - clean
    for n in range(200):
        some = difference[n][inside[n]]
        sigma = 255 * factors["noise"][n].item()
        if len(some) < 1000 or sigma < 1:
            continue  # too few values, or rounding drowns the noise
        # Rounding twice adds a variance of 2/12; 1,000 values give 2.3 % of the rest.
        expected = (sigma**2 + 2 / 12) ** 0.5
        assert some.std().item() == pytest.approx(expected, rel=0.12)
        assert abs(some.mean()) < 5 * expected / len(some) ** 0.5


def test_without_perspective_as_a_grey_glyph():
    """Another implementation draws the same digits, for every face and pose."""
    labels, factors = torch.arange(10).repeat(21), plain(210)
    random = np.random.default_rng(0)
    pose = {"face": torch.arange(21).repeat_interleave(10)}
    for name in POSE[1:]:
        low, high = street.STREET_RANGES[name]
        pose[name] = torch.from_numpy(random.uniform(low, high, 210)).float()
    grey = draw_glyphs(labels, **pose, size=32).int()
    for colour in range(3):
        drawn = 255 - paint(labels, factors | pose)[:, colour].int()
        assert (drawn - grey[:, 0]).abs().max() <= 1


def test_perspective_is_the_homography_of_its_factors():
    _, _, factors = street_glyphs(50)
    f = arrays(factors)
    u, v, _ = street_paint._plane(f)
    pixels = np.stack(np.broadcast_arrays(street_paint.AXIS, u[0] * 0), 0)[0]
    pixels = np.stack([pixels, pixels.T])  # x and y of every pixel
    for n in range(50):
        g = {k: f[k][n] for k in f}
        shear = np.array([[1, -g["shear"], 0], [0, 1, 0], [0, 0, 1]])
        cos, sin = np.cos(g["rotation"]), np.sin(g["rotation"])
        turn = np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]])
        scale = np.diag([g["scale"], g["scale"], 1])
        tilt = np.eye(3)
        tilt[2, :2] = -g["perspective_x"] / 16, -g["perspective_y"] / 16
        shift = np.array([[1, 0, g["shift_x"]], [0, 1, g["shift_y"]], [0, 0, 1]])
        point = np.stack([u[n], v[n], np.ones_like(u[n])]).reshape(3, -1)
        x, y, w = shift @ tilt @ scale @ turn @ shear @ point
        found = np.stack([x / w, y / w]).reshape(2, 32, 32)
        np.testing.assert_allclose(found, pixels, atol=1e-9)


@pytest.mark.parametrize("name, columns", [("perspective_x", 1), ("perspective_y", 0)])
def test_perspective_enlarges_its_side(name, columns):
    # The lower (right) half of an 8 grows, the upper (left) one shrinks.
    factors = plain(3, scale=1.5, **{name: torch.tensor([-0.2, 0.0, 0.2])})
    ink = 255 - paint(torch.tensor([8, 8, 8]), factors)[:, 0].double()
    if columns:
        ink = ink.transpose(1, 2)
    far, near = ink[:, :16].sum((1, 2)), ink[:, 16:].sum((1, 2))
    assert far[0] > far[1] > far[2] and near[0] < near[1] < near[2]


@pytest.mark.parametrize("side, sign", [("left", -1), ("right", 1)])
def test_neighbours_stand_on_the_turned_line(side, sign):
    factors = plain(rotation=0.3, scale=0.5, gap=2.0)
    alone = centre_of_mass(255 - paint(torch.tensor([8]), factors))
    both = 255 - paint(torch.tensor([8]), factors | {side: torch.tensor([8])})
    column, row = centre_of_mass(both)
    # Two equal digits: their common centre lies half a step along the baseline,
    # which a positive rotation turns upwards on the right.
    half = 0.5 * sign * (outlines()[1][8].item() + 2) / 2
    moved = column - alone[0], row - alone[1]
    assert moved[0].item() == pytest.approx(half * np.cos(0.3), abs=0.1)
    assert moved[1].item() == pytest.approx(-half * np.sin(0.3), abs=0.1)


def test_neighbours_are_where_the_factors_say():
    images, labels, factors = street_glyphs(1000)
    alone = factors | {side: torch.full((1000,), -1) for side in ("left", "right")}
    for side, columns in (("left", slice(0, 5)), ("right", slice(-5, None))):
        there = factors[side] >= 0
        assert there.float().mean() == pytest.approx(street.NEIGHBOUR, abs=0.08)
        changed = (paint(labels, factors).int() - paint(labels, alone).int()).abs()
        at_edge = changed[:, :, 6:26, columns].amax((1, 2, 3)) > 10
        assert not changed[:, :, :, columns][~there].float().mean() > 1
        assert at_edge[there].float().mean() > 0.9


def test_blur_is_gaussian_and_keeps_the_mean_level():
    picture = np.random.default_rng(0).random((4, 3, 32, 32))
    blur = np.array([0.3, 0.6, 1.0, 1.5])
    found = street_paint._blurred(picture, blur)
    for n in range(4):
        expected = gaussian_filter(picture[n], (0, blur[n], blur[n]), truncate=8)
        inner = (slice(None), slice(10, 22), slice(10, 22))
        np.testing.assert_allclose(found[n][inner], expected[inner], atol=1e-6)
    even = np.full((4, 3, 32, 32), 0.3)
    np.testing.assert_allclose(street_paint._blurred(even, blur), even)


def test_light_falls_from_its_side():
    wall = plain(shift_x=100.0, paper=0.5, light_x=0.3, light_y=-0.2)
    picture = paint(torch.tensor([1]), wall)[0, 0].double() / 255
    x, y = np.meshgrid(street_paint.AXIS / 16, street_paint.AXIS / 16)
    expected = torch.from_numpy(0.5 * (1 + 0.3 * x - 0.2 * y))
    assert_close(picture, expected, rtol=0, atol=0.5 / 255 + 1e-6)


def test_stripes_have_their_period_strength_and_angle():
    for angle, axis in ((0.0, 1), (np.pi / 2, 0)):
        factors = plain(shift_x=100.0, paper=0.5, stripes=0.1, stripe_angle=angle)
        factors["stripe_period"] = torch.tensor([8.0])
        picture = paint(torch.tensor([1]), factors)[0, 0].double().numpy() / 255
        assert abs(picture - np.roll(picture, 8, axis)).max() < 1e-2
        assert picture.max() == pytest.approx(0.6, abs=3e-3)
        assert picture.min() == pytest.approx(0.4, abs=3e-3)
        assert picture.std(1 - axis).max() < 1e-6  # straight
    assert not torch.equal(
        paint(torch.tensor([1]), factors),
        paint(torch.tensor([1]), factors | {"stripe_phase": torch.tensor([1.0])}),
    )


def test_bumps_are_smooth_and_meet_their_points():
    bumps = torch.zeros(1, street_paint.BUMPS, street_paint.BUMPS)
    bumps[0, 0, 0], bumps[0, -1, -1] = 0.2, -0.2
    factors = plain(shift_x=100.0, paper=0.5, bumps=bumps)
    picture = paint(torch.tensor([1]), factors)[0, 0].double() / 255
    assert picture[0, 0] == pytest.approx(0.7, abs=3e-3)
    assert picture[-1, -1] == pytest.approx(0.3, abs=3e-3)
    assert picture[16, 16] == pytest.approx(0.5, abs=3e-3)
    assert picture.diff(dim=0).abs().max() < 0.06


def test_middle_digit_is_the_label():
    """With the pose of its factors, the label's ink is where the image has ink."""
    images, labels, factors = street_glyphs(400)
    alone = {side: torch.full((400,), -1) for side in ("left", "right")}
    grey = {"ink": torch.ones(400, 3), "paper": torch.zeros(400, 3)}
    quiet = {k: torch.zeros(400) for k in ("stripes", "light_x", "light_y")}
    quiet["bumps"] = torch.zeros_like(factors["bumps"])
    template = factors | alone | grey | quiet
    direction = factors["ink"] - factors["paper"]
    shown = (images.double() * direction[:, :, None, None]).sum(1).flatten(1)

    def match(digits: torch.Tensor) -> torch.Tensor:
        drawn = paint(digits, template)[:, 0].double().flatten(1)
        wide = paint(digits, template | {"stroke": torch.full((400,), 6.0)})
        window = wide[:, 0].flatten(1) > 0
        both = torch.stack((shown, drawn)) - torch.stack(
            [(t * window).sum(1) / window.sum(1) for t in (shown, drawn)]
        ).unsqueeze(-1)
        a, b = both * window
        return (a * b).sum(1) / (a.norm(dim=1) * b.norm(dim=1))

    right, wrong = match(labels), match((labels + 1) % 10)
    assert (right > wrong).float().mean() > 0.9 and right.mean() > 0.6
