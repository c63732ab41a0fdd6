"""One preset per experiment: every setting of Appendix B and every open choice.

`PRESETS` maps names to presets; `get` finds one or says which exist. What each field
means, and why an open one has its value, is in settings.py.
"""

from __future__ import annotations

import difflib
from dataclasses import replace

from ..errors import ExperimentError
from ..model.networks import Architecture
from .settings import Experiment

_MNIST = Experiment("mnist-supervised", "mnist")
# As good a bound in a quarter of the preset's time: `bench --to` measures it, and
# chapter 10 takes it apart. All but the networks and the objective is ours.
_FAST = replace(
    _MNIST, name="mnist-supervised-fast", schedule=((128, 7),), learning_rate=2e-3,
    muon_rate=0.02, kl_epochs=2.0, decay_from=0.0, averaging=0.98,
)  # fmt: skip
# From PyTorch's start, in five epochs: found when the models of chapters 11 and 15 had
# been trained by the recipe above (chapter 10).
_FASTER = replace(
    _FAST, name="mnist-supervised-faster", schedule=((128, 5),),
    arch=replace(_FAST.arch, init="pytorch"),
)  # fmt: skip
# The appendix gives no dropout rate. With 0.2 instead of the usual 0.5 the generative
# classifier was better in a short run on held-out images; `study` can measure it.
_SMALL = Architecture(
    r_dim=8, v_dim=8, hidden=(64, 32), label_posterior=True, dropout=0.2
)
# Batches double from 32 here, too; the warm-up takes most of the first epoch.
_SEMI_SCHEDULE = ((32, 1), (64, 1), (128, 3))
# What chapter 12 adds to the appendix, chosen on held-out training images.
_RECIPE = dict(
    schedule=_SEMI_SCHEDULE, kl_epochs=0.0, label_sum="sampled", warmup_steps=1500,
    labelled_weight=0.05, alpha=50.0, distortion=1.0, consistency=50.0,
    averaging=0.99, decay_from=0.5,
)  # fmt: skip
_MNIST_SEMI = Experiment(
    "mnist-semi-supervised", "mnist", _SMALL, m_max=4, labels=100, **_RECIPE
)
# Equation (7) by itself: nothing of ours but the initialisation and the cheaper sum.
_MNIST_SEMI_APPENDIX = Experiment(
    "mnist-semi-supervised-appendix", "mnist", _SMALL, m_max=4, labels=100,
    schedule=_SEMI_SCHEDULE[:2], kl_epochs=0.0, label_sum="sampled",
)  # fmt: skip
# Whether what is left to gain is a matter of time.
_MNIST_SEMI_LONG = replace(
    _MNIST_SEMI, name="mnist-semi-supervised-long",
    schedule=((32, 1), (64, 2), (128, 12)),
)  # fmt: skip
# q_y-post without any unlabelled image: every step is one of the warm-up.
_LABELS_ALONE = replace(
    _MNIST_SEMI, name="mnist-labels-alone", generative=False, consistency=0.0,
    distortion=0.0, schedule=((32, 1),), warmup_steps=2000,
)  # fmt: skip
_LABELS_DISTORTED = replace(
    _LABELS_ALONE, name="mnist-labels-distorted", distortion=1.0
)
# Of the three variances the one with the highest bound on held-out images.
_COLOUR = Architecture(size=32, colours=3, likelihood="gaussian", variance="pixel")
# In colour nothing of the class reaches r_y by itself: chapter 13 shows it.
_SVHN = Experiment("svhn-supervised", "svhn", _COLOUR, m_max=10, separation_steps=2000)
_SVHN_SEMI = Experiment(
    "svhn-semi-supervised", "svhn", replace(_COLOUR, label_posterior=True, dropout=0.2),
    m_max=10, labels=1000, separation_steps=3000, **_RECIPE,
)  # fmt: skip
# The stand-in has schedules that a reader's CPU can afford: five minutes of one core,
# and ten where labels are summed over.
_STREET = replace(
    _SVHN, name="street-glyphs-supervised", data="street-glyphs",
    schedule=((32, 1), (64, 1)), kl_epochs=1.0, decay_from=0.5, averaging=0.99,
)  # fmt: skip
# The warm-up takes 1,500 of the first epoch's 2,259 steps; 1,900 are left for the
# unlabelled images, r_y being held for the first 1,500 of these.
_STREET_SEMI = replace(
    _SVHN_SEMI, name="street-glyphs-semi-supervised", data="street-glyphs",
    schedule=((32, 1), (64, 1)),
)  # fmt: skip

