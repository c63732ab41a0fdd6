"""What the live figures know of MNIST: 30 test digits as numbers, and how v is used.

    python -m tools.live.digits    # needs MNIST; writes data/results/live-digits.json

What is kept of an image is its class, its place in the test set and 16 numbers, the
mean of q_cov(v | r_y, x). No image is stored. A page draws p(x | r_y, v) from them with
the r_y of all training images, in which no test image takes part.
"""

from __future__ import annotations

from pathlib import Path

import torch

from equivae_lite import files
from equivae_lite.data import sets
from equivae_lite.data.sets import ImageSet
from equivae_lite.errors import EquivaeError
from equivae_lite.model import bounds
from equivae_lite.runs.folders import SHELF
from equivae_lite.training import checkpoints

PATH = SHELF.results / "live-digits.json"
COMMAND = "python -m tools.live.digits"
NAME = "mnist-supervised"
EACH = 3  # the first images of every class, in the order of the test set: no selection


@torch.no_grad()
def encode(test: ImageSet) -> dict:
    """What the file holds, from the MNIST test set.

    `kl` is K_u of chapter 07, in nats: the KL of each unit of v, averaged over the
    test images.
    """
    model, pixels, card = checkpoints.load(NAME)
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
    return {
        "command": COMMAND,
        "checkpoint": {"name": NAME, "seed": 0, "sha256": card["sha256"]},
        "data": {"name": test.name, "split": test.split, "md5": test.md5},
        "kl": [round(x, 4) for x in kl.tolist()],
        "digits": [
            {"index": int(i), "y": y, "v": [round(x, 4) for x in mu[i].tolist()]}
            for y, indices in enumerate(test.by_class())
            for i in indices[:EACH]
        ],
    }


def read(path: Path = PATH) -> dict:
    """The file: `kl` (16) and `digits`, each with index, class y and v (16).

    Raises EquivaeError where it is missing or belongs to other weights.
    """
    if not path.exists():
        raise EquivaeError(f"{path.name} is missing; restore it from git or: {COMMAND}")
    content = files.read_json(path, "restore it from git")
    if content["checkpoint"]["sha256"] != checkpoints.read_card(NAME, 0)["sha256"]:
        raise EquivaeError(
            f"{path.name} was made with other weights than the shipped {NAME}; "
            f"make it again: {COMMAND}"
        )
    return content


if __name__ == "__main__":
    files.write_json(PATH, encode(sets.load("mnist", "test")))
    print("wrote", PATH.name)
