"""Run by test_svhn.py in a process of its own: what a file of SVHN's size takes.

Reads train_32x32.mat of the folder given, fits the pixel statistics and takes the
training steps asked for. Prints JSON: megabytes after each, and what was done.
"""

import hashlib
import json
import resource
import sys
from dataclasses import replace
from pathlib import Path

from torchvision import datasets

from equivae_lite.data import sets
from equivae_lite.training import experiments, loop


def peak() -> float:
    """The most memory that this process has held so far, in megabytes."""
    status = Path("/proc/self/status")
    if status.exists():
        # Not getrusage: on Linux it also counts what the parent held before this
        # process had a program of its own, and the parent is a whole test run.
        line = next(x for x in status.read_text().splitlines() if "VmHWM" in x)
        return int(line.split()[1]) / 1024
    unit = 1024**2 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


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
    _, history = loop.fit(
        experiment, train, pixels, max_steps=steps, progress=False
    )
    megabytes["trained"] = peak()
    done = {"batch": history[0]["batch"], "steps": history[0]["steps"]}
    images = {"images": len(train), "dtype": str(train.images.dtype)}
    print(json.dumps(megabytes | done | images))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
