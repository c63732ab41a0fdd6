"""Who complements whom: exact laws of the shared pools and of one draw per image.

The samplers decide by the order of uniform keys and by one random position. Feeding
them every order and every position gives their law exactly, as fractions.
"""

from collections import Counter
from fractions import Fraction
from itertools import combinations, permutations, product
from math import comb, factorial
from unittest.mock import patch

import pytest
import torch
from scipy.stats import chisquare

from equivae_lite.errors import EquivaeError, TrainingError
from equivae_lite.training.sampling import (
    ComplementaryPools,
    complementary_mean,
    draw_per_image,
)

SIZE = 6  # members of a class in the exact laws: 720 orders


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def all_orders(size=SIZE):
    """Keys (size!, size) in every order."""
    return torch.tensor(list(permutations(range(size)))) / size


def every_pool(m, size=SIZE):
    """A sampler with one class for each order of the keys, and its pools."""
    orders = all_orders(size)
    labels = torch.arange(len(orders)).repeat_interleave(size)
    pools = ComplementaryPools(labels, generator(), classes=len(orders))
    with patch("torch.rand", return_value=orders):
        return pools, pools.draw(m)


def exact_law(m, n, size=SIZE):
    """Subset of the class -> probability that image `n` averages it.

    `n` None: an image outside D_lab.
    """
    pools, pool = every_pool(m, size)
    y = torch.arange(len(pool))
    which = None if n is None else size * y + n
    counts = Counter()
    for position in range(m + 1):
        with patch("torch.randint", return_value=torch.full(y.shape, position)):
            out = pools.left_out(pool, which, y)
        seen = torch.ones_like(pool, dtype=torch.bool)
        seen[y, out] = False
        local = (pool - size * y[:, None])[seen].reshape(-1, m).sort(1).values
        counts.update(map(tuple, local.tolist()))
    total = len(pool) * (m + 1)
    return {subset: Fraction(c, total) for subset, c in counts.items()}


# -- the law -----------------------------------------------------------------------


@pytest.mark.parametrize("m", [1, 2, 3, 4])
def test_every_pool_is_equally_likely(m):
    _, pool = every_pool(m)
    local = pool - SIZE * torch.arange(len(pool))[:, None]
    counts = Counter(tuple(sorted(row)) for row in local.tolist())
    each = factorial(SIZE) // comb(SIZE, m + 1)
    assert counts == dict.fromkeys(combinations(range(SIZE), m + 1), each)


@pytest.mark.parametrize("m", range(1, SIZE))
@pytest.mark.parametrize("n", [0, 3, SIZE - 1])
def test_a_labelled_image_averages_a_uniform_subset_of_the_others(m, n):
    others = [i for i in range(SIZE) if i != n]
    each = Fraction(1, comb(SIZE - 1, m))
    assert exact_law(m, n) == dict.fromkeys(combinations(others, m), each)


@pytest.mark.parametrize("m", range(1, SIZE))
def test_an_unlabelled_image_averages_a_uniform_subset_of_all(m):
    each = Fraction(1, comb(SIZE, m))
    assert exact_law(m, None) == dict.fromkeys(combinations(range(SIZE), m), each)


