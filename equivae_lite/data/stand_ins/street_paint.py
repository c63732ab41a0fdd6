"""How a street glyph is drawn from its factors, each a tensor (N,) unless said.

The plane of the number, in pixels of a digit at scale 1:
    face: index into faces.FACES; left, right: digits beside the label, -1 for none;
    gap: from the label's outline to its neighbours'; stroke: added to the strokes,
    in pixels of the image.
From that plane to the image, in this order:
    shear, scale and rotation (radians, anticlockwise); perspective_x and
    perspective_y: by how much the picture is larger at its right and lower edge than
    in its middle; shift_x, shift_y: pixels to the right and down.
Colours, from 0 to 1:
    paper and ink (N, 3); contrast: difference of their brightness; inverted: 1 where
    the ink is the brighter one; bumps (N, 6, 6): smooth unevenness of the paper;
    stripes: their strength, with stripe_angle, stripe_period (pixels), stripe_phase;
    light_x, light_y: change of the light from the middle to the edge.
The camera:
    blur: standard deviation in pixels; noise: standard deviation of each value.

Everything is float64 up to the last rounding, so that machines which differ in the
last bits still draw the same bytes. NumPy rather than torch: its operations on a few
images at a time stay in one thread and in the cache.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from ...errors import DataError
from ...model.checks import real
from .faces import COARSE, FACES, TILE, outlines

SIZE, COLOURS = 32, 3
BUMPS = 6  # supporting points of the unevenness along each axis
CHUNK = 64  # images painted at a time
# Those of the list above that are drawn with; the others say how they were chosen.
NAMES = frozenset(
    """
    face left right gap stroke shear scale rotation perspective_x perspective_y
    shift_x shift_y paper ink bumps stripes stripe_angle stripe_period stripe_phase
    light_x light_y blur noise
    """.split()
)
SHAPES = {
    "paper": (COLOURS,),
    "ink": (COLOURS,),
    "bumps": (BUMPS, BUMPS),
    "the grain": (COLOURS, SIZE, SIZE),
}
AXIS = np.arange(SIZE) - (SIZE - 1) / 2
EDGE = SIZE / 2


def paint(
    labels: Tensor, factors: dict[str, Tensor], grain: Tensor | None = None
) -> Tensor:
    """Images (N, 3, 32, 32) uint8 of labels (N,) with the factors named above.

    grain: standard normal noise of the shape of the images; None draws without noise.

    Raises DataError if a factor or the grain is not there for every label, is of
    another shape or not finite, or a label, a face or a neighbour does not exist.
    """
    _check(labels, factors, grain)
    images = np.empty((len(labels), COLOURS, SIZE, SIZE), dtype=np.uint8)
    for first in range(0, len(labels), CHUNK):
        rows = slice(first, first + CHUNK)
        f = {name: _exact(value[rows]) for name, value in factors.items()}
        picture = _scene(_coverage(labels[rows].numpy(), f), f)
        picture = _blurred(picture, f["blur"])
        if grain is not None:
            picture += f["noise"][:, None, None, None] * grain[rows].numpy()
        np.clip(picture, 0, 1, out=picture)
        images[rows] = np.rint(255 * picture)
    return torch.from_numpy(images)


def _check(labels: Tensor, factors: dict[str, Tensor], grain: Tensor | None) -> None:
    if (
        not _whole(labels)
        or labels.ndim != 1
        or len(labels) == 0
        or not 0 <= labels.min() <= labels.max() <= 9
    ):
        raise DataError("labels must be digits from 0 to 9, at least one, shape (N,).")
    if missing := sorted(NAMES - factors.keys()):
        raise DataError(f"these factors are missing: {', '.join(missing)}.")
    values = {name: factors[name] for name in sorted(NAMES)}
    if grain is not None:
        values["the grain"] = grain
    for name, value in values.items():
        real(**{name: value})
        if value.ndim and len(value) != len(labels):
            raise DataError(
                f"{len(labels)} labels, but {name} is for {len(value)} images."
            )
        shape = SHAPES.get(name, ())
        if value.shape[1:] != shape or not value.ndim or not value.isfinite().all():
            raise DataError(
                f"{name} must be finite and of shape {('N', *shape)}, not "
                f"{tuple(value.shape)}."
            )
    for name in ("blur", "scale", "stripe_period"):
        if not (factors[name] > 0).all():
            raise DataError(f"{name} must be positive.")
    for name in ("left", "right"):
        side = factors[name]
        if not _whole(side) or not -1 <= side.min() <= side.max() <= 9:
            raise DataError(f"{name} must be digits from 0 to 9, or -1 for none.")
    face = factors["face"]
    if not _whole(face) or not 0 <= face.min() <= face.max() < len(FACES):
        raise DataError(f"face must be an index from 0 to {len(FACES) - 1}.")


def _whole(values: Tensor) -> bool:
    real(values=values)
    return not values.is_floating_point() and values.dtype != torch.bool


def _exact(values: Tensor) -> np.ndarray:
    """Float factors as float64, indices as they are."""
    return values.double().numpy() if values.is_floating_point() else values.numpy()


def _column(values: np.ndarray) -> np.ndarray:
    """(N,) -> (N, 1, 1), to be combined with images."""
    return values[:, None, None]


def _coverage(labels: np.ndarray, f: dict[str, np.ndarray]) -> np.ndarray:
    """How much of each pixel is ink, of the label or a neighbour: (N, 32, 32)."""
    u, v, size = _plane(f)
    widths = _tables()[1]
    rows = 10 * f["face"] + labels
    distance = _distance(rows, u, v)
    for side, sign in (("left", -1), ("right", 1)):
        there = np.flatnonzero(f[side] >= 0)
        beside = 10 * f["face"][there] + f[side][there]
        step = (widths[beside] + widths[rows[there]]) / 2 + f["gap"][there]
        away = _distance(beside, u[there] - sign * _column(step), v[there])
        distance[there] = np.maximum(distance[there], away)
    # From the plane's distance to the image's; a ramp one pixel wide is a sharp edge.
    edge = size * distance + _column(f["stroke"]) / 2
    return np.clip(edge + 0.5, 0, 1)


def _plane(f: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where each pixel lies in the number's plane, and how many pixels one there is.

    u, v and size, each (N, 32, 32): the label's middle is at u = v = 0.
    """
    x, y = AXIS - _column(f["shift_x"]), AXIS[:, None] - _column(f["shift_y"])
    tilt = _column(f["perspective_x"]) * x + _column(f["perspective_y"]) * y
    size = _column(f["scale"]) * (1 + tilt / EDGE)
    cos, sin = np.cos(_column(f["rotation"])), np.sin(_column(f["rotation"]))
    u, v = (cos * x - sin * y) / size, (sin * x + cos * y) / size
    return u + _column(f["shear"]) * v, v, size


