"""The terms of (4) and (6) as the model puts them together, and where r_y comes from.

In float64, against torch.distributions: what differs is rounding alone, of sums
over 784 or 3072 pixels.
"""

import math
from dataclasses import replace
from functools import partial

import pytest
import torch
from torch.distributions import Bernoulli, Independent, Normal, kl_divergence

from equivae_lite.model import bounds
from equivae_lite.model.equivae import EquiVAE
from equivae_lite.model.networks import Architecture
from equivae_lite.training import checkpoints, objectives
from tests.support.small import COLOUR, PLAIN, SEMI, SUPERVISED, TABLE, images, pixels

close = partial(torch.testing.assert_close, rtol=1e-10, atol=1e-8)
B = 4


def doubled(experiment):
    torch.manual_seed(0)
    model = checkpoints.build(experiment).double().eval()
    with torch.no_grad():  # away from the start: log_var not near 0, a real variance
        for p in model.posterior.log_var.parameters():
            p.mul_(5).add_(0.05)
        if model.decoder.log_var is not None:
            model.decoder.log_var.fill_(-0.7)
    return model


def inputs(experiment, classes=None):
    """x, r_y and noise in float64; r is None for the plain VAE."""
    a = experiment.arch
    x = pixels(experiment).forward(images(experiment.data).images[:B]).double()
    lead = (B,) if classes is None else (B, classes)
    g = torch.Generator().manual_seed(1)
    eps = torch.randn(*lead, a.v_dim, generator=g, dtype=torch.float64)
    r = torch.randn(*lead, a.r_dim, generator=g, dtype=torch.float64)
    return x, r if a.r_dim else None, eps


def by_hand(model, x, r, eps):
    """log p(x | r_y, v), KL, log q(v) and log p(v) by torch.distributions."""
    mu, log_var = model.posterior(r, x)
    q = Independent(Normal(mu, torch.exp(0.5 * log_var)), 1)
    p = Independent(Normal(torch.zeros_like(mu), torch.ones_like(mu)), 1)
    v = mu + torch.exp(0.5 * log_var) * eps
    out = model.decoder(r, v)
    if model.arch.likelihood == "bernoulli":
        pixel = Bernoulli(logits=out, validate_args=False)  # grey values
    else:
        pixel = Normal(out, torch.exp(0.5 * model.decoder.log_var))
    return Independent(pixel, 3).log_prob(x), kl_divergence(q, p)


@pytest.mark.parametrize("e", [SUPERVISED, COLOUR, PLAIN, TABLE], ids=lambda e: e.name)
def test_terms_are_those_of_torch_distributions(e):
    model = doubled(e)
    x, r, eps = inputs(e)
    terms = model.terms(x, r, eps)
    log_lik, kl = by_hand(model, x, r, eps)
    assert terms.log_lik.shape == terms.kl.shape == (B,)
    assert terms.log_lik.dtype == torch.float64
    close(terms.log_lik, log_lik)
    close(terms.kl, kl)
    close(terms.bound, log_lik - kl)
    assert (terms.kl > 1e-3).all()


@pytest.mark.parametrize(
    "e", [SEMI, replace(COLOUR, name="c")], ids=["grey", "colours"]
)
@pytest.mark.parametrize("shared", [False, True], ids=["r of each", "r of all"])
def test_terms_per_class_are_the_terms_class_by_class(e, shared):
    model = doubled(e)
    x, r, eps = inputs(e, classes=10)
    r = r[0] if shared else r  # (classes, R) serves all images
    together = model.terms_per_class(x, r, eps)
    assert together.log_lik.shape == together.kl.shape == (B, 10)
    for y in range(10):
        r_y = r[y].expand(B, -1) if shared else r[:, y]
        one = model.terms(x, r_y, eps[:, y])
        close(together.log_lik[:, y], one.log_lik)
        close(together.kl[:, y], one.kl)
    assert together.bound.std(dim=1).min() > 1e-3  # classes differ


def test_terms_have_gradients_for_every_parameter():
    model = doubled(COLOUR)
    x, _, eps = inputs(COLOUR)
    r = model.encoder(x[:, None].expand(-1, 2, -1, -1, -1))
    model.terms(x, r, eps).bound.sum().backward()
    assert all(
        p.grad is not None and p.grad.abs().max() > 0 for p in model.parameters()
    )


def test_decoder_variance_is_learned_from_the_residuals():
    """At the maximum of the Gaussian likelihood the variance is the mean residual."""
    for variance, axes in (("shared", (0, 1, 2, 3)), ("pixel", (0,))):
        e = replace(COLOUR, arch=replace(COLOUR.arch, variance=variance))
        model = doubled(e)
        x, r, eps = inputs(e)
        mu, log_var = model.posterior(r, x)
        out = model.decoder(r, bounds.reparameterise(mu, log_var, eps))
        with torch.no_grad():
            model.decoder.log_var.copy_((x - out).square().mean(axes).log())
        model.terms(x, r, eps).log_lik.sum().backward()
        # x.numel() / 2 is the size of either half of this gradient.
        assert model.decoder.log_var.grad.abs().max() < 1e-9 * x.numel()


def test_mean_image():
    grey, colour = doubled(SUPERVISED), doubled(COLOUR)
    r = v = torch.randn(2, 16, dtype=torch.float64)
    close(grey.mean_image(r, v), torch.sigmoid(grey.decoder(r, v)))
    close(colour.mean_image(r, v), colour.decoder(r, v))


def test_label_posterior_is_normalised():
    e = replace(SEMI, name="semi")
    model = checkpoints.build(e).eval()
    x = pixels(e).forward(images().images[:B])
    log_q = model.label_log_posterior(x)
    assert log_q.shape == (B, 10)
    torch.testing.assert_close(log_q.exp().sum(1), torch.ones(B))


