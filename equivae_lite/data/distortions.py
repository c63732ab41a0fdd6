"""Small random changes of how a digit is drawn: v changes, the class does not.

Used in semi-supervised training only, where the label posterior reads a distorted
copy of an image. Knowing that a class survives these changes is knowledge of ours
that no label and no bound contains.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import InputError

# Largest change at strength 1; each is uniform between minus this and this.
ROTATION = math.radians(20)
SCALE = 0.15  # of the width and, by itself, of the height
SHEAR = 0.25
SHIFT = 1 / 7  # of half the image: 2 pixels of 28
# Standard deviation of a smooth field of displacements, of half the image, drawn on
# a coarse grid and interpolated.
BEND, GRID = 0.06, 4


def distort(
    x: Tensor, strength: float = 1.0, generator: torch.Generator | None = None
) -> Tensor:
    """One random rotation, scaling, shear, shift and bend for each image of a batch.

    x (B, C, H, W) in network space -> the same shape; beyond the border its last
    pixels go on. `strength` 0 returns x itself. Raises InputError (a ValueError) if it
    is negative, infinite or NaN, and unless x is a batch of floats.
    """
    if not 0 <= strength < math.inf:
        raise InputError(f"strength must be finite and at least 0, not {strength}")
    if not isinstance(x, Tensor) or x.ndim != 4 or not x.is_floating_point():
        given = f"{x.dtype} {tuple(x.shape)}" if isinstance(x, Tensor) else type(x)
        raise InputError(
            f"x must be float (B, C, H, W), not {given}: Pixels.forward makes it so"
        )
    if strength == 0 or x.numel() == 0:
        return x
    size, device = len(x), x.device

    def uniform(*shape: int) -> Tensor:
        u = torch.rand(size, *shape, generator=generator, device=device)
        return strength * (2 * u - 1)

    angle = ROTATION * uniform()
    cos, sin = angle.cos(), angle.sin()
    width, height = 1 + SCALE * uniform(), 1 + SCALE * uniform()
    shift = SHIFT * uniform(2)
    # Where each pixel of the new image is read in the old one: (B, 2, 3).
    rows = (
        torch.stack([cos * width, SHEAR * uniform() - sin * height, shift[:, 0]], 1),
        torch.stack([sin * width, cos * height, shift[:, 1]], 1),
    )
    grid = F.affine_grid(torch.stack(rows, 1), list(x.shape), align_corners=False)
    coarse = torch.randn(size, 2, GRID, GRID, generator=generator, device=device)
    bend = F.interpolate(
        BEND * strength * coarse, size=x.shape[-2:], mode="bicubic", align_corners=True
    )
    grid = grid + bend.permute(0, 2, 3, 1)
    # In float32 at the least: half precision would misplace pixels.
    kind = torch.promote_types(x.dtype, grid.dtype)
    out = F.grid_sample(
        x.to(kind), grid.to(kind), padding_mode="border", align_corners=False
    )
    return out.to(x.dtype)
