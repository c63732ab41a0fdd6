"""The procedural stand-ins: the same bytes everywhere, and factors that act."""

import math
import re
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch.testing import assert_close

import tools.outlines
from equivae_lite.data import sets
from equivae_lite.data.stand_ins import glyphs
from equivae_lite.data.stand_ins.faces import (
    CHARACTERS,
    FACES,
    FILE,
    HEIGHT,
    LETTERS,
    outlines,
)
from equivae_lite.data.stand_ins.factors import BLOCK, blocks, draw_factors
from equivae_lite.data.stand_ins.glyphs import GLYPH_RANGES, draw_glyphs
from equivae_lite.data.stand_ins.street import STREET_RANGES, street_glyphs
from equivae_lite.errors import DataError
from equivae_lite.training import checkpoints
from tests.support.pins import with_pinned_matplotlib
from tests.support.stand_ins import centre_of_mass, ink

DIGITS = torch.arange(10).repeat(len(FACES))
each_set = pytest.mark.parametrize("draw", [glyphs.glyphs, street_glyphs])
EVERY_FACE = torch.arange(len(FACES)).repeat_interleave(10)


# --- the same everywhere --------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("stand_in", ["glyphs", "street-glyphs"])
@pytest.mark.parametrize("split", ["train", "test"])
def test_whole_sets_are_those_of_the_shipped_models(stand_in, split):
    """On every version of every library: what a card says can be drawn again."""
    card = checkpoints.read_card(f"{stand_in}-supervised")
    assert sets.load(stand_in, split).md5 == card["data"][split]


def test_letters_are_drawn_as_digits_are():
    labels = torch.arange(len(CHARACTERS)).repeat(len(FACES))
    face = torch.arange(len(FACES)).repeat_interleave(len(CHARACTERS))
    images = draw_glyphs(labels, face, characters=CHARACTERS)
    first = draw_glyphs(torch.arange(10), 3)
    assert torch.equal(images[3 * len(CHARACTERS) :][:10], first)
    upside = draw_glyphs(0, characters="Z"), draw_glyphs(25, characters=LETTERS)
    assert torch.equal(*upside)
    # None is empty or cut, and each is told from the others of its face.
    assert (ink(images) > 15).all()
    assert not images[..., [0, -1], :].any() and not images[..., [0, -1]].any()
    flat = images.double().reshape(len(FACES), len(CHARACTERS), -1) / 255
    apart = torch.cdist(flat, flat) + 100 * torch.eye(len(CHARACTERS))
    assert apart.min() > 1.5
    with pytest.raises(DataError, match="no outlines of \\['a'\\]"):
        draw_glyphs(0, characters="a")
    with pytest.raises(DataError, match="from 0 to 25"):
        draw_glyphs(26, characters=LETTERS)


@with_pinned_matplotlib
def test_outlines_are_what_the_command_draws(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["outlines"])
    tools.outlines.main()
    assert "what Matplotlib" in capsys.readouterr().out
    wrong = tools.outlines.drawn() | {"widths": np.ones(len(FACES) * len(CHARACTERS))}
    monkeypatch.setattr(tools.outlines, "drawn", lambda: wrong)
    with pytest.raises(SystemExit, match="draws other widths"):
        tools.outlines.main()


def test_the_stand_ins_need_no_matplotlib_and_no_fonts():
    code = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "from equivae_lite.data import sets\n"
        "print(*(sets.load(n, 'test', 10).md5 for n in ('glyphs', 'street-glyphs')))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, encoding="utf-8"
    )
    drawn = (sets.load(n, "test", 10).md5 for n in ("glyphs", "street-glyphs"))
    assert run.stdout.split() == list(drawn), run.stderr


def test_every_face_has_its_notice():
    text = FILE.with_name("NOTICES.txt").read_text(encoding="utf-8")
    families = {re.match("DejaVu|STIX|cm", face).group() for face in FACES}
    assert families == {"DejaVu", "STIX", "cm"}
    for words in ("Bitstream Vera", "Tavmjong Bah", "SIL OPEN FONT LICENSE",
                  "BaKoMa Fonts Licence", "ctan.org/tex-archive/fonts/cm"):  # fmt: skip
        assert words in text


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
def test_the_number_of_threads_does_not_matter():
    threads = torch.get_num_threads()
    before = glyphs.glyphs(20)[0]
    outlines.cache_clear()
    try:
        torch.set_num_threads(2)
        after = glyphs.glyphs(20)[0]
    finally:
        torch.set_num_threads(threads)
        outlines.cache_clear()
    assert torch.equal(before, after)


# --- the faces ------------------------------------------------------------------


def test_faces_are_told_apart():
    assert len(set(FACES)) == len(FACES) >= 20
    fields = outlines()[0].reshape(len(FACES), -1)
    assert (torch.cdist(fields, fields) + torch.eye(len(FACES))).min() > 0.5


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
        with pytest.raises(DataError, match="integers from 0 to 9"):
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