def test_a_small_class_beside_a_large_one_keeps_its_law():
    """Padding of the smaller class is never drawn, whatever the keys of the larger."""
    orders = all_orders()
    small, size = torch.arange(len(orders)).repeat_interleave(3), 3
    large = torch.tensor([len(orders)] * SIZE)  # makes the rows SIZE wide
    labels = torch.cat([small, large])
    pools = ComplementaryPools(labels, generator(), classes=len(orders) + 1)
    with patch("torch.rand", return_value=torch.cat([orders, orders[:1]])):
        pool = pools.draw(1)[:-1]
    local = pool - size * torch.arange(len(pool))[:, None]
    counts = Counter(tuple(sorted(row)) for row in local.tolist())
    assert counts == dict.fromkeys(combinations(range(size), 2), len(orders) // 3)


@pytest.mark.parametrize("m", [1, 2, 3])
def test_one_draw_per_image_is_uniform(m):
    """Its step k picks one of the first few others by one key: feed all picks."""
    labels = torch.tensor([0, 1, 0, 0, 1, 0])  # class 0: positions 0, 2, 3, 5
    choices = [range(top + 1) for top in range(3 - m, 3)]
    picks = torch.tensor(list(product(*choices)))
    keys = (picks + 0.5) / torch.tensor([len(c) for c in choices])
    n = torch.full((len(picks),), 2)
    with patch("torch.rand", side_effect=list(keys.T)):
        drawn = draw_per_image(labels, n, m, generator())
    counts = Counter(tuple(sorted(row)) for row in drawn.tolist())
    each = len(picks) // comb(3, m)
    assert counts == dict.fromkeys(combinations((0, 3, 5), m), each)


def test_real_random_numbers_give_the_law_too():
    """Chi-square over 40,000 independent pools; seeded, so it never flickers.

    A right sampler stays above p = 0.001 for all but one seed in a thousand; one
    that lets a tenth of the images see themselves ends below 1e-100.
    """
    m, classes, y = 2, 1000, torch.arange(1000)
    labels = y.repeat_interleave(SIZE)
    pools = ComplementaryPools(labels, generator(1), classes=classes)
    inside, outside = Counter(), Counter()
    for _ in range(40):
        pool = pools.draw(m)
        for n, counts in ((SIZE * y, inside), (None, outside)):
            out = pools.left_out(pool, n, y)
            seen = torch.ones_like(pool, dtype=torch.bool)
            seen[y, out] = False
            local = (pool % SIZE)[seen].reshape(-1, m).sort(1).values
            counts.update(map(tuple, local.tolist()))
    assert set(inside) == set(combinations(range(1, SIZE), m))
    assert set(outside) == set(combinations(range(SIZE), m))
    assert chisquare(list(inside.values())).pvalue > 1e-3
    assert chisquare(list(outside.values())).pvalue > 1e-3


# -- indices and shapes ------------------------------------------------------------


@pytest.fixture
def labels():
    """Ten classes of 4 to 22 images, in mixed order."""
    y = torch.arange(10).repeat_interleave(torch.arange(4, 24, 2))
    return y[torch.randperm(len(y), generator=generator())]


@pytest.mark.parametrize("m", [1, 2, 3])
def test_pools_hold_distinct_images_of_their_class(labels, m):
    pools = ComplementaryPools(labels, generator())
    assert pools.largest_m == 3
    for _ in range(50):
        pool = pools.draw(m)
        assert pool.shape == (10, m + 1)
        assert (labels[pool] == torch.arange(10)[:, None]).all()
        assert all(len(set(row)) == m + 1 for row in pool.tolist())


def test_the_whole_smallest_class_can_be_the_pool(labels):
    """m = |D_lab^y| - 1 leaves nothing to chance but who is left out."""
    pool = ComplementaryPools(labels, generator()).draw(3)
    assert sorted(pool[0].tolist()) == (labels == 0).nonzero().flatten().tolist()


def test_an_image_never_sees_itself(labels):
    pools = ComplementaryPools(labels, generator())
    n = torch.arange(len(labels))
    y = labels[n]
    in_pool = 0
    for _ in range(50):
        pool = pools.draw(3)
        out = pools.left_out(pool, n, y)
        assert out.shape == y.shape
        itself = pool[y] == n[:, None]
        in_pool += int(itself.sum())
        itself[n, out] = False
        assert not itself.any()
    assert in_pool == 50 * 10 * 4  # every pool member met itself


def test_unlabelled_images_leave_out_one_member_of_every_class(labels):
    pools = ComplementaryPools(labels, generator())
    y = torch.arange(10).expand(2000, 10)
    out = pools.left_out(pools.draw(3), None, y)
    assert out.shape == (2000, 10)
    assert chisquare(torch.bincount(out.flatten()).tolist()).pvalue > 1e-3


def test_the_seed_decides_the_pools(labels):
    one, same, other = (
        ComplementaryPools(labels, generator(seed)) for seed in (5, 5, 6)
    )
    first = one.draw(3)
    assert torch.equal(first, same.draw(3))
    assert not torch.equal(first, other.draw(3))
    assert not torch.equal(first, one.draw(3))


def test_one_draw_per_image_gives_others_of_the_class(labels):
    n = torch.arange(len(labels))
    drawn = draw_per_image(labels, n, 3, generator())
    assert drawn.shape == (len(n), 3)
    assert (labels[drawn] == labels[n][:, None]).all()
    assert not (drawn == n[:, None]).any()
    assert all(len(set(row)) == 3 for row in drawn.tolist())


# -- the mean ----------------------------------------------------------------------


@pytest.mark.parametrize("lead", [(7,), (7, 10)])
def test_complementary_mean_against_the_mean_of_the_members(lead):
    m, width = 4, 3
    draws = generator()
    f = torch.randn(10, m + 1, width, generator=draws, dtype=torch.float64)
    y = torch.randint(10, lead, generator=draws)
    out = torch.randint(m + 1, lead, generator=draws)
    value = complementary_mean(f, y, out)
    assert value.shape == (*lead, width)
    flat = zip(y.flatten().tolist(), out.flatten().tolist())
    kept = [[i for i in range(m + 1) if i != o] for o in out.flatten().tolist()]
    expected = torch.stack([f[c][k].mean(0) for (c, _), k in zip(flat, kept)])
    # The sum less one member differs from the mean of the others by rounding.
    torch.testing.assert_close(
        value, expected.reshape(*lead, width), rtol=0, atol=1e-14
    )


def test_the_member_left_out_gets_no_gradient():
    f = torch.randn(1, 3, 2, generator=generator(), dtype=torch.float64)
    f.requires_grad_()
    complementary_mean(f, torch.tensor([0]), torch.tensor([1])).sum().backward()
    expected = torch.tensor([[[0.5, 0.5], [0.0, 0.0], [0.5, 0.5]]]).double()
    torch.testing.assert_close(f.grad, expected, rtol=0, atol=0)


# -- errors ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("labels", "short"),
    [([0, 0, 1, 2, 2], r"\[1\]"), ([0, 0], r"\[1, 2\]"), ([0, 1, 2, 2], r"\[0, 1\]")],
)
def test_a_class_with_fewer_than_two_images(labels, short):
    with pytest.raises(TrainingError, match=f"classes {short} have fewer than 2"):
        ComplementaryPools(torch.tensor(labels), generator(), classes=3)


@pytest.mark.parametrize("m", [-1, 0, 4, 50])
def test_m_that_the_smallest_class_does_not_allow(labels, m):
    pools = ComplementaryPools(labels, generator())
    with pytest.raises(TrainingError) as caught:
        pools.draw(m)
    message = str(caught.value)
    assert f"m = {m} complementary images" in message
    assert "from 1 to 3" in message and "lower m_max" in message
    assert isinstance(caught.value, EquivaeError)


def test_one_draw_per_image_from_a_class_that_is_too_small(labels):
    small, large = (labels == 0).nonzero()[0], (labels == 9).nonzero()[0]
    draw_per_image(labels, large, 4, generator())
    with pytest.raises(TrainingError, match="m = 4, but a class has only 3 others"):
        draw_per_image(labels, torch.cat([large, small]), 4, generator())
