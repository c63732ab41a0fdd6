"""What is reported of a model: each number by a second route, on small sets."""

import json
import math
from types import SimpleNamespace

import pytest
import torch
from scipy.stats import kstest
from torch.distributions import Bernoulli, Independent, Normal

from equivae_lite.data.sets import ImageSet, Pixels
from equivae_lite.errors import EquivaeError
from equivae_lite.evaluation import bound
from equivae_lite.runs import pipeline
from tests.support.small import (
    COLOUR,
    PLAIN,
    SUPERVISED,
    TABLE,
    few,
    images,
    model,
    pixels,
)
from tools.readings import Unchanged

N = 24  # test images


def shaken(experiment):
    """An untrained model whose posterior differs clearly from the prior."""
    m = model(experiment)
    with torch.no_grad():
        m.posterior.log_var[-1].bias.fill_(-1.0)
        m.posterior.mu[-1].bias.add_(0.5)
    return m


def setting(experiment=SUPERVISED):
    """Model, x, r_y and indices of N test images."""
    m, test = shaken(experiment), images(experiment.data, "test", N)
    x, indices = pixels(experiment).forward(test.images), torch.arange(N)
    train = images(experiment.data)
    source = bound.Representations(m, pixels(experiment), train)
    return m, x, source.of(test.labels, indices, 2), indices


# --- noise ----------------------------------------------------------------------


def test_noise_belongs_to_its_image():
    whole = bound.noise_of(torch.arange(50), 2, 16)
    assert whole.shape == (50, 2, 16)
    rows = torch.tensor([7, 49, 0, 7])
    assert torch.equal(bound.noise_of(rows, 2, 16), whole[rows])
    assert not torch.equal(bound.noise_of(rows, 2, 16, seed=1), whole[rows])
    torch.manual_seed(99)  # and to nothing else
    assert torch.equal(bound.noise_of(torch.arange(50), 2, 16), whole)
    assert len(whole.flatten(1).unique(dim=0)) == 50


def test_noise_is_standard_normal():
    values = bound.noise_of(torch.arange(300), 16)
    assert kstest(values.flatten().numpy(), "norm").pvalue > 1e-3
    # Neighbouring images, whose seeds differ by one, are as good as independent:
    # the mean of n products of two normals has standard deviation 1 / sqrt(n).
    products = (values[1:] * values[:-1]).mean()
    assert abs(float(products)) < 4 / math.sqrt(299 * 16)


# --- bounds ---------------------------------------------------------------------


def test_bound_terms_are_those_of_the_model():
    m, x, r, indices = setting()
    terms = bound.bound_terms(m, x, r, indices)
    with torch.no_grad():
        expected = m.terms(x, r, bound.noise_of(indices, 1, 16)[:, 0])
    torch.testing.assert_close(terms.log_lik, expected.log_lik, rtol=1e-5, atol=1e-3)
    torch.testing.assert_close(terms.kl, expected.kl, rtol=1e-5, atol=1e-4)


def test_a_subset_has_the_values_of_the_whole(monkeypatch):
    m, x, r, indices = setting()
    whole = bound.bound_terms(m, x, r, indices)
    rows = torch.tensor([20, 3, 11])
    part = bound.bound_terms(m, x[rows], r[rows], indices[rows])
    # Convolutions of another batch size round differently in float32.
    torch.testing.assert_close(part.bound, whole.bound[rows], rtol=1e-5, atol=1e-3)
    monkeypatch.setattr(bound, "CHUNK", 7)
    chunks = bound.bound_terms(m, x, r, indices)
    torch.testing.assert_close(chunks.bound, whole.bound, rtol=1e-5, atol=1e-3)
    wrong = bound.bound_terms(m, x[rows], r[rows], indices[rows] + 1)
    assert (wrong.log_lik - whole.log_lik[rows]).abs().min() > 1e-3


def test_more_samples_are_averaged():
    m, x, r, indices = setting()
    eps = bound.noise_of(indices, 3, 16)
    with torch.no_grad():
        each = torch.stack([m.terms(x, r, eps[:, s]).log_lik for s in range(3)])
    found = bound.bound_terms(m, x, r, indices, samples=3)
    torch.testing.assert_close(found.log_lik, each.mean(0), rtol=1e-5, atol=1e-3)


