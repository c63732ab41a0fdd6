"""One picture file, of whatever kind, to the square of bytes that a network sees.

Turned as its EXIF says, its first frame if it moves, 16 bits brought to 8, what is
transparent laid on paper, filled up to a square with the colour of its border, and
brought to size. What cannot be read raises a PictureError that says why in words.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from ..errors import DataError

MOST_PIXELS = 100_000_000  # of a file: 400 MB of memory in colour
COLOURED = 24  # levels between the largest and the smallest colour of a pixel


class PictureError(DataError):
    """A file that is no picture, or none that can be used."""


def open_picture(path: Path) -> tuple[Image.Image, list[str]]:
    """A file as an upright 8-bit picture, L or RGB, and what was done to it.

    Raises PictureError for what is empty, unreadable, damaged or huge.
    """
    try:
        with warnings.catch_warnings():
            # Pillow only warns of what it thinks may fill the memory: we count.
            warnings.simplefilter("ignore")
            with Image.open(path) as file:
                if file.width * file.height > MOST_PIXELS:
                    raise PictureError(
                        f"it has {file.width:,} x {file.height:,} pixels: make it "
                        "smaller"
                    )
                return _upright(file)
    except Image.DecompressionBombError as error:
        raise PictureError("it has far too many pixels: make it smaller") from error
    except UnidentifiedImageError as error:
        empty = path.stat().st_size == 0
        raise PictureError(
            "it is empty" if empty else "it is no picture that Pillow can read"
        ) from error
    except PictureError:
        raise
    except MemoryError as error:
        raise PictureError("it does not fit into memory") from error
    except Exception as error:  # damaged files raise many types
        reason = f"{error}".splitlines()[0] if f"{error}" else type(error).__name__
        raise PictureError(f"it cannot be read: {reason[:120]}") from error


def _upright(file: Image.Image) -> tuple[Image.Image, list[str]]:
    done = []
    if getattr(file, "n_frames", 1) > 1:
        done.append("moves: its first frame is taken")
        file.seek(0)
    file.load()
    picture = ImageOps.exif_transpose(file)
    if file.getexif().get(0x0112, 1) != 1:
        done.append("turned as its EXIF says")
    if picture.mode.startswith("I") or picture.mode == "F":
        done.append("16 bits brought to 8")
        return _eight_bits(picture), done
    if picture.mode == "CMYK":
        done.append("CMYK brought to RGB")
    if picture.has_transparency_data:
        flat, what = _on_paper(picture.convert("RGBA"))
        return flat, done + what
    grey = picture.mode in ("1", "L")
    return picture.convert("L" if grey else "RGB"), done


def _eight_bits(picture: Image.Image) -> Image.Image:
    """Pillow's own conversion cuts off all levels above 255."""
    values = np.asarray(picture).astype(np.float64)
    most = {"F": 1.0}.get(picture.mode, 65535.0)
    if picture.mode == "I" and values.max(initial=0) <= 255:
        most = 255.0
    if values.size and not (values.min() >= 0 and values.max() <= most):
        raise PictureError(f"its levels are not from 0 to {most:g}")
    return Image.fromarray((255 * values / most).round().astype(np.uint8))


def _on_paper(picture: Image.Image) -> tuple[Image.Image, list[str]]:
    """White paper; black, where nothing would be seen on white."""
    if picture.getchannel("A").getextrema()[0] == 255:
        return picture.convert("RGB"), []
    for paper in ("white", "black"):
        flat = Image.new("RGBA", picture.size, paper)
        flat.alpha_composite(picture)
        low, high = flat.convert("L").getextrema()
        if high - low > 8:
            break
    return flat.convert("RGB"), [f"transparent: laid on {paper}"]


def coloured(picture: Image.Image) -> bool:
    """Whether more than a hundredth of its pixels are no grey."""
    if picture.mode == "L":
        return False
    small = np.asarray(picture.resize((32, 32), Image.Resampling.BOX)).astype(np.int16)
    return bool((np.ptp(small, axis=2) > COLOURED).mean() > 0.01)


def square(picture: Image.Image, size: int, colours: int) -> np.ndarray:
    """(colours, size, size) uint8: filled up to a square, then brought to size."""
    picture = picture.convert("L" if colours == 1 else "RGB")
    width, height = picture.size
    if width != height:
        side = max(width, height)
        wide = Image.new(picture.mode, (side, side), _border(picture))
        wide.paste(picture, ((side - width) // 2, (side - height) // 2))
        picture = wide
    if picture.size != (size, size):
        picture = picture.resize(
            (size, size), Image.Resampling.BICUBIC, reducing_gap=3.0
        )
    pixels = np.asarray(picture, dtype=np.uint8)
    return pixels[None] if colours == 1 else pixels.transpose(2, 0, 1)


def _border(picture: Image.Image) -> int | tuple[int, ...]:
    """The median colour of the outermost pixels."""
    p = np.asarray(picture)
    edge = np.concatenate([p[0], p[-1], p[:, 0], p[:, -1]])
    median = np.median(edge, axis=0).astype(int)
    return int(median) if median.ndim == 0 else tuple(median.tolist())
