"""Moves of images, rules of v, poses: each against what it must be by hand."""

import math

import pytest
import torch

from equivae_lite.chapters.equivariance import (
    KINDS,
    Pose,
    affine_map,
    drawn,
    explained,
    fit_rule,
    on_held_out_classes,
    pose,
    read_linearly,
    transport,
    warped,
)
from equivae_lite.data.stand_ins.glyphs import GLYPH_RANGES, draw_glyphs
from equivae_lite.errors import DataError

AFFINE = [kind for kind in KINDS if kind != "stroke"]


@pytest.fixture(autouse=True)
def random():
    torch.manual_seed(0)


@pytest.mark.parametrize("kind", AFFINE)
def test_amounts_of_a_kind_add_up(kind):
    (A, b), (A2, b2) = affine_map(kind, 0.3), affine_map(kind, 0.6)
    torch.testing.assert_close(A @ A, A2)
    torch.testing.assert_close(A @ b + b, b2)
    unit, none = affine_map(kind, 0.0)
    assert torch.equal(unit, torch.eye(2).double()) and not none.any()


def test_a_stroke_is_no_map():
    with pytest.raises(DataError, match="no affine map"):
        affine_map("stroke", 0.5)


@pytest.mark.parametrize("kind", AFFINE)
@pytest.mark.parametrize("how", ["drawn", "warped"])
def test_ink_goes_where_the_map_says(kind, how):
    """Drawn with its own pose or resampled: moments move by (A c + b, A Σ Aᵀ)."""
    amount = KINDS[kind][1]
    if how == "drawn":
        pairs = drawn(kind, (0.0, amount), 50, seed=1)
        before, after = pairs.images
        maps = pairs.map_of
    else:
        images = draw_glyphs(torch.arange(10), face=1, stroke=0.8)
        before, after = warped(kind, (0.0, amount), images)
        assert torch.equal(before, images)
        maps = affine_map

    want, found = pose(before).moved(*maps(kind, amount)), pose(after)
    assert (found.c - want.c).abs().max() < 0.2  # pixels
    assert (found.lean - want.lean).abs().max() < 2.0  # degrees
    assert (found.size / want.size - 1).abs().max() < 0.05
    apart = {"turn": "lean", "slant": "lean", "size": "size"}.get(kind, "c")
    wrong, right = (
        (getattr(found, apart) - getattr(p, apart)).abs().mean()
        for p in (pose(before).moved(*maps(kind, -amount)), want)
    )
    assert wrong > 5 * right


@pytest.mark.parametrize("kind", KINDS)
def test_pairs_differ_in_the_move_alone_and_stay_in_range(kind):
    name, amount, _ = KINDS[kind]
    pairs = drawn(kind, (-amount, 0.0, amount), 1100, seed=2)
    assert len(pairs.labels) == 1100 and len(pairs.images) == 3
    assert torch.equal(pairs.images[1], draw_glyphs(pairs.labels, **pairs.factors))
    assert not torch.equal(pairs.factors[name][:76], pairs.factors[name][1024:])
    low, high = GLYPH_RANGES[name]
    at = pairs.factors[name].double()
    ends = (at / math.exp(amount), at * math.exp(amount)) if kind == "size" else (
        at - amount, at + amount)  # fmt: skip
    assert ends[0].min() > low - 1e-5 and ends[1].max() < high + 1e-5


def test_a_move_without_room_is_refused():
    with pytest.raises(DataError, match="cannot be drawn"):
        drawn("stroke", (-1.0, 1.0), 10, seed=0)


def test_a_rule_finds_the_map_that_made_the_pairs():
    v, M, b = torch.randn(200, 3), torch.randn(3, 3), torch.randn(3)
    rule = fit_rule(v, v @ M + b)
    torch.testing.assert_close(rule.M, M, atol=1e-5, rtol=0)
    torch.testing.assert_close(rule.b, b, atol=1e-5, rtol=0)
    torch.testing.assert_close(rule(v[0]), v[0] @ M + b, atol=1e-5, rtol=0)
    with pytest.raises(DataError, match="more images"):
        fit_rule(v[:3], v[:3])


def test_a_share_is_one_at_the_truth_and_zero_at_the_mean():
    moved = torch.randn(100, 4)
    assert explained(moved, moved) == 1
    assert explained(moved.mean(0).expand(100, -1), moved) == pytest.approx(0)
    assert explained(moved + 1, moved, moved + 2) == pytest.approx(0.75)


