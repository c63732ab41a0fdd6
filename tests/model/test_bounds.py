"""The densities, divergences and bounds against torch.distributions and integrals.

Everything is in float64. Two routes to one number differ by rounding alone, so
the tolerance is 1e-12 unless a line says why it is not.
"""

import math
from functools import partial
from itertools import product

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from torch.distributions import (
    Bernoulli,
    Categorical,
    Independent,
    Normal,
    kl_divergence,
)

from equivae_lite.model import bounds

close = partial(torch.testing.assert_close, rtol=1e-12, atol=1e-12)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def normal(rng, *shape):
    return torch.from_numpy(rng.standard_normal(shape))


def f64(value):
    return torch.tensor(value, dtype=torch.float64)


# -- Bernoulli ---------------------------------------------------------------------


def test_bernoulli_on_binary_images(rng):
    logits = 3 * normal(rng, 5, 1, 4, 4)
    x = torch.from_numpy(rng.integers(0, 2, (5, 1, 4, 4)).astype(float))
    expected = Independent(Bernoulli(logits=logits), 3).log_prob(x)
    close(bounds.bernoulli_log_prob(x, logits), expected)


def test_bernoulli_on_grey_values_is_the_cross_entropy(rng):
    logits = normal(rng, 5, 1, 4, 4)
    x = torch.from_numpy(rng.random((5, 1, 4, 4)))
    p = torch.sigmoid(logits)
    expected = (x * p.log() + (1 - x) * (1 - p).log()).sum((1, 2, 3))
    close(bounds.bernoulli_log_prob(x, logits), expected)


def test_bernoulli_sums_to_one_over_all_binary_images(rng):
    logits = normal(rng, 1, 2, 2)
    every = [f64(b).reshape(1, 2, 2) for b in product((0, 1), repeat=4)]
    total = bounds.bernoulli_log_prob(torch.stack(every), logits).exp().sum()
    close(total, f64(1.0))


@pytest.mark.parametrize("logit", [-4.0, 0.0, 1.5])
def test_bernoulli_over_grey_values_is_no_density(logit):
    def score(x):
        x = f64([x])
        logits = f64([logit])
        return float(bounds.bernoulli_log_prob(x, logits, event_dims=1).exp())

    integral = quad(score, 0, 1)[0]
    # The integral of p^x (1 - p)^(1 - x) is (2p - 1) / logit, and 1/2 at logit 0.
    p = 1 / (1 + math.exp(-logit))
    assert integral == pytest.approx((2 * p - 1) / logit if logit else 0.5, abs=1e-9)
    assert integral <= 0.5


def test_bernoulli_broadcasts_one_image_over_classes(rng):
    x = torch.from_numpy(rng.random((3, 1, 2, 2)))
    logits = normal(rng, 3, 10, 1, 2, 2)
    value = bounds.bernoulli_log_prob(x[:, None], logits)
    assert value.shape == (3, 10)
    for y in range(10):
        close(value[:, y], bounds.bernoulli_log_prob(x, logits[:, y]))


def test_bernoulli_with_certain_pixels_is_finite_and_exact():
    logits = torch.tensor([-800.0, 800.0], dtype=torch.float64)
    wrong = torch.tensor([1.0, 0.0], dtype=torch.float64)
    for x, expected in ((1 - wrong, 0.0), (wrong, -1600.0)):
        value = bounds.bernoulli_log_prob(x, logits, event_dims=1)
        close(value, f64(expected))


def test_the_densities_take_the_precision_of_the_images(rng):
    """Logits may come from a network in bfloat16; sums over pixels must not."""
    x = torch.from_numpy(rng.random((2, 1, 4, 4)))
    low = normal(rng, 2, 1, 4, 4).bfloat16()
    zero = torch.zeros((), dtype=torch.float64)
    for value, expected in (
        (bounds.bernoulli_log_prob(x, low), bounds.bernoulli_log_prob(x, low.double())),
        (
            bounds.gaussian_log_prob(x, low, zero),
            bounds.gaussian_log_prob(x, low.double(), zero),
        ),
    ):
        assert value.dtype == torch.float64
        close(value, expected)


# -- Gaussian ----------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(), (3, 4, 4), (5, 3, 4, 4)])
def test_gaussian_against_torch(rng, shape):
    """One log-variance for all pixels, one for each pixel, one for each image's."""
    x, mean = normal(rng, 5, 3, 4, 4), normal(rng, 5, 3, 4, 4)
    log_var = normal(rng, *shape) if shape else f64(-1.2)
    expected = Independent(Normal(mean, torch.exp(0.5 * log_var)), 3).log_prob(x)
    close(bounds.gaussian_log_prob(x, mean, log_var), expected)


def test_gaussian_of_latents_integrates_to_one():
    mu, log_var = f64([0.3]), f64([-1.0])

    def density(v):
        v = f64([v])
        return float(bounds.gaussian_log_prob(v, mu, log_var, event_dims=1).exp())

    # Twelve standard deviations either side leave nothing that float64 can hold.
    assert quad(density, -7, 8)[0] == pytest.approx(1, abs=1e-9)


