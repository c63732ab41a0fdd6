"""Any input to the model: the right number or an error that says what is wrong.

Right is what NumPy, SciPy or torch.distributions say in float64. `survives` takes
every input, and lets through neither NaN nor an error of torch's.
"""

import math
from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats

import equivae_lite.model
from equivae_lite.errors import EquivaeError, ExperimentError, InputError
from equivae_lite.model import bounds, groups, label_sum, networks
from equivae_lite.model.equivae import EquiVAE, Terms
from equivae_lite.model.networks import Architecture
from tests.support.fuzz import (
    COMPLEX,
    NO_TENSORS,
    REAL,
    WHOLE,
    anything,
    covers,
    nothing_forgotten,
    quick,
    random,
    seeds,
    simplex,
    survives,
    tensors,
)

EXEMPT = {
    "checks": "says what the functions below raise; reached through every one of them",
}
small = st.integers(1, 4)
wide = st.sampled_from([0.1, 1.0, 10.0, 80.0])
every_type = st.sampled_from(REAL[:2])


def test_no_function_is_forgotten():
    nothing_forgotten(equivae_lite.model, globals(), EXEMPT)


def same(found: torch.Tensor, expected: np.ndarray, like: torch.Tensor) -> None:
    exact = like.dtype == torch.float64
    tolerance = 1e-10 if exact else 2e-4
    np.testing.assert_allclose(
        found.detach().double().numpy(), expected, rtol=tolerance, atol=tolerance
    )


# --- densities ------------------------------------------------------------------------


@covers("bounds.bernoulli_log_prob")
@given(seeds, small, small, wide, st.sampled_from((*REAL[:2], *WHOLE)))
@quick(40)
def test_bernoulli_by_scipy(seed, lead, pixels, scale, dtype):
    logits = random(seed, lead, 3, pixels, scale=scale)
    x = (random(seed + 1, lead, 3, pixels) > 0).to(dtype)
    found = bounds.bernoulli_log_prob(x, logits, event_dims=2)
    z = logits.numpy()
    right = np.where(x.numpy() > 0, -np.logaddexp(0, -z), -np.logaddexp(0, z))
    like = x if x.is_floating_point() else logits
    np.testing.assert_allclose(
        found.double().numpy(), right.sum((1, 2)),
        rtol=1e-10 if like.dtype == torch.float64 else 1e-5, atol=1e-12,
    )  # fmt: skip


@given(seeds, st.sampled_from([-math.inf, math.inf]))
@quick(20)
def test_bernoulli_of_a_certain_pixel(seed, logit):
    x = (random(seed, 4) > 0).double()
    logits = torch.full((4,), logit, dtype=torch.float64, requires_grad=True)
    agrees = bool((x == (logit > 0)).all())
    value = bounds.bernoulli_log_prob(x, logits, event_dims=1)
    assert value == (0 if agrees else -math.inf)
    value.backward()
    assert logits.grad.isfinite().all()


@covers("bounds.gaussian_log_prob")
@given(seeds, small, small, every_type, st.sampled_from([(), (1,), (3, 1), (3, 4)]))
@quick(40)
def test_gaussian_by_scipy(seed, lead, samples, dtype, shape):
    x, mean = random(seed, lead, 3, 4), random(seed + 1, samples, 1, 3, 4)
    log_var = random(seed + 2, *shape, scale=3.0)
    found = bounds.gaussian_log_prob(
        x.to(dtype), mean.to(dtype), log_var.to(dtype), event_dims=2
    )
    sigma = np.exp(0.5 * log_var.to(dtype).double().numpy())
    right = stats.norm.logpdf(
        x.to(dtype).double().numpy(), mean.to(dtype).double().numpy(), sigma
    ).sum((-2, -1))
    assert found.shape == (samples, lead) and found.dtype == dtype
    np.testing.assert_allclose(
        found.double().numpy(), right, rtol=1e-10 if dtype == REAL[1] else 1e-4,
        atol=1e-12 if dtype == REAL[1] else 1e-4,
    )  # fmt: skip


