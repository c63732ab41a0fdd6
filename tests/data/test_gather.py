"""Folders and files of pictures as readers have them: read right, or said."""

import os

import numpy as np
import pytest
from PIL import Image

from equivae_lite.data import gather
from equivae_lite.data.gather import from_folder
from equivae_lite.errors import DataError


def fill(folder, count, start=0, mode="L", size=(20, 20)):
    """Pictures that all differ: one bright pixel each, or one red one."""
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(start, start + count):
        picture = Image.new(mode, size, 0)
        picture.paste(255 if mode == "L" else (255, 0, 0), (i % 20, i // 20, 20, 20))
        picture.save(folder / f"{i}.png")


def of(path, **options):
    return from_folder(path, progress=False, **options)


def test_names_of_every_kind_hidden_files_and_unequal_classes(tmp_path):
    for i, (name, count) in enumerate((("Eiche alt", 5), ("Ähre", 2), ("🍁", 3))):
        fill(tmp_path / name, count, start=40 * i)
    fill(tmp_path / "🍁" / "more" / "deeper", 1, start=150)
    fill(tmp_path / ".hidden", 3)
    (tmp_path / "Ähre" / ".DS_Store").write_bytes(b"x")
    (tmp_path / "Ähre" / "notes.txt").write_text("no picture", encoding="utf-8")
    (tmp_path / "loose.png").write_bytes(b"")
    (tmp_path / "empty").mkdir()
    found = of(tmp_path)
    assert found.names == ("Eiche alt", "Ähre", "🍁")
    assert np.bincount(found.labels).tolist() == [5, 2, 4]
    assert found.images.shape == (11, 1, 20, 20) and found.images.dtype == np.uint8
    said = "\n".join(found.notes)
    for words in (
        "Ähre: 1 files are no pictures (1 .txt)", "1 files beside the sub",
        "without pictures are no classes: empty", "grey, 20 x 20",
    ):  # fmt: skip
        assert words in said, words


def test_broken_and_double_pictures_are_left_out_and_said(tmp_path):
    fill(tmp_path / "a", 4)
    fill(tmp_path / "b", 3, start=40)
    fill(tmp_path / "b", 1)  # 0.png is in a, too
    (tmp_path / "a" / "again.png").write_bytes((tmp_path / "a/0.png").read_bytes())
    (tmp_path / "a" / "broken.png").write_bytes(b"x")
    found = of(tmp_path)
    assert np.bincount(found.labels).tolist() == [4, 4]
    said = "\n".join(found.notes)
    assert "1 pictures are left out: a/broken.png: it is no picture" in said
    assert "1 pictures are there twice" in said
    assert "1 pictures stand in two classes" in said and "a/0.png and b/0.png" in said


def test_size_and_colours_are_found_or_as_asked(tmp_path):
    fill(tmp_path / "a", 3, mode="RGB", size=(90, 30))
    fill(tmp_path / "b", 3, start=40, size=(90, 30))
    assert of(tmp_path).images.shape == (6, 3, 32, 32)
    assert of(tmp_path, size=48, colours=1).images.shape == (6, 1, 48, 48)
    assert of(tmp_path, colours=1).images.shape[1:] == (1, 28, 28)
    for options, words in (
        ({"size": 15}, "choose from 16 to 64"), ({"size": 65}, "choose from 16 to 64"),
        ({"size": "x"}, "integer"), ({"colours": 2}, "1 is grey, 3 is red"),
    ):  # fmt: skip
        with pytest.raises(DataError, match=words):
            of(tmp_path, **options)


def test_unnamed_pictures_beside_the_named_ones(tmp_path):
    fill(tmp_path / "named" / "a", 3)
    fill(tmp_path / "named" / "b", 3, start=40)
    fill(tmp_path / "unnamed" / "some", 2, start=80)
    fill(tmp_path / "unnamed", 1)  # a/0.png once more
    found = of(tmp_path / "named", unlabelled=tmp_path / "unnamed")
    assert np.bincount(found.labels + 1).tolist() == [2, 3, 3]
    (tmp_path / "none").mkdir()
    for folder, words in (("none", "there are no pictures in"), ("x", "no folder")):
        with pytest.raises(DataError, match=words):
            of(tmp_path / "named", unlabelled=tmp_path / folder)


def test_folders_that_will_not_do(tmp_path, monkeypatch):
    with pytest.raises(DataError, match="there is no folder"):
        of(tmp_path / "absent")
    with pytest.raises(DataError, match="no sub-folder with pictures"):
        of(tmp_path)
    fill(tmp_path / "one" / "a", 3)
    with pytest.raises(DataError, match="there is 1 class .a.: there must be 2 to"):
        of(tmp_path / "one")
    fill(tmp_path / "one" / "b", 1, start=40)
    with pytest.raises(DataError, match="2 different pictures or more.*b has 1"):
        of(tmp_path / "one")
    fill(tmp_path / "two" / "train" / "a", 1)
    fill(tmp_path / "two" / "Test" / "a", 1)
    with pytest.raises(DataError, match="Test, train, which are no classes"):
        of(tmp_path / "two")
    fill(tmp_path / "one" / "b", 3, start=40)
    monkeypatch.setattr(gather, "MOST_BYTES", 1000)
    with pytest.raises(DataError, match="6 pictures of 20 x 20 pixels are 0.0 GiB"):
        of(tmp_path / "one")
    for name in ("a", "b"):
        for file in (tmp_path / "one" / name).iterdir():
            file.write_bytes(b"")
    with pytest.raises(DataError, match="none of the pictures can be read"):
        of(tmp_path / "one")


def test_links_that_lead_back_end(tmp_path):
    fill(tmp_path / "a", 2)
    fill(tmp_path / "b", 2, start=40)
    try:
        os.symlink(tmp_path, tmp_path / "a" / "back", target_is_directory=True)
    except OSError:
        pytest.skip("no links here")
    assert len(of(tmp_path).labels) == 4


# --- .npz ----------------------------------------------------------------------------


def test_arrays_of_every_order(tmp_path):
    path, grey = tmp_path / "a.npz", np.zeros((6, 16, 16), dtype=np.uint8)
    grey[range(6), range(6), 3] = 255
    for images, shape in (
        (grey, (6, 1, 16, 16)), (grey[..., None], (6, 1, 16, 16)),
        (np.stack([grey] * 3, 3), (6, 3, 16, 16)), (grey / 255, (6, 1, 16, 16)),
    ):  # fmt: skip
        np.savez(path, images=images, labels=[7, 7, 9, 9, 7, 9])
        found = from_folder(path)
        assert found.images.shape == shape and found.names == ("7", "9")
        assert np.array_equal(found.images[:, 0], grey)
        assert found.labels.tolist() == [0, 0, 1, 1, 0, 1]
    np.savez(path, images=grey, labels=list("abcabc"), names=["Ah", "Beh", "Zeh"])
    assert from_folder(path).names == ("Ah", "Beh", "Zeh")
    same = grey[[0, 1, 2, 3, 4, 0]]
    np.savez(path, images=same, labels=[0, 0, 1, 1, 0, 0])
    assert len(from_folder(path).labels) == 5


X = np.random.default_rng(0).integers(256, size=(4, 16, 16)).astype(np.uint8)


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"images": X}, "must have `images` and `labels`"),
        ({"images": X[:, :12], "labels": [0, 0, 1, 1]}, "12 x 16 pixels, but must be"),
        ({"images": X[..., :9, :9], "labels": [0, 0, 1, 1]}, "9 x 9 pixels"),
        ({"images": X[0], "labels": [0]}, "expected .N, H, W"),
        ({"images": X + 300.5, "labels": [0, 0, 1, 1]}, "bytes, or numbers from 0"),
        ({"images": X, "labels": [0, 0, 1]}, "expected 4 integers or words"),
        ({"images": X, "labels": [0.5, 0, 1, 1]}, "expected 4 integers or words"),
        ({"images": X, "labels": [0, 0, 0, 1]}, "1 has 1"),
        ({"images": X, "labels": [0, 0, 1, 1], "names": ["a"]}, "1 names, but 2"),
    ],
)
def test_arrays_that_will_not_do(tmp_path, arrays, words):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(DataError, match=words):
        from_folder(tmp_path / "a.npz")


def test_a_file_that_is_no_array(tmp_path):
    (tmp_path / "a.npz").write_bytes(b"PK no archive")
    with pytest.raises(DataError, match="neither a folder nor an .npz"):
        from_folder(tmp_path / "a.npz")
    with pytest.raises(DataError, match="goes with a folder"):
        from_folder(tmp_path / "a.npz", unlabelled=tmp_path)
