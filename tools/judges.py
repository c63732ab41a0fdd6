"""Makes the independent judges of drawings, one for each data set.

    python -m tools.judges mnist           weights and card to data/judges
    python -m tools.judges                 those of all data sets that are here

A judge learns the labels of training images, each distorted anew in every epoch, and
nothing else. Its number of epochs was not tuned; its error on the test images is in its
card, and the chapters that ask it count that error again. A minute or two of one core.
"""

from __future__ import annotations

import argparse
import hashlib
import time

import torch
from safetensors.torch import save
from torch.nn import functional as F

from equivae_lite import files
from equivae_lite.chapters.judge import COMMAND, FOLDER, Judge
from equivae_lite.data import sets, sources
from equivae_lite.data.distortions import distort
from equivae_lite.data.sets import SIZES as OF_SETS
from equivae_lite.data.sets import ImageSet
from equivae_lite.runs.machine import hardware, versions

# How many training images (None: all), and how many epochs.
SIZES = {
    "mnist": (None, 3),
    "glyphs": (10_000, 5),
    "svhn-part": (None, 15),
    "street-glyphs": (10_000, 15),
}
BATCH, RATE = 128, 3e-3


def fit(train: ImageSet, epochs: int, seed: int = 0) -> Judge:
    """A judge of the training images: Adam, its rate falling to 0 by a cosine."""
    torch.manual_seed(seed)
    judge = Judge(*train.images.shape[1:3], train.classes)
    adam = torch.optim.Adam(judge.parameters(), lr=RATE)
    steps = epochs * -(-len(train) // BATCH)
    falling = torch.optim.lr_scheduler.CosineAnnealingLR(adam, steps)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(epochs):
        for rows in torch.randperm(len(train), generator=generator).split(BATCH):
            x = distort(train.images[rows] / 255, generator=generator).clamp(0, 1)
            adam.zero_grad()
            F.cross_entropy(judge(x), train.labels[rows]).backward()
            adam.step()
            falling.step()
    return judge.eval()


def error(judge: Judge, images: ImageSet) -> float:
    """Share of images that the judge misreads."""
    read = torch.cat([judge.read(part / 255) for part in images.images.split(500)])
    return float((read != images.labels).double().mean())


def make(data: str, seed: int = 0) -> dict:
    """Fit the judge of a data set, write weights and card; returns the card."""
    limit, epochs = SIZES[data]
    started = time.process_time()
    tests = min(10_000, OF_SETS[data]["test"])
    train, test = sets.load(data, "train", limit), sets.load(data, "test", tests)
    judge = fit(train, epochs, seed)
    blob = save({k: t.contiguous() for k, t in judge.state_dict().items()})
    card = {
        "command": f"{COMMAND} {data}",
        "data": {"name": data, "train": train.md5, "test": test.md5},
        "training_images": len(train), "epochs": epochs, "batch": BATCH, "seed": seed,
        "distortion": 1.0, "image_shape": list(judge.image_shape),
        "parameters": sum(p.numel() for p in judge.parameters()),
        "test_images": len(test), "test_error": error(judge, test),
        "sha256": hashlib.sha256(blob).hexdigest(),
        "cpu_seconds": round(time.process_time() - started),
        "hardware": hardware("cpu"), "versions": versions(),
    }  # fmt: skip
    files.write(FOLDER / f"{data}.safetensors", blob)
    files.write_json(FOLDER / f"{data}.json", card)
    return card


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__.split("\n")[0])
    parser.add_argument("data", nargs="*", help=f"of {', '.join(SIZES)}")
    chosen = parser.parse_args(arguments).data
    if unknown := set(chosen) - set(SIZES):
        parser.error(f"{sorted(unknown)}: choose from {', '.join(SIZES)}")
    torch.set_num_threads(1)
    for data in chosen or [d for d in SIZES if sources.available(d)]:
        card = make(data)
        print(f"{data}: {card['test_error']:.2%} of {card['test_images']:,} test "
              "images misread", flush=True)  # fmt: skip
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
