"""FashionMNIST, KMNIST, EMNIST and USPS from files like theirs; nothing is fetched."""

import bz2
import gzip
import struct
import zipfile

import numpy as np
import pytest
from torchvision import datasets

from equivae_lite.data import others, sets, sources
from equivae_lite.errors import DataError

DRAWN = np.random.default_rng(0).integers(256, size=(6, 28, 28)).astype(np.uint8)


def idx(array, kind=8):
    head = struct.pack(f">2xBB{array.ndim}i", kind, array.ndim, *array.shape)
    return gzip.compress(head + array.tobytes())


def labels(*values):
    return np.array(values, dtype=np.uint8)


def like_mnist(folder, monkeypatch, name, **spoiled):
    """Small archives in the place of the real ones, and their MD5s."""
    raw = folder / others.LIKE_MNIST[name] / "raw"
    raw.mkdir(parents=True)
    content = {
        "train-images-idx3-ubyte.gz": idx(DRAWN),
        "train-labels-idx1-ubyte.gz": idx(labels(0, 9, 3, 3, 4, 5)),
        "t10k-images-idx3-ubyte.gz": idx(DRAWN[::-1]),
        "t10k-labels-idx1-ubyte.gz": idx(labels(5, 4, 3, 2, 1, 0)),
    } | spoiled
    for file, packed in content.items():
        (raw / file).write_bytes(packed)
    sums = [(file, sources.md5(packed).hexdigest()) for file, packed in content.items()]
    kind = getattr(datasets, others.LIKE_MNIST[name])
    monkeypatch.setattr(kind, "resources", sums)
    return raw


@pytest.mark.parametrize("name", others.LIKE_MNIST)
def test_sets_like_mnist(tmp_path, monkeypatch, name):
    raw = like_mnist(tmp_path, monkeypatch, name)
    train = sets.load(name, "train", root=tmp_path)
    assert np.array_equal(train.images[:, 0].numpy(), DRAWN)
    assert train.labels.tolist() == [0, 9, 3, 3, 4, 5] and train.classes == 10
    assert train.names == tuple(getattr(datasets, others.LIKE_MNIST[name]).classes)
    test = sets.load(name, "test", 2, root=tmp_path)
    assert test.labels.tolist() == [5, 4] and not test.stand_in
    assert sources.available(name, tmp_path)
    assert sets.known_md5(name)["train"] == train.md5 != test.md5
    (raw / "train-labels-idx1-ubyte.gz").write_bytes(idx(labels(0, 9, 3, 3, 4, 6)))
    with pytest.raises(DataError, match="damaged or truncated"):
        sets.load(name, "train", root=tmp_path)


def test_usps(tmp_path, monkeypatch):
    line = "10 " + " ".join(f"{i + 1}:{-1 + i / 127.5:.5f}" for i in range(256))
    content = bz2.compress(f"{line}\n1{line[2:]}\n".encode())
    (tmp_path / "usps.bz2").write_bytes(content)
    digest = sources.md5(content).hexdigest()
    split = {"train": ["nowhere", "usps.bz2", digest], "test": ["nowhere", "x", ""]}
    monkeypatch.setattr(datasets.USPS, "split_list", split)
    found = sets.load("usps", root=tmp_path)
    assert found.images.shape == (2, 1, 16, 16) and found.labels.tolist() == [9, 0]
    assert abs(int(found.images[0, 0, 8, 0]) - 128) <= 1


@pytest.mark.parametrize(
    ("kind", "values", "right"),
    [("letters", (1, 26, 2, 3, 4, 5), [0, 25, 1, 2, 3, 4]),
     ("byclass", (0, 61, 2, 3, 4, 5), [0, 61, 2, 3, 4, 5])],
)  # fmt: skip
def test_emnist_stands_upright_and_counts_from_zero(
    tmp_path, monkeypatch, kind, values, right
):
    raw = tmp_path / "EMNIST" / "raw"
    raw.mkdir(parents=True)
    with zipfile.ZipFile(raw / "gzip.zip", "w") as archive:
        stem = f"gzip/emnist-{kind}-test"
        lying = np.ascontiguousarray(DRAWN.transpose(0, 2, 1))
        archive.writestr(f"{stem}-images-idx3-ubyte.gz", idx(lying))
        archive.writestr(f"{stem}-labels-idx1-ubyte.gz", idx(labels(*values)))
    digest = sources.md5((raw / "gzip.zip").read_bytes()).hexdigest()
    monkeypatch.setattr(datasets.EMNIST, "md5", digest)
    found = sets.load(f"emnist-{kind}", "test", root=tmp_path)
    assert np.array_equal(found.images[:, 0].numpy(), DRAWN)
    assert found.labels.tolist() == right
    assert found.names[right[1]] == "z" and found.classes == right[1] + 1
    with pytest.raises(DataError, match="cannot be read as emnist"):
        sets.load(f"emnist-{kind}", "train", root=tmp_path)  # not in the archive


@pytest.mark.parametrize(
    "packed", [b"no gzip", idx(DRAWN, kind=9), idx(DRAWN[0]), idx(DRAWN)[:-9]]
)
def test_archives_that_hold_something_else(tmp_path, monkeypatch, packed):
    like_mnist(tmp_path, monkeypatch, "kmnist",
               **{"train-images-idx3-ubyte.gz": packed})  # fmt: skip
    with pytest.raises(DataError, match="cannot be read as kmnist"):
        sets.load("kmnist", root=tmp_path)


def test_absent_and_downloaded_on_request_only(tmp_path, monkeypatch):
    for name in others.NAMES:
        assert not sources.available(name, tmp_path)
        with pytest.raises(DataError, match=f"equivae_lite download {name}"):
            sets.load(name, root=tmp_path)
    assert not list(tmp_path.iterdir())
    there = tmp_path / "server"
    raw = like_mnist(there, monkeypatch, "fashion-mnist")
    asked = []

    def download_url(url, folder, file, digest):
        asked.append(url)
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / folder / file).write_bytes((raw / file).read_bytes())

    monkeypatch.setattr(datasets.utils, "download_url", download_url)
    home = tmp_path / "home"
    assert sources.download("fashion-mnist", home) == home
    assert len(sets.load("fashion-mnist", root=home)) == 6 and len(asked) == 4
    assert all(url.startswith(datasets.FashionMNIST.mirrors[0]) for url in asked)
    sources.download("fashion-mnist", home)
    assert len(asked) == 4  # all is there: nothing is fetched
    with pytest.raises(DataError, match="unknown data set to download 'letters'"):
        sources.download("letters", home)
