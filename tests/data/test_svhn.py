"""The way of real SVHN: its files, its labels, its pixels, and the memory it takes."""

import json
import subprocess
import sys

import numpy as np
import pytest
import scipy.io
import torch
from torch.testing import assert_close

from equivae_lite.data import sets, sources, splits
from equivae_lite.errors import DataError
from equivae_lite.runs import command_line as cli
from equivae_lite.runs import pipeline
from tests.support import svhn_files

TRAIN, TEST = "train_32x32.mat", "test_32x32.mat"
AGAIN = "python -m equivae_lite download svhn"
needs_svhn = pytest.mark.skipif(
    not sources.available("svhn"), reason="real SVHN is not there (EQUIVAE_DATA)"
)


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A folder with five images in both files, and the images as written."""
    monkeypatch.setenv("EQUIVAE_DATA", str(tmp_path))
    return tmp_path, svhn_files.write(tmp_path, monkeypatch)


@needs_svhn
def test_real_svhn():
    for split, n in (("train", 73_257), ("test", 26_032)):
        svhn = sets.load("svhn", split)
        assert svhn.images.shape == (n, 3, 32, 32) and svhn.images.dtype == torch.uint8
        assert svhn.labels.unique().tolist() == list(range(10))


# --- reading --------------------------------------------------------------------


def test_format_of_the_files_written_here(small):
    # As MATLAB gives it: one image after the other along the last axis.
    content = scipy.io.loadmat(small[0] / TRAIN)
    assert content["X"].shape == (32, 32, 3, 5) and content["X"].dtype == np.uint8
    assert content["y"].shape == (5, 1) and content["y"].dtype == np.uint8
    assert content["y"].ravel().tolist() == [10, 1, 2, 10, 9]


def test_files(small):
    written = small[1]
    svhn = sets.load("svhn", "test")
    assert svhn.images.shape == (5, 3, 32, 32) and svhn.images.dtype == torch.uint8
    for n in range(5):  # row, column and colour of one pixel of each image
        row, column, colour = 3 * n, 31 - n, n % 3
        assert svhn.images[n, colour, row, column] == written[row, column, colour, n]
    assert np.array_equal(svhn.images.numpy(), written.transpose(3, 2, 0, 1))
    # SVHN writes the digit 0 as 10.
    assert svhn.labels.tolist() == [0, 1, 2, 0, 9]
    assert svhn.labels.dtype == torch.int64 and sources.available("svhn")
    assert not svhn.stand_in and svhn.factors is None
    assert len(sets.load("svhn", limit=2)) == 2


def message(*args, **options):
    with pytest.raises(DataError) as error:
        sets.load("svhn", *args, **options)
    return str(error.value)


def test_truncated_file(small):
    path = small[0] / TRAIN
    path.write_bytes(path.read_bytes()[:-100])
    said = message()
    assert f"{path} is damaged or truncated" in said and AGAIN in said
    assert len(sets.load("svhn", "test")) == 5  # the other file is whole


@pytest.mark.parametrize("keep", [0, 60, 200, 9000])
def test_truncated_file_that_the_checksum_lets_pass(small, monkeypatch, keep):
    path = small[0] / TRAIN
    path.write_bytes(path.read_bytes()[:keep])
    svhn_files.trust(small[0], monkeypatch)
    said = message()
    assert f"{path} cannot be read as one of SVHN's .mat files" in said
    assert AGAIN in said


@pytest.mark.parametrize(
    ("replaced", "problem"),
    [
        ({"X": np.zeros((28, 28, 3, 5), np.uint8)}, "found (5, 3, 28, 28) of uint8"),
        ({"X": np.zeros((32, 32, 1, 5), np.uint8)}, "found (5, 1, 32, 32) of uint8"),
        ({"X": np.zeros((32, 32, 3, 4), np.uint8)}, "found (4, 3, 32, 32) of uint8"),
        ({"X": np.zeros((32, 32, 3, 5))}, "(5, 3, 32, 32) of float64"),
        ({"X": np.zeros((32, 96), np.uint8)}, "cannot be read as one of SVHN's"),
        ({"X": None}, "cannot be read as one of SVHN's"),
        ({"y": None}, "cannot be read as one of SVHN's"),
        ({"y": np.zeros((5, 2), np.uint8)}, "and (5, 2)"),
        ({"y": np.array([[1, 2, 3, 11, 12]]).T}, "the labels 1 to 10, found [11, 12]"),
    ],
)
def test_wrong_content(tmp_path, monkeypatch, replaced, problem):
    svhn_files.write(tmp_path, monkeypatch, **replaced)
    said = message(root=tmp_path)
    assert problem in said and str(tmp_path / TRAIN) in said and AGAIN in said


@pytest.mark.parametrize(("split", "file"), [("train", TRAIN), ("test", TEST)])
def test_one_file_is_missing(small, split, file):
    (small[0] / file).unlink()
    assert not sources.available("svhn")
    said = message(split)
    assert str(small[0] / file) in said and AGAIN in said and "street-glyphs" in said


def test_without_scipy(small, monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.io", None)
    assert "pip install scipy" in message()


def test_training_on_a_missing_set_names_the_command(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("EQUIVAE_DATA", str(tmp_path))
    assert cli.main(["train", "svhn-supervised", "--out", str(tmp_path / "out")]) != 0
    said = capsys.readouterr().err
    assert AGAIN in said and str(tmp_path / TRAIN) in said and "Traceback" not in said


# --- splits and pixels ----------------------------------------------------------


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """3,000 images through the reader, of unequally frequent digits."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("svhn")
        shares = np.array([2.4, 1.9, 1.5, 1.3, 1.2, 1, 1, 0.9, 0.8, 0.8])
        digits = 1 + np.random.default_rng(3).choice(10, 3000, p=shares / shares.sum())
        svhn_files.write(folder, patch, digits)
        return sets.load("svhn", root=folder), digits