def test_a_rule_of_each_class_is_told_from_one_for_all():
    y = torch.arange(2000) % 10
    v = torch.randn(2000, 4)
    common = on_held_out_classes(v, 2 * v + 1, y)
    assert all(len(share) == 10 for share in common.values())
    for key in ("rule", "change", "own"):
        assert common[key].min() > 0.999
    assert common["shuffled"].max() < 0.1 and common["nothing"].max() < 0.6
    steps = 3 * torch.randn(10, 4)
    apart = on_held_out_classes(v, v + steps[y], y)
    assert apart["own"].min() > 0.999 and apart["rule"].mean() < 0
    assert on_held_out_classes(v, v + steps[0], y)["offset"].min() > 0.999


def test_lean_and_size_of_known_spreads():
    upright = torch.diag(torch.tensor([1.0, 4.0]).double())
    A, _ = affine_map("slant", 0.5)
    p = Pose(torch.zeros(1, 2).double(), upright[None])
    assert p.lean.item() == 0 and p.size.item() == pytest.approx(2**0.5)
    leaning = p.moved(A, torch.zeros(2).double())
    assert leaning.lean.item() == pytest.approx(math.degrees(math.atan(0.5)))
    assert leaning.size.item() == pytest.approx(2**0.5)
    with pytest.raises(DataError, match="without ink"):
        pose(torch.zeros(2, 1, 5, 5))


def test_what_is_linear_is_read_and_what_is_not_is_not():
    z, z_new = torch.randn(2, 500, 3)
    linear, square = (lambda u: u @ torch.ones(3) + 2), (lambda u: u[:, 0] ** 2)
    assert read_linearly(z, linear(z), z_new, linear(z_new)) > 0.999
    assert read_linearly(z, square(z), z_new, square(z_new)) < 0.1


def shifted_right(v, y):
    """Draws what v (N, 1) says: a bar at v pixels to the right, whatever the class."""
    x = torch.arange(28.0) - 13.5
    return (1 - (x - v[:, :1]).abs() / 3).clamp(0)[:, None, None].expand(-1, 1, 28, -1)


@pytest.mark.parametrize(("follows", "done"), [(1.0, 1.0), (0.4, 0.4), (0.0, 0.0)])
def test_transport_says_how_much_of_a_move_is_in_the_picture(follows, done):
    y = torch.arange(60) % 10
    v = torch.randn(60, 1)
    T = *affine_map("right", 1.5), torch.zeros(2).double()
    asked = []

    def decode(u, k):
        asked.append(k)
        return shifted_right(u, k)

    moved = transport(decode, v, v + follows * 1.5, y, T, lambda x: asked[-1] * 0 + 3)
    assert moved.done("right") == pytest.approx(done, abs=0.05)
    assert moved.before.centre == pytest.approx(1.5, abs=0.05)
    assert moved.done("right", by_rule=False) == pytest.approx(done, abs=0.05)
    assert len(asked[0]) == 30 and not (asked[0] == y[30:]).any()
    assert moved.wrong == (asked[0] != 3).double().mean()


def test_points_of_each_image_go_with_it():
    """The half that is moved gets its own maps, not those of the fitted half."""
    pairs = drawn("turn", (-0.1, 0.1), 40, seed=3)
    images = dict(enumerate(p.double() / 255 for p in pairs.images))
    v, v_T = (torch.tensor([[float(k), i] for i in range(40)]) for k in (0, 1))

    def decode(u, k):
        which = torch.round(u).long()
        return torch.stack([images[int(a)][int(b)] for a, b in which])

    moved = transport(decode, v, v_T, pairs.labels, pairs.map_of("turn", 0.2),
                      lambda x: torch.zeros(len(x)))  # fmt: skip
    assert moved.done("turn") > 0.9 and moved.after.centre < 0.2


def test_what_is_still_stays_so():
    pairs = drawn("right", (-0.75, 0.75), 20, seed=1, still=("shift_x", "shift_y"))
    assert not pairs.factors["shift_x"].any() and not pairs.factors["shift_y"].any()
    assert torch.equal(pairs.images[1], draw_glyphs(
        pairs.labels, **(pairs.factors | {"shift_x": torch.tensor(0.75)})
    ))  # fmt: skip


def test_a_number_that_never_changes_does_not_spoil_a_rule():
    v = torch.cat([torch.randn(50, 2), torch.zeros(50, 1)], 1)
    told = fit_rule(v, v + 2)(v)
    torch.testing.assert_close(told, v + 2, atol=1e-5, rtol=0)
