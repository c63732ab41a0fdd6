"""Labels inferred by q_y-post and by the generative model, with r_y from D_lab."""

import math
from dataclasses import replace

import pytest
import torch

from equivae_lite.data import splits
from equivae_lite.evaluation import labels
from equivae_lite.evaluation.bound import Representations, noise_of
from equivae_lite.evaluation.pixel_density import dequantised
from equivae_lite.runs import pipeline
from tests.support.small import COLOUR, SEMI, few, images, model, pixels

N = 40
always_3 = 5.0 * (torch.arange(10) == 3)


@pytest.fixture(scope="module")
def found():
    m, px, test = model(SEMI), pixels(SEMI), images(SEMI.data, "test", N)
    labelled = few(5)
    table = Representations(m, px, labelled).table()
    return m, px, test, table, labels.label_report(m, px, table, test)


def test_bound_of_every_class_is_that_of_the_image_alone(found):
    m, px, test, table, report = found
    eps = noise_of(torch.arange(N), 10, 8)
    with torch.no_grad():
        for i, y in ((0, 0), (17, 3), (39, 9)):
            x = px.forward(test.images[i : i + 1])
            terms = m.terms(x, table[y : y + 1], eps[i : i + 1, y])
            # float32 sums over 784 pixels.
            torch.testing.assert_close(
                report.bound_y[i, y], terms.bound[0], rtol=1e-5, atol=1e-3
            )


def test_unlabelled_bound_written_out(found):
    *_, report = found
    q, total = report.log_q.double().exp(), 0.0
    for i in range(N):
        for y in range(10):
            brace = float(report.bound_y[i, y])
            total += float(q[i, y]) * (brace - float(q[i, y].log()) - math.log(10)) / N
    assert float(report.unlabelled_bound().mean()) == pytest.approx(total, rel=1e-5)


def test_errors_and_confusion_of_a_model_that_always_says_3(found):
    m, px, test, *_ = found
    m = model(SEMI)
    with torch.no_grad():
        m.label_posterior.dense[-1].weight.zero_()
        m.label_posterior.dense[-1].bias.copy_(always_3)
    report = labels.semi_supervised_report(m, px, few(5), test)
    counts = torch.bincount(test.labels, minlength=10)
    assert report["error"] == pytest.approx(1 - float(counts[3]) / N)
    confusion = torch.tensor(report["confusion"])
    assert torch.equal(confusion.sum(1), counts)
    assert torch.equal(confusion[:, 3], counts) and confusion.sum() == N
    assert report["labels"] == 50 and report["test_images"] == N
    headline = pipeline.headline(m, px, few(5), test)
    assert headline["test_error"] == report["error"]
    assert headline["test_generative_error"] == report["generative_error"]
    assert headline["test_bound"] == pytest.approx(report["unlabelled_bound"]["bound"])


def test_bound_matrix_is_the_mean_of_each_class_told_each_class(found):
    m, px, test, table, report = found
    matrix = torch.tensor(
        labels.semi_supervised_report(m, px, few(5), test)["bound_matrix"]
    )
    assert matrix.shape == (10, 10)
    for y, k in ((0, 0), (3, 8)):
        rows = [i for i in range(N) if test.labels[i] == y]
        mean = sum(float(report.bound_y[i, k]) for i in rows) / len(rows)
        assert float(matrix[y, k]) == pytest.approx(mean, rel=1e-5)


def test_without_a_generative_model_nothing_is_said_of_bounds(found):
    m, px, test, *_ = found
    report = labels.semi_supervised_report(m, px, few(5), test, generative=False)
    assert report.keys() == {"test_images", "labels", "error", "confusion"}
    headline = pipeline.headline(m, px, few(5), test, generative=False)
    assert headline == {"test_error": report["error"]}


def test_bits_of_both_bounds_by_hand(monkeypatch):
    """A Gaussian model, one image at a time, each with noise of its own.

    A hundred times the noise of dequantisation, which itself changes the bits too
    little to be seen.
    """

    def noisy(x, px, rows):
        clean = px.forward(x)
        return clean + 100 * (dequantised(x, px, rows) - clean)

    monkeypatch.setattr(labels, "dequantised", noisy)
    e = replace(COLOUR, arch=replace(COLOUR.arch, label_posterior=True))
    m, px, test = model(e), pixels(e), images(e.data, "test", N)
    labelled = few(5, e.data)
    found = labels.semi_supervised_report(m, px, labelled, test)
    table = Representations(m, px, labelled).table()
    eps = noise_of(torch.arange(N), 10, e.arch.v_dim)
    six, four = [], []
    # One grey level is 1 / (255 std) wide in each of the 3,072 standardised values.
    width = float((255 * px.std.double()).log().sum())
    for i in range(N):
        x = noisy(test.images[i : i + 1], px, torch.tensor([i]))
        with torch.no_grad():
            bound = m.terms_per_class(x, table, eps[i : i + 1]).bound[0].double()
            log_q = m.label_log_posterior(px.forward(test.images[i : i + 1]))[0]
        q = log_q.double().exp()
        kl = float((q * (log_q.double() + math.log(10))).sum())
        values = float((q * bound).sum()) - kl, float(bound[test.labels[i]])
        for into, value in zip((six, four), values):
            into.append((width - value) / 3072 / math.log(2))
    for name, bits in (("unlabelled_bound", six), ("labelled_bound", four)):
        assert found[name]["bits"] == pytest.approx(sum(bits) / N, rel=1e-5)
        spread = torch.tensor(bits).double().std() / math.sqrt(N)
        assert found[name]["bits_error"] == pytest.approx(float(spread), rel=1e-3)
    assert found["unlabelled_bound"]["bits"] != found["labelled_bound"]["bits"]


def test_no_bits_of_a_bernoulli(found):
    m, px, test, *_ = found
    report = labels.semi_supervised_report(m, px, few(5), test)
    for name in ("unlabelled_bound", "labelled_bound"):
        assert report[name].keys() == {"bound", "error", "first_1000"}


def test_generative_error_is_that_of_the_largest_bound():
    report = labels.LabelReport(
        torch.log(torch.tensor([[0.9, 0.1], [0.2, 0.8]])),
        torch.tensor([[-90.0, -80.0], [-70.0, -60.0]]),
    )
    errors = report.errors(torch.tensor([0, 1]))
    assert errors == {"error": 0.0, "generative_error": 0.5}


def test_r_of_a_semi_supervised_run_comes_from_its_labelled_images_alone():
    train = images()
    labelled = pipeline.labelled_part(100, train, seed=3)
    rows, _ = splits.class_balanced_split(train.labels, 10, 3)
    assert torch.equal(labelled.images, train.images[rows])
    assert pipeline.labelled_part(None, train, 3) is train
