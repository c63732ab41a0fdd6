"""From a Gaussian over standardised pixels to bits per dimension of a picture.

The model's density lives on x~ = (x - mean) / std, per pixel and colour. A density
changes with its coordinates: log p(x) = log p(x~) + log |det dx~/dx|, and here the
Jacobian is diagonal. Three spaces, each with its own scale:

    "standardised"  what the networks see;
    "unit"          pictures from 0 to 1;
    "levels"        grey levels from 0 to 255.

A picture holds whole grey levels, and a density has no probability of a point. With
uniform noise of one level, the mean of log p(x + noise) is at most the logarithm of
the probability that the density gives to the interval of one level around x. That
mean, negative and in bits per pixel and colour, is what is reported: bits per
dimension *with uniform dequantisation noise*. From a bound on log p it is an upper
bound on the bits.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..data.sets import Pixels
from ..errors import DataError
from ..model import checks
from .checks import noise_indices

SPACES = ("standardised", "unit", "levels")
LEVELS = 255  # from black to white
SEED = 7919  # of the noise: not that of the samples of v


def log_det(pixels: Pixels, space: str, dimensions: int) -> float:
    """log |det| of the map from `space` to standardised pixels, in nats.

    dimensions: pixels times colours. Raises DataError for an unknown space, and for
    other dimensions than those of the statistics.
    """
    checks.integer("dimensions", dimensions, 1, DataError)
    if space not in SPACES:
        raise DataError(f"space is {space!r}: choose from {', '.join(SPACES)}.")
    if space == "standardised":
        return 0.0
    value = 0.0
    if pixels.std is not None:
        if pixels.std.numel() != dimensions:
            raise DataError(
                f"the pixel statistics are for {pixels.std.numel():,} dimensions, but "
                f"the images have {dimensions:,}: take those that the model was "
                "trained with."
            )
        value = -float(pixels.std.double().log().sum())
    return value - (dimensions * math.log(LEVELS) if space == "levels" else 0.0)


def convert(log_p: Tensor, pixels: Pixels, space: str, dimensions: int) -> Tensor:
    """Log densities (or bounds on them) of standardised pixels, as ones in `space`."""
    checks.real(log_p=log_p)
    log_p = checks.full(log_p)
    return log_p + log_det(pixels, space, dimensions)


def dequantised(images: Tensor, pixels: Pixels, indices: Tensor) -> Tensor:
    """Network input of uint8 images (N, C, H, W) with uniform noise of one grey level.

    The noise, from -1/2 to 1/2 level, keeps the grey level as the middle of its
    interval. Row i of it depends on `indices[i]` (N,) alone. Raises DataError for
    other images, and unless there is one index for each.
    """
    x = pixels.forward(images)
    generator = torch.Generator()
    rows = []
    for i in noise_indices(indices, len(x)):
        generator.manual_seed(SEED * 1_000_003 + i)
        rows.append(torch.rand(x.shape[1:], generator=generator))
    noise = (torch.stack(rows) - 0.5).to(x.device) / LEVELS
    return x + (noise if pixels.std is None else noise / pixels.std)


def bits_per_dimension(log_p: Tensor, pixels: Pixels, dimensions: int) -> Tensor:
    """Bits per pixel and colour, (N,), from log p of `dequantised` input in nats.

    log_p (N,): log densities in standardised space, or lower bounds on them, which
    make this an upper bound. Only for normalised densities: a Bernoulli's score of
    grey values is none.
    """
    return -convert(log_p, pixels, "levels", dimensions) / (dimensions * math.log(2))
