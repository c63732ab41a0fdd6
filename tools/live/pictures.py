"""The live figures where they start, drawn with torch.

A reader sees these pictures first, and with scripts off no others; the scripts draw the
same over them once the weights are there.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.functional import interpolate
from torchvision.io import encode_png

from tools.live.start import STEPS, start

if TYPE_CHECKING:
    from tools.live.export import Shown

# Pixels of a picture for one of an image, by its number of colours. What is soft anyway
# needs fewer, and a PNG in colour is large.
SCALES = {1: 4, 3: 2}


def picture(rows: Tensor) -> bytes:
    """Images (rows, columns, C, H, W) in [0, 1], edge to edge, as a PNG."""
    sheet = torch.cat([torch.cat([*row], dim=-1) for row in rows], dim=-2)
    scale = SCALES[len(sheet)]
    big = interpolate(sheet[None], scale_factor=scale, mode="bicubic")[0]
    return encode_png((big.clamp(0, 1) * 255).round().byte()).numpy().tobytes()


def _hero(shown: Shown, begin: dict) -> dict[str, Tensor]:
    v = math.sqrt(2) * torch.sin(torch.tensor(begin["phases"]))
    return {"row": shown.draw(shown.model.class_r, v)[None]}


def _pad(shown: Shown, begin: dict) -> dict[str, Tensor]:
    """A pad over two units of v, and ten classes: of `styles` and of `scene`."""
    v, r = torch.tensor(begin["v"]), shown.model.class_r[begin["y"]]
    n = begin["map"]
    values = begin["range"] * ((2 * torch.arange(n) + 1) / n - 1)  # middles of cells
    across, up = begin["units"]
    cells = v.expand(n, n, -1).clone()
    cells[..., across] = values
    cells[..., up] = values.flip(0)[:, None]
    return {
        "map": shown.draw(r, cells),
        "one": shown.draw(r, v)[None, None],
        "row": shown.draw(shown.model.class_r, v)[None],
    }


def _interpolation(shown: Shown, begin: dict) -> dict[str, Tensor]:
    a, b = (begin["digits"][begin[end]] for end in ("from", "to"))
    v = torch.tensor([a["v"], b["v"]])
    r = shown.model.class_r[[a["y"], b["y"]]]
    t = torch.linspace(0, 1, STEPS)[:, None]
    ways = {
        "both": (torch.lerp(r[0], r[1], t), torch.lerp(v[0], v[1], t)),
        "r": (torch.lerp(r[0], r[1], t), v[:1].expand(STEPS, -1)),
        "v": (r[:1].expand(STEPS, -1), torch.lerp(v[0], v[1], t)),
    }
    strips = {name: shown.draw(*way)[None] for name, way in ways.items()}
    middle = {
        f"{name}-now": s[:, STEPS // 2 : STEPS // 2 + 1] for name, s in strips.items()
    }
    ends = {"a": strips["both"][:, :1], "b": strips["both"][:, -1:]}
    return strips | middle | ends


def _draw(shown: Shown, begin: dict) -> dict[str, Tensor]:
    model, digit = shown.model, start("interpolation")["digits"][begin["digit"]]
    x = shown.draw(model.class_r[digit["y"]], torch.tensor(digit["v"]))
    r = model.encoder(x[None])  # of this one drawing
    mu, _ = model.posterior(r[None], x[None])
    return {
        "drawn": x[None, None],
        "again": shown.draw(r, mu[0])[None, None],
        "row": shown.draw(model.class_r, mu[0])[None],
    }


FIGURES = {
    "hero": _hero,
    "styles": _pad,
    "interpolation": _interpolation,
    "draw": _draw,
    "scene": _pad,
}


@torch.no_grad()
def pictures(shown: Shown, figure: str) -> dict[str, bytes]:
    """The pictures of a figure where it starts, by file name."""
    return {
        f"{figure}-{name}.png": picture(rows)
        for name, rows in FIGURES[figure](shown, start(figure)).items()
    }
