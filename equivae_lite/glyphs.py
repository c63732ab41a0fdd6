"""Procedural stand-ins for MNIST and SVHN: printed digits whose pose is known.

The outline of every (face, digit) is turned once into a signed distance field.
An image is that field seen through an affine map: to thicken the strokes is to
add a constant to the distance, and a ramp one pixel wide makes smooth edges. So
class, face, rotation, scale, shear, shift and stroke are all known, and all but
the first two are continuous. The faces are those that matplotlib brings along.

Arithmetic is float64 up to the last rounding, so that machines which differ in
the last bits still draw the same bytes.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import matplotlib
import matplotlib.style
import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import PathPatch
from matplotlib.textpath import TextPath
from matplotlib.transforms import Affine2D, IdentityTransform
from scipy.ndimage import distance_transform_edt
from torch import Tensor
from torch.nn import functional as F

from .errors import DataError

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
HEIGHT = 16  # pixels: every digit at scale 1
TILE = 26  # pixels: side of a distance field, with room around the digit
FINE = 8  # outlines are filled at this many points a pixel,
COARSE = 4  # and their distance fields kept at this many
BLOCK = 1024  # images drawn from one seed: image i does not depend on n
SEEDS = {
    "glyphs": {"train": 1, "test": 2},
    "street-glyphs": {"train": 3, "test": 4},
}
# Lowest and highest value of each factor; `scale` is drawn evenly in its logarithm.
# With the grey ranges no digit of either split is cut by the border (a test looks).
GLYPH_RANGES = {
    "rotation": (-0.3, 0.3),
    "scale": (0.8, 1.15),
    "shear": (-0.25, 0.25),
    "shift_x": (-2.0, 2.0),
    "shift_y": (-2.0, 2.0),
    "stroke": (0.0, 1.4),
}
STREET_RANGES = GLYPH_RANGES | {
    "rotation": (-0.2, 0.2),
    "scale": (0.9, 1.6),
    "gap": (1.0, 3.5),
    "softness": (1.0, 3.0),
    "contrast": (0.2, 0.8),
    "noise": (0.0, 0.05),
}


@lru_cache(maxsize=1)
def _outlines() -> tuple[Tensor, Tensor]:
    """Distance fields (210, 104, 104) and widths (210,), both in pixels.

    Row 10 face + digit. Positive distances lie inside the outline.
    """
    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    middle = TILE * FINE / 2
    fields, widths = [], []
    # Whatever style the caller has set must not change the digits.
    with matplotlib.style.context("default"):
        figure = Figure(figsize=(TILE, TILE), dpi=FINE)
        canvas = FigureCanvasAgg(figure)
        for face, digit in itertools.product(FACES, "0123456789"):
            font = FontProperties(fname=folder / f"{face}.ttf")
            path = TextPath((0, 0), digit, size=100, prop=font)
            box = path.get_extents()
            pixels = HEIGHT / box.height
            x, y = (box.min + box.max) / 2
            place = Affine2D().translate(-x, -y).scale(pixels * FINE)
            outline = place.translate(middle, middle).transform_path(path)
            figure.clear()
            figure.add_artist(
                PathPatch(outline, color="black", lw=0, transform=IdentityTransform())
            )
            canvas.draw()
            inside = np.asarray(canvas.buffer_rgba())[..., 0] < 128
            # Both distances run to a pixel's centre, half a step past the outline.
            inwards = distance_transform_edt(inside) - 0.5
            outwards = distance_transform_edt(~inside) - 0.5
            field = np.where(inside, inwards, -outwards) / FINE
            fields.append(torch.from_numpy(field))
            widths.append(box.width * pixels)
    fine = torch.stack(fields)
    coarse = F.avg_pool2d(fine[:, None], FINE // COARSE)[:, 0]
    return coarse, torch.tensor(widths, dtype=torch.float64)


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
) -> Tensor:
    """White digits on black: uint8 (N, 1, size, size). All factors broadcast to (N,).

    face: index into FACES. The centred digit, 16 pixels high, is sheared (positive
    leans to the right like an italic), scaled, rotated (radians, positive turns
    anticlockwise) and shifted (pixels, positive to the right and down). stroke:
    pixels added to the width of the face's own strokes; negative thins them.

    Raises DataError if a label is not in 0..9, a face not in FACES, a scale not
    positive, or the shapes do not broadcast.
    """
    coverage = _coverage(
        labels, face, rotation, scale, shear, shift_x, shift_y, stroke, 1.0, size
    )
    return (255 * coverage).round().to(torch.uint8)


def _coverage(
    labels, face, rotation, scale, shear, shift_x, shift_y, stroke, softness, size
) -> Tensor:
    """How much of each pixel is ink: float64 (N, 1, size, size) in [0, 1].

    softness: width in pixels of the ramp from paper to ink; 1 is sharp.
    """
    values = (rotation, scale, shear, shift_x, shift_y, stroke, softness)
    values = [torch.as_tensor(value).double().cpu() for value in values]
    labels, face = torch.as_tensor(labels).reshape(-1).cpu(), torch.as_tensor(face)
    try:
        labels, face, *values = torch.broadcast_tensors(labels, face.cpu(), *values)
    except RuntimeError as error:
        raise DataError(f"the factors do not fit each other: {error}.") from error
    if labels.ndim != 1 or ((labels < 0) | (labels > 9)).any():
        raise DataError("labels must be digits from 0 to 9, of shape (N,).")
    if ((face < 0) | (face >= len(FACES))).any():
        raise DataError(f"face must be an index from 0 to {len(FACES) - 1}.")
    rotation, scale, shear, shift_x, shift_y, stroke, softness = (
        value[:, None, None] for value in values
    )
    if (scale <= 0).any():
        raise DataError("scale must be positive.")
    # The inverse map: from a pixel of the image back to the upright digit.
    axis = torch.arange(size, dtype=torch.float64) - (size - 1) / 2
    x = (axis - shift_x) / scale
    y = (axis[:, None] - shift_y) / scale
    cos, sin = rotation.cos(), rotation.sin()
    x, y = cos * x - sin * y, sin * x + cos * y
    grid = torch.stack((x + shear * y, y), dim=-1) / (TILE / 2)
    # One call a (face, digit): its field is shared by all of its images.
    fields, _ = _outlines()
    rows = (10 * face + labels).long()
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
    edge = (scale * distance + stroke / 2) / softness
    return (edge + 0.5).clamp(0, 1)[:, None]


def glyphs(n: int, split: str = "train") -> tuple[Tensor, Tensor, dict[str, Tensor]]:
    """The first n grey glyphs of a split: images, labels and factors.

    images (n, 1, 28, 28) uint8, labels (n,) int64, factors name -> (n,), such that
    `draw_glyphs(labels, **factors)` gives the images.
    """
    blocks = []
    for random, count in _blocks(n, split, "glyphs"):
        labels, factors = _draw_factors(random, GLYPH_RANGES, count)
        blocks.append((draw_glyphs(labels, **factors), labels, factors))
    return _join(blocks)


def _blocks(n: int, split: str, name: str) -> Iterator[tuple[np.random.Generator, int]]:
    """For each block of images its generator and how many of them are wanted."""
    if n < 1 or split not in SEEDS[name]:
        raise DataError(
            f"asked for {n} {name} of split {split!r}: ask for at least one, "
            f"of {' or '.join(SEEDS[name])}."
        )
    for block, first in enumerate(range(0, n, BLOCK)):
        seed = [SEEDS[name][split], block]
        yield np.random.Generator(np.random.PCG64(seed)), min(BLOCK, n - first)


def _draw_factors(
    random: np.random.Generator, ranges: dict[str, tuple[float, float]], count: int
) -> tuple[Tensor, dict[str, Tensor]]:
    """Labels and factors of a whole block, cut to the first `count`."""
    labels = torch.from_numpy(random.integers(10, size=BLOCK))
    factors = {"face": torch.from_numpy(random.integers(len(FACES), size=BLOCK))}
    for name, (low, high) in ranges.items():
        unit = random.random(BLOCK)
        value = low + (high - low) * unit
        if name == "scale":
            value = low * (high / low) ** unit
        # Rounded before use: the factors handed out are exactly those drawn with.
        factors[name] = torch.from_numpy(value.astype(np.float32))
    return labels[:count], {name: value[:count] for name, value in factors.items()}


def _join(blocks: list[tuple]) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
    images, labels, factors = zip(*blocks, strict=True)
    together = {name: torch.cat([f[name] for f in factors]) for name in factors[0]}
    return torch.cat(images), torch.cat(labels), together


def street_glyphs(
    n: int, split: str = "train"
) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
    """The first n coloured house numbers of a split: images, labels and factors.

    images (n, 3, 32, 32) uint8; labels (n,) int64, the digit in the middle; factors
    name -> (n,) or (n, 3): the pose of that digit as in `draw_glyphs`, the digits
    beside it (`left`, `right`; -1 for none) and their `gap` in pixels, the colours
    `ink` and `paper` (in [0, 1]), the `softness` of edges in pixels, the `contrast`
    of the colours, the lighting (`light_x`, `light_y`: change across half the image)
    and the standard deviation of the `noise`.
    """
    blocks = []
    for random, count in _blocks(n, split, "street-glyphs"):
        labels, factors = _draw_factors(random, STREET_RANGES, count)
        blocks.append(_street_block(random, labels, factors))
    return _join(blocks)


def _street_block(
    random: np.random.Generator, labels: Tensor, factors: dict[str, Tensor]
) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
    count, size = len(labels), 32

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        # Always for the whole block: what follows must not depend on `count`.
        return torch.from_numpy(random.uniform(low, high, (BLOCK, *shape)))[:count]

    # A number has one to three digits; a neighbour shares pose and face.
    for side in ("left", "right"):
        digit = torch.from_numpy(random.integers(10, size=BLOCK))[:count]
        factors[side] = torch.where(uniform(0, 1) < 0.6, digit, -1)
    # Two colours whose brightness differs by the contrast, either one the darker.
    contrast = factors["contrast"].double()
    dark = uniform(0, 1) * (1 - contrast)
    swap = uniform(0, 1) < 0.5
    for name, bright in (("ink", swap), ("paper", ~swap)):
        grey = dark + contrast * bright
        colour = grey[:, None] + uniform(-0.12, 0.12, 3)
        factors[name] = colour.clamp(0, 1).float()
    angle, strength = uniform(0, 2 * np.pi), uniform(0, 0.35)
    factors["light_x"] = (strength * angle.cos()).float()
    factors["light_y"] = (strength * angle.sin()).float()

    coverage = _with_neighbours(labels, factors, size)
    ink, paper = (factors[k].double()[:, :, None, None] for k in ("ink", "paper"))
    # A wall is never quite even: smooth bumps, five pixels apart.
    bumps = uniform(-1, 1, 1, 7, 7) * uniform(0, 0.2)[:, None, None, None]
    texture = F.interpolate(bumps, size, mode="bicubic", align_corners=True)
    picture = paper + texture + coverage * (ink - paper - texture)
    axis = torch.linspace(-1, 1, size, dtype=torch.float64)
    light = factors["light_x"].double()[:, None, None] * axis
    light = light + factors["light_y"].double()[:, None, None] * axis[:, None]
    picture = picture * (1 + light)[:, None]
    # Last and so large: drawn for the wanted images only.
    grain = random.standard_normal((count, 3, size, size), dtype=np.float32)
    noise = factors["noise"].double()[:, None, None, None]
    picture = picture + noise * torch.from_numpy(grain)
    return (255 * picture.clamp(0, 1)).round().to(torch.uint8), labels, factors


def _with_neighbours(labels: Tensor, factors: dict[str, Tensor], size: int) -> Tensor:
    """Coverage (N, 1, size, size) of the digit and of those beside it."""
    pose = {
        name: factors[name].double()
        for name in ("rotation", "scale", "shear", "shift_x", "shift_y", "stroke")
    }
    face, softness = factors["face"], factors["softness"].double()
    coverage = _coverage(labels, face, *pose.values(), softness, size)
    _, widths = _outlines()
    for side, sign in (("left", -1), ("right", 1)):
        there = torch.nonzero(factors[side] >= 0).flatten()
        digit = factors[side][there]
        at = {name: value[there] for name, value in pose.items()}
        rows = 10 * face[there]
        step = (widths[rows + digit] + widths[rows + labels[there]]) / 2
        step = sign * at["scale"] * (step + factors["gap"][there])
        at["shift_x"] = at["shift_x"] + step * at["rotation"].cos()
        at["shift_y"] = at["shift_y"] - step * at["rotation"].sin()
        beside = _coverage(digit, face[there], *at.values(), softness[there], size)
        coverage[there] = torch.maximum(coverage[there], beside)
    return coverage
