"""Any images, labels and settings: the right tensors or an error that says what is
wrong. Right is what NumPy says of the same bytes.
"""

import math
import struct
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import equivae_lite.data
from equivae_lite.data import checks, readers, sets, sources, splits
from equivae_lite.data.distortions import distort
from equivae_lite.data.sets import ImageSet, Pixels
from equivae_lite.data.stand_ins import (
    characters,
    faces,
    factors,
    glyphs,
    letters,
    street,
    street_paint,
)
from equivae_lite.errors import DataError, EquivaeError, InputError
from tests.support.fuzz import (
    COMPLEX,
    NO_TENSORS,
    REAL,
    anything,
    covers,
    nothing_forgotten,
    quick,
    random,
    seeds,
    survives,
)

EXEMPT = {
    "checks.kind": "a word for an error",
    "checks.as_tensor": "reached through class_indices and subset",
    "checks.rows_of": "reached through subset",
    "checks.check_images": "reached through ImageSet",
    "checks.check_integers": "reached through class_indices and subset",
    "checks.check_uint8": "reached through Pixels",
    "checks.check_statistics": "reached through Pixels",
    "checks.check_shape": "reached through Pixels",
    "sources": "files, folders and the network: test_sets.py and test_svhn.py",
    "others": "files and the network: test_others.py",
    "pictures": "files: test_pictures.py",
    "gather": "files and folders: test_gather.py",
    "own": "files: test_own.py",
}
no_count = st.sampled_from([0, -1, 1.5, "2", math.nan, math.inf])
numbers = st.one_of(st.integers(-3, 40), st.sampled_from([1.5, None, "2", math.nan]))


def test_no_function_is_forgotten():
    nothing_forgotten(equivae_lite.data, globals(), EXEMPT)


def bytes_of(seed: int, *shape: int) -> torch.Tensor:
    values = np.random.default_rng(seed).integers(256, size=shape, dtype=np.uint8)
    return torch.from_numpy(values)


def a_set(labels, images=None, factors=None) -> ImageSet:
    images = torch.zeros(len(labels), 1, 2, 2).byte() if images is None else images
    return ImageSet("glyphs", "train", images, labels, factors, "")


# --- labels ---------------------------------------------------------------------------

AS = {
    "tensor": torch.tensor,
    "int32": lambda y: torch.tensor(y, dtype=torch.int32),
    "uint8": lambda y: torch.tensor(y, dtype=torch.uint8),
    "array": np.array,
    "bytes": lambda y: np.array(y, dtype=np.uint8),
    "list": list,
    "tuple": tuple,
    "strided": lambda y: torch.tensor([y, y]).T[:, 0],
}
some_labels = st.lists(st.integers(0, 9), min_size=1, max_size=30)


@covers("checks.class_indices", "checks.indices_from", "sets.ImageSet",
        "sets.ImageSet.by_class", "sets.ImageSet.stand_in", "sets.ImageSet.classes",
        "sets.ImageSet.to", "sets.ImageSet.named")  # fmt: skip
@given(some_labels, st.sampled_from(list(AS)))
@quick(40)
def test_labels_in_any_form(labels, form):
    found = checks.class_indices(AS[form](labels), len(labels), 10)
    assert found.dtype == torch.int64 and found.tolist() == labels
    assert torch.equal(checks.indices_from("labels", AS[form](labels)), found)
    one = a_set(AS[form](labels))
    assert one.labels.tolist() == labels and len(one) == len(labels)
    assert one.stand_in and one.classes == 10 and one.named is None
    more = replace(one, names=tuple("ABCDEFGHIJKLM"), factors={"named": one.labels > 4})
    assert more.classes == len(more.by_class()) == 13 and not more.by_class()[12].any()
    assert torch.equal(more.to("cpu").named, one.labels > 4)
    if max(labels) > 0:
        with pytest.raises(DataError, match="expected from 0 to"):
            replace(one, names=tuple(map(str, range(max(labels)))))
    groups = one.by_class()
    for y in range(10):
        assert groups[y].tolist() == np.flatnonzero(np.array(labels) == y).tolist()
    assert torch.equal(one.to("cpu").labels, one.labels)


