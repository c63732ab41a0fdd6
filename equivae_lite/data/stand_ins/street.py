"""`street-glyphs`, the stand-in for SVHN: house numbers whose every factor is known.

A picture is cut from the middle of a printed number as SVHN's are: the labelled
digit fills much of it, and the digits beside it show at the sides. What is drawn
from at random stands here; how it is drawn, in `street_paint`.
"""

from __future__ import annotations

import math
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from ...errors import DataError
from ...model.checks import integer
from .faces import outlines
from .factors import BLOCK, Ranges, blocks, draw_factors
from .street_paint import BUMPS, COLOURS, SIZE, paint

SPLITS = {"train": 3, "test": 4}  # the grey glyphs are drawn from 1 and 2
# Lowest and highest value of each factor; `scale` is drawn evenly in its logarithm.
STREET_RANGES: Ranges = {
    "rotation": (-0.2, 0.2),
    "scale": (1.1, 1.8),
    "shear": (-0.25, 0.25),
    "shift_x": (-2.5, 2.5),
    "shift_y": (-2.5, 2.5),
    "stroke": (-0.3, 1.6),
    "perspective_x": (-0.2, 0.2),
    "perspective_y": (-0.2, 0.2),
    "gap": (0.5, 3.5),
    "contrast": (0.06, 0.52),
    "light_x": (-0.3, 0.3),
    "light_y": (-0.3, 0.3),
    "stripe_angle": (0.0, np.pi),
    "stripe_period": (4.0, 16.0),
    "stripe_phase": (0.0, 2 * np.pi),
    "blur": (0.4, 1.2),
    "noise": (0.0, 0.008),
    "warmth": (-0.16, 0.16),
}
WORKERS = 8  # at most: each holds the noise of one block, 13 MB
NEIGHBOUR = 0.6  # share of images with a digit at the left, and at the right
SHADE = 0.92  # a photograph is a little darker than the middle of its range
TINT = 0.04  # how far a colour may be from that of its light
ROUGHNESS = 0.1  # bumps and stripes change the brightness of a wall by so much


def street_glyphs(
    n: int, split: str = "train", seed: int = 0
) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
    """The first n street glyphs of a split: images, labels and factors.

    images (n, 3, 32, 32) uint8; labels (n,) int64; factors name -> (n, ...), all that
    `street_paint.paint` needs but the grain of the noise. Image i depends on
    (split, seed, i) only. `street_paint` says what the factors are.

    Raises DataError for n < 1, an unknown split, or a negative seed.
    """
    if integer("seed", seed, -math.inf, DataError) < 0:
        raise DataError(f"seed is {seed}: it must be 0 or more.")
    seeds = {name: (number, seed) for name, number in SPLITS.items()}
    parts = list(blocks(n, split, "street-glyphs", seeds))
    images = np.empty((n, COLOURS, SIZE, SIZE), dtype=np.uint8)

    def draw(part: tuple[np.random.Generator, int, int]) -> tuple:
        random, first, count = part
        labels, factors = _street_factors(random, count)
        # Last and so large: drawn for the wanted images only.
        grain = random.standard_normal((count, COLOURS, SIZE, SIZE), dtype=np.float32)
        rows = slice(first, first + count)
        images[rows] = paint(labels, factors, torch.from_numpy(grain)).numpy()
        return labels, factors

    outlines()  # here and once: Matplotlib, which makes them, is not made for threads
    # Blocks know nothing of each other and NumPy works outside of Python's lock, so
    # threads draw side by side, in a notebook as in a script.
    with ThreadPoolExecutor(min(WORKERS, os.cpu_count() or 1)) as pool:
        labels, factors = zip(*pool.map(draw, parts), strict=True)
    together = {name: torch.cat([f[name] for f in factors]) for name in factors[0]}
    return torch.from_numpy(images), torch.cat(labels), together


def _street_factors(
    random: np.random.Generator, count: int
) -> tuple[Tensor, dict[str, Tensor]]:
    """Labels and factors of a block, cut to the first `count`.

    Everything is drawn for the whole block: what follows must not depend on `count`.
    """
    labels, factors = draw_factors(random, STREET_RANGES, count)

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return torch.from_numpy(random.uniform(low, high, (BLOCK, *shape)))[:count]

    # A number has one to three digits that share pose and face.
    for side in ("left", "right"):
        digit = torch.from_numpy(random.integers(10, size=BLOCK))[:count]
        factors[side] = torch.where(uniform(0, 1) < NEIGHBOUR, digit, -1)
    # Two colours whose brightness differs by the contrast; the ink is the darker one,
    # or in an inverted picture the brighter one. Middle brightness is the most common.
    contrast = factors["contrast"].double()
    dark = SHADE * (uniform(0, 1) + uniform(0, 1)) / 2 * (1 - contrast)
    inverted = uniform(0, 1) < 0.5
    factors["inverted"] = inverted.long()
    # One light falls on both: warm is more red and less blue.
    light = factors["warmth"].double()[:, None] * torch.tensor([0.5, 0.0, -0.5])
    for name, bright in (("ink", inverted), ("paper", ~inverted)):
        grey = dark + contrast * bright
        colour = grey[:, None] + light + uniform(-TINT, TINT, COLOURS)
        factors[name] = colour.clamp(0, 1).float()
    # A wall is never quite even; about half of the walls are striped.
    strength = uniform(0, ROUGHNESS)[:, None, None]
    factors["bumps"] = (strength * uniform(-1, 1, BUMPS, BUMPS)).float()
    factors["stripes"] = uniform(-ROUGHNESS, ROUGHNESS).clamp(min=0).float()
    return labels, factors
