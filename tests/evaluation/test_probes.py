"""Classifiers of the class from v, on posteriors that tell what is known."""

import math

import pytest
import torch

from equivae_lite.data.sets import Pixels
from equivae_lite.errors import DataError
from equivae_lite.evaluation.probes import Posteriors, class_told, posteriors
from tests.support.small import PLAIN, SUPERVISED, TABLE, images, model

QUICK = {"hidden": 32, "steps": 400}


def known(n, classes=4, seed=0, where="mean"):
    """Two latents that tell of the class by one of mean, log-variance or nothing."""
    g = torch.Generator().manual_seed(seed)
    y = torch.randint(classes, (n,), generator=g)
    mu, log_var = torch.zeros(n, 2), torch.full((n, 2), -4.0)
    if where == "mean":
        mu[:, 0] = 3.0 * y
    if where == "log-variance":
        log_var[:, 0] = y - 9.0
    return Posteriors(mu, log_var, y)


@pytest.mark.parametrize("where", ["mean", "log-variance", "nothing"])
def test_what_is_there_is_read_and_nothing_else(where):
    fit, test = known(2000, where=where), known(1000, seed=1, where=where)
    for reads in ("mean", "log-variance"):
        told = class_told(fit, test, reads, **QUICK)
        if reads == where:
            assert told.error < 0.01 and told.nats > math.log(4) - 0.1
        else:
            assert told.error > 0.6 and abs(told.nats) < 0.05
    # A sample has the mean in it, and of a variance it shows something.
    told = class_told(fit, test, "sample", **QUICK)
    low, high = {"mean": (0, 0.01), "log-variance": (0.3, 0.7), "nothing": (0.65, 1)}[
        where
    ]
    assert low <= told.error <= high


def ring(n, seed):
    """The class is the distance from 0 in a plane: no line tells it."""
    g = torch.Generator().manual_seed(seed)
    y = torch.randint(2, (n,), generator=g)
    angle = 2 * math.pi * torch.rand(n, generator=g)
    mu = (1.0 + 2 * y)[:, None] * torch.stack([angle.cos(), angle.sin()], 1)
    return Posteriors(mu, torch.full((n, 2), -6.0), y)


def test_a_linear_reader_misses_what_one_with_hidden_layers_reads():
    fit, test = ring(3000, 0), ring(1000, 1)
    assert class_told(fit, test, "sample", hidden=0, steps=400).error > 0.4
    assert class_told(fit, test, "sample", **QUICK).error < 0.02


def test_nats_of_a_noisy_channel_are_near_its_information():
    """v = +-1 plus noise: what one number says of one of two classes, by quadrature."""
    sigma, n = 1.0, 20_000
    g = torch.Generator().manual_seed(3)
    y = torch.randint(2, (2 * n,), generator=g)
    mu = (2.0 * y - 1)[:, None]
    both = [Posteriors(mu[i], torch.zeros(n, 1) + 2 * math.log(sigma), y[i])
            for i in torch.arange(2 * n).split(n)]  # fmt: skip
    told = class_told(*both, "sample", hidden=0, steps=1500)
    v = torch.linspace(-9, 9, 4001, dtype=torch.float64)
    p = [torch.distributions.Normal(m, sigma).log_prob(v).exp() for m in (-1.0, 1.0)]
    mix = (p[0] + p[1]) / 2
    of_v = -torch.trapezoid(torch.xlogy(mix, mix), v)
    noise = 0.5 * math.log(2 * math.pi * math.e * sigma**2)
    assert told.nats == pytest.approx(float(of_v) - noise, abs=0.01)


def test_the_same_seed_reads_the_same_and_the_global_one_is_left_alone():
    fit, test = known(300), known(300, seed=1)
    state = torch.get_rng_state()
    first = class_told(fit, test, seed=3, **QUICK)
    assert torch.equal(torch.get_rng_state(), state)
    assert class_told(fit, test, seed=3, **QUICK) == first
    noise = known(300, where="nothing")
    assert class_told(noise, noise, seed=3, **QUICK) != class_told(
        noise, noise, seed=4, **QUICK
    )


@pytest.mark.parametrize("experiment", [SUPERVISED, TABLE, PLAIN], ids=str)
def test_posteriors_are_told_the_class(experiment):
    net, some = model(experiment), images(limit=30)
    g = torch.Generator().manual_seed(0)
    plain = net.representation == "none"
    table = None if plain else torch.randn(10, 16, generator=g)
    found = posteriors(net, Pixels.unit(), some, table)
    r = None if plain else table[some.labels]
    with torch.no_grad():
        mu, log_var = net.posterior(r, some.images / 255)
    torch.testing.assert_close(found.mu, mu, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(found.log_var, log_var, rtol=1e-4, atol=1e-5)
    assert torch.equal(found.labels, some.labels)


@pytest.mark.parametrize("change, words", [
    ({"reads": "means"}, "choose from sample"),
    ({"hidden": -1}, "hidden"),
    ({"steps": 0}, "steps"),
    ({"seed": 0.5}, "seed"),
])  # fmt: skip
def test_settings_that_are_none(change, words):
    with pytest.raises(DataError, match=words):
        class_told(known(20), known(20), **({"steps": 1} | change))


def test_posteriors_that_are_none():
    good = known(20)
    nan = good._replace(mu=good.mu * math.nan)
    endless = good._replace(log_var=good.log_var / 0)
    for wrong, words in (
        (nan, "NaN"), (endless, "finite"), (good._replace(mu=good.mu[:, :1]), "shape"),
        (good._replace(labels=good.labels[:3]), "labels"),
        (good._replace(labels=0 * good.labels), "one class"),
        (Posteriors(good.mu[:, :1], good.log_var[:, :1], good.labels), "latents"),
    ):  # fmt: skip
        with pytest.raises(DataError, match=words):
            class_told(wrong, good, steps=1)
