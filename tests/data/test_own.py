"""A reader's set: how it is split, kept and read again."""

import numpy as np
import pytest
import torch

from equivae_lite.data import own
from equivae_lite.data.gather import Gathered
from equivae_lite.data.splits import held_out
from equivae_lite.errors import DataError

COUNTS = (2, 3, 12, 40)
NAMES = ("wee", "small", "ä b", "🍁")


def gathered(unnamed=0):
    labels = np.repeat([*range(len(COUNTS)), -1], [*COUNTS, unnamed])
    images = np.zeros((len(labels), 1, 16, 16), dtype=np.uint8)
    images[:, 0, 0, 0] = np.arange(len(labels))  # every image has its number
    return Gathered(images, labels, NAMES)


def numbers(data):
    return data.images[:, 0, 0, 0].tolist()


def test_a_sixth_of_each_class_is_held_out_and_never_the_last_two():
    sides = own.split(gathered(), "mine")
    train, test = sides["train"], sides["test"]
    assert torch.bincount(test.labels, minlength=4).tolist() == [0, 1, 2, 7]
    assert torch.bincount(train.labels, minlength=4).tolist() == [2, 2, 10, 33]
    assert sorted(numbers(train) + numbers(test)) == list(range(sum(COUNTS)))
    whole = gathered()
    for side in (train, test):
        assert side.names == NAMES and side.classes == 4 and not side.stand_in
        assert side.labels.tolist() == whole.labels[numbers(side)].tolist()
    assert numbers(train) != sorted(numbers(train))  # in random order
    again, other = own.split(gathered(), "mine"), own.split(gathered(), "mine", seed=1)
    assert again["train"].md5 == train.md5 != other["train"].md5
    with pytest.raises(DataError, match="leave 0 to test on"):
        own.split(Gathered(whole.images[:4], np.array([0, 0, 1, 1]), ("a", "b")), "m")


def test_pictures_without_a_name_are_for_training_only():
    sides = own.split(gathered(9), "mine")
    train = sides["train"]
    assert sides["test"].named is None and int((~train.named).sum()) == 9
    first = sum(COUNTS)
    assert sorted(np.array(numbers(train))[~train.named]) == [*range(first, first + 9)]
    kept, held = held_out(train, 5)
    assert bool(held.named.all()) and int((~kept.named).sum()) == 9
    assert torch.bincount(kept.labels[kept.named], minlength=4).min() >= 2


@pytest.mark.parametrize("unnamed", [0, 9])
def test_what_is_kept_is_read_again(tmp_path, unnamed):
    sides, path = own.split(gathered(unnamed), "mine"), tmp_path / "mine.npz"
    own.keep(sides, path)
    for side, data in sides.items():
        found = own.read(path, "mine", side, NAMES, data.md5)
        assert found.md5 == data.md5 and numbers(found) == numbers(data)
        assert (found.named is None) == (data.named is None)
        few = own.read(path, "mine", side, NAMES, data.md5, limit=16)
        there = torch.bincount(few.labels, minlength=4)
        whole = torch.bincount(data.labels, minlength=4)
        if not unnamed:
            assert there.tolist() == whole.clamp(max=4).tolist()
        assert set(numbers(few)) < set(numbers(data))
    with pytest.raises(DataError, match="other images than when it was made"):
        own.read(path, "mine", "train", NAMES, sides["test"].md5)
    with pytest.raises(DataError, match="other images"):  # classes of other names
        own.read(path, "mine", "test", NAMES[::-1], sides["test"].md5)
    with pytest.raises(DataError, match="cannot be read"):
        own.read(tmp_path / "no.npz", "mine", "train", NAMES, "")
    path.write_bytes(path.read_bytes()[:-900])
    with pytest.raises(DataError, match="cannot be read"):
        own.read(path, "mine", "test", NAMES, sides["test"].md5)