@given(seeds, st.sampled_from(WHOLE[:3]), every_type)
@quick(20)
def test_integer_pixels_keep_the_mean_whole(seed, kind, dtype):
    x = random(seed, 5, scale=4.0).abs().to(kind)
    mean, log_var = random(seed + 1, 5, dtype=dtype), random(seed + 2, 5, dtype=dtype)
    found = bounds.gaussian_log_prob(x, mean, log_var, event_dims=1)
    right = bounds.gaussian_log_prob(x.to(dtype), mean, log_var, event_dims=1)
    assert torch.equal(found, right) and found.dtype == dtype


@pytest.mark.parametrize("half", REAL[2:])
def test_half_precision_is_summed_in_float32(half):
    x = torch.full((1, 28, 28), 0.5, dtype=half)
    zero = torch.zeros((), dtype=half)
    for found, one in (
        (bounds.bernoulli_log_prob(x, x), -math.log1p(math.exp(-0.5)) - 0.25),
        (bounds.gaussian_log_prob(x, x - 1, zero), -0.5 * (1 + bounds.LOG_2PI)),
    ):
        assert found.dtype == torch.float32
        assert float(found) == pytest.approx(784 * one, rel=1e-5)
    many = torch.full((4000,), 30.0, dtype=half)
    assert float(bounds.joint_bound(many, many)) == 240_000
    kl = bounds.gaussian_kl(torch.full((2000,), 8.0, dtype=half), many[:2000] * 0)
    assert float(kl) == 64_000


# --- divergences ----------------------------------------------------------------------


@covers("bounds.gaussian_kl")
@given(seeds, small, small, every_type, st.floats(-2, 2), st.floats(-3, 3))
@quick(40)
def test_gaussian_kl_by_torch(seed, lead, width, dtype, mu_p, log_var_p):
    mu, log_var = random(seed, lead, width), random(seed + 1, lead, width)
    q = torch.distributions.Normal(mu, (0.5 * log_var).exp())
    p = torch.distributions.Normal(
        torch.tensor(mu_p, dtype=torch.float64),
        torch.tensor(0.5 * log_var_p, dtype=torch.float64).exp(),
    )
    right = torch.distributions.kl_divergence(q, p).sum(-1)
    for m in (mu_p, torch.full((width,), mu_p, dtype=dtype)):
        found = bounds.gaussian_kl(mu.to(dtype), log_var.to(dtype), m, log_var_p)
        same(found, right.numpy(), found)


@pytest.mark.parametrize("log_var", [-math.inf, math.inf, 1000.0, -1e38])
def test_gaussian_kl_at_the_ends_is_infinite_or_right(log_var):
    found = bounds.gaussian_kl(torch.zeros(2), torch.tensor([0.0, log_var]))
    right = math.inf if abs(log_var) == math.inf or log_var > 0 else 0.5 * -log_var
    assert float(found) == pytest.approx(right)
    with pytest.raises(InputError, match="log-variance"):
        bounds.gaussian_kl(torch.zeros(2), torch.zeros(2), 0.0, log_var)


@covers("bounds.categorical_kl")
@given(seeds, small, small, st.booleans(), st.booleans())
@quick(60)
def test_categorical_kl_by_scipy(seed, lead, classes, zeros_q, zeros_p):
    """Also where q, or p, or both have classes of probability 0."""
    log_q = simplex(seed, lead, classes, zeros=zeros_q).requires_grad_()
    log_p = simplex(seed + 7, classes, zeros=zeros_p).requires_grad_()
    found = bounds.categorical_kl(log_q, log_p)
    q, p = (t.detach().exp().numpy() for t in (log_q, log_p))
    right = special.rel_entr(q, p).sum(-1)
    same(found, right, found)
    finite = torch.from_numpy(np.isfinite(right))
    if not finite.any():
        return
    of_q, of_p = torch.autograd.grad(found[finite].sum(), (log_q, log_p))
    # d/d log q = q (log q/p + 1), d/d log p = -q; both 0 where q is.
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = np.where(q > 0, q * (np.log(q) - np.log(p) + 1), 0.0)
    rows = finite.numpy()
    np.testing.assert_allclose(of_q.numpy()[rows], slope[rows], atol=1e-10)
    np.testing.assert_allclose(of_p.numpy(), -q[rows].sum(0), atol=1e-10)


