"""Random factors for the stand-ins: image i does not depend on how many are drawn.

Images come in blocks of 1024, each with its own generator, and every random number
of a block is drawn for the whole block whether or not all of its images are wanted.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from ...errors import DataError
from ...model.checks import integer
from .faces import FACES

BLOCK = 1024  # images drawn from one generator
Ranges = dict[str, tuple[float, float]]  # lowest and highest value of each factor


def blocks(
    n: int, split: str, name: str, seeds: dict[str, Sequence[int]]
) -> Iterator[tuple[np.random.Generator, int, int]]:
    """For each block of the first n images: its generator, first image, and count.

    `seeds` gives for each split of the set `name` the start of a block's seed.
    Raises DataError for n < 1 and for a split without a seed.
    """
    if integer("n", n, -math.inf, DataError) < 1 or split not in seeds:
        raise DataError(
            f"asked for {n} {name} of split {split!r}: ask for at least one, "
            f"of {' or '.join(seeds)}."
        )
    for block, first in enumerate(range(0, n, BLOCK)):
        seed = np.random.PCG64([*seeds[split], block])
        yield np.random.Generator(seed), first, min(BLOCK, n - first)


def draw_factors(
    random: np.random.Generator, ranges: Ranges, count: int, classes: int = 10
) -> tuple[Tensor, dict[str, Tensor]]:
    """Labels and factors of a whole block, cut to the first `count`.

    `scale` is drawn evenly in its logarithm, all others evenly, and labels from so many
    `classes`. Raises DataError for a count that is not from 1 to BLOCK, and for a range
    that is none.
    """
    if integer("count", count, 1, DataError) > BLOCK:
        raise DataError(f"count is {count}, but a block has {BLOCK} images.")
    integer("classes", classes, 1, DataError)
    for name, (low, high) in ranges.items():
        if not -math.inf < low <= high < math.inf or (name == "scale" and low <= 0):
            raise DataError(f"{name} cannot be drawn from {low} to {high}.")
    labels = torch.from_numpy(random.integers(classes, size=BLOCK))
    factors = {"face": torch.from_numpy(random.integers(len(FACES), size=BLOCK))}
    for name, (low, high) in ranges.items():
        unit = random.random(BLOCK)
        value = low + (high - low) * unit
        if name == "scale":
            value = low * (high / low) ** unit
        # Rounded before use: the factors handed out are exactly those drawn with.
        factors[name] = torch.from_numpy(value.astype(np.float32))
    return labels[:count], {name: value[:count] for name, value in factors.items()}