WRONG_LABELS = {
    "one-hot": torch.eye(10)[[3, 1, 4]],
    "one-hot of integers": torch.eye(10).long()[[3, 1, 4]].tolist(),
    "column": [[3], [1], [4]],
    "float": [3.0, 1.0, 4.0],
    "float array": np.array([3.0, 1.0, 4.0]),
    "bool": [True, False, True],
    "below": [3, 1, -1],
    "above": [3, 1, 10],
    "words": ["3", "1", "4"],
    "ragged": [[3], [1, 4], []],
    "none": None,
    "number": 3,
    "complex": COMPLEX,
    "too many": [3, 1, 4, 1],
    "too large": [3, 1, 2**70],
    "objects": np.array([3, None, 4]),
}


@pytest.mark.parametrize("wrong", WRONG_LABELS.values(), ids=WRONG_LABELS)
def test_labels_that_are_none(wrong):
    images = torch.zeros(3, 1, 2, 2, dtype=torch.uint8)
    for call in (
        lambda: checks.class_indices(wrong, 3, 10),
        lambda: a_set(wrong, images),
    ):
        with pytest.raises(DataError, match="labels"):
            call()
    if wrong is not WRONG_LABELS["too many"]:
        with pytest.raises(DataError, match="labels"):
            splits.class_balanced_split(wrong, 2, 0)


@given(anything, anything)
@quick(60)
def test_whatever_a_set_is_made_of(images, labels):
    made = survives(a_set, labels, images) if images is not None else None
    if made is not None:
        assert made.images.dtype == torch.uint8 and made.images.ndim == 4
        assert len(made.images) == len(made.labels)
    survives(a_set, [0, 1], torch.zeros(2, 1, 2, 2).byte(), {"pose": images})


@covers("sets.ImageSet.subset")
@given(st.integers(0, 8), st.data())
@quick(40)
def test_subsets(n, data):
    images = bytes_of(n, n, 1, 2, 2)
    some = a_set([i % 10 for i in range(n)], images, {"pose": torch.arange(n)})
    rows = data.draw(st.lists(st.integers(-10, 10), max_size=5))
    for form in (list, np.array, torch.tensor):
        if all(-n <= i < n for i in rows):
            picked = some.subset(form(rows))
            where = np.array(rows, dtype=int)
            assert np.array_equal(picked.images.numpy(), images.numpy()[where])
            assert picked.factors["pose"].tolist() == np.arange(n)[where].tolist()
            assert picked.labels.tolist() == some.labels.numpy()[where].tolist()
        else:
            with pytest.raises(DataError, match="indices"):
                some.subset(form(rows))
    chosen = data.draw(st.lists(st.booleans(), min_size=n, max_size=n))
    if n:
        assert len(some.subset(chosen)) == sum(chosen)
    survives(some.subset, data.draw(anything))


# --- pixels ---------------------------------------------------------------------------


@covers("sets.Pixels", "sets.Pixels.unit", "sets.Pixels.fit", "sets.Pixels.to",
        "sets.Pixels.forward", "sets.Pixels.inverse", "sets.Pixels.state",
        "sets.Pixels.from_state")  # fmt: skip
@given(seeds, st.integers(1, 9), st.integers(1, 3), st.integers(1, 12))
@quick(30)
def test_pixels_by_numpy(seed, n, colours, chunk):
    images = bytes_of(seed, n, colours, 2, 3)
    images[:, 0, 0, 0] = 9  # never varies
    images = images.permute(1, 0, 2, 3).contiguous().permute(1, 0, 2, 3)
    values = images.numpy() / 255
    mean, std = values.mean(0), values.std(0)
    std[0, 0, 0] = 1
    std[std < 1e-9] = 1
    for lead in (images, images[None]):
        fitted = Pixels.fit(lead, chunk)
        np.testing.assert_allclose(fitted.mean.numpy(), mean, atol=1e-7)
        np.testing.assert_allclose(fitted.std.numpy(), std, rtol=1e-6)
        again = Pixels.from_state(fitted.to("cpu").state())
        seen = again.forward(lead)
        right = np.broadcast_to((values - mean) / std, seen.shape)
        np.testing.assert_allclose(seen.numpy(), right, atol=2e-5)
        back = again.inverse(seen).numpy()
        np.testing.assert_allclose(back, lead.numpy() / 255, atol=1e-6)
    plain = Pixels.unit().forward(images)
    np.testing.assert_allclose(plain.numpy(), values, rtol=1e-6)
    assert torch.equal(Pixels.from_state({}).inverse(2 * plain - 0.5).clamp(0, 1),
                       (2 * plain - 0.5).clamp(0, 1))  # fmt: skip