def log_weights(m, x, r, indices, k):
    """log p(x | r, v) + log p(v) - log q(v | r, x), (k, N), by torch.distributions."""
    with torch.no_grad():
        mu, log_var = m.posterior(r, x)
        q = Independent(Normal(mu, torch.exp(0.5 * log_var)), 1)
        p = Independent(Normal(torch.zeros_like(mu), torch.ones_like(mu)), 1)
        eps = bound.noise_of(indices, k, mu.shape[1])
        rows = []
        for s in range(k):
            v = mu + torch.exp(0.5 * log_var) * eps[:, s]
            if m.arch.likelihood == "bernoulli":
                out = Bernoulli(logits=m.decoder(r, v), validate_args=False)
            else:
                out = Normal(m.decoder(r, v), torch.exp(0.5 * m.decoder.log_var))
            log_lik = Independent(out, 3).log_prob(x)
            rows.append(log_lik + p.log_prob(v) - q.log_prob(v))
    return torch.stack(rows).double()


@pytest.mark.parametrize("e", [SUPERVISED, COLOUR, PLAIN], ids=lambda e: e.name)
def test_importance_weighted_bound(e):
    m, x, r, indices = setting(e)
    ks = (1, 4, 32)
    found = bound.importance_weighted(m, x, r, indices, ks)
    log_w = log_weights(m, x, r, indices, 32)
    torch.testing.assert_close(found[1].double(), log_w[0], rtol=1e-5, atol=1e-2)
    for k in ks:
        expected = log_w[:k].logsumexp(0) - math.log(k)
        torch.testing.assert_close(found[k].double(), expected, rtol=1e-5, atol=1e-2)
    # It rises with k in expectation; here by nats, on average over images.
    assert found[1].mean() < found[4].mean() < found[32].mean()


def test_importance_weighted_bound_of_a_subset_and_in_chunks(monkeypatch):
    m, x, r, indices = setting()
    whole = bound.importance_weighted(m, x, r, indices, (9,))[9]
    monkeypatch.setattr(bound, "CHUNK", 4)
    rows = torch.tensor([5, 2])
    part = bound.importance_weighted(m, x[rows], r[rows], indices[rows], (9,))[9]
    torch.testing.assert_close(part, whole[rows], rtol=1e-5, atol=1e-2)


def test_mean_and_error():
    values = torch.tensor([1.0, 2.0, 4.0, 9.0])
    mean, error = bound.mean_and_error(values)
    # Deviations -3, -2, 0, 5: variance 38 / 3 of one, a quarter of it of the mean.
    assert mean == 4.0 and error == pytest.approx(math.sqrt(38 / 12))


# --- representations ------------------------------------------------------------


def test_table_is_r_of_all_images_of_each_class():
    m, train = shaken(SUPERVISED), images(limit=300)
    px = pixels(SUPERVISED)
    table = bound.Representations(m, px, train).table()
    assert table.shape == (10, 16) and not table.requires_grad
    with torch.no_grad():
        for y in range(10):
            x = px.forward(train.images[train.labels == y])
            torch.testing.assert_close(table[y], m.encoder(x), rtol=1e-4, atol=1e-5)


def transparent(train):
    """r_y that shows who was averaged: f is one-hot, g does nothing."""
    m = model(SUPERVISED)
    m.encoder.g = torch.nn.Sequential(Unchanged(len(train)))
    source = bound.Representations(m, pixels(SUPERVISED), train)
    source.f = torch.eye(len(train))
    return source


def test_draw_takes_m_distinct_images_of_the_class():
    train = images(limit=300)
    source = transparent(train)
    y, indices = torch.arange(10).repeat(30), torch.arange(300)
    drawn = source.draw(y, indices, 4)
    assert drawn.shape == (300, 300)
    for row, c in zip(drawn, y):
        members = row.nonzero().flatten()
        assert len(members) == 4 and (train.labels[members] == c).all()
        torch.testing.assert_close(row[members], torch.full((4,), 0.25))
    # Different images draw differently, each class is drawn from everywhere.
    assert len(drawn.unique(dim=0)) > 290
    assert (drawn.sum(0) > 0).sum() > 250


def test_draw_belongs_to_its_image():
    source = transparent(images(limit=300))
    y, indices = torch.arange(10), torch.arange(10)
    drawn = source.draw(y, indices, 3)
    rows = torch.tensor([8, 1])
    assert torch.equal(source.draw(y[rows], indices[rows], 3), drawn[rows])
    assert not torch.equal(source.draw(y, indices, 3, seed=1), drawn)
    assert not torch.equal(source.draw(y, indices + 1, 3), drawn)