# --- x_n never sees itself ----------------------------------------------------------


def member_gradients(spoil=False):
    """|d r_{y,x_n} / d x_i| summed over pixels, for each n and each image i.

    The images are float leaves. Half of the n are members of their class's pool.
    """
    e = SUPERVISED
    torch.manual_seed(0)
    model = checkpoints.build(e).double().eval()
    batches = objectives.Batches(e, images(), pixels(e), 0)
    batches.seed(0, 0)
    leaf = pixels(e).forward(images().images).double().requires_grad_()
    batches.x = lambda indices: leaf[indices]
    pool, f = objectives.pool_embeddings(model, batches, 4)
    outside = torch.tensor([m[~torch.isin(m, pool)][0] for m in images().by_class()])
    n = torch.cat([pool[:, 2], outside])
    y = batches.y[n]
    out = batches.pools.left_out(pool, n, y)
    if spoil:
        out = (out + 1) % pool.shape[1]
    r = objectives.representations(model, pool, f, out, y)
    sums = []
    for row in r:
        (g,) = torch.autograd.grad(row.square().sum(), leaf, retain_graph=True)
        sums.append(g.abs().sum((1, 2, 3)))
    return n, y, pool, torch.stack(sums)


def test_r_does_not_depend_on_its_own_image():
    n, y, pool, found = member_gradients()
    assert (found[torch.arange(20), n] == 0).all()
    for i in range(20):
        seen = found[i].nonzero().flatten()
        members = pool[y[i]]
        # Four members of its own class, out of the pool's five.
        assert len(seen) == 4 and torch.isin(seen, members).all()
        if i < 10:
            assert n[i] in members and n[i] not in seen


def test_that_check_sees_a_wrong_position():
    n, _, _, found = member_gradients(spoil=True)
    assert (found[torch.arange(10), n[:10]] > 0).all()


def test_another_x_gives_the_same_r_up_to_rounding():
    """The pool's sum minus one embedding, whatever that embedding is."""
    e = SUPERVISED
    torch.manual_seed(0)
    model = checkpoints.build(e).double().eval()
    batches = objectives.Batches(e, images(), pixels(e), 0)
    x = pixels(e).forward(images().images).double()
    n = torch.arange(40)
    y = batches.y[n]

    def r_of(x):
        batches.seed(0, 0)
        batches.x = lambda indices: x[indices]
        pool, f = objectives.pool_embeddings(model, batches, 7)
        # Every n is made a member: place 3 of its class's pool.
        return objectives.representations(
            model, pool, f, torch.full_like(n, 3), y
        ), pool

    with torch.no_grad():
        r, pool = r_of(x)
        changed = x.clone()
        changed[pool[:, 3]] = torch.rand(10, 1, 28, 28, dtype=torch.float64)
        close(r_of(changed)[0], r)
        changed[pool[:, 4]] = torch.rand(10, 1, 28, 28, dtype=torch.float64)
        assert (r_of(changed)[0] - r).abs().max() > 1e-4


# --- variants -----------------------------------------------------------------------


def test_plain_vae_has_no_r():
    model = doubled(PLAIN)
    assert not hasattr(model, "encoder") and not hasattr(model, "table")
    assert model.posterior.dense_r is None and model.decoder.dense_r is None
    assert not [name for name, _ in model.named_parameters() if "dense_r" in name]
    v = torch.randn(3, 32, dtype=torch.float64)
    assert model.mean_image(None, v).shape == (3, 1, 28, 28)


def test_class_table_is_one_learned_vector_per_class():
    model = doubled(TABLE)
    assert model.table.weight.shape == (10, 16) and not hasattr(model, "encoder")
    x, _, eps = inputs(TABLE)
    y = torch.tensor([3, 3, 5, 0])
    model.terms(x, model.table(y), eps).bound.sum().backward()
    touched = model.table.weight.grad.abs().sum(1) > 0
    assert touched.nonzero().flatten().tolist() == [0, 3, 5]


@pytest.mark.parametrize(
    ("arch", "representation", "message"),
    [
        (Architecture(), "mean", "one of .*'complementary'.*not 'mean'"),
        (Architecture(), "none", "plain VAE, and nothing else, has r_dim = 0"),
        (Architecture(r_dim=0), "complementary", "has r_dim = 0"),
        (Architecture(r_dim=0), "table", "has r_dim = 0"),
    ],
)
def test_settings_that_contradict_each_other(arch, representation, message):
    with pytest.raises(ValueError, match=message):
        EquiVAE(arch, representation)


def test_class_representations_are_no_part_of_the_state():
    """A resumed run must not carry representations of other weights."""
    model = EquiVAE(Architecture())
    assert model.class_r is None
    model.class_r = torch.zeros(10, 16)
    assert "class_r" not in model.state_dict()
    assert model.double().class_r.dtype == torch.float64  # but it moves along


def test_noise_in_float32_keeps_densities_in_float32_under_autocast():
    """Matrix products in bfloat16; a sum over 784 pixels in it would be worthless."""
    torch.manual_seed(0)
    model = checkpoints.build(SUPERVISED)
    x = pixels(SUPERVISED).forward(images().images[:B])
    r, eps = torch.randn(B, 16), torch.randn(B, 16)
    exact = model.terms(x, r, eps)
    with torch.autocast("cpu", torch.bfloat16):
        rough = model.terms(x, r, eps)
    assert rough.log_lik.dtype == rough.kl.dtype == torch.float32
    assert not torch.equal(rough.log_lik, exact.log_lik)
    # 8 bits of mantissa a product: errors of pixels do not add up in one direction.
    assert (rough.log_lik / exact.log_lik - 1).abs().max() < 2**-8
    assert math.isfinite(float(rough.bound.detach().sum()))
