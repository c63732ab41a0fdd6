"""svhn-part: real house numbers, split by photograph, and every damage of its files."""

import hashlib

import numpy as np
import pytest
import torch

from equivae_lite.data import sets, sources, splits
from equivae_lite.errors import DataError

needs_part = pytest.mark.skipif(
    not sources.available("svhn-part"), reason="svhn-part is not there (EQUIVAE_DATA)"
)


def arrays(n=20):
    g = np.random.default_rng(0)
    return {
        "images": g.integers(0, 256, (n, 32, 32, 3), dtype=np.uint8),
        "labels": (np.arange(n) % 10).astype(np.uint8),
        "official_split": np.zeros(n, np.uint8),
        "official_row": np.arange(1, n + 1, dtype=np.int32),
        "photograph": (np.arange(n) // 3).astype(np.int32),
        "remade": np.ones(n, np.uint8),
    }


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Write both files, with changes, and let the package know their sums."""
    monkeypatch.setenv("EQUIVAE_DATA", str(tmp_path))
    (tmp_path / "SVHN-part").mkdir()

    def write(raw=None, leave_out=(), **changes):
        for split in sources.SPLITS:
            path = tmp_path / "SVHN-part" / f"{split}.npz"
            content = arrays() | changes
            if raw is None:
                np.savez(path, **{k: content[k] for k in content if k not in leave_out})
            else:
                path.write_bytes(raw)
            digest = hashlib.md5(path.read_bytes()).hexdigest()
            monkeypatch.setitem(sources.SVHN_PART_MD5, split, digest)
        return tmp_path / "SVHN-part" / "train.npz"

    return write


@needs_part
def test_the_real_digits():
    train, test = sets.load("svhn-part"), sets.load("svhn-part", "test")
    counts = [714, 1972, 1603, 1147, 1045, 922, 768, 776, 728, 638]
    assert train.labels.bincount().tolist() == counts and len(test) == 2501
    assert not train.stand_in and train.images.shape == (10_313, 3, 32, 32)
    assert set(train.photographs.tolist()).isdisjoint(test.photographs.tolist())
    # No picture twice, within or across the sides.
    both = torch.cat([train.images, test.images]).flatten(1)
    assert len({row.numpy().tobytes() for row in both}) == len(both)
    # What SVHN is known for: neighbouring pixels of neighbouring colours agree.
    x = train.images.double()
    colours = torch.corrcoef(x.transpose(0, 1).flatten(1))
    assert colours.min() > 0.9


def test_what_is_read_is_what_was_written(write):
    write()
    part, written = sets.load("svhn-part", limit=7), arrays()
    assert np.array_equal(
        part.images.permute(0, 2, 3, 1).numpy(), written["images"][:7]
    )
    assert part.labels.tolist() == [0, 1, 2, 3, 4, 5, 6]
    assert part.factors["official_row"].tolist() == [1, 2, 3, 4, 5, 6, 7]
    assert part.photographs.tolist() == [0, 0, 0, 2, 2, 2, 4]
    assert part.subset([3, 6]).photographs.tolist() == [2, 4]
    assert sets.known_md5("svhn-part")["train"] == part.md5
    with pytest.raises(DataError, match="svhn-part has only 20 train images"):
        sets.load("svhn-part", limit=21)


def test_photographs_of_the_two_official_sets_are_not_mixed_up(write):
    write(official_split=(np.arange(20) % 2).astype(np.uint8))
    assert sets.load("svhn-part").photographs[:4].tolist() == [0, 1, 0, 3]


def test_a_missing_file_is_named_and_no_command_promised(tmp_path, monkeypatch):
    monkeypatch.setenv("EQUIVAE_DATA", str(tmp_path))
    with pytest.raises(DataError) as error:
        sets.load("svhn-part")
    said = str(error.value)
    assert "SVHN-part" in said and "No command fetches it" in said
    assert "street-glyphs" in said and "download svhn-part" not in said
    with pytest.raises(DataError, match="choose from mnist, svhn"):
        sources.download("svhn-part")


def test_a_flipped_bit_is_seen(write):
    path = write()
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match="damaged or truncated.*No command fetches"):
        sets.load("svhn-part")


@pytest.mark.parametrize("raw", [b"", b"PK\x03\x04 cut", b"\x93NUMPY"])
def test_a_file_that_is_no_archive(write, raw):
    path = write(raw)
    with pytest.raises(DataError, match="cannot be read as a part of SVHN") as error:
        sets.load("svhn-part")
    assert str(path) in str(error.value)


@pytest.mark.parametrize("name", sorted(arrays()))
def test_an_array_is_missing(write, name):
    write(leave_out=[name])
    with pytest.raises(DataError, match=f"cannot be read .*{name}"):
        sets.load("svhn-part")


@pytest.mark.parametrize(
    "changes",
    [
        {"images": np.zeros((20, 3, 32, 32), np.uint8)},
        {"images": np.zeros((20, 32, 32, 3), np.float32)},
        {"labels": np.arange(20, dtype=np.uint8)},
        {"labels": np.zeros(19, np.uint8)},
        {"photograph": np.zeros((20, 1), np.int32)},
    ],
)
def test_arrays_of_another_kind(write, changes):
    write(**changes)
    with pytest.raises(DataError, match="does not hold a part of SVHN"):
        sets.load("svhn-part")


def test_pickles_are_not_opened(write):
    write(labels=np.array([print] * 20, dtype=object))
    with pytest.raises(DataError, match="cannot be read as a part of SVHN"):
        sets.load("svhn-part")


# --- splits by photograph ---------------------------------------------------------


def test_photographs_stay_on_one_side(write):
    write()
    part = sets.load("svhn-part")
    kept, held = splits.held_out(part, 5, seed=1)
    assert set(kept.photographs.tolist()).isdisjoint(held.photographs.tolist())
    assert len(kept) + len(held) == 20 and 5 <= len(held) < 8
    again = splits.held_out(part, 5, seed=1)[1]
    assert torch.equal(again.images, held.images)
    others = [splits.held_out(part, 5, seed=s)[1].photographs.tolist() for s in (2, 3)]
    assert held.photographs.tolist() not in others


def test_every_group_is_held_out_equally_often():
    groups = torch.tensor([7, 7, 1, 1, 3, 3, 9, 9])
    times = torch.zeros(8)
    for seed in range(400):
        times[splits.holdout_split(8, 2, seed, groups)[1]] += 1
    # One pair of four: 100 +- 8.7 of 400; six of these.
    assert (times - 100).abs().max() < 52
    assert times[0] == times[1] and times[6] == times[7]


def test_a_split_that_leaves_a_side_empty():
    with pytest.raises(DataError, match="nothing is left of 4"):
        splits.holdout_split(4, 1, 0, torch.zeros(4, dtype=torch.long))
    with pytest.raises(DataError, match="3 groups, but 4 images"):
        splits.holdout_split(4, 1, 0, torch.zeros(3, dtype=torch.long))