def test_a_thousand_labels_balanced_over_the_classes(many):
    svhn, digits = many
    labelled = pipeline.labelled_part(1000, svhn, seed=4)
    assert labelled.labels.bincount().tolist() == 10 * [100]
    lab, unlab = splits.class_balanced_split(svhn.labels, 100, seed=4)
    assert torch.equal(labelled.images, svhn.images[lab])
    assert torch.equal(torch.cat([lab, unlab]).sort().values, torch.arange(3000))
    # The digit 0 comes from the label 10 of the file.
    zeros = lab[svhn.labels[lab] == 0]
    assert len(zeros) == 100 and (digits[zeros.numpy()] == 10).all()
    with pytest.raises(DataError, match=r"class 0 has .* per_class is 300"):
        pipeline.labelled_part(3000, svhn, seed=4)


def test_standardised_pixels_round_trip(many):
    images = many[0].images
    pixels = sets.Pixels.fit(images)
    assert pixels.mean.shape == pixels.std.shape == (3, 32, 32)
    x = pixels.forward(images)
    assert_close(x.mean(0), torch.zeros(3, 32, 32), rtol=0, atol=1e-5)
    assert_close(x.std(0, correction=0), torch.ones(3, 32, 32), rtol=0, atol=1e-5)
    back = pixels.inverse(x)
    assert_close(back, images.float() / 255, rtol=0, atol=1e-6)
    assert torch.equal((255 * back).round().to(torch.uint8), images)


@pytest.mark.parametrize("chunk", [1, 700, 4096])
def test_pixel_statistics_are_exact_sums(many, chunk):
    # Not a sum of floats in some order: the same bits however the images are cut.
    images = many[0].images
    pixels, other = sets.Pixels.fit(images), sets.Pixels.fit(images.flip(0), chunk)
    assert torch.equal(pixels.mean, other.mean) and torch.equal(pixels.std, other.std)


def test_sums_do_not_overflow_at_full_size():
    # 73,257 images, all but one of them white: the largest sums that SVHN could have.
    n = 73_257
    images = torch.full((n, 1, 1, 1), 255, dtype=torch.uint8)
    images[0] = 0
    pixels = sets.Pixels.fit(images)
    p = 1 / n
    assert pixels.mean.item() == pytest.approx(1 - p, rel=1e-7)
    assert pixels.std.item() == pytest.approx((p * (1 - p)) ** 0.5, rel=1e-7)


# --- memory ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def full_size(tmp_path_factory):
    """The training file at SVHN's size, of random pixels."""
    folder = tmp_path_factory.mktemp("full")
    n = 73_257
    images = np.frombuffer(np.random.default_rng(0).bytes(32 * 32 * 3 * n), np.uint8)
    labels = 1 + np.arange(n, dtype=np.uint8)[:, None] % 10
    content = {"X": images.reshape(32, 32, 3, n), "y": labels}
    scipy.io.savemat(folder / TRAIN, content)
    del images, content
    yield folder
    (folder / TRAIN).unlink()  # 225 MB


@pytest.mark.slow
def test_full_size_in_less_than_two_gigabytes(full_size):
    command = [sys.executable, "tests/support/peak_memory.py", str(full_size)]
    done = subprocess.run(
        [*command, "svhn-supervised", "2"], capture_output=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["images"] == 73_257 and found["dtype"] == "torch.uint8"
    assert (found["batch"], found["steps"]) == (2048, 2)
    print(found)
    # The images alone as uint8 take 225 MB; as float32 they would take 900.
    assert found["trained"] < 2000
    assert found["fitted"] - found["start"] < 900
