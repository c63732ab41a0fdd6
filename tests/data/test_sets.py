"""Data sets: reading, checking and fetching files; pixel statistics; splits."""

import gzip
import hashlib
import os
import socket
import struct
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
import torch
from torch.testing import assert_close
from torchvision import datasets

from equivae_lite import ROOT
from equivae_lite.data import sets, sources, splits
from equivae_lite.errors import DataError, EquivaeError
from tests.support import svhn_files

needs_mnist = pytest.mark.skipif(
    not sources.available("mnist"), reason="real MNIST is not there (EQUIVAE_DATA)"
)


def md5(content: bytes) -> str:
    return hashlib.md5(content).hexdigest()


@pytest.fixture(scope="module")
def quiet_server(tmp_path_factory):
    """A web server on this machine: its folder and its address."""
    folder = tmp_path_factory.mktemp("server")

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(Quiet, directory=str(folder))
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield folder, f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


@pytest.fixture
def small_mnist(tmp_path, monkeypatch):
    """Four idx files as MNIST's, with 30 and 20 images: folder and their bytes."""
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    generator = np.random.default_rng(0)
    contents, sums = {}, {}
    for split, n in (("train", 30), ("test", 20)):
        images = generator.integers(256, size=(n, 28, 28), dtype=np.uint8)
        labels = (np.arange(n) % 10).astype(np.uint8)
        both = (
            struct.pack(">4I", 0x803, n, 28, 28) + images.tobytes(),
            struct.pack(">2I", 0x801, n) + labels.tobytes(),
        )
        names = sources.MNIST_MD5[split]
        contents |= dict(zip(names, both, strict=True))
        sums[split] = {name: md5(contents[name]) for name in names}
    for name, content in contents.items():
        (raw / name).write_bytes(content)
    monkeypatch.setattr(sources, "MNIST_MD5", sums)
    monkeypatch.setenv("EQUIVAE_DATA", str(tmp_path))
    return tmp_path, contents


# --- real sets ------------------------------------------------------------------


@needs_mnist
def test_real_mnist():
    train, test = sets.load("mnist"), sets.load("mnist", "test")
    assert train.images.shape == (60_000, 1, 28, 28)
    assert test.images.shape == (10_000, 1, 28, 28)
    assert train.images.dtype == torch.uint8 and train.labels.dtype == torch.int64
    # The published numbers of images of a class, and the published mean pixel.
    counts = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert train.labels.bincount().tolist() == counts
    assert test.labels.bincount()[1] == 1135
    assert train.images.double().mean() / 255 == pytest.approx(0.1307, abs=5e-5)
    assert not train.stand_in and train.factors is None and train.md5 != test.md5


def test_small_mnist_files(small_mnist):
    _, contents = small_mnist
    test = sets.load("mnist", "test")
    expected = np.frombuffer(contents["t10k-images-idx3-ubyte"][16:], dtype=np.uint8)
    assert np.array_equal(test.images.numpy().ravel(), expected)
    assert test.labels.tolist() == list(range(10)) * 2
    assert sources.available("mnist")
    few = sets.load("mnist", "train", limit=7)
    assert len(few) == 7 and few.md5 == sets.load("mnist").md5
    # Only seven images are kept in memory, not a view of all.
    assert few.images.untyped_storage().nbytes() == 7 * 784


@pytest.mark.parametrize("file", ["train-images-idx3-ubyte", "train-labels-idx1-ubyte"])
def test_truncated_mnist_file(small_mnist, file):
    root, contents = small_mnist
    path = root / "MNIST" / "raw" / file
    path.write_bytes(contents[file][:-5])
    with pytest.raises(DataError) as error:
        sets.load("mnist")
    message = str(error.value)
    for part in (str(path), md5(contents[file]), md5(contents[file][:-5])):
        assert part in message
    assert "`python -m equivae_lite download mnist` fetches it again" in message
    assert len(sets.load("mnist", "test")) == 20  # the other split is whole


def test_flipped_bit_is_seen(small_mnist):
    root, contents = small_mnist
    file = "t10k-images-idx3-ubyte"
    changed = bytearray(contents[file])
    changed[100] ^= 1
    (root / "MNIST" / "raw" / file).write_bytes(changed)
    with pytest.raises(DataError, match="damaged"):
        sets.load("mnist", "test")


