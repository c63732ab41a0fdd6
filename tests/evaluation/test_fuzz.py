"""Any model, images and labels: the right number or an error that says what is wrong.

Right is what NumPy, SciPy or scikit-learn say of the same numbers.
"""

import json
import math
from functools import lru_cache
from itertools import permutations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import special
from sklearn.metrics import accuracy_score, confusion_matrix

import equivae_lite.evaluation
from equivae_lite.data.sets import ImageSet, Pixels
from equivae_lite.errors import DataError, EquivaeError, InputError
from equivae_lite.evaluation import bound, checks, gap, labels, pixel_density, probes
from equivae_lite.evaluation.bound import Representations
from equivae_lite.evaluation.labels import LabelReport
from equivae_lite.evaluation.probes import Posteriors
from equivae_lite.model import bounds
from equivae_lite.model.equivae import EquiVAE
from equivae_lite.model.networks import Architecture
from tests.support.fuzz import (
    COMPLEX,
    NO_TENSORS,
    anything,
    covers,
    leaves,
    nothing_forgotten,
    quick,
    random,
    seeds,
    simplex,
    survives,
)

EXEMPT = {
    "held_out.held_out_terms": "Representations.of, then bound_terms",
    "checks.one_each": "reached through all bounds of images",
    "checks.of_classes": "reached through nearest_class_error and label_report",
}
SMALL = {"hidden": (8, 4), "r_dim": 2, "v_dim": 2}
GREY = Architecture(**SMALL, label_posterior=True)
COLOUR = Architecture(
    **SMALL, size=32, colours=3, likelihood="gaussian", label_posterior=True
)
PLAIN = Architecture(**SMALL | {"r_dim": 0})
FORMS = {"tensor": torch.tensor, "array": np.array, "list": list}
forms = st.sampled_from(list(FORMS))


def test_no_function_is_forgotten():
    nothing_forgotten(equivae_lite.evaluation, globals(), EXEMPT)


@lru_cache
def model(arch=GREY, representation="complementary"):
    torch.manual_seed(0)
    return EquiVAE(arch, representation).eval()


@lru_cache
def image_set(n=30, arch=GREY, classes=10):
    shape = (n, arch.colours, arch.size, arch.size)
    images = np.random.default_rng(n).integers(256, size=shape, dtype=np.uint8)
    y = torch.arange(n) % classes
    return ImageSet("glyphs", "test", torch.from_numpy(images), y, None, "")


def pixels(arch=GREY):
    if arch.colours == 1:
        return Pixels.unit()
    return Pixels.fit(image_set(arch=arch).images)


# --- labels ---------------------------------------------------------------------------


@covers("labels.label_error", "labels.LabelReport", "labels.LabelReport.errors")
@given(seeds, st.integers(1, 9), st.integers(2, 4), forms)
@quick(40)
def test_label_error_by_sklearn(seed, n, classes, form):
    scores = random(seed, n, classes)
    y = np.random.default_rng(seed).integers(classes, size=n).tolist()
    right = 1 - accuracy_score(y, scores.numpy().argmax(1))
    for values in (scores, scores.float(), (100 * scores).long()):
        expected = 1 - accuracy_score(y, values.numpy().argmax(1))
        assert labels.label_error(values, FORMS[form](y)) == pytest.approx(expected)
    report = LabelReport(scores, -scores).errors(FORMS[form](y))
    assert report["error"] == pytest.approx(right)
    worst = 1 - accuracy_score(y, scores.numpy().argmin(1))
    assert report["generative_error"] == pytest.approx(worst)


@covers("labels.LabelReport.together")
@given(seeds, st.integers(1, 9), st.integers(2, 4), forms)
@quick(40)
def test_two_classifiers_together_by_numpy(seed, n, classes, form):
    log_q, of_y = simplex(seed, n, classes), 20 * random(seed + 1, n, classes)
    y = np.random.default_rng(seed).integers(classes, size=n).tolist()
    found = LabelReport(log_q, of_y).together(FORMS[form](y), 10.0)
    product = log_q.exp().numpy() * np.exp(of_y.numpy() / 10)
    right = accuracy_score(y, product.argmax(1))
    assert found["together_error"] == pytest.approx(1 - right)
    by_q, by_bound = (z.numpy().argmax(1) != np.array(y) for z in (log_q, of_y))
    assert found["both_wrong"] == pytest.approx((by_q & by_bound).mean())
    for scale in (0.0, -1.0, math.inf, math.nan):
        with pytest.raises(DataError, match="scale"):
            LabelReport(log_q, of_y).together(y, scale)


