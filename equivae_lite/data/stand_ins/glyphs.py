"""`glyphs`, the stand-in for MNIST: printed digits whose pose is known.

Class, face, rotation, scale, shear, shift and stroke of every image are known, and
all but the first two are continuous. `faces` has the outlines, `street` the stand-in
for SVHN.

Arithmetic is float64 up to the last rounding, so that machines which differ in
the last bits still draw the same bytes.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from ...errors import DataError
from ...model.checks import integer
from .faces import DIGITS, FACES, TILE, outlines
from .factors import blocks, draw_factors

SEEDS = {"train": (1,), "test": (2,)}
# With these ranges no digit of either split is cut by the border (a test looks).
GLYPH_RANGES = {
    "rotation": (-0.3, 0.3),
    "scale": (0.8, 1.15),
    "shear": (-0.25, 0.25),
    "shift_x": (-2.0, 2.0),
    "shift_y": (-2.0, 2.0),
    "stroke": (0.0, 1.4),
}


def draw_glyphs(
    labels: Tensor | int,
    face: Tensor | int = 0,
    rotation: Tensor | float = 0.0,
    scale: Tensor | float = 1.0,
    shear: Tensor | float = 0.0,
    shift_x: Tensor | float = 0.0,
    shift_y: Tensor | float = 0.0,
    stroke: Tensor | float = 0.0,
    size: int = 28,
    characters: str = DIGITS,
    bend: Tensor | None = None,
) -> Tensor:
    """White digits on black: uint8 (N, 1, size, size). All factors broadcast to (N,).

    labels: indices into `characters`; letters can be drawn, too.
    face: index into FACES. The centred digit, 16 pixels high, is sheared (positive
    leans to the right like an italic), scaled, rotated (radians, positive turns
    anticlockwise) and shifted (pixels, positive to the right and down). stroke:
    pixels added to the width of the face's own strokes; negative thins them. bend:
    (N, 2, k, k) displacements in pixels, to the right and down, at k x k points of the
    image, interpolated between them; None bends nothing.

    Raises DataError if a label is not the index of a character, a character has no
    outline, a face is not in FACES, a scale not positive, a factor not finite, or
    shapes do not broadcast.
    """
    coverage = _coverage(
        labels, face, rotation, scale, shear, shift_x, shift_y, stroke, size,
        characters, bend,
    )  # fmt: skip
    return (255 * coverage).round().to(torch.uint8)


def _coverage(
    labels, face, rotation, scale, shear, shift_x, shift_y, stroke, size, characters,
    bend=None,
) -> Tensor:  # fmt: skip
    """How much of each pixel is ink: float64 (N, 1, size, size) in [0, 1]."""
    values = (rotation, scale, shear, shift_x, shift_y, stroke)
    integer("size", size, 1, DataError)
    try:
        values = [torch.as_tensor(value).double().cpu() for value in values]
        labels, face = torch.as_tensor(labels).reshape(-1).cpu(), torch.as_tensor(face)
    except (TypeError, ValueError, RuntimeError) as error:
        raise DataError(f"labels and factors must be numbers: {error}.") from error
    for name, indices in (("labels", labels), ("face", face)):
        if indices.is_floating_point() or indices.is_complex():
            raise DataError(f"{name} must be integers, not {indices.dtype}.")
    try:
        labels, face, *values = torch.broadcast_tensors(labels, face.cpu(), *values)
    except RuntimeError as error:
        raise DataError(f"the factors do not fit each other: {error}.") from error
    last = len(characters) - 1
    if labels.ndim != 1 or ((labels < 0) | (labels > last)).any():
        raise DataError(f"labels must be integers from 0 to {last}, of shape (N,).")
    if ((face < 0) | (face >= len(FACES))).any():
        raise DataError(f"face must be an index from 0 to {len(FACES) - 1}.")
    rotation, scale, shear, shift_x, shift_y, stroke = (
        value[:, None, None] for value in values
    )
    if not (scale > 0).all():
        raise DataError("scale must be positive.")
    if not all(value.isfinite().all() for value in values):
        raise DataError("every factor must be a finite number.")
    # The inverse map: from a pixel of the image back to the upright digit.
    axis = torch.arange(size, dtype=torch.float64) - (size - 1) / 2
    shift_x, shift_y = _bent(bend, shift_x, shift_y, size)
    x = (axis - shift_x) / scale
    y = (axis[:, None] - shift_y) / scale
    cos, sin = rotation.cos(), rotation.sin()
    x, y = cos * x - sin * y, sin * x + cos * y
    grid = torch.stack((x + shear * y, y), dim=-1) / (TILE / 2)
    # One call a (face, character): its field is shared by all of its images.
    fields, _ = outlines(characters)
    rows = (len(characters) * face + labels).long()
    distance = torch.empty(len(rows), size, size, dtype=torch.float64)
    for row in rows.unique():
        which = torch.nonzero(rows == row).flatten()
        seen = F.grid_sample(
            fields[row][None, None],
            grid[which].reshape(1, -1, size, 2),
            padding_mode="border",
            align_corners=False,
        )
        distance[which] = seen.view(len(which), size, size)
    # Exact but for the shear, which makes oblique strokes a little thinner.
    edge = scale * distance + stroke / 2
    return (edge + 0.5).clamp(0, 1)[:, None]


def _bent(
    bend: Tensor | None, shift_x: Tensor, shift_y: Tensor, size: int
) -> tuple[Tensor, Tensor]:
    """Both shifts (N, 1, 1), or, bent, one for every pixel, (N, size, size)."""
    if bend is None:
        return shift_x, shift_y
    n = len(shift_x)
    if not isinstance(bend, Tensor) or bend.ndim != 4 or bend.shape[:2] != (n, 2):
        raise DataError(f"bend must be a tensor ({n}, 2, k, k), one for each image.")
    field = bend.double().cpu()
    if not (field.numel() and field.isfinite().all()):
        raise DataError("bend must be finite displacements at one point or more.")
    field = F.interpolate(field, (size, size), mode="bicubic", align_corners=True)
    return shift_x + field[:, 0], shift_y + field[:, 1]


def glyphs(n: int, split: str = "train") -> tuple[Tensor, Tensor, dict[str, Tensor]]:
    """The first n grey glyphs of a split: images, labels and factors.

    images (n, 1, 28, 28) uint8, labels (n,) int64, factors name -> (n,), such that
    `draw_glyphs(labels, **factors)` gives the images.
    """
    images, labels, factors = [], [], []
    for random, _, count in blocks(n, split, "glyphs", SEEDS):
        some, drawn = draw_factors(random, GLYPH_RANGES, count)
        images.append(draw_glyphs(some, **drawn))
        labels.append(some)
        factors.append(drawn)
    together = {name: torch.cat([f[name] for f in factors]) for name in factors[0]}
    return torch.cat(images), torch.cat(labels), together
