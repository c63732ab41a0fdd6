"""An independent judge of drawings: a classifier of real images and their labels alone.

Whether a drawing is of the class that was asked for should not be said by the model
that drew it, whose encoder learnt beside its decoder. Each data set has a judge of its
own, two convolutions and a dense layer, made by `python -m tools.judges` and kept in
data/judges with a card. No generative model had a part in it.
"""

from __future__ import annotations

import hashlib

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from torch import Tensor, nn

from .. import files
from ..errors import CheckpointError
from ..model import checks
from ..runs.folders import SHELF
from .session import record

FOLDER = SHELF.root / "judges"
COMMAND = "python -m tools.judges"


class Judge(nn.Module):
    """Images (..., C, S, S) in [0, 1] -> logits of their classes (..., classes)."""

    def __init__(self, colours: int, size: int, classes: int = 10) -> None:
        super().__init__()
        self.image_shape = (colours, size, size)
        self.net = nn.Sequential(
            nn.Conv2d(colours, 16, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(32 * (size // 4) ** 2, classes),
        )  # fmt: skip

    def forward(self, images: Tensor) -> Tensor:
        checks.in_unit(images)
        logits = self.net(images.reshape(-1, *self.image_shape))
        return logits.unflatten(0, images.shape[:-3])

    @torch.no_grad()
    def read(self, images: Tensor) -> Tensor:
        """The class of each image (..., C, S, S) in [0, 1]: (...)."""
        return self(images).argmax(dim=-1)


def judge_of(data: str, device: str = "cpu") -> tuple[Judge, dict]:
    """The judge of a data set, and its card.

    Raises CheckpointError if it is missing or damaged, with the command that makes it.
    """
    again = f"restore both from git, or make it again: {COMMAND} {data}"
    weights, card_path = (FOLDER / f"{data}.{end}" for end in ("safetensors", "json"))
    for path in (weights, card_path):
        if not files.exists(path):
            raise CheckpointError(f"there is no {path.name} in {FOLDER}; {again}")
    card, blob = files.read_json(card_path, again), files.read(weights, again)
    digest = hashlib.sha256(blob).hexdigest()
    if digest != card.get("sha256"):
        raise CheckpointError(
            f"{weights.name} is damaged: its sha256 is {digest[:12]}..., its card says "
            f"{str(card.get('sha256'))[:12]}...; {again}"
        )
    try:
        judge = Judge(*card["image_shape"][:2])
        judge.load_state_dict(load_tensors(blob))
    except (KeyError, TypeError, RuntimeError, SafetensorError) as error:
        words = f"{weights.name} is no judge ({error}); {again}"
        raise CheckpointError(words) from error
    record("checkpoint", f"judge of {data}", digest, weights)
    return judge.to(device).eval(), card
