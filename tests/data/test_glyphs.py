"""The procedural stand-ins: the same bytes everywhere, and factors that act."""

import base64
import hashlib
import math
import zlib
from pathlib import Path

import matplotlib
import matplotlib.style
import numpy as np
import pytest
import torch
from matplotlib.font_manager import get_font
from torch.testing import assert_close

from equivae_lite.data.stand_ins import glyphs
from equivae_lite.data.stand_ins.faces import FACES, HEIGHT, outlines
from equivae_lite.data.stand_ins.factors import BLOCK, blocks, draw_factors
from equivae_lite.data.stand_ins.glyphs import GLYPH_RANGES, draw_glyphs
from equivae_lite.data.stand_ins.street import STREET_RANGES, street_glyphs
from equivae_lite.errors import DataError
from tests.support.stand_ins import centre_of_mass, ink, pinned

DIGITS = torch.arange(10).repeat(len(FACES))
each_set = pytest.mark.parametrize("draw", [glyphs.glyphs, street_glyphs])
EVERY_FACE = torch.arange(len(FACES)).repeat_interleave(10)
# Of images and labels of the first 64 of "train", on the pinned versions.
MD5 = "63e78d38823c933714094f78ee5f338c"
# The first three images of the test split (an 8, a 2 and a 1), packed.
SAMPLE = """
c-rmNTS$~a6bJC*N^a&QAA*z~Tcc1g5-cJy1B23sEW>b-3~5W0tXwo<7s*S|LxB*4id|op=pkIf3tk{4
N(qca3m01-HCB`$_)PkDzS@0o=FD?Yormwh_nX<7`DW%U(VvUB^i+eK8r%TF&yEUo7tyHF=sdq&2)^a#
yhF7q;9;~$mTK!j4yR1E425>`y8_M^fhBFcL141>xc@uQtl7c2=rlVuO6-f$c&29KfYp7y*8&Dq@-W%c
EaRTpiah|H+Ic(MVZ|l^zn$~gQWP5lUZ-&m0;B49t=xXGH?YL1R5j<T*e<l{JCt(!*V>29$a}kM@18C6
FUMAIu-`A!u`nhgcrMZYjbRs+0+oVIh3eypR)n)gO}KzsO89|(-NG-Eam_yV_cb~RcP>uQWnu5B1Fpb4
(R<A3KiP&(l#mw?u5QU%q=t$Cue7`!MCSmH;gk8XkZ+*J2yEkJ4hhtSb~}ZHdEUSsJ6-zSVpHtKNI~Jg
tSfpkAbJuz_WFfST7Pr;-WR4GeKa@D61jXGMZzTW8|Z%s(K1|aqI%$+fyyi{ofRS-`iQF*rbSCyxn<Y8
N)g>e$=~q7JX7hvC|2vgV%FHv2UMFZVHKZ@9h=QJh2kR!89O!tHAY;<XXk-Bxnyz2Rlq0E1Rwe37mY_8
g57-N$^OfZ<xet89RL
"""


# --- the same everywhere --------------------------------------------------------


@pytest.mark.skipif(not pinned(), reason="not the versions of requirements.txt")
def test_bytes_on_the_pinned_versions():
    images, labels, _ = glyphs.glyphs(64)
    content = images.numpy().tobytes() + labels.numpy().tobytes()
    assert hashlib.md5(content).hexdigest() == MD5


def test_sample_within_one_grey_level():
    packed = base64.b85decode("".join(SAMPLE.split()))
    stored = np.frombuffer(zlib.decompress(packed), dtype=np.uint8)
    images, labels, _ = glyphs.glyphs(3, "test")
    assert labels.tolist() == [8, 2, 1]
    difference = stored.astype(int) - images.numpy().ravel()
    assert abs(difference).max() <= 1


@each_set
def test_first_images_do_not_depend_on_how_many(draw):
    whole = draw(BLOCK + 40)
    for n in (1, 100, BLOCK, BLOCK + 7):
        images, labels, factors = draw(n)
        assert torch.equal(images, whole[0][:n]) and torch.equal(labels, whole[1][:n])
        for name, values in factors.items():
            assert torch.equal(values, whole[2][name][:n]), name


@each_set
def test_blocks_and_splits_differ(draw):
    images, _, factors = draw(2 * BLOCK)
    half = BLOCK
    assert not torch.equal(factors["rotation"][:half], factors["rotation"][half:])
    assert not torch.equal(images[:50], draw(50, "test")[0])


@pytest.mark.slow
def test_the_callers_style_and_threads_do_not_matter():
    threads = torch.get_num_threads()
    before = glyphs.glyphs(20)[0]
    outlines.cache_clear()
    try:
        torch.set_num_threads(2)
        with matplotlib.style.context("dark_background"):
            after = glyphs.glyphs(20)[0]
            assert matplotlib.rcParams["figure.facecolor"] == "black"
    finally:
        torch.set_num_threads(threads)
        outlines.cache_clear()
    assert torch.equal(before, after)


