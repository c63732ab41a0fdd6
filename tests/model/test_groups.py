"""The ways of a group: Gaussians multiplied and averaged, and who is in the group."""

from dataclasses import replace

import pytest
import torch

from equivae_lite.data import sets
from equivae_lite.data.sets import Pixels
from equivae_lite.errors import ExperimentError, InputError
from equivae_lite.evaluation.bound import Representations
from equivae_lite.model import groups
from equivae_lite.model.equivae import EquiVAE
from equivae_lite.model.groups import WAYS, GroupEncoder
from equivae_lite.model.networks import Architecture, InvariantEncoder
from equivae_lite.training import experiments, objectives
from equivae_lite.training.objectives import Batches

ARCH = Architecture(size=16, r_dim=3, v_dim=2, hidden=(8, 4), classes=4)


def encoder(way: str) -> GroupEncoder:
    torch.manual_seed(0)
    return GroupEncoder(ARCH, way).double()


def test_the_product_is_that_of_the_densities():
    f = torch.randn(5, 8, dtype=torch.float64, generator=torch.manual_seed(1))
    e = encoder("product")
    mu, log_var = e.of_group(f)
    means, log_vars = e.g(f).chunk(2, -1)
    z = torch.linspace(-30, 30, 200_001, dtype=torch.float64)
    for d in range(3):  # multiplied on a grid, and normalised by its sum
        log_p = sum(
            torch.distributions.Normal(m, (s / 2).exp()).log_prob(z)
            for m, s in zip(means[:, d], log_vars[:, d])
        )
        p = torch.softmax(log_p, 0)
        mean = (p * z).sum()
        variance = (p * (z - mean) ** 2).sum()
        torch.testing.assert_close(mu[d], mean, rtol=0, atol=1e-6)
        torch.testing.assert_close(log_var[d].exp(), variance, rtol=1e-4, atol=0)


def test_the_average_takes_means_of_means_and_of_variances():
    f = torch.randn(2, 5, 8, dtype=torch.float64, generator=torch.manual_seed(1))
    e = encoder("average")
    mu, log_var = e.of_group(f)
    means, log_vars = e.g(f).chunk(2, -1)
    torch.testing.assert_close(mu, sum(means[:, i] for i in range(5)) / 5)
    variances = sum(log_vars[:, i].exp() for i in range(5)) / 5
    torch.testing.assert_close(log_var.exp(), variances)


def test_the_leak_is_equation_2_of_the_whole_group():
    e, x = encoder("leak"), torch.rand(2, 5, 1, 16, 16, dtype=torch.float64)
    plain = InvariantEncoder(ARCH).double()
    plain.load_state_dict(e.state_dict())
    torch.testing.assert_close(e(x), plain(x))
    assert e.of_group(e.f(x)).log_var is None


@pytest.mark.parametrize("way", WAYS)
def test_of_one_image_r_is_what_it_says_itself(way):
    e, x = encoder(way), torch.rand(1, 1, 16, 16, dtype=torch.float64)
    torch.testing.assert_close(e(x), e.g(e.f(x))[0, :3])
    torch.testing.assert_close(groups.r_of(e, e.f(x)), e(x))


@pytest.fixture(scope="module")
def batches():
    e = experiments.get("mnist-supervised")
    data = sets.load("glyphs", limit=400)
    return Batches(replace(e, data="glyphs"), data, Pixels.unit(), 0), data


@pytest.mark.parametrize("way", WAYS)
def test_the_group_of_a_training_image_is_itself_and_m_others(way, batches):
    """By hand: draw the same pool, take x_n once and m others, whoever was drawn."""
    b, data = batches
    torch.manual_seed(0)
    model = EquiVAE(Architecture(), way)
    n, m = torch.arange(60), 3
    b.generator.manual_seed(5)
    r, kl = objectives.group_representations(model, b, n, m)
    b.generator.manual_seed(5)
    pool = b.pools.draw(m)
    out = b.pools.left_out(pool, n, b.y[n])
    itself_drawn = 0
    for i in n.tolist():
        members = pool[b.y[i]].tolist()
        itself_drawn += i in members
        del members[int(out[i])]
        assert i not in members and len(members) == m
        group = [i, *members]
        assert all(b.y[j] == b.y[i] for j in group)
        x = b.x(b.labelled[torch.tensor(group)])
        mu, log_var = model.encoder.of_group(model.encoder.f(x))
        if way == "leak":
            torch.testing.assert_close(r[i], mu, rtol=1e-4, atol=1e-5)
        else:
            q = torch.distributions.Normal(mu, (log_var / 2).exp())
            p = torch.distributions.Normal(torch.zeros(16), torch.ones(16))
            whole = torch.distributions.kl_divergence(q, p).sum()
            torch.testing.assert_close(kl[i], whole / 4, rtol=1e-3, atol=1e-4)
    assert itself_drawn  # of both kinds: in the pool, and not
    if way == "leak":
        assert kl == 0.0


@pytest.mark.parametrize("way", WAYS[1:])
def test_the_kl_of_r_is_paid_with_its_weight(way, batches):
    b, _ = batches
    torch.manual_seed(0)
    model = EquiVAE(Architecture(), way)
    n, found = torch.arange(32), {}
    for weight in (0.0, 0.5):
        b.generator.manual_seed(5)
        found[weight] = objectives.labelled_bound(model, b, n, 3, weight)
    (free, log), (half, _) = found[0.0], found[0.5]
    torch.testing.assert_close(
        free - half, 0.5 * (log["kl"] + log["kl_r"]), rtol=1e-3, atol=0
    )  # a difference of hundreds
    assert log["kl_r"] > 0


@pytest.mark.parametrize("way", WAYS)
def test_r_y_of_a_trained_model_is_of_all_training_images(way, batches):
    _, data = batches
    torch.manual_seed(0)
    model = EquiVAE(Architecture(), way)
    table = Representations(model, Pixels.unit(), data).table()
    of_three = data.images[data.by_class()[3]]
    with torch.no_grad():
        r = model.encoder(Pixels.unit().forward(of_three))
    torch.testing.assert_close(table[3], r, rtol=1e-4, atol=1e-5)


def test_what_is_refused():
    with pytest.raises(ExperimentError, match="way must be one of"):
        GroupEncoder(ARCH, "sum")
    with pytest.raises(ExperimentError, match="has no label posterior"):
        EquiVAE(replace(ARCH, label_posterior=True), "product")
    with pytest.raises(InputError, match="at least one image"):
        encoder("product")(torch.rand(1, 16, 16))
    with pytest.raises(InputError, match="members"):
        encoder("product").of_mean(torch.rand(6), 0)
