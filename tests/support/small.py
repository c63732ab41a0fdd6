"""Small data sets and models for the tests: quick on one core, drawn once."""

from dataclasses import replace
from functools import lru_cache

import torch

from equivae_lite.data import sets
from equivae_lite.runs import pipeline
from equivae_lite.training import checkpoints, experiments

SUPERVISED = experiments.get("glyphs-supervised")
# Equation (7) and the term for labels: the levers of chapter 12 are tested one by one.
SEMI = replace(
    experiments.get("glyphs-semi-supervised"), alpha=1.0, labelled_weight=None,
    warmup_steps=0, distortion=0.0, consistency=0.0, averaging=0.0, decay_from=1.0,
    label_sum="exact",
)  # fmt: skip
COLOUR = experiments.get("street-glyphs-supervised")
PLAIN = replace(
    experiments.get("mnist-supervised-plain-vae"), name="glyphs-plain", data="glyphs"
)
TABLE = replace(
    experiments.get("mnist-supervised-class-table"), name="glyphs-table", data="glyphs"
)


@lru_cache
def images(name="glyphs", split="train", limit=512):
    """Shared by the tests of a file: nobody writes into it."""
    return sets.load(name, split, limit)


def few(per_class, name="glyphs"):
    """The first `per_class` images of every class."""
    whole = images(name)
    rows = [members[:per_class] for members in whole.by_class()]
    return whole.subset(torch.cat(rows))


def model(experiment, seed=0):
    """An untrained model in evaluation mode."""
    torch.manual_seed(seed)
    return checkpoints.build(experiment).eval()


def pixels(experiment):
    return pipeline.pixels_for(experiment, images(experiment.data))


def network_input(experiment, n, split="train"):
    """The first n images as the networks see them."""
    return pixels(experiment).forward(images(experiment.data, split).images[:n])


def save_untrained(experiment, folder, seed=0, **card):
    """A checkpoint as `pipeline.train` writes it, without the training."""
    train, test = images(experiment.data), images(experiment.data, "test", 50)
    card = {
        "experiment": experiment.to_dict(),
        "parameters": 0,
        "data": {"name": train.name, "train": train.md5, "test": test.md5},
    } | card
    untrained = model(experiment, seed)
    path = checkpoints.save(untrained, pixels(experiment), card, seed, folder)
    return untrained, path
