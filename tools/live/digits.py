"""What the live figures know of a test set: a few images as numbers, and how v is used.

    python -m tools.live.digits           # MNIST: data/results/live-digits.json
    python -m tools.live.digits scenes    # svhn-part: data/results/live-scenes.json

What is kept of an image is its class, its place in the test set and 16 numbers, the
mean of q_cov(v | r_y, x). No image is stored. A page draws p(x | r_y, v) from them with
the r_y of all training images, in which no test image takes part.

Of MNIST it is also kept how far test digits go, read one by one as the sheet to draw on
is read (`far`): what lies beyond is no digit that the model has met.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from equivae_lite import files
from equivae_lite.data import sets
from equivae_lite.data.sets import ImageSet
from equivae_lite.errors import EquivaeError
from equivae_lite.model import bounds
from equivae_lite.model.equivae import EquiVAE
from equivae_lite.runs.folders import SHELF
from equivae_lite.training import checkpoints


@dataclass(frozen=True)
class Kept:
    """A file of encoded test images: by which model, and how many of every class.

    They are the first of their class, in the order of the test set: no selection.
    """

    model: str
    each: int
    path: Path
    command: str
    read_alone: bool = False  # are images read without their class, as a drawing is


_COMMAND = "python -m tools.live.digits"
DIGITS = Kept(
    "mnist-supervised", 3, SHELF.results / "live-digits.json", _COMMAND, read_alone=True
)
SCENES = Kept(
    "svhn-part-supervised", 1, SHELF.results / "live-scenes.json", f"{_COMMAND} scenes"
)
ALL = {"digits": DIGITS, "scenes": SCENES}
SHARE = 99  # % of test digits; what goes further than these is called far


def far(model: EquiVAE, images: Tensor) -> dict:
    """How far SHARE % of images (N, 1, 28, 28) in [0, 1] stay, each read by itself.

    `distance`: of r(x) = g(f(x)), equation (2) with m = 1, to the nearest r_y.
    `missed`: the sum over pixels of (x - x')^2, where x' is decoded from r(x) and the
    mean of q_cov(v | r(x), x), equation (3).
    """
    distances, missed = [], []
    for x in images.split(500):
        r = model.encoder(x[:, None])
        mu, _ = model.posterior(r, x)
        distances.append(torch.cdist(r, model.class_r).amin(dim=1))
        missed.append((x - model.mean_image(r, mu)).square().sum(dim=(1, 2, 3)))
    found = {"distance": torch.cat(distances), "missed": torch.cat(missed)}
    limits = {k: round(x.quantile(SHARE / 100).item(), 4) for k, x in found.items()}
    return {"share": SHARE, **limits}


@torch.no_grad()
def encode(test: ImageSet, kept: Kept = DIGITS) -> dict:
    """What the file holds, from the test set that its model is about.

    `kl` is K_u of chapter 07, in nats: the KL of each unit of v, averaged over the
    test images.
    """
    model, pixels, card = checkpoints.load(kept.model)
    mu, log_var = (
        torch.cat(part)
        for part in zip(
            *(
                model.posterior(model.class_r[y], pixels.forward(x))
                for x, y in zip(test.images.split(500), test.labels.split(500))
            )
        )
    )
    # One unit at a time: gaussian_kl sums over the last axis.
    kl = bounds.gaussian_kl(mu[..., None], log_var[..., None]).mean(dim=0)
    alone = {"far": far(model, pixels.forward(test.images))} if kept.read_alone else {}
    return {
        "command": kept.command,
        "checkpoint": {"name": kept.model, "seed": 0, "sha256": card["sha256"]},
        "data": {"name": test.name, "split": test.split, "md5": test.md5},
        "kl": [round(x, 4) for x in kl.tolist()],
        **alone,
        "digits": [
            {"index": int(i), "y": y, "v": [round(x, 4) for x in mu[i].tolist()]}
            for y, indices in enumerate(test.by_class())
            for i in indices[: kept.each]
        ],
    }


def read(kept: Kept = DIGITS, path: Path | None = None) -> dict:
    """The file: `kl` (16) and `digits`, each with index, class y and v (16); `far`.

    Raises EquivaeError where it is missing or belongs to other weights.
    """
    path = kept.path if path is None else path
    card = checkpoints.read_card(kept.model, 0)
    if not path.exists():
        raise EquivaeError(
            f"{path.name} is missing; restore it from git or: {kept.command}"
        )
    content = files.read_json(path, "restore it from git")
    if content["checkpoint"]["sha256"] != card["sha256"]:
        raise EquivaeError(
            f"{path.name} was made with other weights than the shipped {kept.model}; "
            f"make it again: {kept.command}"
        )
    return content


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("which", nargs="?", choices=ALL, default="digits")
    kept = ALL[parser.parse_args().which]
    data = checkpoints.read_card(kept.model, 0)["data"]["name"]
    files.write_json(kept.path, encode(sets.load(data, "test"), kept))
    print("wrote", kept.path.name)


if __name__ == "__main__":
    main()