def test_draw_of_more_images_than_a_class_has():
    source = transparent(few(4))
    y, indices = torch.arange(10), torch.arange(10)
    assert source.draw(y, indices, 4).shape == (10, 40)
    with pytest.raises(EquivaeError, match="m = 5"):
        source.draw(y, indices, 5)


def test_of_chooses_by_representation_and_m():
    y, indices = torch.tensor([3, 3, 8]), torch.arange(3)
    train, px = images(limit=300), pixels(SUPERVISED)

    def of(experiment, m):
        source = bound.Representations(model(experiment), px, train)
        return source.of(y, indices, m), source

    r, source = of(SUPERVISED, None)
    assert torch.equal(r, source.table()[y])
    r, source = of(SUPERVISED, 2)
    assert torch.equal(r, source.draw(y, indices, 2))
    for m in (2, None):
        r, source = of(TABLE, m)
        assert torch.equal(r, source.model.table.weight[y])
        assert of(PLAIN, m)[0] is None


def test_embed_all_in_chunks(monkeypatch):
    m, px = shaken(SUPERVISED), pixels(SUPERVISED)
    some = images(limit=300).images[:10]
    monkeypatch.setattr(bound, "CHUNK", 3)
    found = bound.embed_all(m, px, some)
    with torch.no_grad():
        expected = m.encoder.f(px.forward(some))
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)


def test_latent_means(monkeypatch):
    m, x, r, _ = setting()
    px, test = pixels(SUPERVISED), images(split="test", limit=N)
    monkeypatch.setattr(bound, "CHUNK", 7)
    found = bound.latent_means(m, px, test.images, r)
    with torch.no_grad():
        expected = m.posterior(r, x)[0]
        same = m.posterior(r[:1].expand(N, -1), x)[0]
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    one = bound.latent_means(m, px, test.images, r[0])  # one r_y for all
    torch.testing.assert_close(one, same, rtol=1e-5, atol=1e-5)
    plain = shaken(PLAIN)
    assert bound.latent_means(plain, px, test.images, None).shape == (N, 32)


# --- summaries ------------------------------------------------------------------


def test_binarise():
    grey = torch.tensor([0, 1, 127, 128, 254, 255], dtype=torch.uint8)
    found = bound.binarise(grey.reshape(1, 1, 2, 3))
    assert found.dtype == torch.uint8
    assert found.flatten().tolist() == [0, 0, 0, 255, 255, 255]
    binary = Pixels.unit().forward(found)
    assert set(binary.flatten().tolist()) == {0.0, 1.0}


def test_active_units():
    t = torch.linspace(-1, 1, 101)
    # Variances by columns: 0.34, 0.0034, 0, 85; only spread counts, not the mean.
    mu = torch.stack([t, 0.1 * t, torch.full_like(t, 7.0), 100 + 16 * t], dim=1)
    assert bound.active_units(mu) == 2
    assert bound.active_units(mu, threshold=1e-3) == 3
    assert bound.active_units(mu, threshold=1.0) == 1


def test_probe_error():
    g = torch.Generator().manual_seed(0)
    y = torch.arange(10).repeat(40)
    corners = 5 * torch.eye(10)
    separable = corners[y] + 0.1 * torch.randn(400, 10, generator=g)
    # Scales and shifts of the latents make no difference.
    stretched = separable * torch.logspace(-3, 3, 10) + 100
    for v in (separable, stretched):
        assert bound.probe_error(v[:200], y[:200], v[200:], y[200:]) == 0
    nothing = torch.randn(400, 10, generator=g)
    error = bound.probe_error(nothing[:200], y[:200], nothing[200:], y[200:])
    assert 0.8 < error < 0.97  # a guess is wrong nine times in ten
    # Trained on one set, measured on the other: wrong labels there are errors.
    moved = (y[200:] + 1) % 10
    assert bound.probe_error(separable[:200], y[:200], separable[200:], moved) == 1


def test_nearest_class_error():
    """r(x) is the first two pixels, the classes sit on a line."""
    nothing = torch.nn.Sequential(Unchanged(2))
    encoder = SimpleNamespace(f=lambda x: x.flatten(1)[:, :2], g=nothing)
    fake = SimpleNamespace(encoder=encoder)
    table = torch.stack([torch.arange(10) / 10, torch.zeros(10)], dim=1)
    shown = torch.zeros(8, 1, 28, 28, dtype=torch.uint8)
    shown[:, 0, 0, 0] = torch.tensor([0, 25, 51, 77, 102, 230, 255, 36])
    # Nearest: 0, 1, 2, 3, 4, 9, 9 (beyond the end), 1 (0.141)
    labels = torch.tensor([0, 1, 2, 3, 4, 9, 9, 1])
    test = ImageSet("glyphs", "test", shown, labels, None, "")
    assert bound.nearest_class_error(fake, Pixels.unit(), test, table) == 0
    labels = torch.tensor([0, 1, 2, 3, 5, 9, 8, 1])
    test = ImageSet("glyphs", "test", shown, labels, None, "")
    assert bound.nearest_class_error(fake, Pixels.unit(), test, table) == 0.25