@given(anything, anything)
@quick(80)
def test_whatever_pixels_are_given(a, b):
    fitted = Pixels.fit(bytes_of(0, 4, 1, 2, 2))
    for pixels in (Pixels.unit(), fitted):
        survives(pixels.forward, a)
        survives(pixels.inverse, a)
    survives(Pixels.fit, a)
    survives(Pixels.fit, bytes_of(0, 4, 1, 2, 2), a)
    made = survives(Pixels, a, b)
    if made is not None:
        survives(made.forward, bytes_of(0, 4, 1, 2, 2))
    survives(Pixels.from_state, {"mean": a})
    survives(Pixels.from_state, {"mean": a, "std": b})


@pytest.mark.parametrize("std", [0.0, -1.0, math.nan, math.inf])
def test_a_deviation_that_divides_by_nothing(std):
    one = torch.ones(1, 2, 2)
    with pytest.raises(DataError, match="std positive"):
        Pixels(one, std * one)
    with pytest.raises(DataError, match="one shape"):
        Pixels(one, torch.ones(1, 1, 1))
    for half in ((one, None), (None, one)):
        with pytest.raises(DataError, match="a mean and a std"):
            Pixels(*half)


# --- splits ---------------------------------------------------------------------------


@covers("splits.class_balanced_split", "splits.holdout_split", "splits.held_out")
@given(some_labels, numbers, numbers, st.integers(1, 3), st.sampled_from(list(AS)))
@quick(80)
def test_splits(labels, per_class, seed, classes, form):
    labels = [y % classes for y in labels] * 2
    found = survives(
        splits.class_balanced_split, AS[form](labels), per_class, seed, classes
    )
    counts = np.bincount(labels, minlength=classes)
    legal = isinstance(per_class, int) and isinstance(seed, int) and seed >= 0
    assert (found is not None) == (legal and 2 <= per_class <= counts.min())
    if found is not None:
        lab, unlab = (side.numpy() for side in found)
        chosen = np.bincount(np.array(labels)[lab], minlength=classes)
        assert (chosen == per_class).all()
        assert sorted([*lab, *unlab]) == list(range(len(labels)))
    n = len(labels)
    sides = survives(splits.holdout_split, n, per_class, seed)
    assert (sides is not None) == (legal and 0 < per_class < n)
    if sides is not None:
        train, validation = sides
        assert len(validation) == per_class
        assert sorted(torch.cat(sides).tolist()) == list(range(n))
    survives(splits.holdout_split, per_class, seed, 0)
    survives(splits.holdout_split, n, n // 2, 0, AS[form](labels))
    halves = survives(splits.held_out, a_set(labels), per_class, 0)
    assert halves is None or sum(map(len, halves)) == n
    survives(splits.class_balanced_split, labels, 2, 0, per_class)


@covers("splits.hold_out_of_each")
@given(some_labels, numbers, st.integers(1, 12), st.sampled_from([0.1, 0.5, 0, 1, "x"]))
@quick(60)
def test_a_share_of_each_class(labels, seed, classes, share):
    labels = [y % classes for y in labels]
    found = survives(splits.hold_out_of_each, labels, seed, classes, share)
    legal = isinstance(seed, int) and seed >= 0 and share in (0.1, 0.5)
    assert (found is not None) == legal
    if legal:
        assert sorted(torch.cat(found).tolist()) == list(range(len(labels)))
        kept, held = (
            np.bincount(np.array(labels)[s.numpy()], minlength=classes) for s in found
        )
        for y in range(classes):
            n = kept[y] + held[y]
            assert held[y] == max(0, min(max(1, round(share * n)), n - 2))


@covers("splits.labelled_rows")
@given(st.lists(st.booleans(), min_size=1, max_size=12), numbers, numbers)
@quick(40)
def test_which_images_are_labelled(named, count, seed):
    n = len(named)
    some = a_set([i % 2 for i in range(n)], factors={"named": torch.tensor(named)})
    found = splits.labelled_rows(some, count, seed)  # whatever is asked for
    assert [side.tolist() for side in found] == [
        [i for i in range(n) if named[i] == wanted] for wanted in (True, False)
    ]
    two = replace(some, names=("a", "b"), factors=None)
    found = survives(splits.labelled_rows, two, count, seed)
    if found is not None and count is not None:
        per_class = torch.bincount(two.labels[found[0]], minlength=2)
        assert per_class.tolist() == [count // 2] * 2
    if found is not None:
        assert sorted(torch.cat(found).tolist()) == list(range(n))
        assert (len(found[1]) == 0) or count is not None


@covers("sets.ImageSet.photographs")
@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 3)), min_size=1))
@quick(30)
def test_photographs_have_a_number_each(places):
    labels = [0] * len(places)
    split, photograph = torch.tensor(places).T
    factors = {"official_split": split, "photograph": photograph}
    numbers = a_set(labels, factors=factors).photographs.tolist()
    assert len(set(zip(numbers, places))) == len(set(places)) == len(set(numbers))
    assert a_set(labels).photographs is None
    assert a_set(labels, factors={"pose": split}).photographs is None


