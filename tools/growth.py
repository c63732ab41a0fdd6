"""How time and memory of the fast recipe grow with images and with classes.

    python -m tools.growth             all of it, three minutes on two cores
    python -m tools.growth --table     the table so far

Random images of MNIST's shape, since what a step costs does not depend on what is in
them. Each row runs in a process of its own, so that its peak memory is its own. Wall
clock: leave the machine alone. Kept in data/results/mnist-growth.json.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import time
from dataclasses import replace

import torch

from equivae_lite import files
from equivae_lite.chapters.fast import growth_table
from equivae_lite.data.sets import ImageSet, Pixels
from equivae_lite.runs import machine
from equivae_lite.runs.folders import SHELF
from equivae_lite.training import experiments, loop

PATH = SHELF.results / "mnist-growth.json"
COMMAND = "python -m tools.growth"
BASE = experiments.get("mnist-supervised-fast")
ROWS = ((6_000, 10), (20_000, 10), (60_000, 10), (60_000, 26), (60_000, 100),
        (60_000, 400))  # (images, classes)  # fmt: skip
FEW, MANY, REPEATS = 5, 25, 3  # steps; what is done before the first drops out


def random_images(count: int, classes: int) -> ImageSet:
    """Noise in MNIST's shape, as many of each class as can be."""
    g = torch.Generator().manual_seed(0)
    size = BASE.arch.size
    x = torch.randint(0, 256, (count, 1, size, size), generator=g, dtype=torch.uint8)
    names = tuple(map(str, range(classes)))
    return ImageSet("mnist", "train", x, torch.arange(count) % classes, None, "", names)


def measure(count: int, classes: int, threads: int) -> dict:
    """Milliseconds of a step, minutes of the whole recipe, and the most memory held."""
    torch.set_num_threads(threads)
    images = random_images(count, classes)
    e = replace(BASE, arch=replace(BASE.arch, classes=classes))
    took = []
    for _ in range(REPEATS + 1):  # the first one warms up
        seconds = []
        for steps in (FEW, MANY):
            started = time.perf_counter()
            loop.fit(e, images, Pixels.unit(), max_steps=steps, progress=False)
            seconds.append(time.perf_counter() - started)
        took.append((seconds[1] - seconds[0]) / (MANY - FEW))
    step = statistics.median(took[1:])
    steps = sum(epochs * -(-count // size) for size, epochs in e.schedule)
    return {"images": count, "classes": classes, "step_ms": round(1000 * step, 1),
            "minutes": round(steps * step / 60, 2),
            "peak_mib": machine.peak_megabytes("cpu").get("process")}  # fmt: skip


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__.split("\n")[0])
    parser.add_argument("--table", action="store_true", help="only print the table")
    if not parser.parse_args(arguments).table:
        threads, rows = torch.get_num_threads(), []
        for count, classes in ROWS:
            with multiprocessing.get_context("spawn").Pool(1) as one:
                rows.append(one.apply(measure, (count, classes, threads)))
            print(rows[-1], flush=True)
        of = machine.origin("", "cpu") | {"command": COMMAND}
        files.write_json(PATH, of | {"experiment": BASE.to_dict(), "rows": rows})
    print(growth_table(files.read_json(PATH, "restore it from git")))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