# -- Kullback-Leibler divergences --------------------------------------------------


def test_gaussian_kl_to_the_prior(rng):
    mu, log_var = normal(rng, 7, 16), normal(rng, 7, 16)
    q = Independent(Normal(mu, torch.exp(0.5 * log_var)), 1)
    prior = Independent(Normal(torch.zeros_like(mu), torch.ones_like(mu)), 1)
    close(bounds.gaussian_kl(mu, log_var), kl_divergence(q, prior))


def test_gaussian_kl_to_another_gaussian(rng):
    mu, log_var, mu_p = normal(rng, 7, 4), normal(rng, 7, 4), normal(rng, 4)
    scale_p = torch.full((4,), math.exp(0.35), dtype=torch.float64)
    q = Independent(Normal(mu, torch.exp(0.5 * log_var)), 1)
    p = Independent(Normal(mu_p, scale_p), 1)
    close(bounds.gaussian_kl(mu, log_var, mu_p, 0.7), kl_divergence(q, p))


def test_gaussian_kl_is_the_integral_that_defines_it():
    mu, log_var = 0.8, -0.6
    q = Normal(f64(mu), f64(0.5 * log_var).exp())
    p = Normal(f64(0.0), f64(1.0))

    def integrand(v):
        v = f64(v)
        return float(q.log_prob(v).exp() * (q.log_prob(v) - p.log_prob(v)))

    value = bounds.gaussian_kl(f64([mu]), f64([log_var]))
    assert float(value) == pytest.approx(quad(integrand, -9, 10)[0], abs=1e-9)


def test_gaussian_kl_is_zero_at_equality_and_positive_elsewhere(rng):
    zero = torch.zeros(3, 16, dtype=torch.float64)
    close(bounds.gaussian_kl(zero, zero), zero[:, 0])
    assert (bounds.gaussian_kl(normal(rng, 100, 2), normal(rng, 100, 2)) > 0).all()


def test_categorical_kl_against_torch(rng):
    log_q = torch.log_softmax(normal(rng, 6, 10), -1)
    log_p = torch.log_softmax(normal(rng, 10), -1)
    expected = kl_divergence(Categorical(logits=log_q), Categorical(logits=log_p))
    close(bounds.categorical_kl(log_q, log_p), expected)


def certain(y, classes=10):
    log_q = torch.full((1, classes), -math.inf, dtype=torch.float64)
    log_q[0, y] = 0
    return log_q


def uniform(classes=10):
    return torch.full((classes,), -math.log(classes), dtype=torch.float64)


def test_categorical_kl_has_a_gradient_where_q_is_zero():
    """0 log 0 = 0 with gradient 0, not 0 * inf: log q = -inf is no dead end."""
    log_q = torch.tensor([[0.25, 0.75, 0.0]], dtype=torch.float64).log()
    log_q.requires_grad_()
    (slope,) = torch.autograd.grad(bounds.categorical_kl(log_q, uniform(3)), log_q)
    # d/dl of e^l (l - log p) = e^l (l - log p + 1)
    p = [q * (math.log(3 * q) + 1) for q in (0.25, 0.75)]
    close(slope, torch.tensor([[*p, 0.0]], dtype=torch.float64))


def test_categorical_kl_of_a_certain_class():
    expected = f64([math.log(10)])
    close(bounds.categorical_kl(certain(3), uniform()), expected)


# -- sampling v --------------------------------------------------------------------


def test_reparameterise_carries_the_density_over(rng):
    """log q(v) is the density of eps divided by the stretch of the map."""
    mu, log_var, eps = normal(rng, 5, 4), normal(rng, 5, 4), normal(rng, 5, 4)
    v = bounds.reparameterise(mu, log_var, eps)
    zero = torch.zeros_like(eps)
    of_eps = bounds.gaussian_log_prob(eps, zero, zero, event_dims=1)
    of_v = Independent(Normal(mu, torch.exp(0.5 * log_var)), 1).log_prob(v)
    close(of_v, of_eps - 0.5 * log_var.sum(-1))


def test_reparameterise_lets_the_gradient_through():
    mu = torch.tensor([0.5], dtype=torch.float64, requires_grad=True)
    log_var = torch.tensor([-0.4], dtype=torch.float64, requires_grad=True)
    eps = f64([1.7])
    bounds.reparameterise(mu, log_var, eps).sum().backward()
    close(mu.grad, torch.ones(1).double())
    close(log_var.grad, 0.5 * math.exp(-0.2) * eps)


# -- the bounds --------------------------------------------------------------------


def linear_toy():
    """x = v + noise of variance 0.5, v ~ N(0, 1): log p(x) is known exactly."""
    x, s2 = f64([1.3]), 0.5
    log_evidence = Normal(f64(0.0), f64(1 + s2).sqrt()).log_prob(x)[0]
    posterior = f64([1.3 / 1.5]), f64([1 / 3]).log()
    return x, s2, log_evidence, posterior


