"""What the label posterior is asked to say, and the contrast of two bounds, by hand."""

import math

import pytest
import torch

from equivae_lite.model import bounds
from equivae_lite.training import targets


def readings(*rows):
    return torch.tensor(rows, dtype=torch.float64).log()


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_aligned_readings_are_divided_by_their_mean():
    log_q = readings([0.6, 0.3, 0.1], [0.2, 0.2, 0.6])
    mean = torch.tensor([0.5, 0.25, 0.25]).double()
    found = targets.aligned(log_q, mean).exp()
    by_hand = torch.tensor([[1.2, 1.2, 0.4], [0.4, 0.8, 2.4]]).double()
    torch.testing.assert_close(found, by_hand / by_hand.sum(1, keepdim=True))
    uniform = torch.full((3,), 1 / 3).double()
    torch.testing.assert_close(targets.aligned(log_q, uniform), log_q)


def test_a_class_that_is_never_read_does_not_take_over():
    found = targets.aligned(readings([0.9, 0.1, 0.0]), torch.tensor([0.9, 0.1, 0.0]))
    assert found[0, 2] == -math.inf and torch.isfinite(found[0, :2]).all()


def test_two_labels_are_the_likeliest_and_another_half_of_the_time_the_second():
    n = 20_000
    log_q = readings([0.5, 0.3, 0.1, 0.1]).expand(n, 4)
    first, other = targets.two_labels(log_q, generator()).unbind(1)
    assert (first == 0).all()
    counts = torch.bincount(other, minlength=4).tolist()
    assert counts[0] == 0
    # The second: half of the time, and in a third of the other half.
    for count, share in zip(counts[1:], (2 / 3, 1 / 6, 1 / 6)):
        assert abs(count - n * share) < 5 * math.sqrt(n * share * (1 - share))


def test_contrast_is_the_log_odds_of_the_lead():
    bound = torch.tensor([[-100.0, -120.0], [-90.0, -80.0]], dtype=torch.float64)
    odds = [math.exp(2.0), math.exp(-1.0)]
    by_hand = sum(math.log(o / (1 + o)) for o in odds) / 2
    assert float(targets.contrast(bound)) == pytest.approx(by_hand)


def test_a_second_reading_multiplies_the_odds_of_two_labels_and_leaves_the_rest():
    log_q = readings([0.6, 0.2, 0.15, 0.05])
    labels = torch.tensor([[0, 2]])
    bound = torch.tensor([[-110.0, -90.0]], dtype=torch.float64)
    q = targets.second_reading(log_q, labels, bound).exp()[0]
    assert float(q[2] / q[0]) == pytest.approx(0.25 * math.exp(2.0))
    assert float(q[0] + q[2]) == pytest.approx(0.75)
    assert q[[1, 3]].tolist() == pytest.approx([0.2, 0.05])
    same = targets.second_reading(log_q, labels, torch.full((1, 2), -70.0).double())
    torch.testing.assert_close(same, log_q)


def test_apart_is_the_kl_or_the_label_where_the_target_is_sure_of_one():
    target = readings([0.95, 0.03, 0.02], [0.6, 0.3, 0.1])
    log_q = readings([0.5, 0.3, 0.2], [0.1, 0.1, 0.8])
    kl = bounds.categorical_kl(target, log_q)
    torch.testing.assert_close(targets.apart(target, log_q, 0.0), kl)
    found = targets.apart(target, log_q, 0.9)
    assert found.tolist() == pytest.approx([-math.log(0.5), 0.0])
    found = targets.apart(target, log_q, 0.6)  # at least
    assert found.tolist() == pytest.approx([-math.log(0.5), -math.log(0.1)])


def test_an_unsure_target_has_no_gradient():
    log_q = readings([0.5, 0.3, 0.2]).requires_grad_()
    target = readings([0.6, 0.3, 0.1])
    targets.apart(target, log_q, 0.9).sum().backward()
    assert (log_q.grad == 0).all()