@given(anything, anything)
@quick(40)
def test_whatever_is_split(a, b):
    survives(splits.class_balanced_split, a, 2, 0, 2)
    survives(splits.class_balanced_split, [0, 0, 1, 1], b, 0, 2)
    survives(splits.holdout_split, a, b, 0)
    survives(splits.holdout_split, 4, 1, 0, a)


# --- sets that are read or drawn ------------------------------------------------------


@covers("sets.load", "sets.known_md5", "readers.read")
@given(numbers, st.sampled_from(["glyphs", "letters", "mnist", "kmnist", "x", None]))
@quick(16)
def test_load(limit, name):
    found = survives(sets.load, name, "test", limit, root="no/such/folder")
    legal = name in ("glyphs", "letters") and isinstance(limit, int) and limit > 0
    assert (found is not None) == legal or limit is None
    if legal:
        assert len(found) == limit
    if name in sources.EVERY:
        assert set(sets.known_md5(name)) == {"train", "test"}
    else:
        for call in (sets.known_md5, lambda n: readers.read(n, "test", [])):
            with pytest.raises(DataError, match="unknown data set"):
                call(name)


@given(seeds, st.integers(1, 5))
@quick(5)
def test_read_is_the_bytes_of_the_file(tmp_path_factory, seed, n):
    folder = tmp_path_factory.mktemp("idx")
    images, labels = bytes_of(seed, n, 28, 28).numpy(), bytes_of(seed, n).numpy() % 10
    (folder / "x").write_bytes(struct.pack(">4I", 0x803, n, 28, 28) + images.tobytes())
    (folder / "y").write_bytes(struct.pack(">2I", 0x801, n) + labels.tobytes())
    x, y, _ = readers.read("mnist", "train", [folder / "x", folder / "y"])
    assert np.array_equal(x[:, 0].numpy(), images) and y.tolist() == labels.tolist()


@covers("distortions.distort")
@given(seeds, st.sampled_from(REAL), st.integers(0, 3), st.floats(0, 2))
@quick(20)
def test_distort_in_any_precision(seed, dtype, n, strength):
    x = random(seed, n, 2, 6, 5).sigmoid().to(dtype)
    one, exact = (
        distort(t, strength, torch.Generator().manual_seed(seed))
        for t in (x, x.double())
    )
    assert one.dtype == dtype and one.shape == x.shape
    close = 1e-4 if torch.finfo(dtype).bits > 16 else 0.01
    torch.testing.assert_close(one.double(), exact, rtol=0, atol=close)
    if n:
        assert x.amin() <= one.amin() and one.amax() <= x.amax() + 1e-3


@given(anything, st.one_of(st.floats(), st.just(1.0)))
@quick(60)
def test_whatever_is_distorted(x, strength):
    survives(distort, x, strength)
    survives(distort, x, 1.0)


@pytest.mark.parametrize("strength", [-1.0, math.nan, math.inf, -math.inf])
def test_a_strength_that_is_none(strength):
    with pytest.raises(InputError, match="finite and at least 0"):
        distort(torch.zeros(1, 1, 4, 4), strength)