# Real photographs, but 10,313 of them: more epochs, smaller batches. f and g learn from
# `separation` to the end, on distorted images: of what was tried on held-out training
# images (chapter 13) this left r_y the most to say.
_TO_THE_END = 1_000_000  # steps: more than any run has
_PART = replace(
    _SVHN, name="svhn-part-supervised", data="svhn-part",
    schedule=((32, 12), (64, 8), (128, 8)), decay_from=0.5, averaging=0.99,
    separation_steps=_TO_THE_END, separation_distortion=1.0,
)  # fmt: skip
_PART_SEMI = replace(
    _SVHN_SEMI, name="svhn-part-semi-supervised", data="svhn-part",
    schedule=((32, 10), (64, 10), (128, 10)),
    separation_steps=_TO_THE_END, separation_distortion=1.0,
)  # fmt: skip

# The failure of chapter 11 and its cures, one change at a time, in a budget of
# 16 epochs: half of the full schedule.
_NO_SEPARATION = dict(separation_steps=0, separation_distortion=0.0)
_SHORT = ((32, 1), (64, 2), (128, 3), (256, 5), (512, 5))


def _short(name: str, init: str, **changes) -> Experiment:
    return replace(_MNIST, name=name, arch=replace(_MNIST.arch, init=init),
                   schedule=_SHORT, **changes)  # fmt: skip


def _without_r(base: Experiment) -> Experiment:
    """Ablation (a): a plain VAE with r's width added to v."""
    arch = replace(base.arch, r_dim=0, v_dim=base.arch.r_dim + base.arch.v_dim)
    return replace(base, name=f"{base.name}-plain-vae", arch=arch,
                   representation="none", **_NO_SEPARATION)  # fmt: skip


def _with_table(base: Experiment) -> Experiment:
    """Ablation (b): a learned vector per class in place of r_y."""
    return replace(base, name=f"{base.name}-class-table",
                   representation="table", **_NO_SEPARATION)  # fmt: skip


def _with_wide_v(base: Experiment) -> Experiment:
    """As many numbers in v as the plain VAE has, and r_y besides."""
    arch = replace(base.arch, v_dim=base.arch.r_dim + base.arch.v_dim)
    return replace(base, name=f"{base.name}-wide-v", arch=arch)


def _neighbours(base: Experiment) -> tuple[Experiment, ...]:
    """Models whose r is of a group with x_n in it (model/groups.py), for chapter 15."""
    ways = {"leak": "leak", "ml-vae": "product", "group-vae": "average"}
    return tuple(
        replace(base, name=f"{base.name}-{name}", representation=way)
        for name, way in ways.items()
    )


def _without_separation(base: Experiment) -> Experiment:
    """Equation (4) from the first step on."""
    return replace(base, name=f"{base.name}-no-separation", **_NO_SEPARATION)


def _without_bounds(base: Experiment) -> Experiment:
    """q_y-post with all of the recipe but the generative model; f stays as it began."""
    return replace(base, name=f"{base.name}-no-bound", generative=False,
                   **_NO_SEPARATION)  # fmt: skip


def _without_bounds_but_separation(base: Experiment) -> Experiment:
    """The same with the f that `base` has: what the bounds themselves are worth."""
    name = f"{base.name}-no-bound-with-separation"
    return replace(base, name=name, generative=False)


def _of_the_appendix(base: Experiment) -> Experiment:
    """(7) by itself, with the networks and the schedule of `base`."""
    return Experiment(
        f"{base.name}-appendix", base.data, base.arch, m_max=base.m_max,
        labels=base.labels, schedule=base.schedule, kl_epochs=0.0, label_sum="sampled",
    )  # fmt: skip


def _with_variance(base: Experiment, variance: str) -> Experiment:
    """The same experiment with another variance of the Gaussian pixels."""
    return replace(base, name=f"{base.name}-{variance}-variance",
                   arch=replace(base.arch, variance=variance))  # fmt: skip


def _labels_only(base: Experiment, how: str, distortion: float) -> Experiment:
    """q_y-post on the labelled images by themselves, for as many steps as `base`."""
    return replace(
        base, name=f"{base.data}-labels-{how}", generative=False, consistency=0.0,
        distortion=distortion, warmup_steps=_TO_THE_END, **_NO_SEPARATION)  # fmt: skip