# --- the faces ------------------------------------------------------------------


def test_every_face_holds_every_digit():
    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    for face in FACES:
        font = get_font(folder / f"{face}.ttf")
        assert all(font.get_char_index(ord(digit)) for digit in "0123456789"), face
    assert len(set(FACES)) == len(FACES) >= 20


def test_digits_of_a_face_differ():
    images = draw_glyphs(DIGITS, EVERY_FACE)
    assert (ink(images) > 20).all()
    flat = images.double().reshape(len(FACES), 10, -1) / 255
    apart = torch.cdist(flat, flat) + 100 * torch.eye(10)
    # The nearest pair of digits differs by at least 9 fully changed pixels.
    assert apart.min() > 3


def test_every_digit_is_itself():
    # Read by its correlation with the mean of the *other* faces: an empty box or a
    # symbol in place of a digit would not be read as one.
    flat = draw_glyphs(DIGITS, EVERY_FACE).double().reshape(len(FACES), 10, -1)
    flat = flat - flat.mean(-1, keepdim=True)
    flat = flat / flat.norm(dim=-1, keepdim=True)
    for face in range(len(FACES)):
        others = flat.sum(0) - flat[face]
        others = others / others.norm(dim=-1, keepdim=True)
        guess = (flat[face] @ others.T).argmax(1)
        assert guess.tolist() == list(range(10)), FACES[face]


def test_digits_stand_upright():
    # A 7 has its bar above, a 6 its bowl below, a 9 above; 6 opens to the right.
    for face in range(len(FACES)):
        column, row = centre_of_mass(draw_glyphs(torch.tensor([6, 7, 9]), face))
        assert row[1] < row[2] < row[0] and column[0] < column[2], FACES[face]


def test_height_and_centre():
    for size in (28, 32, 33):
        dark = draw_glyphs(DIGITS, EVERY_FACE, size=size)[:, 0] < 128
        for axis, extent in ((2, HEIGHT), (1, None)):
            inked = (~dark).any(axis).double()
            first = inked.argmax(1)
            last = size - 1 - inked.flip(1).argmax(1)
            # To a pixel: the ink's middle is the image's.
            assert_close(
                (first + last) / 2, torch.full((210,), (size - 1) / 2), rtol=0, atol=1.0
            )
            if extent:
                assert ((last - first + 1 - extent).abs() <= 1).all()


# --- the factors ----------------------------------------------------------------


def test_images_are_drawn_from_their_factors():
    images, labels, factors = glyphs.glyphs(300, "test")
    assert images.shape == (300, 1, 28, 28) and images.dtype == torch.uint8
    assert labels.dtype == torch.int64
    assert torch.equal(draw_glyphs(labels, **factors), images)


@pytest.mark.parametrize("name", ["shift_x", "shift_y"])
@pytest.mark.parametrize("shift", [3.0, -1.5, 0.25])
def test_shift_moves_the_ink(name, shift):
    before = centre_of_mass(draw_glyphs(DIGITS, EVERY_FACE))
    after = centre_of_mass(draw_glyphs(DIGITS, EVERY_FACE, **{name: shift}))
    moved = {"shift_x": after[0] - before[0], "shift_y": after[1] - before[1]}
    # The pixel grid is coarse for hairlines: their centre moves by 0.1 more or less.
    assert (moved.pop(name) - shift).abs().max() < 0.15
    assert moved.popitem()[1].abs().max() < 0.1


def test_whole_pixel_shift_is_a_roll():
    before = draw_glyphs(DIGITS, EVERY_FACE, stroke=1)
    after = draw_glyphs(DIGITS, EVERY_FACE, stroke=1, shift_x=2, shift_y=-3)
    rolled = before.roll((-3, 2), (2, 3))
    assert (after.int() - rolled.int()).abs().max() <= 1


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_quarter_turns_are_rot90(turns):
    before = draw_glyphs(DIGITS, EVERY_FACE)
    after = draw_glyphs(DIGITS, EVERY_FACE, rotation=turns * math.pi / 2)
    turned = np.rot90(before.numpy(), turns, axes=(2, 3)).astype(int)
    assert abs(after.numpy() - turned).max() <= 1


def test_rotation_moves_the_ink_by_its_angle():
    angle = 0.4
    options = {"shift_x": 0.0, "size": 41}  # room for all of it
    x, y = centre_of_mass(draw_glyphs(DIGITS, EVERY_FACE, **options))
    u, w = centre_of_mass(draw_glyphs(DIGITS, EVERY_FACE, rotation=angle, **options))
    x, y, u, w = x - 20, y - 20, u - 20, w - 20
    # Anticlockwise, with rows counted downwards.
    assert_close(u, math.cos(angle) * x + math.sin(angle) * y, rtol=0, atol=0.1)
    assert_close(w, math.cos(angle) * y - math.sin(angle) * x, rtol=0, atol=0.1)


