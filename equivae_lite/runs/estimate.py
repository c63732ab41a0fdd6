"""How long a training will take: a few steps of each batch size, measured here and now.

Shorter than `bench`, which measures well: this is for a sentence before the training.
"""

from __future__ import annotations

import math
import time
from dataclasses import replace

import torch

from ..data.sets import ImageSet, Pixels
from ..training import loop
from ..training.checkpoints import build
from ..training.muon import optimizer_of
from ..training.objectives import Batches
from ..training.settings import Experiment

WARM, STEPS = 1, 3


def minutes(experiment: Experiment, data: ImageSet, pixels: Pixels) -> float:
    """Of a whole training, as if all its steps cost what a later one does."""
    model = build(experiment).to(data.images.device, memory_format=torch.channels_last)
    optimizer = optimizer_of(experiment, model)
    average = loop.WeightAverage(model, experiment.averaging)
    batches = Batches(experiment, data, pixels, 0)
    images = len(batches.unlabelled if experiment.semi_supervised else batches.labelled)
    seconds = 0.0
    for size, epochs in experiment.schedule:
        one = replace(
            experiment, schedule=((size, 1),), warmup_steps=0, separation_steps=0
        )
        for steps in (WARM, STEPS):
            started = time.perf_counter()
            entry = loop.train_epoch(
                one, model, optimizer, average, batches, 0, 0, steps_done=0,
                bfloat16=False, max_steps=steps, progress=False, kept="nothing is kept",
            )  # fmt: skip
            took = (time.perf_counter() - started) / entry["steps"]
        seconds += epochs * math.ceil(images / size) * took
    return seconds / 60