@pytest.mark.parametrize("shape", [(0, 1, 2, 2), (1, 0, 1, 2, 2), (2, 1, 0, 2)])
def test_statistics_of_no_pixel(shape):
    with pytest.raises(DataError, match="at least one image"):
        Pixels.fit(torch.zeros(shape, dtype=torch.uint8))


@covers("stand_ins.faces.outlines")
@given(st.text("0189AZa!", max_size=2))
@quick(8)
def test_outlines(characters):
    found = survives(faces.outlines, characters)
    legal = characters != "" and set(characters) <= set(faces.CHARACTERS)
    assert (found is not None) == legal
    if legal:
        fields, widths = found
        assert len(fields) == len(widths) == len(characters) * len(faces.FACES)
        assert fields.isfinite().all() and (widths > 0).all()


RANGES = st.sampled_from([(1.0, 2.0), (0.0, 0.0), (2.0, 1.0), (-1.0, 1.0), (0.0, 1.0),
                          (math.nan, 1.0), (0.0, math.inf)])  # fmt: skip


@covers("stand_ins.factors.blocks", "stand_ins.factors.draw_factors")
@given(numbers, st.sampled_from(["train", "test", "all", None]), RANGES, RANGES)
@quick(60)
def test_factors(count, split, scale, other):
    found = survives(lambda: list(factors.blocks(count, split, "x", {"train": (1,)})))
    legal = isinstance(count, int) and count > 0
    assert (found is not None) == (legal and split == "train")
    ranges = {"scale": scale, "other": other}
    drawn = survives(factors.draw_factors, np.random.default_rng(0), ranges, count)
    fine = scale == (1.0, 2.0)
    fine &= other in ((1.0, 2.0), (0.0, 0.0), (-1.0, 1.0), (0.0, 1.0))
    assert (drawn is not None) == (legal and fine)
    if drawn is not None:
        labels, values = drawn
        assert len(labels) == count and labels.max() <= 9 and labels.min() >= 0
        for name, (low, high) in ranges.items():
            assert low <= values[name].min() <= values[name].max() <= high
    with pytest.raises(DataError, match="a block has 1024"):
        factors.draw_factors(np.random.default_rng(0), {}, 1025)


@covers("stand_ins.characters.characters")
@given(st.integers(1, 4), st.sampled_from(["train", "test", "x"]), st.booleans())
@quick(6)
def test_characters_one_by_one(n, split, back):
    of = characters.KEPT_BACK if back else characters.TAUGHT
    found = survives(characters.characters, n, split, of)
    assert (found is None) == (split == "x")
    if found is not None:
        images, labels, drawn = found
        assert images.shape == (n, 1, 28, 28) and labels.max() < len(of)
        for i in range(n):
            pose = {k: v[i : i + 1] for k, v in drawn.items()}
            one = glyphs.draw_glyphs(labels[i : i + 1], **pose, characters=of)
            assert torch.equal(one[0], images[i])
    with pytest.raises(DataError, match="at least one"):
        characters.characters(0)


def test_no_letter_is_both_taught_and_kept_back():
    both = characters.TAUGHT + characters.KEPT_BACK
    assert len(set(both)) == len(both) == 34
    upright = [c for c in faces.LETTERS if c not in "MW"]
    assert list(characters.KEPT_BACK) == upright[::3]


@covers("stand_ins.letters.letters")
def test_letters_one_by_one_and_bent():
    images, labels, drawn = letters.letters(3, "test")
    assert images.shape == (3, 1, 28, 28) and labels.max() < 26
    straight = {k: v for k, v in drawn.items() if k != "bend"}
    for i in (0, 2):
        pose = {k: v[i : i + 1] for k, v in drawn.items()}
        one = glyphs.draw_glyphs(labels[i : i + 1], **pose, characters=faces.LETTERS)
        assert torch.equal(one[0], images[i])
    flat = glyphs.draw_glyphs(labels, **straight, characters=faces.LETTERS)
    none = glyphs.draw_glyphs(
        labels, **straight, characters=faces.LETTERS, bend=torch.zeros(3, 2, 4, 4)
    )
    assert torch.equal(flat, none) and (flat != images).flatten(1).any(1).all()
    # A bend by one pixel everywhere is a shift by one pixel.
    moved = glyphs.draw_glyphs(3, shift_x=1.0, shift_y=-2.0)
    bend = torch.tensor([1.0, -2.0])[None, :, None, None].expand(1, 2, 3, 3)
    assert torch.equal(glyphs.draw_glyphs(3, bend=bend), moved)
    for wrong in (bend[:, :1], bend[0], math.nan * bend, "bent", bend[:, :, :0]):
        with pytest.raises(DataError, match="bend must be"):
            glyphs.draw_glyphs(3, bend=wrong)


