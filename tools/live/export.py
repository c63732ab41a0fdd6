"""What the live figures load: the checkpoints' weights, as scripts.

The weights are those of shipped models, rounded to float16, packed with zlib and
written as base64 into JavaScript files: a page opened from a folder (file://) can load
a script, but fetch nothing. Of the MNIST model, `decoder-weights.js` holds r_y of the
ten classes and the decoder, and `encoder-weights.js` holds f, g and q_cov, for the
sheet to draw on. `scene-weights.js` holds r_y and the decoder of the model of house
numbers, and the mean and deviation of each pixel, which bring back its pictures.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from equivae_lite.data.sets import Pixels
from equivae_lite.errors import CheckpointError
from equivae_lite.model.equivae import EquiVAE
from equivae_lite.runs.page.packed import pack
from equivae_lite.training import checkpoints, experiments
from tools.live import digits, pictures
from tools.live.start import start


@dataclass(frozen=True)
class Part:
    """One file of weights: of which model, which tensors, and who is told to begin."""

    model: str
    tensors: tuple[str, ...]  # how their names in the checkpoint begin
    starts: tuple[str, ...] = ()  # the figures whose first state it carries


MNIST, SCENE = digits.DIGITS.model, digits.SCENES.model
PARTS = {
    "decoder": Part(
        MNIST, ("class_r", "decoder."), ("hero", "styles", "interpolation", "draw")
    ),
    "encoder": Part(MNIST, ("encoder.", "posterior.")),
    # Not decoder.log_var: the mean of a Gaussian is shown, without its noise.
    "scene": Part(
        SCENE, ("class_r", "decoder.dense", "decoder.convolutions", "pixels."),
        ("scene",),
    ),
}  # fmt: skip
NEEDS = {
    "hero": ("decoder",),
    "styles": ("decoder",),
    "interpolation": ("decoder",),
    "draw": ("decoder", "encoder"),
    "scene": ("scene",),
}


@dataclass(frozen=True)
class Shown:
    """A model as the pages have it, and how its pictures are brought back."""

    model: EquiVAE
    pixels: Pixels

    def draw(self, r: Tensor, v: Tensor) -> Tensor:
        """Means of p(x | r_y, v) as pictures (..., C, H, W) in [0, 1]."""
        return self.pixels.inverse(self.model.mean_image(r, v))

    def tensors(self) -> dict[str, Tensor]:
        """All that there is to export, by its name in the checkpoint."""
        pixels = {f"pixels.{k}": t for k, t in self.pixels.state().items()}
        named = dict(self.model.named_parameters())
        return {"class_r": self.model.class_r, **named, **pixels}


def rounded(shown: Shown, name: str) -> Shown:
    """The same with all its numbers rounded to float16 (kept as float32), in place.

    Raises CheckpointError where the rounding would lose a weight.
    """
    with torch.no_grad():
        for key, tensor in shown.tensors().items():
            half = tensor.half()
            if not torch.isfinite(half).all():
                raise CheckpointError(f"{key} of {name} does not fit into float16")
            tensor.copy_(half)
    return shown


def load(name: str = MNIST, folder: Path | str = checkpoints.FOLDER) -> Shown:
    """A shipped model as the pages have it, rounded; its sha256 was compared.

    Raises CheckpointError where it is missing, damaged, or not of the architecture
    that book/live/network.js is written for.
    """
    model, pixels, card = checkpoints.load(name, folder=folder)
    if model.arch != experiments.get(name).arch or model.class_r is None:
        raise CheckpointError(
            f"{name} of {card.get('commit')} is not the supervised model of that name "
            "with its class representations: the live figures draw no other"
        )
    return rounded(Shown(model, pixels), name)


def script(part: str, shown: Shown) -> str:
    """A JavaScript file that hands tensors of the model to the page."""
    chosen = {
        name: tensor
        for name, tensor in shown.tensors().items()
        if name.startswith(PARTS[part].tensors)
    }
    text = pack(chosen, {figure: start(figure) for figure in PARTS[part].starts})
    return f'EquivaeLive.weights.receive("{part}", "{text}");\n'


def write(
    target: Path, figures: Iterable[str], folder: Path | str = checkpoints.FOLDER
) -> None:
    """Write weights and pictures that these figures need into a folder.

    Raises EquivaeError where a checkpoint is missing or not as its card says, or the
    numbers of tools/live/digits.py belong to another.
    """
    figures = sorted(figures)
    parts = sorted({part for figure in figures for part in NEEDS[figure]})
    models = {PARTS[part].model for part in parts}
    shown = {name: load(name, folder) for name in sorted(models)}
    for part in parts:
        text = script(part, shown[PARTS[part].model])
        (target / f"{part}-weights.js").write_text(text, encoding="ascii")
    for figure in figures:
        model = shown[PARTS[NEEDS[figure][0]].model]
        for name, data in pictures.pictures(model, figure).items():
            (target / name).write_bytes(data)


def megabytes(target: Path, figure: str) -> str:
    """What the weights of a figure weigh, in MB, as a reader is told."""
    sizes = [(target / f"{part}-weights.js").stat().st_size for part in NEEDS[figure]]
    return f"{sum(sizes) / 1e6:.1f}"


def addresses(target: Path) -> dict[str, str]:
    """The names of the written weights, with their digest: caches see a new file."""
    found = {}
    for part in PARTS:
        path = target / f"{part}-weights.js"
        if path.exists():
            digest = hashlib.sha256(path.read_bytes()).hexdigest()[:8]
            found[f"{part}_weights"] = f"{path.name}?v={digest}"
    return found