@pytest.mark.parametrize("name", ["mnist", "svhn"])
def test_missing_set(tmp_path, monkeypatch, name):
    monkeypatch.setenv("EQUIVAE_DATA", str(tmp_path))
    assert not sources.available(name)
    with pytest.raises(DataError) as error:
        sets.load(name)
    message = str(error.value)
    for part in (
        str(tmp_path),
        "EQUIVAE_DATA",
        f"python -m equivae_lite download {name}",
        sources.STAND_INS[name],
    ):
        assert part in message
    assert isinstance(error.value, EquivaeError)
    assert list(tmp_path.iterdir()) == []  # looking for it leaves nothing behind


def test_unknown_names_and_limits(small_mnist):
    with pytest.raises(DataError, match="unknown data set 'cifar'.*mnist, svhn"):
        sets.load("cifar")
    with pytest.raises(DataError, match="unknown split 'valid'.*train, test"):
        sets.load("mnist", "valid")
    with pytest.raises(DataError, match="at least one image"):
        sets.load("mnist", limit=0)
    with pytest.raises(DataError, match="has only 30 train images"):
        sets.load("mnist", limit=31)
    with pytest.raises(DataError, match="has only 60,000 train images"):
        sets.load("glyphs", limit=60_001)
    with pytest.raises(DataError, match="unknown data set"):
        sources.available("cifar")
    with pytest.raises(DataError, match="unknown data set to download 'glyphs'"):
        sources.download("glyphs")


# --- where data lies ------------------------------------------------------------


def test_data_root(tmp_path, monkeypatch):
    monkeypatch.delenv("EQUIVAE_DATA", raising=False)
    assert sources.data_root() == ROOT / "data"
    assert sources.data_root("elsewhere") == Path("elsewhere")
    monkeypatch.setenv("EQUIVAE_DATA", str(tmp_path))
    assert sources.data_root() == tmp_path
    # Relative: from here if it exists from here, else from the clone.
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EQUIVAE_DATA", "here")
    assert sources.data_root().resolve() == (tmp_path / "here").resolve()
    monkeypatch.setenv("EQUIVAE_DATA", "../not-here")
    assert sources.data_root() == ROOT / "../not-here"


# --- downloads ------------------------------------------------------------------


def serve_mnist(server, contents, monkeypatch):
    folder, address = server
    resources = []
    for name, content in contents.items():
        packed = gzip.compress(content)
        (folder / f"{name}.gz").write_bytes(packed)
        resources.append((f"{name}.gz", md5(packed)))
    monkeypatch.setattr(datasets.MNIST, "mirrors", [address])
    monkeypatch.setattr(datasets.MNIST, "resources", resources)


def test_download_mnist(small_mnist, quiet_server, tmp_path, monkeypatch, capsys):
    serve_mnist(quiet_server, small_mnist[1], monkeypatch)
    target = tmp_path / "new" / "folder"
    assert sources.download("mnist", target) == target
    assert len(sets.load("mnist", root=target)) == 30
    # A damaged file is made good, and so is a missing one.
    path = target / "MNIST" / "raw" / "t10k-labels-idx1-ubyte"
    path.write_bytes(b"short")
    sources.download("mnist", target)
    assert f"{path} is damaged: it is fetched again" in capsys.readouterr().out
    assert len(sets.load("mnist", "test", root=target)) == 20
    path.unlink()
    sources.download("mnist", target)
    assert len(sets.load("mnist", "test", root=target)) == 20