@covers("stand_ins.glyphs.draw_glyphs", "stand_ins.glyphs.glyphs")
@given(st.integers(1, 4), st.sampled_from(["train", "test"]))
@quick(4)
def test_glyphs_one_by_one(n, split):
    images, labels, drawn = glyphs.glyphs(n, split)
    assert images.shape == (n, 1, 28, 28) and images.dtype == torch.uint8
    for i in range(n):
        pose = {name: float(value[i]) for name, value in drawn.items()}
        pose["face"] = int(pose["face"])
        for label in (int(labels[i]), labels[i], labels[i : i + 1].tolist()):
            one = glyphs.draw_glyphs(label, **pose)
            # A factor in float64 of a float32 number: the same number.
            assert torch.equal(one[0], images[i])


@given(anything, st.sampled_from(list(glyphs.GLYPH_RANGES) + ["face", "labels"]),
       numbers)  # fmt: skip
@quick(60)
def test_whatever_a_glyph_is_drawn_with(value, name, size):
    drawn = survives(glyphs.draw_glyphs, **({"labels": 3} | {name: value}))
    assert drawn is None or drawn.dtype == torch.uint8
    survives(glyphs.draw_glyphs, 3, size=size)
    for number in (math.nan, math.inf, -math.inf, 2.5 if name == "face" else math.nan):
        with pytest.raises(DataError):
            glyphs.draw_glyphs(**({"labels": 3} | {name: number}))
    survives(glyphs.glyphs, size, "neither")
    survives(street.street_glyphs, -1, seed=size)


@covers("stand_ins.street.street_glyphs", "stand_ins.street_paint.paint")
@given(numbers, numbers)
@quick(8)
def test_street_glyphs(n, seed):
    n = n if not isinstance(n, int) else min(n, 3)
    found = survives(street.street_glyphs, n, "test", seed)
    legal = isinstance(n, int) and n > 0 and isinstance(seed, int) and seed >= 0
    assert (found is not None) == legal
    if legal:
        images, labels, drawn = found
        assert images.shape == (n, 3, 32, 32) and len(labels) == n
        whole = street_paint.paint(labels, drawn)
        for i in range(n):
            one = {name: value[i : i + 1] for name, value in drawn.items()}
            assert torch.equal(street_paint.paint(labels[i : i + 1], one)[0], whole[i])
        # The grain is all that is missing: a few grey levels.
        noise = (images.double() - whole.double()).abs().mean()
        assert noise < 255 * 0.06


@given(st.data())
@quick(60)
def test_whatever_a_street_glyph_is_painted_with(data):
    labels, drawn = street._street_factors(np.random.default_rng(0), 2)
    name = data.draw(st.sampled_from(sorted(street_paint.NAMES)))
    wrong = data.draw(anything)
    painted = survives(street_paint.paint, labels, drawn | {name: wrong})
    assert painted is None or painted.shape == (2, 3, 32, 32)
    survives(street_paint.paint, wrong, drawn)
    survives(street_paint.paint, labels, drawn, wrong)
    for number in (math.nan, math.inf):
        value = torch.full_like(drawn[name].double(), number)
        with pytest.raises(DataError):
            street_paint.paint(labels, drawn | {name: value})


@pytest.mark.parametrize("name", ["blur", "scale", "stripe_period"])
def test_a_street_glyph_divided_by_nothing(name):
    labels, drawn = street._street_factors(np.random.default_rng(0), 2)
    with pytest.raises(DataError, match=f"{name} must be positive"):
        street_paint.paint(labels, drawn | {name: torch.zeros(2)})


@pytest.mark.parametrize("wrong", [*NO_TENSORS, COMPLEX], ids=repr)
def test_what_is_no_tensor(wrong):
    for call in (distort, Pixels.fit, Pixels.unit().forward, Pixels.unit().inverse):
        with pytest.raises(EquivaeError):
            call(wrong)
