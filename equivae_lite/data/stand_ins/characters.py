"""`characters`: ten digits and sixteen letters, drawn as glyphs; eight more kept back.

For chapter 15: what does a model make of a letter that nobody taught it? The factors
are those of `glyphs`, so no letter is bent. M and W are too wide for them and left out;
of the other letters every third is kept back, from A on.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .faces import DIGITS
from .factors import blocks, draw_factors
from .glyphs import GLYPH_RANGES, draw_glyphs

TAUGHT = DIGITS + "BCEFHIKLOPRSUVYZ"
KEPT_BACK = "ADGJNQTX"
SEEDS = {"train": (7,), "test": (8,)}


def characters(
    n: int, split: str = "train", of: str = TAUGHT
) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
    """The first n characters of a split: images, labels (indices into `of`), factors.

    As `glyphs.glyphs`, with the same seeds for KEPT_BACK as for TAUGHT.
    """
    labels, factors = [], []
    for random, _, count in blocks(n, split, "characters", SEEDS):
        some, drawn = draw_factors(random, GLYPH_RANGES, count, classes=len(of))
        labels.append(some)
        factors.append(drawn)
    together = {name: torch.cat([f[name] for f in factors]) for name in factors[0]}
    y = torch.cat(labels)
    return draw_glyphs(y, **together, characters=of), y, together