@covers("labels.renamed_error")
@given(seeds, st.integers(1, 9), st.integers(2, 4), forms)
@quick(40)
def test_renamed_error_by_all_renamings(seed, n, classes, form):
    scores = random(seed, n, classes)
    y = np.random.default_rng(seed).integers(classes, size=n)
    read = scores.numpy().argmax(1)
    right = min((np.array(new)[read] != y).mean()
                for new in permutations(range(classes)))  # fmt: skip
    found = labels.renamed_error(scores, FORMS[form](y.tolist()))
    assert found == pytest.approx(right)
    assert found <= labels.label_error(scores, FORMS[form](y.tolist())) + 1e-12
    named = labels.renamed_error(torch.eye(classes).roll(1, 0), list(range(classes)))
    assert named == 0


@covers("labels.bound_matrix", "labels.LabelReport.unlabelled_bound")
@given(seeds, st.integers(1, 9), st.integers(2, 4), forms, st.booleans())
@quick(40)
def test_bound_matrix_and_bound_by_numpy(seed, n, classes, form, zeros):
    log_q, of_y = simplex(seed, n, classes, zeros=zeros), random(seed + 1, n, classes)
    y = np.random.default_rng(seed).integers(classes, size=n)
    if len(set(y)) < classes:
        absent = sorted(set(range(classes)) - set(y.tolist()))
        with pytest.raises(DataError, match=f"classes .{absent[0]}.* have no images"):
            labels.bound_matrix(of_y, FORMS[form](y.tolist()))
    else:
        found = labels.bound_matrix(of_y, FORMS[form](y.tolist())).numpy()
        right = [of_y.numpy()[y == c].mean(0) for c in range(classes)]
        np.testing.assert_allclose(found, right, rtol=1e-12)
    if zeros:
        of_y[log_q == -math.inf] = -math.inf
    found = LabelReport(log_q, of_y).unlabelled_bound()
    q = log_q.exp().numpy()
    kl = special.rel_entr(q, 1 / classes).sum(1)
    right = (q * np.where(q > 0, of_y.numpy(), 0)).sum(1) - kl
    np.testing.assert_allclose(found.numpy(), right, rtol=1e-9, atol=1e-9)


