"""The sum over labels from one or two decodings has the mean of the whole sum."""

import pytest
import torch

from equivae_lite.model import label_sum
from equivae_lite.model.label_sum import Draw

K = 4


def problem(B=3, seed=0, scale=2.0):
    """log q(y | x) from logits, and L_y, both with gradients, float64."""
    g = torch.Generator().manual_seed(seed)
    logits = scale * torch.randn(B, K, generator=g, dtype=torch.float64)
    values = 3 * torch.randn(B, K, generator=g, dtype=torch.float64) - 100
    return logits.requires_grad_(), values.requires_grad_()


def every_draw(log_q):
    """All outcomes for each image alone, with their probabilities."""
    s, kept = label_sum.proposal(log_q)
    for i in range(len(log_q)):
        alone = log_q[i : i + 1]
        top = alone.argmax(dim=1)
        none = torch.empty(0, dtype=torch.long)
        yield i, 1 - kept[i], Draw(top, none, none, log_q.new_empty(0))
        for y in range(K):
            p = kept[i] * s[i, y]
            if p > 0:
                row, other = torch.tensor([0]), torch.tensor([y])
                yield (
                    i,
                    p,
                    Draw(top, row, other, label_sum.weight(alone, row, other, p)),
                )


@pytest.mark.parametrize("scale", [0.3, 2.0, 8.0], ids=["soft", "usual", "certain"])
def test_value_and_gradients_over_every_draw(scale):
    logits, values = problem(scale=scale)
    log_q = torch.log_softmax(logits, dim=1)
    whole = (log_q.exp() * values).sum()
    expected = torch.autograd.grad(whole, (logits, values), retain_graph=True)
    mean, total = 0.0, 0.0
    for i, p, drawn in every_draw(log_q):
        of_top = values[i, drawn.top]
        mean = mean + p * label_sum.estimate(of_top, values[i, drawn.other], drawn)[0]
        total += float(p)
    assert total == pytest.approx(len(logits))
    # A sum of fifteen float64 terms of size 100.
    torch.testing.assert_close(mean, whole, rtol=1e-12, atol=1e-10)
    found = torch.autograd.grad(mean, (logits, values))
    for a, b in zip(found, expected):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-10)


def test_draws_follow_the_proposal():
    """20,000 draws: value and logit gradient within 4 standard errors of the sum."""
    logits, values = problem(B=2)
    n = 20_000
    many = logits.detach().repeat_interleave(n, 0).requires_grad_()
    of_y = values.detach().repeat_interleave(n, 0)
    log_q = torch.log_softmax(many, dim=1)
    drawn = label_sum.draw(log_q, torch.Generator().manual_seed(1))
    assert (drawn.other != drawn.top[drawn.rows]).all()
    of_top = of_y.gather(1, drawn.top[:, None])[:, 0]
    found = label_sum.estimate(of_top, of_y[drawn.rows, drawn.other], drawn)
    (slope,) = torch.autograd.grad(found.sum(), many)
    q = torch.softmax(logits.detach(), dim=1)
    whole = (q * values.detach()).sum(1)
    expected_slope = q * (values.detach() - whole[:, None])
    for i in range(2):
        part = found.detach().reshape(2, n)[i]
        assert abs(part.mean() - whole[i]) < 4 * part.std() / n**0.5
        parts = slope.reshape(2, n, K)[i]
        error = parts.std(0) / n**0.5
        assert ((parts.mean(0) - expected_slope[i]).abs() <= 4 * error + 1e-12).all()
    kept = label_sum.proposal(torch.log_softmax(logits, dim=1))[1]
    share = torch.bincount(drawn.rows // n, minlength=2) / n
    assert ((share - kept).abs() < 4 * (0.25 / n) ** 0.5).all()


def test_the_tempting_weight_has_the_right_value_and_a_wrong_gradient():
    """1 - q_top with its gradient in place of q(y') / s(y'): chapter 12 warns of it."""
    logits, values = problem(B=1)
    log_q = torch.log_softmax(logits, dim=1)
    q, top = log_q.exp()[0], int(log_q.argmax())
    whole = (q * values[0]).sum()
    rest = [y for y in range(K) if y != top]
    s = q.detach() / q.detach()[rest].sum()
    tempting = values[0, top] + sum(
        s[y] * (1 - q[top]) * (values[0, y] - values[0, top]) for y in rest
    )
    torch.testing.assert_close(tempting, whole)
    wrong, right = (torch.autograd.grad(t, logits, retain_graph=True)[0]
                    for t in (tempting, whole))  # fmt: skip
    assert (wrong - right).abs().max() > 1e-3


def test_variance_is_below_that_of_one_label_from_q():
    logits, values = problem(B=1, scale=3.0)
    n = 5_000
    log_q = torch.log_softmax(logits.detach().expand(n, K), dim=1)
    of_y = values.detach().expand(n, K)
    g = torch.Generator().manual_seed(0)
    drawn = label_sum.draw(log_q, g)
    ours = label_sum.estimate(
        of_y.gather(1, drawn.top[:, None])[:, 0], of_y[drawn.rows, drawn.other], drawn
    )
    naive = of_y.gather(1, torch.multinomial(log_q.exp(), 1, generator=g))
    assert ours.var() < naive.var()


def test_a_certain_q_needs_no_second_label():
    log_q = torch.log(torch.tensor([[1.0, 0.0, 0.0, 0.0]])).expand(1000, K)
    s, kept = label_sum.proposal(log_q)
    assert torch.isfinite(s).all() and float(kept.max()) == pytest.approx(0.05)
    drawn = label_sum.draw(log_q, torch.Generator().manual_seed(0))
    assert 0 < len(drawn.rows) < 200 and (drawn.weight == 0).all()
    of_top = torch.full((1000,), -7.0)
    found = label_sum.estimate(of_top, torch.zeros(len(drawn.rows)), drawn)
    assert torch.equal(found, of_top)