def test_both_of_probability_0():
    log_q = torch.tensor([0.5, 0.5, 0.0]).log().requires_grad_()
    log_p = torch.tensor([0.25, 0.75, 0.0]).log()
    kl = bounds.categorical_kl(log_q, log_p)
    right = 0.5 * math.log(2) + 0.5 * math.log(2 / 3)
    assert float(kl.detach()) == pytest.approx(right)
    kl.backward()
    assert log_q.grad.isfinite().all() and log_q.grad[2] == 0


# --- bounds ---------------------------------------------------------------------------


@covers("bounds.unlabelled_bound", "bounds.label_mean")
@given(seeds, small, small, st.booleans())
@quick(60)
def test_unlabelled_bound_label_by_label(seed, lead, classes, zeros):
    """Impossible labels may have a bound of -inf, and any label may."""
    log_q = simplex(seed, lead, classes, zeros=zeros).requires_grad_()
    log_p = simplex(seed + 3, classes)
    bound_y = random(seed + 4, lead, classes, scale=100.0)
    if zeros:
        bound_y[log_q.detach() == -math.inf] = -math.inf
    bound_y.requires_grad_()
    right = [
        math.fsum(
            math.exp(q) * (b - q + p)
            for q, b, p in zip(row_q, row_b, log_p.tolist())
            if q > -math.inf
        )
        for row_q, row_b in zip(log_q.tolist(), bound_y.tolist())
    ]
    found = bounds.unlabelled_bound(bound_y, log_q, log_p)
    same(found, np.array(right), found)
    without_kl = found + bounds.categorical_kl(log_q, log_p)
    same(bounds.label_mean(bound_y, log_q), without_kl.detach().numpy(), found)
    slopes = torch.autograd.grad(found.sum(), (log_q, bound_y))
    assert all(slope.isfinite().all() for slope in slopes)
    with torch.no_grad():
        bound_y[0, int(log_q[0].argmax())] = -math.inf  # a likely label
    assert bounds.unlabelled_bound(bound_y, log_q, log_p)[0] == -math.inf


@covers("bounds.labelled_bound", "bounds.joint_bound", "equivae.Terms",
        "equivae.Terms.bound")  # fmt: skip
@given(seeds, st.integers(0, 5), st.integers(0, 5), st.sampled_from([None, 1, 3]))
@quick(30)
def test_labelled_and_joint_bound(seed, n, m, samples):
    lead = (n,) if samples is None else (samples, n)
    log_lik, kl = random(seed, *lead), random(seed + 1, n).abs()
    found = bounds.labelled_bound(log_lik, kl)
    same(found, log_lik.numpy() - kl.numpy(), found)
    assert torch.equal(Terms(log_lik, kl).bound, found)
    other = random(seed + 2, m)
    total = math.fsum(kl.tolist()) + math.fsum(other.tolist())
    assert float(bounds.joint_bound(kl, other)) == pytest.approx(total, abs=1e-12)


def test_a_column_and_a_row_make_no_square():
    row, column = torch.zeros(3), torch.zeros(3, 1)
    for wrong in ((row, column), (column, row)):
        with pytest.raises(InputError, match=r"\(3, 3\)"):
            bounds.labelled_bound(*wrong)
    with pytest.raises(InputError, match="one bound for each image"):
        bounds.joint_bound(column, row)
    with pytest.raises(InputError, match=r"\(2, 2, 3\)"):
        bounds.gaussian_kl(torch.zeros(2, 3), torch.zeros(2, 1, 3))


@covers("bounds.importance_weighted_bound", "bounds.reparameterise")
@given(seeds, small, small, st.integers(-1, 1), wide)
@quick(40)
def test_importance_weights_and_samples(seed, a, b, dim, scale):
    log_w = random(seed, a, b, scale=scale)
    found = bounds.importance_weighted_bound(log_w, dim)
    right = special.logsumexp(log_w.numpy(), axis=dim) - math.log(log_w.shape[dim])
    same(found, right, found)
    impossible = torch.full((a, b), -math.inf, requires_grad=True)
    value = bounds.importance_weighted_bound(impossible, dim)
    value.sum().backward()
    assert (value == -math.inf).all() and (impossible.grad == 0).all()
    mu, log_var = random(seed, b), random(seed + 1, a, b)
    eps = random(seed + 2, 2, 1, b)
    v = bounds.reparameterise(mu, log_var, eps)
    same(v, mu.numpy() + np.exp(0.5 * log_var.numpy()) * eps.numpy(), v)