def _in_colour(
    supervised: Experiment, semi_supervised: Experiment
) -> tuple[Experiment, ...]:
    """The experiments of chapters 13 and 14 on one data set."""
    return (
        supervised,
        _without_separation(supervised),
        _with_table(supervised),
        _without_r(supervised),
        _with_wide_v(supervised),
        _with_variance(supervised, "unit"),
        _with_variance(supervised, "shared"),
        semi_supervised,
        _without_bounds(semi_supervised),
        _without_bounds_but_separation(semi_supervised),
        _of_the_appendix(semi_supervised),
        _labels_only(semi_supervised, "alone", 0.0),
        _labels_only(semi_supervised, "distorted", 1.0),
    )


# Chapter 15 compares many models, three seeds each, and teaches eight letters to none.
_CHARACTERS = replace(
    _MNIST, name="characters-supervised", data="characters",
    arch=replace(_MNIST.arch, classes=26), schedule=((32, 1), (64, 2), (128, 3)),
    kl_epochs=2.0, decay_from=0.5, averaging=0.99,
)  # fmt: skip

# MNIST's recipe has no phase of `separation`; without bounds f learns in one.
_MNIST_NO_BOUND_F = replace(
    _without_bounds_but_separation(_MNIST_SEMI), separation_steps=3000
)

# How far consistency gets by itself, with targets that are labels (chapter 12).
_MNIST_SURE_NO_BOUND = replace(
    _without_bounds(_MNIST_SEMI), name="mnist-semi-supervised-sure-no-bound",
    aligned=True, sure=0.9,
)  # fmt: skip

PRESETS: dict[str, Experiment] = {
    e.name: e
    for e in (
        _MNIST,
        _without_r(_MNIST),
        _with_table(_MNIST),
        _FAST,
        _without_r(_FAST),
        _with_table(_FAST),
        *_neighbours(_FAST),
        _FASTER,
        _short("mnist-init-pytorch", "pytorch", kl_epochs=0.0),
        _short("mnist-init-pytorch-kl", "pytorch"),
        _short("mnist-init-he", "he", kl_epochs=0.0),
        _short("mnist-init-he-kl", "he"),
        _MNIST_SEMI,
        _MNIST_SEMI_APPENDIX,
        _MNIST_SEMI_LONG,
        _without_bounds(_MNIST_SEMI),
        _MNIST_NO_BOUND_F,
        _MNIST_SURE_NO_BOUND,
        _LABELS_ALONE,
        _LABELS_DISTORTED,
        *_in_colour(_SVHN, _SVHN_SEMI),
        *_in_colour(_PART, _PART_SEMI),
        *_in_colour(_STREET, _STREET_SEMI),
        replace(_MNIST, name="glyphs-supervised", data="glyphs", schedule=_SHORT),
        replace(
            _MNIST_SEMI, name="glyphs-semi-supervised", data="glyphs",
            schedule=_SEMI_SCHEDULE[:2],
        ),  # fmt: skip
        _CHARACTERS,
        _without_r(_CHARACTERS),
        _with_table(_CHARACTERS),
        *_neighbours(_CHARACTERS),
    )
}


def get(name: str) -> Experiment:
    """The preset of that name, or an ExperimentError that lists them all."""
    if name in PRESETS:
        return PRESETS[name]
    close = difflib.get_close_matches(name, PRESETS, n=1)
    hint = f" (did you mean {close[0]!r}?)" if close else ""
    raise ExperimentError(
        f"there is no experiment {name!r}{hint}; choose one of: {', '.join(PRESETS)}"
    )


def with_epochs(experiment: Experiment, epochs: int) -> Experiment:
    """The same experiment with its schedule cut or lengthened to `epochs` in all.

    Cutting drops the last epochs; lengthening adds epochs at the largest batch.
    """
    if epochs < 1:
        raise ExperimentError(f"epochs must be at least 1, not {epochs}")
    left, schedule = epochs, []
    for size, count in experiment.schedule:
        count = min(count, left)
        if count:
            schedule.append((size, count))
        left -= count
    if left:
        size, count = schedule[-1]
        schedule[-1] = (size, count + left)
    return replace(experiment, schedule=tuple(schedule))