def _distance(rows: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Signed distance from the outline of digit `rows` (n,) at (u, v): bilinear.

    u, v (n, 32, 32) in pixels of the plane; beyond the field its border goes on.
    """
    fields = _tables()[0]
    side = TILE * COARSE
    a, b = (np.clip((w + TILE / 2) * COARSE - 0.5, 0, side - 1.001) for w in (u, v))
    column, row = a.astype(np.int32), b.astype(np.int32)
    a, b = a - column, b - row
    at = (_column(rows) * side + row) * side + column
    upper, lower = (
        left + a * (right - left)
        for left, right in (
            (fields.take(at), fields.take(at + 1)),
            (fields.take(at + side), fields.take(at + side + 1)),
        )
    )
    return upper + b * (lower - upper)


def _scene(coverage: np.ndarray, f: dict[str, np.ndarray]) -> np.ndarray:
    """Ink on uneven paper in slanting light: (N, 3, 32, 32)."""
    smooth = _tables()[2]
    texture = smooth @ f["bumps"] @ smooth.T
    angle, wave = _column(f["stripe_angle"]), 2 * np.pi / _column(f["stripe_period"])
    along = np.cos(angle) * AXIS + np.sin(angle) * AXIS[:, None]
    bands = np.clip(2 * np.sin(wave * along + _column(f["stripe_phase"])), -1, 1)
    texture += _column(f["stripes"]) * bands
    light = _column(f["light_x"]) * AXIS + _column(f["light_y"]) * AXIS[:, None]
    light = 1 + light / EDGE
    paper, ink = f["paper"][:, :, None, None], f["ink"][:, :, None, None]
    wall = paper + texture[:, None]
    return (wall + coverage[:, None] * (ink - wall)) * light[:, None]


def _blurred(picture: np.ndarray, blur: np.ndarray) -> np.ndarray:
    """A Gaussian blur along rows and columns; at the border its weights sum to 1."""
    away = np.subtract.outer(AXIS, AXIS)
    weights = np.exp(-0.5 * (away / _column(blur)) ** 2)
    weights /= weights.sum(-1, keepdims=True)
    weights = weights[:, None]
    return weights @ picture @ weights.transpose(0, 1, 3, 2)


@lru_cache(maxsize=1)
def _tables() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Distance fields, flat; widths (210,); smooth interpolation (32, 6) of bumps."""
    fields, widths = outlines()
    # Cosine-shaped hats around evenly spread points: between two of them one falls as
    # the other rises, so that they sum to 1.
    spread = np.linspace(0, BUMPS - 1, SIZE)[:, None] - np.arange(BUMPS)
    smooth = 0.5 + 0.5 * np.cos(np.pi * np.clip(spread, -1, 1))
    return fields.numpy().ravel(), widths.numpy(), smooth
