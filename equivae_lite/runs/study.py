"""What each ingredient of semi-supervised training is worth, on a fixed budget.

    python -m equivae_lite study                        the table so far
    python -m equivae_lite study recipe --seeds 0 1 2   train what is not there yet
    python -m equivae_lite study all --seeds 0 1 2      the same for every variant

Every variant trains on 55,000 training images, 100 of them with labels, and is judged
on the other 5,000: no test image is read. A seed chooses the labelled images, too.
Runs are kept one by one in the reader's folder. Those that chapter 12 shows are on the
shelf, in data/results/mnist-semi-supervised-study.json.
"""

from __future__ import annotations

import json
import time
from dataclasses import replace

from .. import files
from ..data import sets, splits
from ..data.sets import Pixels
from ..errors import ExperimentError
from ..evaluation.bound import Representations
from ..evaluation.labels import label_posteriors, label_report, renamed_error
from ..training import experiments, loop
from ..training.settings import Experiment
from ..training.targets import SCALE
from . import machine, pipeline
from .folders import MINE, SHELF, Folder, demand_room, of_reader
from .tables import markdown, over_seeds, plus_minus, with_interval

NAME = "mnist-semi-supervised"
STUDY = f"{NAME}-study"
# Batch size and epochs of every variant, the first steps of them without unlabelled
# images where there is a warm-up: a fifth of the preset's, so that many can be run.
BUDGET = ((64, 1),)

_ARCH = experiments.get(NAME).arch
RECIPE = {"schedule": BUDGET, "warmup_steps": 400}  # all else as in the preset
# Equation (7) as the appendix gives it: nothing of ours but the initialisation.
APPENDIX = {
    "schedule": BUDGET, "labelled_weight": None, "alpha": 0.0, "warmup_steps": 0,
    "distortion": 0.0, "consistency": 0.0, "averaging": 0.0, "decay_from": 1.0,
}  # fmt: skip
# v shut for 300 steps, while the weight of its KL begins to fall from 4 to 1.
_SHUT_FIRST = {"shut_steps": 300, "kl_start": 4.0, "kl_epochs": 0.6}
# Equation (7) alone, and what happens when one lever is added. Without alpha no label
# reaches q_y-post at all, so it comes first and the others are added to it.
_ADDED: dict[str, tuple[str, dict]] = {
    "appendix": ("equation (7) alone", {}),
    "alpha": ("label term, weight 50", {"alpha": 50.0}),
    "alpha-warm-up": ("label term and warm-up", {"alpha": 50.0, "warmup_steps": 400}),
    "alpha-own-weight": (
        "label term, labelled share 0.05", {"alpha": 50.0, "labelled_weight": 0.05}
    ),
    "alpha-distortion": (
        "label term, distorted reading", {"alpha": 50.0, "distortion": 1.0}
    ),
    "alpha-shut": (
        "label term, v shut, then KL weight 4 to 1",
        {"alpha": 50.0, "shut_steps": 150, "kl_start": 4.0, "kl_epochs": 0.6},
    ),
    "alpha-balance": (
        "label term, prior on the mean q(y)", {"alpha": 50.0, "balance": 50.0}
    ),
}  # fmt: skip
# Equation (7) with nothing added, and two levers: what the labelled mean of (4) weighs,
# and what r_y has to do at first. The last has the schedule of the preset.
_EQUAL = {"labelled_weight": 0.5}
ITSELF: dict[str, tuple[str, dict]] = {
    "appendix": ("its own weights: (7) alone", {}),
    "equal": ("equal means", _EQUAL),
    "shut-first": ("its own weights, shut start", _SHUT_FIRST),
    "equal-shut-first": ("equal means, shut start", _EQUAL | _SHUT_FIRST),
    "equal-shut-first-long": (
        "the same, as long as the preset",
        _EQUAL | _SHUT_FIRST | {"schedule": experiments.get(NAME).schedule},
    ),
}
# The recipe, and one lever at a time changed in it.
_CHANGED: dict[str, tuple[str, dict]] = {
    "recipe": ("recipe", {}),
    "exact-sum": ("all ten labels decoded", {"label_sum": "exact"}),
    "no-bound": ("no bounds at all", {"generative": False}),
    "no-distortion": ("no distortion", {"distortion": 0.0}),
    "no-consistency": ("no consistency", {"consistency": 0.0}),
    "neither": (
        "neither bounds nor consistency",
        {"generative": False, "consistency": 0.0},
    ),
    "no-warm-up": ("no warm-up", {"warmup_steps": 0}),
    "no-alpha": ("no label term", {"alpha": 0.0}),
    "weight-5": ("label term, weight 5", {"alpha": 5.0}),
    "weight-500": ("label term, weight 500", {"alpha": 500.0}),
    "own-proportion": ("labelled share as in (7)", {"labelled_weight": None}),
    "more-labelled": ("labelled share 0.3", {"labelled_weight": 0.3}),
    "shut": ("v shut for 150 steps", {"shut_steps": 150}),
    "kl-falls": ("KL weight from 4 to 1", {"kl_start": 4.0, "kl_epochs": 0.9}),
    "balance": ("prior on the mean q(y)", {"balance": 50.0}),
    "two-samples": ("two draws of v", {"v_samples": 2}),
    "no-averaging": ("last weights, no average", {"averaging": 0.0}),
    "no-decay": ("learning rate constant", {"decay_from": 1.0}),
    # As many images, more steps.
    "batch-32": ("batches of 32", {"schedule": ((32, 1),)}),
    "dropout-0.5": ("dropout 0.5", {"arch": replace(_ARCH, dropout=0.5)}),
    "xavier": ("Xavier initialisation", {"arch": replace(_ARCH, init="xavier")}),
    "pytorch": ("PyTorch initialisation", {"arch": replace(_ARCH, init="pytorch")}),
}
# Do the bounds earn their place? Two epochs; targets that are labels where the
# average is sure; then the bounds, and what lets them say more.
_LONGER = {"schedule": ((64, 2),)}
_SURE = _LONGER | {"aligned": True, "sure": 0.9}
_CONTRAST = _SURE | {"contrast": 50.0}
EARNED: dict[str, tuple[str, dict]] = {
    "longer-no-bound": ("no bounds", _LONGER | {"generative": False}),
    "sure-no-bound": ("no bounds, sure targets", _SURE | {"generative": False}),
    "sure": ("sure targets, bounds", _SURE),
    "contrast": ("sure targets, bounds, contrast", _CONTRAST),
    "second": (
        "sure targets, bounds, contrast, second reading",
        _CONTRAST | {"second_after": 600},
    ),
}
FEW = 20  # labels: the same once more
# Without bounds, three times as long as the preset: does a wrong guess lock in?
_PATIENT = {
    "schedule": experiments.get(f"{NAME}-long").schedule, "generative": False,
    "warmup_steps": experiments.get(NAME).warmup_steps,
}  # fmt: skip
PATIENT: dict[str, tuple[str, dict]] = {
    "patient": ("no bounds, fifteen epochs", _PATIENT),
    "patient-sure": ("and sure targets", _PATIENT | {"aligned": True, "sure": 0.9}),
}
WORDS = {v: words for v, (words, _) in (_ADDED | _CHANGED).items()}
VARIANTS: dict[str, dict] = {
    **{v: APPENDIX | changes for v, (_, changes) in (ITSELF | _ADDED).items()},
    **{
        v: RECIPE | changes
        for v, (_, changes) in (_CHANGED | EARNED | PATIENT).items()
    },
}
# The error against the number of labels: the recipe, and q_y-post on the labelled
# images alone. At least one image more than m of every class; "recipe" has 100.
LABELS = (20, 50, 100, 600, 1000, 3000)
ALONE = {"generative": False, "consistency": 0.0, "distortion": 0.0,
         "schedule": ((32, 1),), "warmup_steps": 2000}  # fmt: skip
