"""`letters`: printed letters A to Z, leaning, thick and thin, bent as by a hand.

The first set here with other classes than ten digits: 26, for models of one's own. Each
letter has the factors of a glyph (`glyphs`) and, besides, a smooth field of
displacements, `bend`: no two are drawn alike.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from .faces import LETTERS
from .factors import BLOCK, blocks, draw_factors
from .glyphs import draw_glyphs

SEEDS = {"train": (5,), "test": (6,)}
# A letter W is wider than any digit, so these are smaller and shifted less.
RANGES = {
    "rotation": (-0.25, 0.25),
    "scale": (0.8, 1.1),
    "shear": (-0.25, 0.25),
    "shift_x": (-1.5, 1.5),
    "shift_y": (-1.5, 1.5),
    "stroke": (0.0, 1.4),
}
GRID = 4  # the displacements are drawn at 4 x 4 points and interpolated,
BEND = 0.8  # with this standard deviation, in pixels
CHUNK = 8 * BLOCK  # images drawn at once: few of each letter and face are in a block


def letters(n: int, split: str = "train") -> tuple[Tensor, Tensor, dict[str, Tensor]]:
    """The first n letters of a split: images, labels and factors.

    images (n, 1, 28, 28) uint8, white on black; labels (n,) int64 from 0 for A to 25;
    factors name -> (n, ...), such that `draw_glyphs(labels, **factors,
    characters=LETTERS)` gives the images.
    """
    labels, factors = [], []
    for random, _, count in blocks(n, split, "letters", SEEDS):
        some, drawn = draw_factors(random, RANGES, count, classes=len(LETTERS))
        bend = BEND * random.standard_normal((BLOCK, 2, GRID, GRID))
        drawn["bend"] = torch.from_numpy(bend.astype(np.float32))[:count]
        labels.append(some)
        factors.append(drawn)
    together = {name: torch.cat([f[name] for f in factors]) for name in factors[0]}
    y, images = torch.cat(labels), []
    for rows in torch.arange(n).split(CHUNK):
        pose = {name: value[rows] for name, value in together.items()}
        images.append(draw_glyphs(y[rows], **pose, characters=LETTERS))
    return torch.cat(images), y, together