# --- the whole report -------------------------------------------------------------


def small_report(experiment, **changes):
    train, test = few(12, experiment.data), images(experiment.data, "test", N)
    m = shaken(experiment)
    settings = {"ms": (1, 3), "iw_images": 5, "iw_recheck": 2, "ks": (1, 4)} | changes
    px = pixels(experiment)
    return m, px, train, test, bound.supervised_report(m, px, train, test, **settings)


@pytest.mark.parametrize("e", [SUPERVISED, TABLE, PLAIN, COLOUR], ids=lambda e: e.name)
def test_report(e):
    m, px, train, test, found = small_report(e)
    assert json.loads(json.dumps(found)) == found  # plain JSON, keys and all
    complementary = e.representation == "complementary"
    assert list(found["bound"]) == (["1", "3", "all"] if complementary else ["all"])
    assert ("nearest_class_error" in found) == complementary
    assert ("binarised" in found) == (e.arch.colours == 1)
    views = ["true"] if e is PLAIN else ["true", "mean"]
    assert list(found["probe_error"]) == views
    assert found["test_images"] == N
    assert len(found["latent_variances"]) == e.arch.v_dim
    assert found["active_units"] == sum(v > 0.01 for v in found["latent_variances"])
    majority = int(torch.bincount(test.labels).max())
    assert found["majority_error"] == pytest.approx(1 - majority / N)
    for entry in found["bound"].values():
        assert entry["bound"] == pytest.approx(entry["log_lik"] - entry["kl"], abs=1e-3)


def test_report_agrees_with_its_parts():
    m, px, train, test, found = small_report(SUPERVISED)
    source = bound.Representations(m, px, train)
    x, indices = px.forward(test.images), torch.arange(N)
    for m_images, key in ((1, "1"), (3, "3"), (None, "all")):
        r = source.of(test.labels, indices, m_images)
        terms = bound.bound_terms(m, x, r, indices)
        mean, error = bound.mean_and_error(terms.bound)
        assert found["bound"][key]["bound"] == pytest.approx(mean, rel=1e-6)
        assert found["bound"][key]["error"] == pytest.approx(error, rel=1e-5)
    assert len({b["bound"] for b in found["bound"].values()}) == 3
    binary = px.forward(bound.binarise(test.images))
    for key, pictures in (("importance_weighted", x), ("binarised", binary)):
        ks = bound.importance_weighted(m, pictures[:5], r[:5], indices[:5], (1, 4))
        for k, values in ks.items():
            part = found[key][str(k)]
            assert part["bound"] == pytest.approx(float(values.mean()), rel=1e-5)
            assert part["recheck"] == pytest.approx(values[:2].tolist(), abs=1e-2)
        assert found[key]["images"] == 5
    mu = bound.latent_means(m, px, test.images, r)
    assert found["latent_variances"] == pytest.approx(mu.var(0).tolist(), abs=1e-5)
    head = bound.latent_means(m, px, train.images, source.table()[train.labels])
    error = bound.probe_error(head, train.labels, mu, test.labels)
    assert found["probe_error"]["true"] == pytest.approx(error, abs=0.05)
    nearest = bound.nearest_class_error(m, px, test, source.table())
    assert found["nearest_class_error"] == pytest.approx(nearest)


def test_report_without_importance_weights():
    found = small_report(SUPERVISED, iw_images=0)[-1]
    assert "importance_weighted" not in found and "binarised" not in found


def test_report_counts_the_images_that_there_are():
    found = small_report(SUPERVISED, iw_images=1000, ks=(1,))[-1]
    assert found["importance_weighted"]["images"] == N


def test_headline_is_the_bound_of_the_report():
    m, px, train, test, found = small_report(SUPERVISED)
    headline = pipeline.headline(m, px, train, test)
    assert headline["test_bound"] == pytest.approx(found["bound"]["all"]["bound"])
    assert headline["test_kl"] == pytest.approx(found["bound"]["all"]["kl"])
    assert headline["test_images"] == N
