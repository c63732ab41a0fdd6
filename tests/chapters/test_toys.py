"""The toys' exact answers, each computed a second way."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch

from equivae_lite.chapters.toys import (
    BernoulliCurve,
    LinearGaussian,
    gaussian_product_integral,
    unlabelled_elbo,
)
from equivae_lite.model import bounds

# float64 sums of tens of terms of size 1 to 100: rounding stays below this.
TIGHT = {"rtol": 0, "atol": 1e-10}


def normal(*shape: int, seed: int = 1) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape))


@pytest.fixture(params=[True, False], ids=["orthogonal", "oblique"])
def linear(request) -> LinearGaussian:
    return LinearGaussian.example(D=4, d=3, seed=3, orthogonal=request.param)


@pytest.fixture
def curve() -> BernoulliCurve:
    return BernoulliCurve.example()


def test_gap_is_the_kl_to_the_exact_posterior(linear):
    x, r = normal(5, 4), normal(5, 4, seed=2)
    mu, log_var = normal(5, 3, seed=3), 0.5 * normal(5, 3, seed=4)
    mean, covariance = linear.posterior(x, r)
    q = torch.distributions.MultivariateNormal(mu, torch.diag_embed(log_var.exp()))
    p = torch.distributions.MultivariateNormal(mean, covariance)
    kl = torch.distributions.kl_divergence(q, p)
    gap = linear.log_prob(x, r) - linear.elbo(x, r, mu, log_var)
    torch.testing.assert_close(gap, kl, **TIGHT)


def test_exact_posterior_by_the_joint_gaussian(linear):
    """Mean and covariance by conditioning the joint of (v, x), not by precisions."""
    x, r = normal(5, 4), normal(5, 4, seed=2)
    cov_x = linear.W @ linear.W.T + math.exp(linear.log_var) * torch.eye(4)
    gain = linear.W.T @ torch.linalg.inv(cov_x)
    mean, covariance = linear.posterior(x, r)
    torch.testing.assert_close(mean, (x - r) @ gain.T, **TIGHT)
    torch.testing.assert_close(
        covariance, torch.eye(3).double() - gain @ linear.W, **TIGHT
    )


def test_best_diagonal_is_a_maximum(linear):
    x, r = normal(4), normal(4, seed=2)
    mu, log_var = (t.clone().requires_grad_() for t in linear.best_diagonal(x, r))
    gradients = torch.autograd.grad(linear.elbo(x, r, mu, log_var), (mu, log_var))
    for gradient in gradients:
        torch.testing.assert_close(gradient, torch.zeros(3).double(), **TIGHT)


def test_orthogonal_columns_close_the_gap():
    toy = LinearGaussian.example()
    x, r = normal(7, 3), normal(7, 3, seed=2)
    best = toy.elbo(x, r, *toy.best_diagonal(x, r))
    torch.testing.assert_close(best, toy.log_prob(x, r), **TIGHT)


def test_oblique_columns_leave_a_gap():
    toy = LinearGaussian.example(orthogonal=False)
    x, r = normal(3), normal(3, seed=2)
    assert toy.log_prob(x, r) - toy.elbo(x, r, *toy.best_diagonal(x, r)) > 0.05


@pytest.mark.parametrize("toy", [LinearGaussian.example(), BernoulliCurve.example()])
def test_weights_average_to_the_elbo(toy):
    D = len(toy.A)
    x, r = torch.ones(D).double(), normal(D, seed=2)
    d = toy.W.shape[1] if isinstance(toy, LinearGaussian) else 1
    mu, log_var = 0.3 * normal(d, seed=3), 0.3 * normal(d, seed=4) - 1
    log_w = toy.log_weights(x, r, mu, log_var, normal(4000, d, seed=5))
    error = log_w.std() / math.sqrt(4000)
    assert abs(log_w.mean() - toy.elbo(x, r, mu, log_var)) < 4 * error
    tighter = bounds.importance_weighted_bound(log_w)
    assert log_w.mean() < tighter < toy.log_prob(x, r) + 4 * error


def test_leave_one_out_is_r_of_the_others(linear):
    x = normal(5, 4)
    others = torch.stack([torch.cat([x[:n], x[n + 1 :]]) for n in range(5)])
    by_hand = others.mean(dim=1) @ linear.A.T
    torch.testing.assert_close(linear.leave_one_out(x), by_hand, **TIGHT)
    torch.testing.assert_close(linear.r(others), by_hand, **TIGHT)
    with pytest.raises(ValueError, match="at least 2"):
        linear.leave_one_out(x[:1])


def test_binary_images_are_all_there_and_sum_to_one(curve):
    images = curve.images()
    listed = {tuple(image) for image in images.tolist()}
    assert listed == set(itertools.product([0.0, 1.0], repeat=4))
    r = normal(3, 1, 4)
    total = curve.log_prob(images, r).exp().sum(dim=-1)
    torch.testing.assert_close(total, torch.ones(3).double(), **TIGHT)


def test_quadrature_agrees_with_a_fine_grid(curve):
    x, r = curve.images()[5], normal(4)
    v = torch.linspace(-12, 12, 24001, dtype=torch.float64)[:, None]
    prior = torch.exp(-v.square() / 2) / math.sqrt(2 * math.pi)
    joint = prior * curve.log_lik(x, r, v).exp()[:, None]
    step = 24 / 24000
    # the trapezoidal rule of a smooth function that ends at zero is this exact
    torch.testing.assert_close(
        curve.log_prob(x, r), (joint.sum() * step).log(), **TIGHT
    )
    mean, variance = curve.posterior_moments(x, r)
    weights = joint / joint.sum()
    torch.testing.assert_close(mean, (weights * v).sum(0), **TIGHT)
    torch.testing.assert_close(variance, (weights * (v - mean) ** 2).sum(0), **TIGHT)


def test_curve_elbo_by_a_fine_grid(curve):
    x, r = curve.images()[6], normal(4)
    mu, log_var = normal(1, seed=2), 0.3 * normal(1, seed=3) - 0.5
    v = torch.linspace(-20, 20, 40001, dtype=torch.float64)[:, None]
    log_q = -0.5 * (math.log(2 * math.pi) + log_var + (v - mu) ** 2 / log_var.exp())
    log_p = -0.5 * (math.log(2 * math.pi) + v**2)
    integrand = curve.log_lik(x, r, v)[:, None] + log_p - log_q
    grid = (log_q.exp() * integrand).sum() * 40 / 40000
    torch.testing.assert_close(curve.elbo(x, r, mu, log_var), grid, **TIGHT)


def test_unlabelled_elbo_by_hand(curve):
    x, r_y = curve.images(), normal(3, 4)
    mu, log_var = normal(16, 3, 1, seed=2), normal(16, 3, 1, seed=3)
    log_q = torch.log_softmax(normal(16, 3, seed=4), dim=-1)
    log_p = torch.full((3,), -math.log(3), dtype=torch.float64)
    got = unlabelled_elbo(curve, x, r_y, mu, log_var, log_q, log_p)
    by_hand = sum(
        log_q[:, y].exp()
        * (curve.elbo(x, r_y[y], mu[:, y], log_var[:, y]) - log_q[:, y] - math.log(3))
        for y in range(3)
    )
    torch.testing.assert_close(got, by_hand, **TIGHT)


def test_product_integral_by_a_determinant():
    for a, N in [(0.5, 4), (-0.7, 3), (1.5, 5)]:
        others = (np.ones((N, N)) - np.eye(N)) / (N - 1)
        expected = 1 / abs(np.linalg.det(np.eye(N) - a * others))
        assert gaussian_product_integral(a, N) == pytest.approx(expected, rel=1e-12)
    assert gaussian_product_integral(0.0, 4) == 1
    assert gaussian_product_integral(1.0, 4) == math.inf
    with pytest.raises(ValueError, match="at least 2"):
        gaussian_product_integral(0.5, 1)


def test_too_many_latents():
    with pytest.raises(ValueError, match="d <= D"):
        LinearGaussian.example(D=2, d=3)
