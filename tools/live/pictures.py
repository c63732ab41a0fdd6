"""The live figures where they start, drawn with torch.

A reader sees these pictures first, and with scripts off no others; the scripts draw the
same over them once the weights are there.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import interpolate
from torchvision.io import encode_png

from equivae_lite.model.equivae import EquiVAE
from tools.live.start import MAP, RANGE, STEPS, start

SCALE = 4  # pixels of a picture for one of an image


def picture(rows: Tensor) -> bytes:
    """Images (rows, columns, H, W) in [0, 1], edge to edge, as a grey PNG."""
    sheet = torch.cat([torch.cat([*row], dim=1) for row in rows])
    big = interpolate(sheet[None, None], scale_factor=SCALE, mode="bicubic")[0]
    return encode_png((big.clamp(0, 1) * 255).round().byte()).numpy().tobytes()


def _hero(model: EquiVAE, begin: dict) -> dict[str, Tensor]:
    v = math.sqrt(2) * torch.sin(torch.tensor(begin["phases"]))
    return {"row": _decode(model, model.class_r, v)[None]}


def _styles(model: EquiVAE, begin: dict) -> dict[str, Tensor]:
    v, r = torch.tensor(begin["v"]), model.class_r[begin["y"]]
    values = RANGE * ((2 * torch.arange(MAP) + 1) / MAP - 1)  # middles of the cells
    across, up = begin["units"]
    cells = v.expand(MAP, MAP, -1).clone()
    cells[..., across] = values
    cells[..., up] = values.flip(0)[:, None]
    return {
        "map": _decode(model, r, cells),
        "one": _decode(model, r, v)[None, None],
        "row": _decode(model, model.class_r, v)[None],
    }


def _interpolation(model: EquiVAE, begin: dict) -> dict[str, Tensor]:
    a, b = (begin["digits"][begin[end]] for end in ("from", "to"))
    v = torch.tensor([a["v"], b["v"]])
    r = model.class_r[[a["y"], b["y"]]]
    t = torch.linspace(0, 1, STEPS)[:, None]
    ways = {
        "both": (torch.lerp(r[0], r[1], t), torch.lerp(v[0], v[1], t)),
        "r": (torch.lerp(r[0], r[1], t), v[:1].expand(STEPS, -1)),
        "v": (r[:1].expand(STEPS, -1), torch.lerp(v[0], v[1], t)),
    }
    strips = {name: _decode(model, *way)[None] for name, way in ways.items()}
    middle = {
        f"{name}-now": s[:, STEPS // 2 : STEPS // 2 + 1] for name, s in strips.items()
    }
    ends = {"a": strips["both"][:, :1], "b": strips["both"][:, -1:]}
    return strips | middle | ends


def _draw(model: EquiVAE, begin: dict) -> dict[str, Tensor]:
    digit = start()["interpolation"]["digits"][begin["digit"]]
    x = _decode(model, model.class_r[digit["y"]], torch.tensor(digit["v"]))
    r = model.encoder(x[None, None])  # of this one drawing
    mu, _ = model.posterior(r[None], x[None, None])
    return {
        "drawn": x[None, None],
        "again": _decode(model, r, mu[0])[None, None],
        "row": _decode(model, model.class_r, mu[0])[None],
    }


def _decode(model: EquiVAE, r: Tensor, v: Tensor) -> Tensor:
    return model.mean_image(r, v)[..., 0, :, :]


FIGURES = {
    "hero": _hero,
    "styles": _styles,
    "interpolation": _interpolation,
    "draw": _draw,
}


@torch.no_grad()
def pictures(model: EquiVAE, figure: str) -> dict[str, bytes]:
    """The pictures of a figure where it starts, by file name."""
    return {
        f"{figure}-{name}.png": picture(rows)
        for name, rows in FIGURES[figure](model, start()[figure]).items()
    }
