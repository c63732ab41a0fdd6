"""What is known of a picture, and what a code carries of it."""

import pytest
import torch

from equivae_lite import files
from equivae_lite.chapters import known
from equivae_lite.data import sets, sources
from tests.support.small import images
from tools import part_statistics


def test_facts_of_the_stand_in_are_its_factors():
    street = images("street-glyphs")
    facts = known.facts(street)
    assert len(facts) > 10
    for value in facts.values():
        assert value.shape == (512,) and value.dtype == torch.float64
        assert value.isfinite().all() and value.std() > 0
    dark = street.factors["inverted"] == 0
    brighter = facts["brightness of the wall"] - facts["brightness of the digit"]
    assert (brighter[dark] > -0.13).all() and (brighter[~dark] < 0.13).all()
    assert torch.equal(facts["scale"].exp().float(), street.factors["scale"])


def test_facts_of_real_images_are_in_their_pixels():
    picture = torch.zeros(2, 3, 32, 32, dtype=torch.uint8)
    picture[1, 0, :, 16:] = 255  # red at the right
    real = sets.ImageSet("svhn", "test", picture, torch.zeros(2).long(), None, "")
    facts = known.facts(real)
    assert all(value[0] == 0 for value in facts.values())
    assert facts["tint, red to blue"][1] == pytest.approx(0.5)
    assert facts["brightness"][1] == pytest.approx(1 / 6)
    assert facts["light, left to right"][1] == pytest.approx(1 / 3)
    assert facts["light, top to bottom"][1] == pytest.approx(0)
    assert facts["contrast"][1] > 0.16


def test_statistics_are_those_of_the_pixels():
    grey = torch.zeros(2, 3, 4, 4, dtype=torch.uint8)
    grey[0] = 255  # one white, one black picture
    assert known.statistics(grey) == pytest.approx({
        "mean": 0.5, "standard deviation": (96 / 95) ** 0.5 / 2,
        "contrast within a picture": 0, "step from a pixel to the next": 0,
        "correlation of red and green": 1, "correlation of red and blue": 1,
    })  # fmt: skip
    striped = torch.zeros(1, 3, 4, 4, dtype=torch.uint8)
    striped[:, :2, :, ::2] = 255  # red and green white, black, white, black; no blue
    striped[:, 2, :, 1::2] = 255  # blue the other way
    found = known.statistics(striped)
    assert found["step from a pixel to the next"] == 1
    assert found["correlation of red and blue"] == pytest.approx(-1)
    assert found["contrast within a picture"] == pytest.approx((16 / 15) ** 0.5 / 2)


@pytest.mark.skipif(not sources.available("svhn-part"), reason="needs svhn-part")
def test_stored_statistics_of_the_part_are_those_of_its_pictures():
    kept, found = files.read_json(part_statistics.PATH, ""), part_statistics.found()
    assert kept["statistics"] == pytest.approx(found.pop("statistics"), rel=1e-9)
    assert found.items() <= kept.items()


def test_neighbours_are_the_rows_beside_it_of_one_photograph():
    rows = torch.tensor([1, 2, 3, 4, 5, 1])
    origin = {
        "official_row": rows,
        "photograph": torch.tensor([1, 1, 2, 2, 2, 1]),
        "official_split": torch.tensor([0, 0, 0, 0, 0, 1]),
        "remade": torch.zeros(6),
    }
    order = torch.tensor([3, 0, 5, 1, 4, 2])  # not in the order of the rows
    blank = torch.zeros(6, 3, 32, 32, dtype=torch.uint8)
    part = sets.ImageSet("svhn-part", "test", blank, [0] * 6, origin, "").subset(order)
    facts = known.facts(part)
    left = dict(zip(order.tolist(), facts["a digit at the left"].tolist()))
    right = dict(zip(order.tolist(), facts["a digit at the right"].tolist()))
    assert [left[i] for i in range(6)] == [0, 1, 0, 1, 1, 0]
    assert [right[i] for i in range(6)] == [1, 0, 1, 1, 0, 0]
    assert "brightness" in facts


def test_explained_by_a_linear_map():
    g = torch.Generator().manual_seed(0)
    codes = torch.randn(2, 4000, 5, generator=g)
    weights = torch.tensor([3.0, -1.0, 0.0, 2.0, 0.5])
    exact = codes @ weights + 7
    noise = torch.randn(2, 4000, generator=g) * weights.norm()
    assert known.explained(codes, exact) == pytest.approx(1)
    found = known.slopes(codes[0], exact[0])
    torch.testing.assert_close(found, weights.double(), atol=1e-5, rtol=0)
    assert known.explained(codes, exact + noise) == pytest.approx(0.5, abs=0.03)
    assert abs(known.explained(codes, noise)) < 0.01
    # Fitted on one part, measured on the other: what fits only the first is no gain.
    few = [codes[0, :8], codes[1]]
    assert known.explained(few, [noise[0, :8], noise[1]]) < 0
    with pytest.raises(ValueError, match="6 codes of 5 numbers are too few"):
        known.explained([codes[0, :6], codes[1]], [exact[0, :6], exact[1]])


def test_a_map_for_each_group_finds_what_has_two_signs():
    g = torch.Generator().manual_seed(0)
    codes = torch.randn(2, 4000, 5, generator=g)
    sign = torch.randint(2, (2, 4000), generator=g)
    number = codes[..., 0] * (2 * sign - 1)
    assert abs(known.explained(codes, number)) < 0.01
    assert known.explained(codes, number, sign) == pytest.approx(1)
    # Groups that say nothing gain nothing; a shift between groups is explained too.
    other = torch.randint(2, (2, 4000), generator=g)
    assert abs(known.explained(codes, number, other)) < 0.01
    assert known.explained(codes, 3.0 * sign, sign) == pytest.approx(1)
    with pytest.raises(ValueError, match="3 codes of 5 numbers"):
        known.explained(codes, number, [(torch.arange(4000) < 3).long(), sign[1]])


def test_two_clouds_are_told_apart_where_they_differ():
    g = torch.Generator().manual_seed(0)
    one, two = torch.randn(2, 1000, 4, generator=g)
    for right in known.told_apart(one, two):
        assert 0.4 < right < 0.6
    # As wide in every direction and without correlation, and yet no Gaussian.
    ring = torch.nn.functional.normalize(torch.randn(1000, 4, generator=g), dim=1) * 2
    assert min(known.told_apart(one, ring)) > 0.75
    assert min(known.told_apart(one, two + 3)) > 0.97
    assert known.told_apart(one, ring) == known.told_apart(one, ring)
    with pytest.raises(ValueError, match="at least 40 points"):
        known.told_apart(one, two[:39])