BOUNDS = {
    bounds.bernoulli_log_prob: 2,
    bounds.gaussian_log_prob: 3,
    bounds.gaussian_kl: 2,
    bounds.categorical_kl: 2,
    bounds.reparameterise: 3,
    bounds.labelled_bound: 2,
    bounds.label_mean: 2,
    bounds.unlabelled_bound: 3,
    bounds.joint_bound: 2,
    bounds.importance_weighted_bound: 1,
}


@pytest.mark.parametrize("function", BOUNDS, ids=lambda f: f.__name__)
@given(st.data())
@quick(40)
def test_whatever_a_bound_is_given(function, data):
    args = [data.draw(anything) for _ in range(BOUNDS[function])]
    survives(function, *args)
    for event_dims in (0, 1, -1, 2, 1.5, None):
        if function in (bounds.bernoulli_log_prob, bounds.gaussian_log_prob):
            survives(function, *args, event_dims=event_dims)


@pytest.mark.parametrize("function", BOUNDS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("wrong", [*NO_TENSORS, COMPLEX], ids=repr)
def test_a_bound_of_what_is_no_tensor(function, wrong):
    for place in range(BOUNDS[function]):
        right = [torch.log_softmax(torch.zeros(1, 1, 3), -1).exp()] * BOUNDS[function]
        right[place] = wrong
        with pytest.raises(EquivaeError):
            function(*right)


def illegal_values():
    zero, third = torch.zeros(1, 2, 2), torch.full((3,), -math.log(3))
    grey = torch.full((1, 2, 2), 128, dtype=torch.uint8)
    yield "grey levels", bounds.bernoulli_log_prob, (grey, zero), "from 0 to 1"
    yield "standardised", bounds.bernoulli_log_prob, (zero - 1, zero), "from 0 to 1"
    yield "NaN pixels", bounds.bernoulli_log_prob, (zero / 0, zero), "from 0 to 1"
    yield "no variance", bounds.gaussian_log_prob, (zero, zero, zero - math.inf), "-var"
    yield "too little", bounds.gaussian_log_prob, (zero, zero, zero - 100), "-variance"
    yield "too wide", bounds.gaussian_log_prob, (zero[..., :1], zero, zero), "more than"
    yield "half of q", bounds.categorical_kl, (third - 1, third), "log_q sum to 0.3679"
    yield "half of p", bounds.categorical_kl, (third, third + 1), "log_p sum to 2.718"
    yield "logits", bounds.unlabelled_bound, (third, third + 1, third), "log_softmax"
    yield "width", bounds.unlabelled_bound, (third[:1], third, third), "one length"
    yield "no weight", bounds.importance_weighted_bound, (zero[:0],), "a weight"
    yield "axes", bounds.reparameterise, (zero, zero[..., :1], zero), "one length"


@pytest.mark.parametrize(
    ("function", "args", "words"),
    [pytest.param(*rest, id=name) for name, *rest in illegal_values()],
)
def test_values_that_have_no_bound(function, args, words):
    with pytest.raises(InputError, match=words):
        function(*args)


# --- the sum over labels --------------------------------------------------------------


@covers("label_sum.proposal", "label_sum.draw", "label_sum.weight",
        "label_sum.estimate", "label_sum.Draw")  # fmt: skip
@given(seeds, st.integers(0, 4), st.integers(2, 4), st.booleans(), st.booleans())
@quick(40)
def test_the_mean_over_all_draws_is_the_sum(seed, lead, classes, zeros, impossible):
    log_q = simplex(seed, lead, classes, zeros=zeros)
    of_y = random(seed + 5, lead, classes, scale=50.0)
    if impossible:  # labels that q excludes, with a bound of -inf
        of_y[log_q == -math.inf] = -math.inf
    s, kept = label_sum.proposal(log_q)
    q, top = log_q.exp().numpy(), log_q.argmax(1)
    np.testing.assert_allclose(s.sum(1).numpy(), 1, rtol=1e-12)
    assert (s.gather(1, top[:, None]) == 0).all() and (kept >= 0.05).all()
    finite = np.where(q > 0, of_y.numpy(), 0.0)
    for i in range(lead):
        mean = float(1 - kept[i]) * float(of_y[i, top[i]])
        for y in range(classes):
            if y == int(top[i]):
                continue
            p = kept[i] * s[i, y]
            rows, other = torch.tensor([0]), torch.tensor([y])
            one = log_q[i : i + 1]
            w = label_sum.weight(one, rows, other, p[None])
            drawn = label_sum.Draw(top[i : i + 1], rows, other, w)
            value = label_sum.estimate(of_y[i, top[i]][None], of_y[i, other], drawn)
            assert value.isfinite().all()
            mean += float(p) * float(value)
        assert mean == pytest.approx(float((q[i] * finite[i]).sum()), rel=1e-9)
    drawn = label_sum.draw(log_q, torch.Generator().manual_seed(seed))
    assert (drawn.other != drawn.top[drawn.rows]).all()
    p = kept[drawn.rows] * s[drawn.rows, drawn.other]
    right = log_q.exp()[drawn.rows, drawn.other] / p
    torch.testing.assert_close(drawn.weight, right)


def test_a_top_label_of_minus_infinity_decides():
    log_q = simplex(0, 1, 3)
    rows, other = torch.tensor([0]), torch.tensor([1])
    drawn = label_sum.Draw(torch.tensor([0]), rows, other, torch.tensor([2.0]))
    for of_other in (-5.0, -math.inf):
        top, second = torch.tensor([-math.inf]), torch.tensor([of_other])
        assert label_sum.estimate(top, second, drawn) == -math.inf
    assert label_sum.estimate(torch.zeros(1), top, drawn) == -math.inf
    assert log_q.shape == (1, 3)


@given(anything, anything, anything, anything)
@quick(60)
def test_whatever_the_sum_over_labels_is_given(a, b, c, d):
    survives(label_sum.proposal, a)
    survives(label_sum.draw, a, torch.Generator().manual_seed(0))
    survives(label_sum.weight, a, b, c, d)
    zero = torch.zeros(1, dtype=torch.long)
    drawn = label_sum.Draw(zero, zero, zero, torch.ones(1))
    survives(label_sum.estimate, a, b, drawn)


def illegal_draws():
    log_q = simplex(1, 2, 3)
    zero, half = torch.zeros(1, dtype=torch.long), torch.tensor([0.5])
    yield "one class", label_sum.proposal, (torch.zeros(2, 1),), "two classes"
    yield "logits", label_sum.proposal, (log_q + 1,), "sum to"
    yield "spread", label_sum.proposal, (log_q, 0.0), "above 0"
    yield "NaN", label_sum.draw, (log_q * math.nan,), "NaN"
    yield "row", label_sum.weight, (log_q, zero + 2, zero, half), "rows must be"
    yield "last", label_sum.weight, (log_q, zero, zero - 1, half), "other must be"
    yield "never", label_sum.weight, (log_q, zero, zero, 0 * half), "above 0"
    yield "float", label_sum.weight, (log_q, zero, half, half), "index"


@pytest.mark.parametrize(
    ("function", "args", "words"),
    [pytest.param(*rest, id=name) for name, *rest in illegal_draws()],
)
def test_labels_that_cannot_be_drawn(function, args, words):
    with pytest.raises(InputError, match=words):
        function(*args)


# --- networks -------------------------------------------------------------------------

GREY = Architecture(hidden=(16, 8), r_dim=3, v_dim=2, label_posterior=True)
COLOUR = Architecture(
    size=32, colours=3, hidden=(16, 8), r_dim=3, v_dim=2, likelihood="gaussian"
)
PLAIN = Architecture(hidden=(16, 8), r_dim=0, v_dim=2)


@lru_cache
def model(arch=GREY, representation="complementary"):
    torch.manual_seed(0)
    return EquiVAE(arch, representation).double().eval()


def pictures(seed, arch, *lead):
    return random(seed, *lead, arch.colours, arch.size, arch.size).sigmoid()


@covers("equivae.EquiVAE", "equivae.EquiVAE.terms", "equivae.EquiVAE.terms_per_class",
        "equivae.EquiVAE.log_likelihood", "equivae.EquiVAE.log_density",
        "equivae.EquiVAE.mean_image", "networks.EquivariantPosterior",
        "networks.EquivariantPosterior.forward", "networks.EquivariantPosterior.heads",
        "networks.Decoder", "networks.Decoder.forward")  # fmt: skip
@given(seeds, st.integers(0, 3), st.sampled_from([GREY, COLOUR]), st.integers(1, 2))
@quick(8)
def test_terms_by_torch_distributions(seed, n, arch, samples):
    """Batches of none, too; and each class of (6) is (4) with its r_y."""
    m, x = model(arch), pictures(seed, arch, n)
    r, eps = random(seed, n, 2, 3), random(seed + 1, samples, n, 2, 2)
    found = m.terms_per_class(x, r, eps)
    for y in range(2):
        mu, log_var = m.posterior(r[:, y], x)
        q = torch.distributions.Normal(mu, (0.5 * log_var).exp())
        v = mu + q.scale * eps[:, :, y]
        out = m.decoder(r[:, y], v)
        if arch is GREY:
            p = torch.distributions.Bernoulli(logits=out, validate_args=False)
            same(m.mean_image(r[:, y], v), special.expit(out.detach().numpy()), out)
        else:
            p = torch.distributions.Normal(out, (0.5 * m.decoder.log_var).exp())
            assert torch.equal(m.mean_image(r[:, y], v), out)
        right = p.log_prob(x).sum((-3, -2, -1))
        same(m.log_likelihood(x, r[:, y], v), right.detach().numpy(), out)
        same(m.log_density(x, out), right.detach().numpy(), out)
        prior = torch.distributions.Normal(0 * mu, 1 + 0 * mu)
        kl = torch.distributions.kl_divergence(q, prior).sum(-1)
        one = m.terms(x, r[:, y], eps[:, :, y])
        for terms in (one, Terms(found.log_lik[..., y], found.kl[:, y])):
            same(terms.log_lik, right.detach().numpy(), out)
            same(terms.kl, kl.detach().numpy(), out)


@covers("networks.InvariantEncoder", "networks.InvariantEncoder.forward",
        "networks.Embedding", "networks.Embedding.forward",
        "networks.LabelPosterior", "networks.LabelPosterior.forward",
        "equivae.EquiVAE.label_log_posterior")  # fmt: skip
@given(seeds, st.integers(0, 3), st.integers(1, 3))
@quick(10)
def test_encoders_image_by_image(seed, n, images):
    m, x = model(), pictures(seed, GREY, n, images)
    with torch.no_grad():
        r, f = m.encoder(x), m.encoder.f(x)
        assert r.shape == (n, 3) and f.shape == (n, images, 16)
        for i in range(n):
            one = torch.stack([m.encoder.f(x[i, j][None])[0] for j in range(images)])
            same(f[i], one.numpy(), f)
            same(r[i], m.encoder.g(one.mean(0)).numpy(), f)
        log_q = m.label_log_posterior(x[:, 0])
        logits = m.label_posterior(x[:, 0], f[:, 0])
    right = special.log_softmax(logits.float().numpy(), axis=1)
    np.testing.assert_allclose(log_q.numpy(), right, atol=1e-5)
    assert log_q.shape == (n, 10)


@covers("groups.GroupEncoder", "groups.GroupEncoder.forward", "groups.OfGroup",
        "groups.GroupEncoder.of_each", "groups.GroupEncoder.of_mean",
        "groups.GroupEncoder.of_group", "groups.r_of")  # fmt: skip
@given(seeds, st.sampled_from(groups.WAYS), st.integers(0, 2), st.integers(0, 3))
@quick(20)
def test_groups_member_by_member(seed, way, n, images):
    encoder = model(replace(GREY, label_posterior=False), way).encoder
    x = pictures(seed, GREY, n, images)
    r = survives(encoder, x)
    assert (r is None) == (images == 0)
    with torch.no_grad():
        f = encoder.f(x)
        found = survives(encoder.of_group, f)
        assert (found is None) == (images == 0)
        if found is None:
            return
        same(groups.r_of(encoder, f), r.numpy(), r)
        for i in range(n):
            each = [encoder.of_each(f[i, j]) for j in range(images)]
            mu, log_var = encoder.of_mean(sum(each) / images, images)
            same(r[i], mu.numpy(), mu)
            if way != "leak":
                same(found.log_var[i], log_var.numpy(), mu)
    for wrong in (f[..., :-1], f[0, 0, 0] if n else f[..., :0]):
        for function in (encoder.of_group, encoder.of_each):
            with pytest.raises(InputError):
                function(wrong)
        with pytest.raises(InputError):
            groups.r_of(encoder, wrong)
    with pytest.raises(InputError, match="of no group"):
        encoder.of_group(torch.zeros(f.shape[-1]))
    with pytest.raises(InputError, match="mean"):
        encoder.of_mean(torch.zeros(2), 1)


@given(st.sampled_from(REAL), st.sampled_from(REAL[:2]), seeds)
@quick(10)
def test_inputs_of_any_precision(given_in, weights, seed):
    m, x = model(), pictures(seed, GREY, 2)
    m = EquiVAE(GREY).to(weights).eval()
    r, eps = random(seed, 2, 3), random(seed, 2, 2)
    with torch.no_grad():
        exact = m.double().terms(x, r, eps)
        m.to(weights)
        found = m.terms(x.to(given_in), r.to(given_in), eps.to(given_in))
        m.label_log_posterior(x.to(given_in))
    close = 1e-4 if torch.finfo(given_in).bits > 16 else 0.05
    torch.testing.assert_close(found.bound.double(), exact.bound, rtol=close, atol=0.5)


@given(anything, anything, anything, st.sampled_from([GREY, COLOUR, PLAIN]))
@quick(60)
def test_whatever_a_network_is_given(a, b, c, arch):
    m = model(arch, "none" if arch is PLAIN else "complementary")
    x = pictures(0, arch, 2)
    r = None if arch is PLAIN else random(0, 2, arch.r_dim)
    v = random(0, 2, arch.v_dim)
    with torch.no_grad():
        for image in (a, x):
            for of_class in (b, r):
                for noise in (c, v):
                    if (image is x) + (of_class is r) + (noise is v) == 3:
                        continue
                    survives(m.terms, image, of_class, noise)
                    survives(m.log_likelihood, image, of_class, noise)
        survives(m.terms_per_class, x, b, c)
        survives(m.decoder, b, c)
        survives(m.mean_image, b, v)
        survives(m.log_density, a, x)
        survives(m.log_density, x, a)
        survives(m.posterior, b, a)
        survives(m.posterior, b, x)
        survives(m.posterior.heads, a, b)
        survives(m.label_log_posterior, a)
        if arch is not PLAIN:
            survives(m.encoder, a)
            survives(m.encoder.f, a)
        if arch is GREY:
            survives(m.label_posterior, x, a)
            survives(m.label_posterior, a, b)


@given(tensors(
    shapes=st.lists(st.integers(0, 2), max_size=3).map(lambda s: (*s, 1, 28, 28)),
    low=0.0, high=1.0,
))  # fmt: skip
@quick(25)
def test_images_with_any_leading_axes(x):
    m = model()
    with torch.no_grad():
        f = survives(m.encoder.f, x)
        r = survives(m.encoder, x)
        survives(m.label_log_posterior, x)
        survives(m.posterior, random(0, 3), x)
    assert (f is None) == (not x.is_floating_point())
    assert f is None or f.shape == (*x.shape[:-3], 16)
    assert (r is None) == (f is None or x.ndim < 4 or x.shape[-4] == 0)


def illegal_calls():
    m, plain, table = model(), model(PLAIN, "none"), model(GREY, "table")
    x, r, eps = pictures(0, GREY, 3), random(0, 3, 3), random(0, 3, 2)
    grey = torch.zeros(3, 1, 28, 28, dtype=torch.uint8)
    yield "grey levels", lambda: m.terms(grey, r, eps), "Pixels.forward"
    yield "no r", lambda: m.terms(x, None, eps), "r is missing"
    yield "columns", lambda: m.terms(x, r[:, None], eps), "would broadcast"
    yield "noise", lambda: m.terms(x, r, eps[:, None]), "would broadcast"
    yield "eight", lambda: m.terms(x, r, eps.repeat(1, 4)), "eps has shape"
    yield "no image", lambda: m.encoder(x[None, :0]), "at least one image"
    yield "no axis", lambda: m.encoder(x[0]), "at least one image"
    yield "plain", lambda: plain.label_log_posterior(x), "no label posterior"
    yield "table", lambda: table.label_log_posterior(x), "no label posterior"
    yield "f", lambda: m.label_posterior(x, random(0, 16)), "must be of the images"


@pytest.mark.parametrize(
    ("call", "words"), [pytest.param(*rest, id=name) for name, *rest in illegal_calls()]
)
def test_calls_that_are_refused(call, words):
    with pytest.raises(InputError, match=words):
        call()


ALLOWED = {
    "size": [28, 32, 16, 27, 64],
    "colours": [1, 3],
    "r_dim": [3, 1, 0],
    "v_dim": [2, 1],
    "hidden": [(16, 8), (8, 3)],
    "classes": [10, 2],
    "dropout": [0.0, 0.5],
    "likelihood": ["bernoulli", "gaussian"],
    "init": networks.INITS,
    "variance": networks.VARIANCES,
}
REFUSED = {
    "size": [15, 65, 0, "28", None],
    "colours": [0, -1, 1.0, None],
    "r_dim": [-1, 2.5],
    "v_dim": [0, -2, 1.5],
    "hidden": [(15, 8), (8, 0), (8,), 8, (8, 4, 2), (8, 2.5), None, "128"],
    "classes": [0, 1.5],
    "dropout": [1.0, -0.1, math.nan, "half", None],
    "likelihood": ["poisson", None],
    "init": ["kaiming", None],
    "variance": ["full", None],
}


@covers("networks.Architecture", "networks.Architecture.corner",
        "networks.initialise",
        "equivae.EquiVAE.parameter_count")  # fmt: skip
@given(st.fixed_dictionaries({}, optional={
    name: st.sampled_from(values) for name, values in ALLOWED.items()
}), st.sampled_from(["complementary", "table", "none"]))  # fmt: skip
@quick(25)
def test_architectures_that_are_allowed_run(settings, representation):
    """Or contradict one another."""
    settings = {"hidden": (8, 4), "r_dim": 3, "v_dim": 2} | settings
    plain = (representation == "none", settings["r_dim"] == 0)
    variance = settings.get("variance", "shared"), settings.get("likelihood")
    contradiction = plain in ((True, False), (False, True)) or (
        variance[0] != "shared" and variance[1] != "gaussian"
    )
    if contradiction:
        with pytest.raises(ExperimentError, match="variance|plain VAE"):
            EquiVAE(Architecture(**settings), representation)
        return
    arch = Architecture(**settings)
    assert 16 * (arch.corner - 1) < arch.size <= 16 * arch.corner
    m = EquiVAE(arch, representation)
    assert m.parameter_count() == sum(p.numel() for p in m.parameters()) > 0
    x = pictures(0, arch, 1).float()
    r = None if representation == "none" else torch.zeros(1, arch.r_dim)
    terms = m.eval().terms(x, r, torch.zeros(1, arch.v_dim))
    assert terms.bound.isfinite().all()


@pytest.mark.parametrize(
    ("name", "value"), [(name, v) for name, values in REFUSED.items() for v in values]
)
def test_an_architecture_that_is_refused(name, value):
    wide = name == "size" and isinstance(value, int)
    with pytest.raises(ExperimentError, match="wide" if wide else name):
        Architecture(**{name: value})
    with pytest.raises(ExperimentError, match="representation"):
        EquiVAE(GREY, value)


@pytest.mark.parametrize("scheme", ["kaiming", "", None, 3])
def test_an_unknown_start_is_no_he(scheme):
    layer = torch.nn.Linear(3, 3, bias=False)
    before = layer.weight.clone()
    with pytest.raises(ExperimentError, match="init must be one of"):
        networks.initialise(layer, scheme)
    assert torch.equal(layer.weight, before)
    networks.initialise(layer, "he")  # a layer without biases is none the worse
    assert not torch.equal(layer.weight, before)
