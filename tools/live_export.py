"""What the live figures are made of: the checkpoint's weights, and pictures for scripts off.

The weights are those of the shipped MNIST model, rounded to float16 and written as
base64 into JavaScript files: a page opened from a folder (file://) can load a script,
but fetch nothing. `decoder.js` holds r_y of the ten classes and the decoder, for every
figure; `encoder.js` holds f, g and q_cov, for the figure to draw in.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import interpolate
from torchvision.io import encode_png

from equivae_lite import checkpoints
from equivae_lite.errors import CheckpointError, EquivaeError
from equivae_lite.model import EquiVAE
from equivae_lite.networks import Architecture

NAME = "mnist-supervised"
PARTS = {
    "decoder": ("class_r", "decoder."),
    "encoder": ("encoder.", "posterior."),
}
SCALE = 4  # pixels of a picture for one of an image


def rounded(model: EquiVAE) -> EquiVAE:
    """The model with its weights and r_y rounded to float16 (kept as float32).

    Raises CheckpointError where the rounding would lose a weight.
    """
    with torch.no_grad():
        for name, tensor in tensors_of(model).items():
            half = tensor.half()
            if not torch.isfinite(half).all():
                raise CheckpointError(f"{name} of {NAME} does not fit into float16")
            tensor.copy_(half)
    return model


def tensors_of(model: EquiVAE) -> dict[str, Tensor]:
    """Everything that is exported, by its name in the checkpoint."""
    return {"class_r": model.class_r, **dict(model.named_parameters())}


def load(folder: Path | str = checkpoints.FOLDER) -> EquiVAE:
    """The shipped MNIST model as the pages have it, rounded; its sha256 was compared.

    Raises CheckpointError where it is missing, damaged, or not of the architecture
    that book/live/network.js is written for.
    """
    model, _, card = checkpoints.load(NAME, folder=folder)
    if model.arch != Architecture() or model.class_r is None:
        raise CheckpointError(
            f"{NAME} of {card.get('commit')} is not the supervised MNIST model with 16 "
            "latents and its class representations: the live figures draw no other"
        )
    return rounded(model)


def script(part: str, model: EquiVAE, about: dict) -> str:
    """A JavaScript file that hands tensors of the model to the page."""
    chosen = {
        name: tensor.detach().half().contiguous()
        for name, tensor in tensors_of(model).items()
        if name.startswith(PARTS[part])
    }
    blob = b"".join(t.numpy().astype("<f2").tobytes() for t in chosen.values())
    content = {
        "about": about,
        "tensors": [[name, list(t.shape)] for name, t in chosen.items()],
        "data": base64.b64encode(blob).decode("ascii"),
    }
    return f'EquivaeLive.weights.receive("{part}", {json.dumps(content)});\n'


@cache
def about() -> dict:
    """Where the figures start: the page draws the same as its pictures."""
    g = torch.Generator().manual_seed(0)
    return {
        "phases": [round(x, 4) for x in (torch.rand(16, generator=g) * 2 * torch.pi).tolist()],
        "v": [0.0] * 16,
    }


def picture(rows: Tensor) -> bytes:
    """Images (rows, columns, H, W) in [0, 1], edge to edge, as a grey PNG.

    Enlarged with bicubic interpolation, as the page's canvas does.
    """
    sheet = torch.cat([torch.cat([*row], dim=1) for row in rows])
    big = interpolate(sheet[None, None], scale_factor=SCALE, mode="bicubic")[0]
    return encode_png((big.clamp(0, 1) * 255).round().byte()).numpy().tobytes()


@torch.no_grad()
def pictures(model: EquiVAE, figure: str) -> dict[str, bytes]:
    """The pictures of a figure where it starts, by file name."""

    def decode(r: Tensor, v: Tensor) -> Tensor:
        return model.mean_image(r, v)[..., 0, :, :]

    phases = torch.tensor(about()["phases"])
    v = torch.tensor(about()["v"])
    row = decode(model.class_r, v)[None]
    if figure == "hero":
        row = decode(model.class_r, 2**0.5 * torch.sin(phases))[None]
        return {"hero.png": picture(row)}
    return {f"{figure}.png": picture(row)}


def write(target: Path, figures: Iterable[str]) -> None:
    """Write weights and pictures that these figures need into a folder.

    Raises EquivaeError (a CheckpointError) where the checkpoint is not as its card says.
    """
    model = load()
    parts = ["decoder", *(["encoder"] if "draw" in figures else [])]
    for part in parts:
        text = script(part, model, about() if part == "decoder" else {})
        (target / f"{part}-weights.js").write_text(text, encoding="ascii")
    for figure in figures:
        for name, data in pictures(model, figure).items():
            (target / name).write_bytes(data)


def fields(target: Path, figure: str) -> dict[str, str]:
    """What a figure's template needs to know of the files that `write` wrote."""
    found = {}
    for part in PARTS:
        path = target / f"{part}-weights.js"
        if path.exists():
            digest = hashlib.sha256(path.read_bytes()).hexdigest()[:8]
            found[f"{part}_weights"] = f"{path.name}?v={digest}"
    return found


__all__ = ["EquivaeError", "fields", "load", "write"]