for _count in LABELS:
    _labels = {"labels": _count, "m_max": min(4, _count // 10 - 1)}
    if _count != 100:
        VARIANTS[f"labels-{_count}"] = RECIPE | _labels
    VARIANTS[f"alone-{_count}"] = ALONE | _labels
    if _count == FEW:
        VARIANTS |= {f"{v}-{FEW}": VARIANTS[v] | _labels for v in EARNED}


def experiment(variant: str) -> Experiment:
    """The variant's settings; its name keeps its states apart from other runs."""
    base = experiments.get(NAME)
    return replace(base, name=f"{NAME}-study-{variant}", **VARIANTS[variant])


def run(
    variant: str, seed: int, device: str = "cpu", bfloat16: bool = False,
    folder: Folder = MINE,
) -> dict:  # fmt: skip
    """Train one variant and judge it on the held-out images."""
    e = experiment(variant)
    images = sets.load(e.data, "train", device=device)
    images, held_out = splits.held_out(images)
    labelled = pipeline.labelled_part(e.labels, images, seed)
    max_steps = loop.max_steps_from_environment()
    model, history = loop.fit(
        e, images, Pixels.unit(), seed, bfloat16=bfloat16, max_steps=max_steps,
        state_path=None if max_steps else folder.state(e.name, seed),
    )  # fmt: skip
    found = pipeline.headline(model, Pixels.unit(), labelled, held_out, e.generative)
    found = {k.replace("test", "held_out"): v for k, v in found.items()}
    log_q = label_posteriors(model, Pixels.unit(), held_out)
    if e.generative:  # do the two classifiers err on the same images?
        table = Representations(model, Pixels.unit(), labelled).table()
        report = label_report(model, Pixels.unit(), table, held_out)
        found |= {
            f"held_out_{k}": share
            for k, share in report.together(held_out.labels, SCALE).items()
        }
    return found | {
        "held_out_renamed_error": renamed_error(log_q, held_out.labels),
        "seconds": round(sum(h["seconds"] for h in history), 1),
        "last": {k: v for k, v in history[-1].items() if k != "seconds"},
        "precision": "bfloat16 products" if bfloat16 else "float32",
        "hardware": machine.hardware(device),
        "commit": machine.commit(),
    }


def shelf() -> dict:
    """The runs that the book shows: {variant: {"settings": …, "seeds": {seed: …}}}."""
    return files.read_json(SHELF.results / f"{STUDY}.json", "restore it from git")


def settings(variant: str) -> dict:
    """As a file gives them back: lists for tuples."""
    return json.loads(json.dumps(experiment(variant).to_dict()))


def kept(variant: str, folder: Folder) -> dict[str, dict]:
    """The seeds of a variant that `folder` has, run with the settings of now."""
    name, found = experiment(variant).name, {}
    for path in folder.results.glob(f"{name}-seed*.json"):
        number = path.stem.removeprefix(f"{name}-seed")
        if number.isdecimal():
            one = folder.read_result(name, int(number))
            if one["settings"] == settings(variant):
                found[number] = one["run"]
    return dict(sorted(found.items(), key=lambda item: int(item[0])))


def stored(folder: Folder = SHELF) -> dict:
    """The runs of a folder in the shelf's form."""
    if folder == SHELF:
        return shelf()
    runs = {v: {"settings": settings(v), "seeds": kept(v, folder)} for v in VARIANTS}
    return {v: entry for v, entry in runs.items() if entry["seeds"]}


def values(variant: str, key: str, runs: dict | None = None) -> dict[str, float]:
    """A number of every seed of a variant in `runs` (the shelf's); {} without one."""
    runs = shelf() if runs is None else runs
    seeds = runs.get(variant, {"seeds": {}})["seeds"]
    return {seed: found[key] for seed, found in seeds.items() if key in found}


def differences(
    variant: str, key: str = "held_out_error", base: str = "recipe",
    runs: dict | None = None,
) -> list[float]:  # fmt: skip
    """The variant minus `base`, seed by seed: both had the same labelled images."""
    of_base, found = values(base, key, runs), values(variant, key, runs)
    return [x - of_base[s] for s, x in found.items() if s in of_base]


def shown(numbers: list[float]) -> str:
    """Mean ± standard error over labelled sets; a dash for nothing."""
    return plus_minus(over_seeds(numbers)) if numbers else "–"


def row(variant: str, runs: dict | None = None) -> list[str]:
    """Seeds, error in %, minus the recipe's, error of the other classifier, bound.

    The difference has its 95 % interval; the recipe itself, and one without runs, none.
    """
    apart = [100 * d for d in differences(variant, runs=runs)]

    def percent(key: str) -> str:
        return shown([100 * x for x in values(variant, key, runs).values()])

    return [
        str(len(values(variant, "held_out_error", runs))),
        percent("held_out_error"),
        with_interval(apart) if apart and variant != "recipe" else "–",
        percent("held_out_generative_error"),
        shown(list(values(variant, "held_out_bound", runs).values())),
    ]


def table(runs: dict) -> str:
    """Every variant of `runs`: means ± standard errors over labelled sets.

    With so many differences some 95 % intervals exclude 0 by chance.
    """
    heads = ["variant", "seeds", "error in %", "minus the recipe's, paired (95 %)",
             "by argmax of (4)", "bound (6)"]  # fmt: skip
    return markdown(heads, [[v, *row(v, runs)] for v in VARIANTS if v in runs])


def main(
    variant: str | None, seeds: list[int], device: str = "cpu", bfloat16: bool = False,
    folder: Folder = MINE,
) -> str:  # fmt: skip
    """Run the seeds of a variant, or of "all", that are not there yet; the table.

    Without a variant nothing is run: the table of `folder` or, if that has no run, the
    book's. Raises ExperimentError for an unknown variant.
    """
    if variant not in (None, "all", *VARIANTS):
        raise ExperimentError(
            f"there is no variant {variant!r}; choose all or one of: "
            + ", ".join(VARIANTS)
        )
    folder = of_reader(folder.root)
    if loop.max_steps_from_environment():
        folder = folder.short
    variants = list(VARIANTS) if variant == "all" else [variant]
    for seed in seeds if variant else []:
        for one in variants:
            name = experiment(one).name
            with folder.locked(f"{name}-seed{seed}"):
                if str(seed) in kept(one, folder):
                    continue
                demand_room(experiment(one), folder)
                started = time.perf_counter()
                found = {"run": run(one, seed, device, bfloat16, folder)}
                folder.keep_result(name, seed, {"settings": settings(one)} | found)
            print(f"{one} seed {seed}: {time.perf_counter() - started:.0f} s")
    own = stored(folder)
    where = folder.results if own else "the book"
    return f"runs of {where}\n\n{table(own or shelf())}"