def test_shift_follows_rotation():
    # The order is part of the definition: a turned digit still goes right.
    turned = centre_of_mass(draw_glyphs(DIGITS, rotation=1.0))
    both = centre_of_mass(draw_glyphs(DIGITS, rotation=1.0, shift_x=2.0))
    assert_close(
        both[0] - turned[0], torch.full((210,), 2.0).double(), rtol=0, atol=0.1
    )
    assert_close(both[1], turned[1], rtol=0, atol=0.1)


def test_scale_scales_lengths():
    small = draw_glyphs(DIGITS, EVERY_FACE, size=48)
    large = draw_glyphs(DIGITS, EVERY_FACE, scale=2.0, size=48)
    # Twice as long: four times the ink, up to hairlines thinner than a pixel.
    assert_close(
        ink(large) / ink(small), torch.full((210,), 4.0).double(), rtol=0.06, atol=0
    )


def test_positive_shear_leans_to_the_right():
    upright = draw_glyphs(DIGITS, EVERY_FACE)
    leaning = draw_glyphs(DIGITS, EVERY_FACE, shear=0.25)
    # Rows keep their place: shear is horizontal.
    rows = (centre_of_mass(images)[1] for images in (upright, leaning))
    assert_close(*rows, rtol=0, atol=0.25)
    # The upper rows go right, by 0.25 of their height above the middle.
    for images in (upright, leaning):
        images[:, :, 12:] = 0
    (x, row), (u, _) = centre_of_mass(upright), centre_of_mass(leaning)
    assert_close(u - x, 0.25 * (13.5 - row), rtol=0, atol=0.35)


def test_stroke_adds_its_width():
    strokes = [0.0, 0.5, 1.0, 1.4]
    inks = [ink(draw_glyphs(DIGITS, EVERY_FACE, stroke=s)) for s in strokes]
    assert all((b > a).all() for a, b in zip(inks, inks[1:], strict=False))
    # A 1 in a face without serifs is nearly a bar: 16 pixels high, so one pixel
    # more of width and of height adds 16 + its length along the foot and the flag.
    one = draw_glyphs(torch.tensor([1]), FACES.index("DejaVuSans"), stroke=1.0)
    row = one[0, 0, 14].double() / 255
    plain = draw_glyphs(torch.tensor([1]), FACES.index("DejaVuSans"))[0, 0, 14] / 255
    assert row.sum() - plain.sum() == pytest.approx(1.0, abs=0.02)


@each_set
def test_factors_fill_their_ranges(draw):
    _, labels, factors = draw(2000)
    # Binomial(2000, 1/10): mean 200, standard deviation 13.4; five of them.
    assert (labels.bincount(minlength=10) - 200).abs().max() < 68
    assert factors["face"].bincount(minlength=len(FACES)).min() > 40
    ranges = GLYPH_RANGES if draw is glyphs.glyphs else STREET_RANGES
    for name, (low, high) in ranges.items():
        values = factors[name]
        slack = 0.01 * (high - low)
        assert values.dtype == torch.float32
        assert low - 1e-6 <= values.min() < low + slack
        assert high - slack < values.max() <= high + 1e-6


@pytest.mark.slow
@pytest.mark.parametrize("split, n", [("train", 60_000), ("test", 10_000)])
def test_no_digit_is_cut(split, n):
    """Drawn on a larger sheet, every digit leaves all outside of 28 x 28 empty."""
    outside = torch.ones(30, 30, dtype=torch.bool)
    outside[1:-1, 1:-1] = False
    for random, _, count in blocks(n, split, "glyphs", glyphs.SEEDS):
        labels, factors = draw_factors(random, GLYPH_RANGES, count)
        images = draw_glyphs(labels, **factors, size=30)
        assert not images[:, 0, outside].any()


def test_scalars_and_errors():
    assert draw_glyphs(3).shape == (1, 1, 28, 28)
    assert draw_glyphs(3, rotation=torch.linspace(-1, 1, 5)).shape == (5, 1, 28, 28)
    for wrong in (10, -1, torch.tensor([0, 12])):
        with pytest.raises(DataError, match="digits from 0 to 9"):
            draw_glyphs(wrong)
    with pytest.raises(DataError, match="face must be an index from 0 to 20"):
        draw_glyphs(1, face=21)
    with pytest.raises(DataError, match="scale must be positive"):
        draw_glyphs(1, scale=0.0)
    with pytest.raises(DataError, match="do not fit"):
        draw_glyphs(torch.tensor([1, 2]), shear=torch.zeros(3))
    with pytest.raises(DataError, match="ask for at least one"):
        glyphs.glyphs(0)
    with pytest.raises(DataError, match="train or test"):
        glyphs.glyphs(5, "valid")
