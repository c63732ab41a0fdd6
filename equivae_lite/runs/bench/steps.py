"""How long a whole training will take: a step at every batch size of its schedule.

Measured after a few steps to warm up, on random images of the right shape: what a step
costs does not depend on what is in them. Wall-clock time, so leave the machine alone.
"""

from __future__ import annotations

import math
import time
from dataclasses import replace

import torch

from ... import files
from ...data import sets
from ...data.sets import ImageSet
from ...training import experiments, loop
from ...training.settings import Experiment
from .. import machine, pipeline
from ..folders import MINE, Folder

WARM, STEPS = 12, 100


def main(
    name: str, device: str, smoke: bool = False, folder: Folder = MINE
) -> dict:
    """Measure an experiment and predict its training's time; bench-steps-NAME.json.

    In `smoke` a few steps are taken and nothing is written.
    """
    experiment = experiments.get(name)
    images = _random_images(experiment, 2000 if smoke else 60_000).to(device)
    pixels = pipeline.pixels_for(experiment, images)
    sizes = sorted({size for size, _ in experiment.schedule})
    rows = []
    for size in sizes[:1] if smoke else sizes:
        one = replace(
            experiment, schedule=((size, 1),), warmup_steps=0, separation_steps=0
        )
        settings = {"progress": False, "max_steps": 2 if smoke else WARM}
        loop.fit(one, images, pixels, 0, **settings)
        if not smoke:
            settings["max_steps"] = min(STEPS, len(images) // size)
        if device.startswith("cuda"):
            torch.cuda.reset_peak_memory_stats(device)
        started = time.perf_counter()
        _, history = loop.fit(one, images, pixels, 0, **settings)
        seconds, steps = time.perf_counter() - started, history[0]["steps"]
        rows.append({"batch": size, "steps": steps, "ms": 1000 * seconds / steps})
        if device.startswith("cuda"):
            rows[-1]["gpu_mb"] = torch.cuda.max_memory_allocated(device) // 2**20
        print(f"batch {size:5d}: {rows[-1]['ms']:8.1f} ms a step")
    found = {
        **machine.origin(f"bench {name}", device),
        "rows": rows,
    }
    if not smoke:
        print(f"{name}: about {minutes(experiment, rows):.1f} minutes of training")
        files.write_json(folder.results / f"bench-steps-{name}.json", found)
    return found


def minutes(experiment: Experiment, rows: list[dict]) -> float:
    """Of a whole training, from the measured steps; a warm-up's cheaper steps count
    as whole ones."""
    ms = {row["batch"]: row["ms"] for row in rows}
    images = sets.SIZES[experiment.data]["train"]
    if experiment.semi_supervised:
        images -= experiment.labels
    steps = {size: math.ceil(images / size) for size, _ in experiment.schedule}
    total = sum(epochs * steps[size] * ms[size] for size, epochs in experiment.schedule)
    return total / 60_000


def _random_images(experiment: Experiment, count: int) -> ImageSet:
    g = torch.Generator().manual_seed(0)
    arch = experiment.arch
    shape = (count, arch.colours, arch.size, arch.size)
    x = torch.randint(0, 256, shape, generator=g, dtype=torch.uint8)
    y = torch.arange(count) % arch.classes
    names = tuple(map(str, range(arch.classes)))
    return ImageSet(experiment.data, "train", x, y, None, "", names)
