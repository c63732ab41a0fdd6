"""The best Gaussian for each image, on a model whose exact posterior is known."""

import math

import pytest
import torch
from torch import nn

from equivae_lite.errors import DataError
from equivae_lite.evaluation.bound import bound_terms, importance_weighted
from equivae_lite.evaluation.gap import bound_of, fitted_posterior
from equivae_lite.model.equivae import EquiVAE
from equivae_lite.model.networks import Architecture
from tests.support.small import PLAIN, model

INDICES = torch.arange(3)


class Linear(EquiVAE):
    """x = W v + unit noise in four pixels: the posterior is Gaussian, and known.

    What stands for q_cov says N(0, I) of every image.
    """

    def __init__(self, slanted: bool) -> None:
        nn.Module.__init__(self)
        self.arch = Architecture(v_dim=2)
        w = [[2.0, 0.0], [0.0, 1.0], [0.0, 0.0], [1.5, 1.5 * slanted]]
        self.w = nn.Parameter(torch.tensor(w, dtype=torch.float64))

    def posterior(self, r, x):
        return (x.new_zeros(len(x), 2),) * 2

    def log_likelihood(self, x, r, v):
        apart = x.flatten(-3) - v @ self.w.T
        return -0.5 * (apart.square().sum(-1) + 4 * math.log(2 * math.pi))

    def exact(self, x):
        """log p(x), and the mean and precision of the posterior."""
        precision = torch.eye(2).double() + self.w.T @ self.w
        cov = torch.eye(4).double() + self.w @ self.w.T
        p = torch.distributions.MultivariateNormal(torch.zeros(4).double(), cov)
        flat = x.flatten(1)
        return p.log_prob(flat), flat @ self.w @ precision.inverse(), precision


@pytest.fixture(params=[False, True], ids=["upright", "slanted"])
def linear(request):
    g = torch.Generator().manual_seed(1)
    x = 2 * torch.randn(3, 1, 2, 2, generator=g).double()
    return Linear(request.param), x


def test_the_best_gaussian_is_found(linear):
    net, x = linear
    mu, log_var = fitted_posterior(net, x, None, steps=1500, rate=0.1)
    log_p, mean, precision = (t.detach() for t in net.exact(x))
    # By mean-field theory: the right mean, the inverse diagonal of the precision.
    torch.testing.assert_close(mu, mean, rtol=0, atol=0.05)
    best = (-precision.diagonal().log()).expand(3, 2)
    torch.testing.assert_close(log_var, best, rtol=0, atol=0.1)
    lost = 0.5 * (precision.diagonal().log().sum() - torch.logdet(precision))
    bound = bound_of(net, x, None, (mu, log_var), INDICES, samples=4000)
    torch.testing.assert_close(bound, log_p - lost, rtol=0, atol=0.2)
    assert (lost > 0.05) == bool(net.w[3, 1])
    before = bound_of(net, x, None, net.posterior(None, x), INDICES, samples=4000)
    assert (before < bound - 0.3).all()
    # No weight of the model was moved, and none was given a slope.
    assert net.w.grad is None


def test_weights_with_the_fitted_gaussian_find_log_p(linear):
    net, x = linear
    q = fitted_posterior(net, x, None, steps=500, rate=0.1)
    log_p = net.exact(x)[0].detach()
    by_k = importance_weighted(net, x, None, INDICES, (1, 2000), q)
    torch.testing.assert_close(by_k[2000], log_p, rtol=0, atol=0.1)
    told = importance_weighted(net, x, None, INDICES, (2000,))[2000]
    assert (by_k[2000] - log_p).abs().mean() < (told - log_p).abs().mean()


def test_of_q_cov_it_is_the_bound_of_chapter_11():
    net = model(PLAIN)
    x = torch.rand(3, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        q = net.posterior(None, x)
    expected = bound_terms(net, x, None, INDICES, samples=3).bound
    found = bound_of(net, x, None, q, INDICES, samples=3)
    # float32 sums of 784 terms.
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-2)
    given = importance_weighted(net, x, None, INDICES, (1, 5), q)
    for k, own in importance_weighted(net, x, None, INDICES, (1, 5)).items():
        torch.testing.assert_close(given[k], own, rtol=0, atol=1e-2)


def test_the_same_seed_fits_the_same():
    net, x = Linear(True), torch.ones(3, 1, 2, 2).double()
    first = fitted_posterior(net, x, None, 20)
    for a, b in zip(first, fitted_posterior(net, x, None, 20)):
        assert torch.equal(a, b)
    assert not torch.equal(first[0], fitted_posterior(net, x, None, 20, seed=1)[0])


WRONG = ({"steps": 0}, {"rate": 0}, {"rate": math.nan}, {"seed": -1},
         {"x": torch.zeros(2, 2)})  # fmt: skip


@pytest.mark.parametrize("change", WRONG, ids=str)
def test_settings_that_are_none(change):
    given = {"x": torch.ones(3, 1, 2, 2).double(), "r": None, "steps": 1} | change
    with pytest.raises(DataError):
        fitted_posterior(Linear(True), **given)


@pytest.mark.parametrize("q", [None, 1, (torch.zeros(3, 2),), (torch.zeros(2, 2),) * 2,
                               (torch.full((3, 2), math.nan),) * 2])  # fmt: skip
def test_gaussians_that_are_none(q):
    net, x = Linear(True), torch.ones(3, 1, 2, 2).double()
    with pytest.raises(DataError):
        bound_of(net, x, None, q, INDICES)
    if q is not None:  # then it is q_cov's
        with pytest.raises(DataError):
            importance_weighted(net, x, None, INDICES, (1,), q)