WRONG = {
    "one-hot": torch.eye(3)[[0, 1, 2, 0]],
    "column": torch.tensor([[0], [1], [2], [0]]),
    "float": torch.tensor([0.0, 1.0, 2.0, 0.0]),
    "above": [0, 1, 2, 3],
    "below": np.array([0, 1, 2, -1]),
    "short": [0, 1, 2],
    "words": ["a", "b", "c", "d"],
    "none": None,
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_labels_that_are_none(wrong):
    scores = random(0, 4, 3)
    for call in (
        lambda: labels.label_error(scores, wrong),
        lambda: labels.renamed_error(scores, wrong),
        lambda: labels.bound_matrix(scores, wrong),
        lambda: LabelReport(scores, scores).errors(wrong),
        lambda: LabelReport(scores, scores).together(wrong, 1.0),
        lambda: bound.probe_error(scores, [0, 1, 2, 0], scores, wrong),
        lambda: bound.probe_error(scores, wrong, scores, [0, 1, 2, 0]),
    ):
        if wrong is WRONG["above"] and call.__code__.co_names[0] == "bound":
            continue  # a probe knows no number of classes
        with pytest.raises(DataError, match="labels"):
            call()


@given(anything, anything, anything)
@quick(60)
def test_whatever_is_said_of_labels(a, b, c):
    for measure in (labels.label_error, labels.renamed_error):
        error = survives(measure, a, b)
        assert error is None or 0 <= error <= 1
    survives(labels.bound_matrix, a, b)
    survives(LabelReport(a, b).errors, c)
    survives(LabelReport(a, b).together, c, 10.0)
    survives(LabelReport(a, b).unlabelled_bound)
    survives(bound.probe_error, a, b, a, c)


@pytest.mark.parametrize(
    "function", [labels.label_error, labels.renamed_error, labels.bound_matrix]
)
def test_nan_and_no_images_are_said(function):
    scores = torch.zeros(2, 2)
    with pytest.raises(DataError, match="NaN"):
        function(scores * math.nan, [0, 1])
    with pytest.raises(DataError, match="at least 1"):
        function(scores[:0], [])


# --- summaries ------------------------------------------------------------------------


@covers("summaries.mean_and_error", "summaries.active_units", "summaries.binarise",
        "checks.numbers")
@given(seeds, st.integers(0, 9), st.floats(0, 2))
@quick(40)
def test_summaries_by_numpy(seed, n, threshold):
    values = random(seed, n, 3)
    if n < 2:
        for call in (bound.active_units, lambda v: bound.mean_and_error(v[:, 0])):
            with pytest.raises(DataError, match="at least 2"):
                call(values)
        return
    mean, error = bound.mean_and_error(values[:, 0])
    assert mean == pytest.approx(values[:, 0].numpy().mean())
    right = values[:, 0].numpy().std(ddof=1) / math.sqrt(n)
    assert error == pytest.approx(right)
    spread = values.numpy().var(0, ddof=1)
    assert bound.active_units(values, threshold) == (spread > threshold).sum()
    values[0] = -math.inf
    assert bound.mean_and_error(values[:, 0]) == (-math.inf, math.inf)
    values[1] = math.nan
    for call in (bound.active_units, lambda v: bound.mean_and_error(v[:, 0])):
        with pytest.raises(DataError, match="NaN"):
            call(values)
    grey = (100 * values[2:].abs()).to(torch.uint8)
    assert bound.binarise(grey).tolist() == (255 * (grey.numpy() > 127)).tolist()


@given(anything, st.one_of(st.floats(), st.none()))
@quick(60)
def test_whatever_is_summed_up(values, threshold):
    survives(bound.mean_and_error, values)
    survives(bound.active_units, values)
    survives(bound.binarise, values)
    survives(checks.numbers, "values", values, 1, 1)
    if threshold is not None:
        survives(bound.active_units, random(0, 4, 2), threshold)


@covers("summaries.probe_error", "bound.nearest_class_error", "bound.embed_all",
        "bound.latent_means")  # fmt: skip
@given(seeds, forms)
@quick(4)
def test_classifiers_by_hand(seed, form):
    y = torch.arange(40) % 4
    v = torch.eye(4)[y] + 0.01 * random(seed, 40, 4).float()
    as_given = FORMS[form](y.tolist())
    assert bound.probe_error(v, as_given, v, as_given) == 0
    moved = FORMS[form](((y + 1) % 4).tolist())
    assert bound.probe_error(v, as_given, v, moved) == 1
    m, test = model(), image_set()
    table = random(seed, 10, 2)
    with torch.no_grad():
        f = m.encoder.f(Pixels.unit().forward(test.images))
        r = m.encoder.g(f).double().numpy()
        mu = m.posterior(table[test.labels], test.images / 255)[0]
    torch.testing.assert_close(bound.embed_all(m, pixels(), test.images), f)
    apart = ((r[:, None] - table.numpy()) ** 2).sum(-1).argmin(1)
    right = (apart != test.labels.numpy()).mean()
    found = bound.nearest_class_error(m, pixels(), test, table)
    assert found == pytest.approx(right)
    found = bound.latent_means(m, pixels(), test.images, table[test.labels])
    torch.testing.assert_close(found, mu, rtol=1e-4, atol=1e-4)
    one = bound.latent_means(m, pixels(), test.images[:1], table[0])
    torch.testing.assert_close(one, found[:1], rtol=1e-4, atol=1e-4)


# --- noise and r_y --------------------------------------------------------------------


@covers("bound.noise_of", "checks.noise_indices")
@given(st.lists(st.integers(-2, 1_000_005), max_size=4), forms, st.integers(-1, 3),
       st.lists(st.integers(-1, 3), max_size=2))  # fmt: skip
@quick(40)
def test_noise_of_any_images(indices, form, seed, shape):
    found = survives(bound.noise_of, FORMS[form](indices), *shape, seed=seed)
    fine = all(0 <= i < 1_000_003 for i in indices) and all(s >= 0 for s in shape)
    assert (found is not None) == (fine and seed >= 0)
    if found is not None:
        assert found.shape == (len(indices), *shape)
        for row, i in zip(found, indices):
            assert torch.equal(row, bound.noise_of([i], *shape, seed=seed)[0])
    assert not fine or checks.noise_indices(indices) == indices


@covers("bound.Representations", "bound.Representations.table",
        "bound.Representations.draw", "bound.Representations.of")  # fmt: skip
@given(st.integers(1, 25), st.integers(-1, 4), forms, st.integers(0, 3))
@quick(20)
def test_r_of_any_number_of_images(n, m, form, batch):
    """Of a training set that may lack classes: an error, and no NaN."""
    train, net = image_set().subset(range(n)), model()
    source = Representations(net, pixels(), train)
    counts = np.bincount(train.labels.numpy(), minlength=10)
    table = survives(source.table)
    assert (table is not None) == (counts.min() > 0)
    with torch.no_grad():
        f = net.encoder.f(train.images / 255)
        if table is not None:
            right = torch.stack([net.encoder.g(f[rows].mean(0))
                                 for rows in train.by_class()])  # fmt: skip
            torch.testing.assert_close(table, right, rtol=1e-4, atol=1e-5)
    y = FORMS[form]([3, 9, 0][:batch])
    indices = FORMS[form]([5, 6, 7][:batch])
    drawn = survives(source.of, y, indices, m)
    assert (drawn is not None) == (1 <= m <= counts.min())
    if drawn is not None:
        assert drawn.shape == (batch, 2)
        if batch:
            alone = source.draw([9], [6], m)[0] if batch > 1 else drawn[0]
            torch.testing.assert_close(drawn[min(batch, 2) - 1], alone)
        if m == counts.min() == counts.max():
            torch.testing.assert_close(drawn, table[y], rtol=1e-4, atol=1e-5)
    of_all = survives(source.of, y, indices, None)
    assert of_all is None or torch.equal(of_all, table[torch.as_tensor(y).long()])


@given(anything, anything, st.sampled_from([1, 0, 1.5, "1", None]))
@quick(40)
def test_whatever_r_is_drawn_for(y, indices, m):
    for arch, kind in ((GREY, "complementary"), (GREY, "table"), (PLAIN, "none")):
        source = Representations(model(arch, kind), pixels(), image_set())
        survives(source.of, y, [1, 2], None)
        survives(source.of, y, indices, m)
        survives(source.of, [1, 2], indices, 1)
        survives(source.draw, y, indices, m)
        if m is not None:
            survives(source.draw, [1], [1], 1, seed=m)


@pytest.mark.parametrize("indices", [[5], [5, 6, 7], []])
def test_an_index_for_each_label(indices):
    source = Representations(model(), pixels(), image_set())
    with pytest.raises(DataError, match=r"\d indices, but 2 images"):
        source.draw([1, 2], indices, 1)


def test_models_without_a_table():
    plain = Representations(model(PLAIN, "none"), pixels(), image_set())
    assert plain.of([1], [2], None) is None
    table = Representations(model(GREY, "table"), pixels(), image_set())
    for call in (plain.table, lambda: plain.draw([1], [2], 1),
                 lambda: table.draw([1], [2], 1)):  # fmt: skip
        with pytest.raises(InputError, match="no training images"):
            call()
    assert torch.equal(table.of([3], [2], 1), table.model.table.weight[3:4])


# --- bounds ---------------------------------------------------------------------------


@covers("bound.bound_terms", "bound.importance_weighted", "bound.bound_in_bits")
@given(seeds, st.integers(1, 4), st.integers(1, 3), forms, st.booleans())
@quick(6)
def test_bounds_sample_by_sample(seed, n, samples, form, grey):
    arch = GREY if grey else COLOUR
    net, test, px = model(arch), image_set(arch=arch).subset(range(n)), pixels(arch)
    x, r = px.forward(test.images), random(seed, n, 2).float()
    numbers = [7 * i + 1 for i in range(n)]
    eps = bound.noise_of(numbers, samples, 2)
    with torch.no_grad():
        mu, log_var = net.posterior(r, x)
        lik, weights = [], []
        for s in range(samples):
            v = bounds.reparameterise(mu, log_var, eps[:, s])
            lik.append(net.log_likelihood(x, r, v))
            sigma = (0.5 * log_var).exp()
            q = torch.distributions.Normal(mu, sigma).log_prob(v).sum(1)
            p = torch.distributions.Normal(0 * mu, 1 + 0 * mu).log_prob(v).sum(1)
            weights.append(lik[-1] + p - q)
    found = bound.bound_terms(net, x, r, FORMS[form](numbers), samples)
    close = {"rtol": 1e-4, "atol": 1e-2}
    torch.testing.assert_close(found.log_lik, torch.stack(lik).mean(0), **close)
    ks = (samples, 1, samples)  # twice the same k is one result
    by_k = bound.importance_weighted(net, x, r, FORMS[form](numbers), ks)
    w = torch.stack(weights)
    for k, values in by_k.items():
        torch.testing.assert_close(values, w[:k].logsumexp(0) - math.log(k), **close)
        assert values.shape == (n,)
    args = net, px, test.images, r, FORMS[form](numbers)
    if grey:
        with pytest.raises(InputError, match="Gaussian"):
            bound.bound_in_bits(*args)
        return
    noisy = pixel_density.dequantised(test.images, px, numbers)
    nats = bound.bound_terms(net, noisy, r, numbers).bound.double()
    levels = nats - (255 * px.std.double()).log().sum()
    right = -levels / math.log(2) / 3072
    torch.testing.assert_close(bound.bound_in_bits(*args).double(), right, **close)


@given(anything, anything, anything)
@quick(40)
def test_whatever_is_bounded(x, r, indices):
    for arch in (GREY, COLOUR, PLAIN):
        net = model(arch, "none" if arch is PLAIN else "complementary")
        some = image_set(4, arch)
        images, px = some.images, pixels(arch)
        r_y = None if arch is PLAIN else torch.zeros(4, 2)
        good = px.forward(images), r_y, [0, 1, 2, 3]
        for a, b, c in ((x, *good[1:]), (good[0], r, good[2]), (*good[:2], indices)):
            if b is None and arch is not PLAIN:
                continue
            survives(bound.bound_terms, net, a, b, c)
            survives(bound.importance_weighted, net, a, b, c, (1, 2))
        survives(bound.bound_in_bits, net, px, x, good[1], good[2])
        survives(bound.bound_in_bits, net, px, images, r, indices)
        survives(bound.latent_means, net, px, images, r)
        survives(bound.latent_means, net, px, x, good[1])
        survives(bound.embed_all, net, px, x)
        survives(bound.nearest_class_error, net, px, some, x)
        survives(labels.label_report, net, px, x, some)


@pytest.mark.parametrize("ks", [(), (0,), (-1,), (1.5,), (2, 0), ("1",)])
def test_numbers_of_samples_that_are_none(ks):
    x, r = torch.zeros(2, 1, 28, 28), torch.zeros(2, 2)
    with pytest.raises(DataError, match="k"):
        bound.importance_weighted(model(), x, r, [0, 1], ks)
    with pytest.raises(DataError, match="samples"):
        bound.bound_terms(model(), x, r, [0, 1], ks[0] if ks else 0) if ks != (
            2, 0) else bound.bound_terms(model(), x, r, [0, 1], None)  # fmt: skip
    for indices in ([0], [0, 1, 2], [0.0, 1.0], [0, -1]):
        with pytest.raises(DataError, match="indices"):
            bound.bound_terms(model(), x, r, indices)
    with pytest.raises(DataError, match="one an image"):
        bound.bound_terms(model(), x, r[:1], [0, 1])


@covers("gap.fitted_posterior", "gap.bound_of", "checks.of_images")
@given(seeds, st.integers(1, 4), st.integers(1, 3), forms, st.booleans())
@quick(6)
def test_a_gaussian_for_each_image(seed, n, samples, form, grey):
    arch = GREY if grey else COLOUR
    net, px = model(arch), pixels(arch)
    x = px.forward(image_set(arch=arch).subset(range(n)).images)
    r, numbers = random(seed, n, 2).float(), FORMS[form]([3 * i for i in range(n)])
    with torch.no_grad():
        q = net.posterior(r, x)
    fitted = gap.fitted_posterior(net, x, r, steps=3, seed=seed)
    # Three steps of Adam, each of at most about its rate.
    assert all(0 < (a - b).abs().max() < 0.2 for a, b in zip(q, fitted))
    assert all(p.grad is None for p in net.parameters())
    expected = bound.bound_terms(net, x, r, numbers, samples).bound
    found = gap.bound_of(net, x, r, q, numbers, samples)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-2)
    checks.of_images(fitted, n, 2)
    with pytest.raises(DataError, match="a row for each image"):
        checks.of_images(fitted, n + 1, 2)