def exact_labelled_bound(x, s2, mu, log_var):
    """(4) with E_q done by hand: -log N and half the variance of v over s2."""
    log_lik = bounds.gaussian_log_prob(x, mu, f64(s2).log(), event_dims=1)
    log_lik = log_lik - 0.5 * float(log_var.exp()) / s2
    return bounds.labelled_bound(log_lik, bounds.gaussian_kl(mu, log_var))


def test_labelled_bound_is_tight_at_the_posterior_and_below_elsewhere():
    x, s2, log_evidence, (mu, log_var) = linear_toy()
    close(exact_labelled_bound(x, s2, mu, log_var), log_evidence)
    for d_mu, d_log_var in product((-0.3, 0, 0.3), repeat=2):
        if d_mu or d_log_var:
            off = exact_labelled_bound(x, s2, mu + d_mu, log_var + d_log_var)
            assert off < log_evidence - 1e-3


def test_unlabelled_bound_is_greatest_at_the_softmax(rng):
    """For the best q(y | x), (6) is log sum_y p(y) exp L(x, y)."""
    bound_y, log_p = 5 * normal(rng, 4, 10), torch.log_softmax(normal(rng, 10), -1)
    best = torch.log_softmax(bound_y + log_p, -1)
    greatest = torch.logsumexp(bound_y + log_p, -1)
    close(bounds.unlabelled_bound(bound_y, best, log_p), greatest)
    for _ in range(20):
        log_q = torch.log_softmax(normal(rng, 4, 10), -1)
        assert (bounds.unlabelled_bound(bound_y, log_q, log_p) < greatest).all()


def test_unlabelled_bound_term_by_term(rng):
    bound_y = normal(rng, 3, 10)
    log_q = torch.log_softmax(normal(rng, 3, 10), -1)
    expected = [
        sum(
            math.exp(a) * (float(bound) - float(a) + math.log(1 / 10))
            for a, bound in zip(row_q, row)
        )
        for row_q, row in zip(log_q, bound_y)
    ]
    value = bounds.unlabelled_bound(bound_y, log_q, uniform())
    close(value, f64(expected))


def test_unlabelled_bound_of_a_certain_class(rng):
    bound_y = normal(rng, 1, 10)
    value = bounds.unlabelled_bound(bound_y, certain(7), uniform())
    close(value, bound_y[:, 7] - math.log(10))


def test_unlabelled_bound_of_a_nearly_certain_class_has_a_gradient(rng):
    """q(y | x) of the other classes underflows to 0; nothing becomes NaN."""
    logits = torch.full((1, 10), -2000.0, dtype=torch.float64)
    logits[0, 7] = 0
    logits.requires_grad_()
    log_q = torch.log_softmax(logits, -1)
    assert (log_q.exp()[0, :7] == 0).all()
    value = bounds.unlabelled_bound(normal(rng, 1, 10), log_q, uniform())
    value.sum().backward()
    assert torch.isfinite(value).all() and torch.isfinite(logits.grad).all()


def test_joint_bound_adds_up_both_sums(rng):
    labelled, unlabelled = normal(rng, 4), normal(rng, 6)
    expected = math.fsum(labelled.tolist()) + math.fsum(unlabelled.tolist())
    value = bounds.joint_bound(labelled, unlabelled)
    close(value, f64(expected))
    close(bounds.joint_bound(labelled, unlabelled[:0]), labelled.sum())


def test_importance_weighted_bound_is_the_log_of_a_mean(rng):
    log_w = normal(rng, 50, 3) - 800  # exp of these is 0 in float64
    expected = np.log(np.exp(log_w.numpy() + 800).mean(0)) - 800
    close(bounds.importance_weighted_bound(log_w), torch.from_numpy(expected))
    along = bounds.importance_weighted_bound(log_w.T, dim=1)
    close(along, torch.from_numpy(expected))


def test_importance_weighted_bound_with_one_sample_is_the_elbo_sample(rng):
    log_w = normal(rng, 1, 5)
    close(bounds.importance_weighted_bound(log_w), log_w[0])


def test_importance_weighted_bound_climbs_to_the_evidence(rng):
    """In the toy with q too wide: k = 1 is (4), k = 5 lies between, all below log p."""
    x, s2, log_evidence, (mu, log_var) = linear_toy()
    log_var = log_var + 1.0
    v = bounds.reparameterise(mu, log_var, normal(rng, 100_000, 1))
    zero = torch.zeros(1, dtype=torch.float64)
    log_s2 = f64(s2).log()
    log_w = (
        bounds.gaussian_log_prob(x, v, log_s2, event_dims=1)
        + bounds.gaussian_log_prob(v, zero, zero, event_dims=1)
        - bounds.gaussian_log_prob(v, mu, log_var, event_dims=1)
    )
    one = float(log_w.mean())
    five = float(bounds.importance_weighted_bound(log_w.reshape(5, -1)).mean())
    many = float(bounds.importance_weighted_bound(log_w))
    # Standard errors are below 0.003: four of them.
    elbo = float(exact_labelled_bound(x, s2, mu, log_var))
    assert one == pytest.approx(elbo, abs=0.012)
    assert many == pytest.approx(float(log_evidence), abs=0.012)
    assert one + 0.1 < five < many
