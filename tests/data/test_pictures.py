"""One picture of every awkward kind: what the network sees, or why it sees nothing."""

import warnings

import numpy as np
import pytest
from PIL import Image

from equivae_lite.data import pictures
from equivae_lite.data.pictures import PictureError, coloured, open_picture, square

RAMP = np.arange(48 * 40, dtype=np.uint16).reshape(40, 48) * 30  # 16 bits, 48 wide


def saved(tmp_path, picture, name="a.png", **options):
    picture.save(tmp_path / name, **options)
    return tmp_path / name


def seen(path, colours=1, size=16):
    return square(open_picture(path)[0], size, colours)


def test_sixteen_bits_are_brought_to_eight_and_not_cut_off(tmp_path):
    path = saved(tmp_path, Image.fromarray(RAMP))
    picture, done = open_picture(path)
    right = (RAMP / 65535 * 255).round()
    assert picture.mode == "L" and done == ["16 bits brought to 8"]
    assert np.abs(np.asarray(picture) - right).max() <= 1
    dark = saved(tmp_path, Image.fromarray((RAMP // 256).astype(np.int32)), "b.tif")
    assert np.array_equal(np.asarray(open_picture(dark)[0]), RAMP // 256)
    for values in (RAMP.astype(np.float32), -RAMP.astype(np.int32)):
        wrong = saved(tmp_path, Image.fromarray(values), "c.tif")
        with pytest.raises(PictureError, match="levels are not from 0 to"):
            open_picture(wrong)


def test_transparent_is_laid_on_paper_on_which_it_is_seen(tmp_path):
    for ink, paper in ((0, 255), (255, 0)):
        drawing = Image.new("RGBA", (20, 20), (ink, ink, ink, 0))
        drawing.paste((ink, ink, ink, 255), (5, 5, 15, 15))
        picture, done = open_picture(saved(tmp_path, drawing))
        assert picture.getpixel((0, 0)) == (paper,) * 3
        assert picture.getpixel((10, 10)) == (ink,) * 3
        assert done == [f"transparent: laid on {'white' if paper else 'black'}"]
    palette = drawing.convert("P")
    kept = open_picture(saved(tmp_path, palette, "p.png", transparency=0))[0]
    assert kept.mode == "RGB"
    whole = Image.new("RGBA", (4, 4), (9, 9, 9, 255))
    assert open_picture(saved(tmp_path, whole))[1] == []


def test_turned_by_exif_cmyk_animated(tmp_path):
    up = Image.new("L", (24, 24), 0)
    up.paste(255, (0, 0, 24, 6))  # white above
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held sideways
    path = saved(tmp_path, up.rotate(90), "e.jpg", exif=exif, quality=95)
    assert seen(path, size=24)[0, :4].min() > 200 and seen(path)[0, 8:].max() < 60
    assert open_picture(path)[1] == ["turned as its EXIF says"]
    red = Image.new("CMYK", (20, 20), (0, 255, 255, 0))
    r, g, b = seen(saved(tmp_path, red, "c.jpg"), 3)[:, 8, 8]
    assert r > 200 and g < 60 and b < 60
    frames = [Image.new("L", (16, 16), level) for level in (0, 255)]
    path = saved(tmp_path, frames[0], "m.gif", save_all=True, append_images=frames[1:])
    assert seen(path).max() == 0
    assert open_picture(path)[1] == ["moves: its first frame is taken"]


def test_what_cannot_be_read_says_why(tmp_path, monkeypatch):
    whole = saved(tmp_path, Image.fromarray(RAMP), "whole.png").read_bytes()
    half = whole[: len(whole) // 2]
    cases = {"empty": b"", "text": b"no picture at all", "cut": half}
    words = {"empty": "is empty", "text": "no picture that", "cut": "cannot be read"}
    for name, content in cases.items():
        (tmp_path / f"{name}.png").write_bytes(content)
        with pytest.raises(PictureError, match=words[name]):
            open_picture(tmp_path / f"{name}.png")
    with pytest.raises(PictureError, match="cannot be read"):
        open_picture(tmp_path / "absent.png")
    monkeypatch.setattr(pictures, "MOST_PIXELS", 1000)
    with pytest.raises(PictureError, match="48 x 40 pixels: make it smaller"):
        open_picture(tmp_path / "whole.png")
    monkeypatch.setattr(pictures, "MOST_PIXELS", 10**9)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)  # Pillow's own limit
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        open_picture(saved(tmp_path, Image.new("L", (40, 40)), "warned.png"))
        huge = saved(tmp_path, Image.new("L", (80, 80)), "huge.png")
        with pytest.raises(PictureError, match="far too many"):
            open_picture(huge)


def test_a_square_of_the_colour_of_the_border(tmp_path):
    wide = Image.new("L", (40, 20), 200)
    wide.paste(0, (10, 5, 30, 15))
    found = square(wide, 20, 1)
    assert found.shape == (1, 20, 20) and found.dtype == np.uint8
    assert found[0, 0, 0] == found[0, -1, -1] == 200 and found[0, 10, 10] < 10
    assert square(wide, 20, 3).shape == (3, 20, 20)
    same = Image.fromarray(np.arange(256, dtype=np.uint8).reshape(16, 16))
    assert np.array_equal(square(same, 16, 1)[0], np.asarray(same))
    blue = Image.new("RGB", (10, 30), (10, 20, 200))
    assert (square(blue, 16, 3) == np.array([10, 20, 200])[:, None, None]).all()


def test_what_is_coloured():
    grey = Image.fromarray(np.full((40, 40, 3), 90, dtype=np.uint8))
    assert not coloured(grey) and not coloured(grey.convert("L"))
    grey.paste((200, 20, 20), (0, 0, 10, 10))
    assert coloured(grey)