@covers("probes.posteriors", "probes.Posteriors", "probes.class_told", "probes.Told")
@given(seeds, st.sampled_from(probes.READS), st.sampled_from([0, 3]), forms)
@quick(8)
def test_readers_of_any_posteriors(seed, reads, hidden, form):
    net, some = model(), image_set()
    q = probes.posteriors(net, pixels(), some, random(seed, 10, 2).float())
    assert q.mu.shape == q.log_var.shape == (30, 2)
    q = q._replace(labels=FORMS[form](q.labels.tolist()))
    told = probes.class_told(q, q, reads, hidden, steps=2, seed=seed)
    assert isinstance(told, probes.Told) and 0 <= told.error <= 1
    assert told.nats <= math.log(10) + 1e-9


@given(anything, anything, st.sampled_from([*probes.READS, "v", None]))
@quick(60)
def test_whatever_is_read_or_fitted(a, b, reads):
    good = Posteriors(random(0, 4, 2), random(1, 4, 2), [0, 1, 1, 0])
    for wrong in (good._replace(mu=a), good._replace(log_var=a),
                  good._replace(labels=a), Posteriors(a, b, a)):  # fmt: skip
        survives(probes.class_told, wrong, good, reads, 2, 1)
        survives(probes.class_told, good, wrong, reads, 2, 1)
    net, some = model(), image_set(4)
    survives(probes.posteriors, net, pixels(), some, a)
    x, r = pixels().forward(some.images), torch.zeros(4, 2)
    for args in ((a, r), (x, b)):
        if args[1] is not None:
            survives(gap.fitted_posterior, net, *args, 1)
    for q in ((a, b), (a, a), a, good[:2]):
        survives(gap.bound_of, net, x, r, q, [0, 1, 2, 3])
        survives(bound.importance_weighted, net, x, r, [0, 1, 2, 3], (1,), q)
        survives(checks.of_images, q, 4, 2)