def test_a_complete_folder_is_left_alone(small_mnist, monkeypatch, capsys):
    """No network, no right to write: there is nothing to do."""
    monkeypatch.setattr(os, "access", lambda *arguments: False)
    monkeypatch.setattr(datasets, "MNIST", lambda *a, **k: pytest.fail("fetched"))
    assert sources.download("mnist", small_mnist[0]) == small_mnist[0]
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("name", ["mnist", "svhn"])
def test_a_server_that_is_silent(tmp_path, monkeypatch, name):
    """It takes the connection and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}/"
        monkeypatch.setattr(datasets.MNIST, "mirrors", [address])
        splits = {s: [address, f"{s}_32x32.mat", "0"] for s in sources.SPLITS}
        monkeypatch.setattr(datasets.SVHN, "split_list", splits)
        monkeypatch.setattr(sources, "SILENCE", 0.2)
        with pytest.raises(DataError, match="failed: .*Check the network"):
            sources.download(name, tmp_path)
    assert socket.getdefaulttimeout() is None


def test_download_svhn(quiet_server, tmp_path, monkeypatch):
    folder, address = quiet_server
    svhn_files.write(folder, monkeypatch)
    for entry in datasets.SVHN.split_list.values():
        entry[0] = address + entry[1]
    sources.download("svhn", tmp_path)
    assert sources.available("svhn", tmp_path)
    assert len(sets.load("svhn", root=tmp_path)) == 5
    # The server has another file than the one expected.
    datasets.SVHN.split_list["test"][2] = "0" * 32
    with pytest.raises(DataError, match="download of svhn failed"):
        sources.download("svhn", tmp_path)


@pytest.mark.parametrize("name", ["mnist", "svhn"])
def test_download_without_network(tmp_path, monkeypatch, capsys, name):
    def refuse(*args, **kwargs):
        raise URLError("no route to host")

    monkeypatch.setattr("urllib.request.urlopen", refuse)
    with pytest.raises(DataError) as error:
        sources.download(name, tmp_path)
    message = str(error.value)
    assert f"download of {name} failed" in message
    # Older torchvisions print the reason instead of raising it.
    assert "no route to host" in message + capsys.readouterr().out
    assert "Check the network" in message and str(tmp_path) in message


@pytest.mark.parametrize("name", ["mnist", "svhn"])
def test_download_without_write_permission(tmp_path, monkeypatch, name):
    # Permission bits would not stop root, who runs the tests in a container.
    asked = []

    def deny(path, mode):
        asked.append(Path(path))
        return False

    monkeypatch.setattr(os, "access", deny)
    with pytest.raises(DataError, match=r"cannot write to .*new: no permission"):
        sources.download(name, tmp_path / "new")
    assert asked == [tmp_path]  # the nearest folder that exists
    assert list(tmp_path.iterdir()) == []


def test_download_that_the_disk_refuses(tmp_path, monkeypatch):
    for error, message in (
        (PermissionError(13, "denied"), "no permission"),
        (OSError(28, "No space left on device"), "No space left"),
    ):

        def fail(*args, error=error, **kwargs):
            raise error

        monkeypatch.setattr(datasets, "MNIST", fail)
        with pytest.raises(DataError, match=f"cannot write.*{message}"):
            sources.download("mnist", tmp_path)


# --- image sets -----------------------------------------------------------------


@pytest.mark.slow
def test_stand_in_through_load():
    glyphs = sets.load("glyphs", "test", limit=50)
    assert glyphs.stand_in and sources.available("glyphs") and glyphs.classes == 10
    assert glyphs.images.shape == (50, 1, 28, 28) and len(glyphs) == 50
    content = glyphs.images.numpy().tobytes() + glyphs.labels.numpy().tobytes()
    assert glyphs.md5 == md5(content)
    street = sets.load("street-glyphs", limit=20)
    assert street.images.shape == (20, 3, 32, 32) and street.stand_in


def test_subset_and_by_class():
    glyphs = sets.load("glyphs", limit=200)
    picked = glyphs.subset([3, 1])
    assert torch.equal(picked.images, glyphs.images[[3, 1]])
    assert torch.equal(picked.factors["face"], glyphs.factors["face"][[3, 1]])
    groups = glyphs.by_class()
    assert len(groups) == 10
    assert all((glyphs.labels[rows] == y).all() for y, rows in enumerate(groups))
    assert torch.equal(torch.cat(groups).sort().values, torch.arange(200))


def test_to_moves_every_tensor():
    moved = sets.load("glyphs", limit=5, device="meta")
    tensors = [moved.images, moved.labels, *moved.factors.values()]
    assert {tensor.device.type for tensor in tensors} == {"meta"}


# --- pixels ---------------------------------------------------------------------


@pytest.fixture
def images():
    generator = np.random.default_rng(3)
    images = generator.integers(256, size=(1000, 3, 4, 5), dtype=np.uint8)
    images[:, 1, 2, 3] = 77  # never varies
    return torch.from_numpy(images)


def test_pixel_statistics_against_numpy(images):
    pixels = sets.Pixels.fit(images, chunk=64)
    values = images.numpy().astype(np.float64) / 255
    std = values.std(axis=0)
    std[1, 2, 3] = 1  # by NumPy a rounding error, for us 0 and so replaced by 1
    # Exact sums on our side, so the difference is float32's last place.
    assert_close(pixels.mean, torch.from_numpy(values.mean(axis=0)).float())
    assert_close(pixels.std, torch.from_numpy(std).float(), rtol=2e-7, atol=0)
    assert pixels.std[1, 2, 3] == 1
    standard = pixels.forward(images)
    assert standard.dtype == torch.float32
    varies = torch.ones(3, 4, 5, dtype=torch.bool)
    varies[1, 2, 3] = False
    assert_close(standard.mean(0), torch.zeros(3, 4, 5), rtol=0, atol=1e-6)
    assert_close(standard.std(0, correction=0)[varies], torch.ones(59))
    # float32 can miss the mean of a constant pixel by its last place only.
    assert standard[:, 1, 2, 3].abs().max() < 1e-7


@pytest.mark.parametrize("kind", ["unit", "fit"])
def test_pixels_round_trip(images, kind):
    pixels = sets.Pixels.unit() if kind == "unit" else sets.Pixels.fit(images)
    values = pixels.forward(images)
    back = pixels.inverse(values)
    assert torch.equal((255 * back).round().to(torch.uint8), images)
    assert back.min() >= 0 and back.max() <= 1
    again = sets.Pixels.from_state(pixels.state())
    assert torch.equal(again.forward(images), values)
    assert torch.equal(pixels.to("cpu").forward(images), values)
    # Batches of batches, as complementary samples are.
    assert torch.equal(pixels.forward(images[None]), values[None])


def test_inverse_clips():
    pixels = sets.Pixels(mean=torch.full((1, 1, 1), 0.5), std=torch.ones(1, 1, 1))
    assert pixels.inverse(torch.tensor([-3.0, 0.1, 3.0])).flatten().tolist() == (
        pytest.approx([0, 0.6, 1])
    )


def test_pixels_reject_wrong_input(images):
    pixels = sets.Pixels.fit(images)
    with pytest.raises(DataError, match=r"\(3, 4, 4\).*fitted on \(3, 4, 5\)"):
        pixels.forward(images[..., :4])
    for wrong in (images.float(), images[0], images[:0]):
        with pytest.raises(DataError, match="uint8"):
            sets.Pixels.unit().forward(wrong)
        with pytest.raises(DataError, match="uint8"):
            sets.Pixels.fit(wrong)


# --- splits ---------------------------------------------------------------------


@pytest.mark.parametrize("per_class", [2, 10, 17])
@pytest.mark.parametrize("seed", [0, 5])
def test_class_balanced_split(per_class, seed):
    labels = torch.from_numpy(np.random.default_rng(9).integers(10, size=400))
    labelled, unlabelled = splits.class_balanced_split(labels, per_class, seed)
    assert labels[labelled].bincount().tolist() == [per_class] * 10
    together = torch.cat([labelled, unlabelled])
    assert torch.equal(together.sort().values, torch.arange(400))
    assert (labelled.diff() > 0).all() and (unlabelled.diff() > 0).all()
    again, _ = splits.class_balanced_split(labels, per_class, seed)
    other, _ = splits.class_balanced_split(labels, per_class, seed + 1)
    assert torch.equal(labelled, again) and not torch.equal(labelled, other)
    # More labels of the same seed: the same ones and more.
    more, _ = splits.class_balanced_split(labels, per_class + 3, seed)
    assert torch.isin(labelled, more).all()


def test_class_balanced_split_takes_every_image_equally_often():
    labels = torch.arange(10).repeat(5)
    counts = torch.zeros(50)
    for seed in range(400):
        counts[splits.class_balanced_split(labels, 2, seed)[0]] += 1
    # Binomial(400, 2/5): mean 160, standard deviation 9.8; five of them.
    assert (counts - 160).abs().max() < 49


def test_class_balanced_split_errors():
    labels = torch.arange(10).repeat(3)
    for per_class in (1, 0, -4):
        with pytest.raises(DataError, match="at least 2 labelled"):
            splits.class_balanced_split(labels, per_class, 0)
    with pytest.raises(DataError, match="class 0 has 3 images, but per_class is 4"):
        splits.class_balanced_split(labels, 4, 0)
    with pytest.raises(DataError, match="class 7 has 1 images"):
        splits.class_balanced_split(torch.cat([labels[labels != 7], labels[7:8]]), 2, 0)
    with pytest.raises(DataError, match="class 10 has 0 images"):
        splits.class_balanced_split(labels, 2, 0, classes=11)


def test_holdout_split():
    train, validation = splits.holdout_split(60, 5, seed=0)
    assert (len(train), len(validation)) == (55, 5)
    together = torch.cat([train, validation])
    assert torch.equal(together.sort().values, torch.arange(60))
    assert torch.equal(validation, splits.holdout_split(60, 5, seed=0)[1])
    assert not torch.equal(validation, splits.holdout_split(60, 5, seed=1)[1])
    for wrong in (0, 60, 61, -1):
        with pytest.raises(DataError, match="n_validation is"):
            splits.holdout_split(60, wrong, seed=0)


def test_holdout_split_takes_every_image_equally_often():
    counts = torch.zeros(50)
    for seed in range(400):
        counts[splits.holdout_split(50, 20, seed)[1]] += 1
    # Binomial(400, 2/5): mean 160, standard deviation 9.8; five of them.
    assert (counts - 160).abs().max() < 49
