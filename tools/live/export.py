"""What the live figures load: the checkpoint's weights, as scripts.

The weights are those of the shipped MNIST model, rounded to float16, packed with zlib
and written as base64 into JavaScript files: a page opened from a folder (file://) can
load a script, but fetch nothing. `decoder-weights.js` holds r_y of the ten classes and
the decoder, for every figure; `encoder-weights.js` holds f, g and q_cov, for the sheet
to draw on.
"""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor

from equivae_lite.errors import CheckpointError
from equivae_lite.model.equivae import EquiVAE
from equivae_lite.model.networks import Architecture
from equivae_lite.training import checkpoints
from tools.live import pictures
from tools.live.start import start

NAME = "mnist-supervised"
PARTS = {
    "decoder": ("class_r", "decoder."),
    "encoder": ("encoder.", "posterior."),
}


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


def script(part: str, model: EquiVAE, begin: dict) -> str:
    """A JavaScript file that hands tensors of the model to the page."""
    chosen = {
        name: tensor.detach().half().contiguous()
        for name, tensor in tensors_of(model).items()
        if name.startswith(PARTS[part])
    }
    flat = torch.cat([t.flatten() for t in chosen.values()])
    # High bytes first: signs and exponents pack well when they stand together.
    planes = flat.numpy().astype(">f2").view("u1").reshape(-1, 2).T.tobytes()
    content = {
        "start": begin,
        "tensors": [[name, list(t.shape)] for name, t in chosen.items()],
        "data": base64.b64encode(zlib.compress(planes, 9)).decode("ascii"),
    }
    return f'EquivaeLive.weights.receive("{part}", {json.dumps(content)});\n'


def write(
    target: Path, figures: Iterable[str], folder: Path | str = checkpoints.FOLDER
) -> None:
    """Write weights and pictures that these figures need into a folder.

    Raises EquivaeError where the checkpoint is not as its card says, or the numbers of
    tools/live/digits.py belong to another.
    """
    model = load(folder)
    for part in ["decoder", *(["encoder"] if "draw" in figures else [])]:
        text = script(part, model, start() if part == "decoder" else {})
        (target / f"{part}-weights.js").write_text(text, encoding="ascii")
    for figure in figures:
        for name, data in pictures.pictures(model, figure).items():
            (target / name).write_bytes(data)


def addresses(target: Path) -> dict[str, str]:
    """The names of the written weights, with their digest: caches see a new file."""
    found = {}
    for part in PARTS:
        path = target / f"{part}-weights.js"
        if path.exists():
            digest = hashlib.sha256(path.read_bytes()).hexdigest()[:8]
            found[f"{part}_weights"] = f"{path.name}?v={digest}"
    return found
