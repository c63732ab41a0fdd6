"""Run by test_svhn.py in a process of its own: what a file of SVHN's size takes.

Reads train_32x32.mat of the folder given, fits the pixel statistics and takes the
training steps asked for. Prints JSON: megabytes after each, and what was done.
"""

import hashlib
import json
import sys
from dataclasses import replace
from pathlib import Path

from torchvision import datasets

from equivae_lite.data import sets
from equivae_lite.runs import machine
from equivae_lite.training import experiments, loop


def peak() -> int:
    """The most memory that this process has held so far, in megabytes."""
    return machine.peak_megabytes("cpu")["process"]


def main(folder: str, name: str, steps: int) -> None:
    megabytes = {"start": peak()}
    entry = datasets.SVHN.split_list["train"]
    with (Path(folder) / entry[1]).open("rb") as file:
        entry[2] = hashlib.file_digest(file, "md5").hexdigest()
    train = sets.load("svhn", root=folder)
    megabytes["loaded"] = peak()
    pixels = sets.Pixels.fit(train.images)
    megabytes["fitted"] = peak()
    experiment = experiments.get(name)
    largest = experiment.schedule[-1][0]
    # Straight to the largest batch, and past the warm-up: there the peak is.
    experiment = replace(experiment, schedule=((largest, 1),), warmup_steps=0)
    _, history = loop.fit(experiment, train, pixels, max_steps=steps, progress=False)
    megabytes["trained"] = peak()
    done = {"batch": history[0]["batch"], "steps": history[0]["steps"]}
    images = {"images": len(train), "dtype": str(train.images.dtype)}
    print(json.dumps(megabytes | done | images))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