# --- pixels and nats ------------------------------------------------------------------


@covers("pixel_density.log_det", "pixel_density.convert", "pixel_density.dequantised",
        "pixel_density.bits_per_dimension")  # fmt: skip
@given(seeds, st.integers(1, 3), st.booleans(), forms)
@quick(20)
def test_densities_of_pixels(seed, n, fitted, form):
    shape = (n + 3, 2, 2, 2)
    values = np.random.default_rng(seed).integers(256, size=shape, dtype=np.uint8)
    images = torch.from_numpy(values)
    px = Pixels.fit(images) if fitted else Pixels.unit()
    std = px.std.double().numpy() if fitted else np.ones((2, 2, 2))
    log_p = random(seed, n)
    right = {"standardised": 0.0, "unit": -np.log(std).sum(),
             "levels": -np.log(255 * std).sum()}  # fmt: skip
    for space, value in right.items():
        assert pixel_density.log_det(px, space, 8) == pytest.approx(value)
        found = pixel_density.convert(log_p, px, space, 8)
        np.testing.assert_allclose(found.numpy(), log_p.numpy() + value)
    bits = pixel_density.bits_per_dimension(log_p, px, 8)
    right = -(log_p.numpy() - np.log(255 * std).sum()) / math.log(2) / 8
    np.testing.assert_allclose(bits.numpy(), right)
    numbers = FORMS[form](list(range(n + 3)))
    noisy = pixel_density.dequantised(images, px, numbers)
    noise = (noisy - px.forward(images)).double().numpy() * std * 255
    assert np.abs(noise).max() <= 0.5 + 1e-3 and np.abs(noise).max() > 0.1
    for wrong in (numbers[:1], [*numbers, 99], np.zeros((n + 3, 1), dtype=int)):
        with pytest.raises(DataError, match="indices"):
            pixel_density.dequantised(images, px, wrong)


