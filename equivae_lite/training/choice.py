"""Settings for a set of the reader's own: a preset of the book, fitted to its images.

Sizes and classes are those of the images. How long, how large the batches, and how many
complementary images follow from how many there are; all else is as the book has it, so
that what its chapters measured is what is used. Nothing is searched for.
"""

from __future__ import annotations

from dataclasses import replace

from ..errors import ExperimentError
from .experiments import get
from .settings import Experiment

# Images that a training looks at, in all: for 28 pixels some minutes on two cores.
LOOKS, LOOKS_SEMI = 400_000, 200_000
FEW_EPOCHS, MANY_EPOCHS = 8, 400
STEPS = 20  # steps an epoch has at the least, if the batch is to be larger
LARGEST_BATCH = 256
POOL = 300  # complementary images a step, over all classes
SMALL = 20_000  # images: f learns so few by heart, unless they are distorted


def choose(
    name: str, data: str, *, size: int, colours: int, classes: int, images: int,
    smallest: int, labels: int | None = None,
) -> Experiment:  # fmt: skip
    """The experiment `name` on `images` images; with `labels`, semi-supervised.

    `smallest` is how many labelled images the smallest class has, `labels` how many
    there are in all. Raises ExperimentError if a class has fewer than two.
    """
    if smallest < 2:
        raise ExperimentError(
            f"the smallest class has {smallest} labelled images, but r_y of one is "
            "made from others: label at least 2 of each"
        )
    kind = "svhn" if colours == 3 else "mnist"
    base = get(f"{kind}-supervised" if labels is None else f"{kind}-semi-supervised")
    arch = replace(
        get(f"{kind}-supervised").arch, size=size, classes=classes,
        label_posterior=labels is not None, dropout=base.arch.dropout,
    )  # fmt: skip
    m_max = max(1, min(base.m_max, smallest - 1, POOL // classes - 1))
    looks = LOOKS if labels is None else LOOKS_SEMI
    epochs = min(MANY_EPOCHS, max(FEW_EPOCHS, round(looks / images)))
    plan = schedule(images, epochs)
    steps = sum(count * -(-images // batch) for batch, count in plan)
    few = images < SMALL
    changes = dict(
        name=name, data=data, arch=arch, m_max=m_max, labels=labels, schedule=plan,
        averaging=0.99, decay_from=0.5,
        kl_epochs=0.0 if labels is not None else epochs / 4,
        separation_steps=min(base.separation_steps, steps // 3),
        warmup_steps=min(base.warmup_steps, steps // 4),
    )  # fmt: skip
    if few and changes["separation_steps"]:
        changes["separation_distortion"] = 1.0
    return replace(base, **changes)


def schedule(images: int, epochs: int) -> tuple[tuple[int, int], ...]:
    """Batches that double from 32, while an epoch has enough steps: (batch, epochs).

    Each size has more epochs than the one before it: one share, two, three.
    """
    batches = [32]
    while batches[-1] < LARGEST_BATCH and images >= 2 * batches[-1] * STEPS:
        batches.append(2 * batches[-1])
    batches = batches[:epochs]
    shares = [(i + 1) / sum(range(1, len(batches) + 1)) for i in range(len(batches))]
    counts = [max(1, int(epochs * share)) for share in shares[:-1]]
    counts.append(epochs - sum(counts))
    return tuple(zip(batches, counts))
