"""The printed characters that both stand-ins are drawn from, as distance fields.

The outline of every (face, character) is turned once into a signed distance field. An
image is that field seen through a map of the plane: to thicken the strokes is to
add a constant to the distance, and a ramp one pixel wide makes smooth edges. The
outlines are numbers in `outlines.npz` (`tools/outlines.py` wrote them; NOTICES.txt has
the licences of the faces), so that they are the same wherever the book runs.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from scipy.ndimage import distance_transform_edt
from torch import Tensor

from ...errors import DataError

FILE = Path(__file__).with_name("outlines.npz")
DIGITS = "0123456789"
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
CHARACTERS = DIGITS + LETTERS
# Looked at one by one. Left out: faces without digits of their own (they show a
# placeholder or a symbol instead) and cmmi10, whose digits are old-style.
FACES = tuple(
    """
    DejaVuSans DejaVuSans-Bold DejaVuSans-Oblique DejaVuSans-BoldOblique
    DejaVuSansMono DejaVuSansMono-Bold DejaVuSansMono-Oblique
    DejaVuSansMono-BoldOblique DejaVuSerif DejaVuSerif-Bold DejaVuSerif-Italic
    DejaVuSerif-BoldItalic STIXGeneral STIXGeneralBol STIXGeneralItalic
    STIXGeneralBolIta cmb10 cmr10 cmss10 cmti10 cmtt10
    """.split()
)
HEIGHT = 16  # pixels: a character at scale 1,
WIDEST = 18  # or lower, for a broad letter: no digit is as wide as this
TILE = 26  # pixels: side of a distance field, with room around the character
FINE = 8  # outlines are kept at this many points a pixel,
COARSE = 4  # and their distance fields at this many


@lru_cache
def outlines(characters: str = DIGITS) -> tuple[Tensor, Tensor]:
    """Distance fields (rows, 104, 104) and widths (rows,), both in pixels.

    There is a row for each (face, character), len(characters) * face + index of the
    character. Positive distances lie inside the outline.

    Raises DataError for no character, or one that is not in CHARACTERS.
    """
    if not characters:
        raise DataError(f"no character asked for: there are {CHARACTERS}.")
    if unknown := set(characters) - set(CHARACTERS):
        raise DataError(f"no outlines of {sorted(unknown)}: there are {CHARACTERS}.")
    with np.load(FILE) as kept:
        crossings, counts, widths = (kept[n] for n in ("crossings", "counts", "widths"))
    columns = [CHARACTERS.index(character) for character in characters]
    wanted = np.arange(len(FACES))[:, None] * len(CHARACTERS) + columns
    ends = counts.sum(axis=1, dtype=np.int64).cumsum()
    fields = []
    side = TILE * FINE
    for row in wanted.ravel():
        crossed = np.zeros((side, side), dtype=bool)
        lines = np.repeat(np.arange(side), counts[row])
        crossed[lines, crossings[ends[row] - len(lines) : ends[row]]] = True
        inside = np.logical_xor.accumulate(crossed, axis=1)
        # Both distances run to a point of the grid, half a step past the outline.
        inwards = distance_transform_edt(inside) - 0.5
        outwards = distance_transform_edt(~inside) - 0.5
        fine = np.where(inside, inwards, -outwards) / FINE
        step = FINE // COARSE
        parts = [fine[i::step, j::step] for i in range(step) for j in range(step)]
        fields.append(sum(parts) / len(parts))
    return torch.from_numpy(np.stack(fields)), torch.from_numpy(widths[wanted.ravel()])