@given(anything, anything, st.sampled_from([*pixel_density.SPACES, "pixels", None]),
       st.sampled_from([8, 0, -1, 2.5, None, "8"]))  # fmt: skip
@quick(60)
def test_whatever_a_density_is_of(log_p, indices, space, dimensions):
    for px in (Pixels.unit(), Pixels(torch.zeros(2, 2, 2), torch.ones(2, 2, 2))):
        found = survives(pixel_density.log_det, px, space, dimensions)
        legal = dimensions == 8 and space in pixel_density.SPACES
        assert (found is not None) == legal
        survives(pixel_density.convert, log_p, px, space, dimensions)
        survives(pixel_density.bits_per_dimension, log_p, px, dimensions)
        images = torch.zeros(2, 2, 2, 2, dtype=torch.uint8)
        survives(pixel_density.dequantised, images, px, indices)
        survives(pixel_density.dequantised, log_p, px, [0, 1])


# --- whole reports --------------------------------------------------------------------


@covers("labels.label_posteriors", "labels.label_report",
        "labels.semi_supervised_report", "bound.supervised_report")  # fmt: skip
@pytest.mark.parametrize("arch", [GREY, COLOUR], ids=["grey", "colour"])
@pytest.mark.parametrize("n", [0, 1, 2, 7, 20])
def test_reports_of_test_sets_of_any_size(n, arch):
    """No NaN, whichever classes the test images lack; plain JSON."""
    net, px, train = model(arch), pixels(arch), image_set(arch=arch)
    test = train.subset(range(n))
    semi = survives(labels.semi_supervised_report, net, px, train, test)
    sizes = {"ms": (1, 2), "iw_images": 3, "iw_recheck": 2, "ks": (1, 2)}
    whole = survives(bound.supervised_report, net, px, train, test, **sizes)
    assert (semi is not None) == (whole is not None) == (n >= 2)
    if n < 2:
        return
    for report in (semi, whole):
        assert json.loads(json.dumps(report, allow_nan=False)) == report
        assert all(leaf.isfinite().all() for leaf in leaves(report))
    log_q = labels.label_posteriors(net, px, test)
    guess = log_q.argmax(1).numpy()
    right = confusion_matrix(test.labels.numpy(), guess, labels=range(10))
    assert semi["confusion"] == right.tolist()
    assert (semi["bound_matrix"] is None) == (n < 10)
    table = Representations(net, px, train).table()
    report = labels.label_report(net, px, table, test)
    mean, error = bound.mean_and_error(report.unlabelled_bound())
    assert semi["unlabelled_bound"]["bound"] == pytest.approx(mean, rel=1e-6)
    assert torch.equal(report.log_q, log_q)


def test_reports_of_training_sets_without_a_class():
    net, px, some = model(), pixels(), image_set().subset(range(9))
    for report in (labels.semi_supervised_report, bound.supervised_report):
        with pytest.raises(DataError, match=r"classes.*training images"):
            report(net, px, some, image_set())
    nan = torch.full((10, 2), math.nan)
    with pytest.raises(DataError, match="NaN"):
        labels.label_report(net, px, nan, some)


@pytest.mark.parametrize("wrong", [*NO_TENSORS, COMPLEX], ids=repr)
def test_what_is_no_tensor(wrong):
    for call in (
        bound.mean_and_error,
        bound.active_units,
        bound.binarise,
        lambda w: labels.label_error(w, [0]),
        lambda w: pixel_density.convert(w, Pixels.unit(), "unit", 1),
        lambda w: bound.latent_means(model(), pixels(), image_set(2).images, w),
    ):
        with pytest.raises(EquivaeError):
            call(wrong)
