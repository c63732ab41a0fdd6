"""What joins the parts of training: each setting arrives where it should, only there.

For every field of `Experiment` and every argument of `loop.fit` stands here what a
run shows when it is changed, as numbers worked out by hand; everything else that
`watch` sees has to stay as it was. tests/training/wiring_errors.py plants errors.
"""

import dataclasses
import inspect
import math
from dataclasses import replace

import pytest
import torch

from equivae_lite.data.sets import Pixels
from equivae_lite.data.splits import class_balanced_split
from equivae_lite.errors import TrainingError
from equivae_lite.training import checkpoints, loop, objectives
from equivae_lite.training.settings import Experiment
from tests.support.wiring import (
    SEMI,
    STEPWISE,
    SUPERVISED,
    data_of,
    made_up,
    names_of,
    watch,
    weights_of,
)


class Differs:
    """Expected where no number can be worked out by hand."""


@dataclasses.dataclass
class Is:
    """Expected: something of which this is true."""

    true: object


@dataclasses.dataclass
class Of:
    """Expected: what this makes of what the base shows."""

    made: object


@dataclasses.dataclass
class Case:
    """`first` is what `base` shows; `then` what `change` makes of it."""

    base: Experiment
    change: object
    first: dict
    then: dict
    same_weights: bool = False


def each(*parts):
    """[(value, times), …] one after the other."""
    return [value for value, times in parts for _ in range(times)]


# Epochs that are done when a step begins.
OF_SUPERVISED = [0, 1 / 5, 2 / 5, 3 / 5, 4 / 5, 1, 1 + 1 / 3, 1 + 2 / 3]
OF_SEMI = [0, 1 / 4, 2 / 4, 3 / 4, 1, 1 + 1 / 2]
KL_RISES = [0.1, 0.28, 0.46, 0.64, 0.82, 1, 1, 1]
KL_OF_SEMI = [0, 0.325, 0.55, 0.775, 1, 1]  # none in the warm-up
FALLS = [1e-3] * 6 + [0.755e-3, 0.265e-3]  # 0.02 + 0.98 (1 + cos(pi / 3)) / 2, …


def cosine():
    return [
        1e-3 * (0.02 + 0.98 * (1 + math.cos(math.pi * p / 2)) / 2)
        for p in OF_SUPERVISED
    ]


def times(weight, rises=(0, 1, 1, 1, 1, 1)):
    return [weight * x for x in rises]


LABELLED, UNLABELLED = 30 / 80, 50 / 80  # shares of the two sums in (7)
WEIGHTS = {
    "weight of log p, labelled": times(LABELLED),
    "weight of KL, labelled": times(LABELLED, KL_OF_SEMI),
    "weight of log p, unlabelled": times(UNLABELLED),
    "weight of KL, unlabelled": times(UNLABELLED, KL_OF_SEMI),
    "weight of KL of q_y": times(UNLABELLED),
}
AVERAGE = ("the average", "in evaluation mode", "plain", True)
ITSELF = ("itself", "in training mode", "plain", True)


def share(labelled):
    return {
        "weight of log p, labelled": times(labelled),
        "weight of KL, labelled": times(labelled, KL_OF_SEMI),
        "weight of log p, unlabelled": times(1 - labelled),
        "weight of KL, unlabelled": times(1 - labelled, KL_OF_SEMI),
        "weight of KL of q_y": times(1 - labelled),
    }


def distorted(of_labelled, *of_unlabelled, labelled=5):
    of_unlabelled = of_unlabelled or (of_labelled,)
    sizes = (16, 16, 2, 32, 18)
    both = [[(labelled, of_labelled), (n, of_unlabelled[0])] for n in sizes]
    return [[(labelled, of_labelled)], *both]


def as_in_the_warm_up(steps):
    """The first steps show what the first one did: no unlabelled image."""
    return Of(lambda base: [base[0]] * steps + base[steps:])


PER_STEP_OF_WARM_UP = (
    "batch", "order", "pools", "without unlabelled images", *WEIGHTS,
    "weight of consistency", "sure", "draws of v", "sum over labels", "distorted",
    "the bounds read", "q_y-post reads", "teacher", "products", "device",
)  # fmt: skip
FIELDS = {
    "name": [Case(SUPERVISED, "another", {}, {}, same_weights=True)],
    "data": [Case(SUPERVISED, "mnist", {}, {}, same_weights=True)],
    "arch": [
        Case(
            SUPERVISED, replace(SUPERVISED.arch, r_dim=5, v_dim=4),
            {"latents": (3, 2)}, {"latents": (5, 4), "start": Differs},
        ),
        Case(
            SEMI, replace(SEMI.arch, dropout=0.75),
            {"dropout rates": [0.25] * 2}, {"dropout rates": [0.75] * 2},
        ),
        Case(SUPERVISED, replace(SUPERVISED.arch, init="xavier"),
             {}, {"start": Differs}),
    ],
    "representation": [
        Case(
            SUPERVISED, "table", {"encoder held": [False] * 8},
            {"encoder held": [None] * 8, "pools": [[]] * 8, "start": Differs},
        )
    ],
    "m_max": [
        Case(
            SUPERVISED, 1, {"m": Is(lambda ms: set(ms) == {1, 2, 3})},
            {"m": [1] * 8, "pools": [[1]] * 8},
        )
    ],
    "labels": [
        # m is 1 with 2 images of a class; 60 unlabelled ones are as many steps.
        Case(
            replace(SEMI, m_max=1), 20,
            WEIGHTS | {"batch": [None, 16, 16, 2, 32, 18],
                       "labelled set": Is(lambda rows: len(rows) == 30),
                       "unlabelled set": Is(lambda rows: len(rows) == 50)},
            share(20 / 80) | {
                "batch": [None, 16, 16, 12, 32, 28],
                "order": Differs,
                "distorted": [[(5, 0.5)]] + [
                    [(5, 0.5), (n, 0.5)] for n in (16, 16, 12, 32, 28)],
                "labelled set": Is(lambda rows: len(rows) == 20),
                "unlabelled set": Is(lambda rows: len(rows) == 60),
                "input": Differs,
            },
        )
    ],
    "schedule": [
        Case(
            SUPERVISED, ((9, 1), (15, 1)),
            {"batch": [8, 8, 8, 8, 8, 16, 16, 8], "epochs": [(1, 8, 5), (2, 16, 3)]},
            {"batch": [9, 9, 9, 9, 4, 15, 15, 10],
             "epochs": [(1, 9, 5), (2, 15, 3)], "order": Differs},
        )
    ],
    "learning_rate": [
        Case(SUPERVISED, 5e-4, {"learning rate": FALLS},
             {"learning rate": [x / 2 for x in FALLS]})
    ],
    "kl_start": [
        Case(
            SUPERVISED, 0.5, {"weight of KL, labelled": KL_RISES},
            {"weight of KL, labelled": [0.5, 0.6, 0.7, 0.8, 0.9, 1, 1, 1]},
        )
    ],
    "kl_epochs": [
        Case(
            SUPERVISED, 2.0, {"weight of KL, labelled": KL_RISES},
            {"weight of KL, labelled": [0.1 + 0.45 * p for p in OF_SUPERVISED]},
        ),
        Case(
            SEMI, 0.0, WEIGHTS,
            {"weight of KL, labelled": times(LABELLED),
             "weight of KL, unlabelled": times(UNLABELLED)},
        ),
    ],
    "decay_from": [
        Case(SUPERVISED, 0.0, {"learning rate": FALLS},
             {"learning rate": cosine()}),
        Case(SUPERVISED, 1.0, {"learning rate": FALLS},
             {"learning rate": [1e-3] * 8}),
    ],
    "averaging": [
        Case(
            SUPERVISED, 0.9,
            {"kept": "last weights", "averaged": [None] + [0] * 7,
             "decay of the average": 0.0},
            {"kept": "average", "averaged": [None, 1, 2, 3, 4, 5, 6, 7],
             "decay of the average": 0.9},
        ),
        Case(
            SEMI, 0.0,
            {"kept": "average", "averaged": [None, 1, 2, 3, 4, 5],
             "teacher": [[]] + [[AVERAGE]] * 5, "decay of the average": 0.5},
            {"kept": "last weights", "averaged": [None] + [0] * 5,
             "teacher": [[]] + [[ITSELF]] * 5, "decay of the average": 0.0},
        ),
    ],
    "muon_rate": [
        Case(SUPERVISED, 0.02, {"learning rate of Muon": [0] * 8},
             {"learning rate of Muon": [20 * x for x in FALLS]})
    ],
    "v_samples": [
        Case(SUPERVISED, 3, {"draws of v": [(1,)] * 8}, {"draws of v": [(3,)] * 8}),
        Case(SEMI, 3, {"draws of v": [()] + [(1, 1)] * 5},
             {"draws of v": [()] + [(3, 3)] * 5}),
    ],
    "separation_steps": [
        # The sixth step is the first of the second epoch.
        Case(
            SUPERVISED, 6,
            {"weight of separation": [0] * 8, "encoder held": [False] * 8},
            {"weight of separation": each((1, 6), (0, 2)),
             "encoder held": each((True, 6), (False, 2)),
             "pools": Is(lambda ps: [len(p) for p in ps] == each((2, 6), (1, 2))),
             "history": ["batch", "epoch", "kl", "log_lik", "log_r_label", "steps"]},
        ),
        Case(
            SEMI, 5, {"weight of separation": [0] * 6, "encoder held": [False] * 6},
            {"weight of separation": each((1, 5), (0, 1)),
             "encoder held": each((True, 5), (False, 1)),
             "pools": Is(lambda ps: [len(p) for p in ps] == [1, 3, 3, 3, 3, 2]),
             "history": Is(lambda keys: "log_r_label" in keys)},
        ),
    ],
    "separation_distortion": [
        # The images of the pools, and those that are told apart; none of the bound's.
        Case(
            replace(SUPERVISED, separation_steps=6), 0.7, {"distorted": [[]] * 8},
            {"distorted": Is(lambda steps: [[s for _, s in of] for of in steps]
                             == each(([0.7, 0.7], 6), ([], 2))
                             and [of[1][0] for of in steps[:6]] == each((8, 5), (16, 1))
                             and all(of[0][0] in (20, 30, 40) for of in steps[:6]))},
        )
    ],
    "labelled_batch": [
        Case(
            SEMI, 7, {"labelled batch": [5] * 6, "distorted": distorted(0.5)},
            {"labelled batch": [7] * 6, "distorted": distorted(0.5, labelled=7)},
        )
    ],
    "labelled_weight": [Case(SEMI, 0.2, WEIGHTS, share(0.2))],
    "alpha": [
        Case(SEMI, 7.0, {"weight of log q_y": [2] * 6}, {"weight of log q_y": [7] * 6})
    ],
    "warmup_steps": [
        # The fifth step is the first of the second epoch.
        Case(
            SEMI, 5, {"without unlabelled images": each((True, 1), (False, 5))},
            {name: as_in_the_warm_up(5) for name in PER_STEP_OF_WARM_UP},
        )
    ],
    "shut_steps": [
        Case(
            SEMI, 4, {"v shut": [False] * 6, "sum over labels": [None] + ["exact"] * 5},
            {"v shut": each((False, 1), (True, 4), (False, 1)),
             "sum over labels": [None] + ["templates"] * 4 + ["exact"],
             "weight of KL, labelled": each((0, 5), (LABELLED, 1)),
             "weight of KL, unlabelled": each((0, 5), (UNLABELLED, 1)),
             "draws of v": each(((), 5), ((1, 1), 1)),
             "pools": Is(lambda ps: [len(p) for p in ps] == [0, 1, 1, 1, 1, 2])},
        )
    ],
    "distortion": [
        Case(SEMI, 1.5, {"distorted": distorted(0.5)}, {"distorted": distorted(1.5)}),
        Case(
            SEMI, 0.0,
            {"q_y-post reads": [["distorted"]] + [["distorted"] * 2] * 5},
            {"q_y-post reads": [["plain"]] + [["plain"] * 2] * 5,
             "distorted": [[]] * 6},
        ),
    ],
    "consistency": [
        Case(SEMI, 9.0, {"weight of consistency": times(3)},
             {"weight of consistency": times(9)}),
        Case(
            SEMI, 0.0, {"teacher": [[]] + [[AVERAGE]] * 5},
            {"teacher": [[]] * 6, "weight of consistency": [0] * 6, "sure": [None] * 6,
             "history": Is(lambda keys: "apart" not in keys)},
        ),
    ],
    "aligned": [
        Case(SEMI, True, {"aligned": [False] * 6},
             {"aligned": each((False, 1), (True, 5))})
    ],
    "sure": [
        # With a threshold that every reading passes the term has all its weight.
        Case(SEMI, 1e-6, {"sure": [None] + [0] * 5}, {"sure": [None] + [1e-6] * 5})
    ],
    "balance": [
        Case(SEMI, 4.0, {"weight of balance": [0] * 6},
             {"weight of balance": times(4)})
    ],
    "contrast": [
        # One more pool of each class, and one more draw of v, (B, 2) together.
        Case(
            SEMI, 4.0,
            {"weight of contrast": [0] * 6, "draws of v": [()] + [(1, 1)] * 5},
            {"weight of contrast": times(4),
             "draws of v": [()] + [(1, 1, n) for n in (16, 16, 2, 32, 18)],
             "pools": Is(lambda ps: [len(p) for p in ps] == [0, 3, 3, 3, 3, 3]),
             "history": Is(lambda keys: "contrast" in keys)},
        ),
    ],
    "second_after": [
        # The fourth step with unlabelled images is the first of the second epoch.
        Case(
            replace(SEMI, contrast=4.0), 3, {"second reading": [False] * 6},
            {"second reading": each((False, 4), (True, 2))},
        )
    ],
    "generative": [
        Case(
            SEMI, False, WEIGHTS,
            dict.fromkeys(WEIGHTS, [0] * 6) | {
                "draws of v": [()] * 6, "sum over labels": [None] * 6,
                "pools": [[]] * 6, "the bounds read": [[]] * 6,
                "products": [None] * 6, "device": [None] * 6,
                "history": ["apart", "batch", "epoch", "log_q_label", "steps"],
            },
        )
    ],
    "label_sum": [
        Case(
            SEMI, "sampled", {"sum over labels": [None] + ["exact"] * 5},
            {"sum over labels": [None] + ["sampled"] * 5},
        )
    ],
}  # fmt: skip


@pytest.fixture(autouse=True)
def one_thread():
    """Sums in another order would give other last bits."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


SEEN: dict = {}  # runs of the bases, which many cases compare with


def seen_of(base):
    if base not in SEEN:
        SEEN[base] = watch(base)
    return SEEN[base]


def fits(name, found, expected, base=None):
    """`found` is as `expected`, where `base` is what the base shows."""
    if expected is Differs:
        return
    if isinstance(expected, Is):
        assert expected.true(found), (name, found)
        return
    if isinstance(expected, Of):
        expected = expected.made(base)
    if name.startswith(("weight of", "learning", "input")):
        # float32 slopes of means over a batch.
        assert found == pytest.approx(expected, rel=1e-5, abs=1e-9), name
    else:
        assert found == expected, name


def judge(before, after, first, then, same_weights):
    """Only what `then` names has changed, and as it says."""
    assert before.keys() == after.keys()
    for name, expected in first.items():
        fits(name, before[name], expected)
    for name, expected in then.items():
        assert after[name] != before[name], f"{name} is as before"
        fits(name, after[name], expected, before[name])
    for name in before.keys() - then.keys() - {"weights at the end"}:
        fits(name, after[name], before[name])
    same = before["weights at the end"] == after["weights at the end"]
    assert same == same_weights


CASES = [
    pytest.param(field, case, id=f"{field}{i or ''}")
    for field, cases in FIELDS.items()
    for i, case in enumerate(cases)
]


def test_every_field_of_an_experiment_has_a_case():
    assert list(FIELDS) == [f.name for f in dataclasses.fields(Experiment)]
    assert all(FIELDS.values())


@pytest.mark.parametrize(("field", "case"), CASES)
def test_a_field_changes_what_it_should_and_nothing_else(field, case):
    changed = replace(case.base, **{field: case.change})
    before, after = seen_of(case.base), watch(changed)
    judge(before, after, case.first, case.then, case.same_weights)


@pytest.mark.parametrize("field", FIELDS)
def test_a_state_of_another_value_of_a_field_is_refused(field, tmp_path):
    case = FIELDS[field][0]
    state = tmp_path / "s.pt"
    one_step = {"state_path": state, "progress": False}
    short = replace(case.base, schedule=((80, 1),))
    data = data_of(case.base)
    loop.fit(short, data, Pixels.unit(), **one_step)
    value = ((79, 1),) if field == "schedule" else case.change
    with pytest.raises(TrainingError, match="other settings"):
        loop.fit(replace(short, **{field: value}), data, Pixels.unit(), **one_step)


def test_more_epochs_stretch_the_fall_of_the_learning_rate():
    e = replace(SUPERVISED, schedule=((20, 1), (40, 3)), kl_epochs=2.0)
    seen = watch(e)
    assert seen["epochs"] == [(1, 20, 2), (2, 40, 1), (3, 40, 1), (4, 40, 1)]
    progress = [0, 0.5, 1, 2, 3]
    assert seen["learning rate"] == [1e-3 * e.decay(p) for p in progress]
    assert seen["learning rate"] == pytest.approx([1e-3] * 4 + [0.51e-3])
    kl = [0.1, 0.325, 0.55, 1, 1]
    assert seen["weight of KL, labelled"] == pytest.approx(kl, rel=1e-5)


# --- the arguments of the loop ----------------------------------------------------

def test_adam_has_its_defaults_and_the_average_follows_each_step():
    for base in (SUPERVISED, SEMI):
        seen = seen_of(base)
        assert seen["Adam's other numbers"] == ((0.9, 0.999), 1e-8, 0)
        assert seen["order of events"] == [("step", "average")]
        assert seen["training mode"] == [True] * len(seen["m"])
        assert not seen["kept in training mode"]
        assert all(seen["distorted by"])
        assert all(x in ([], ["plain"]) for x in seen["the bounds read"])


def test_a_labelled_set_is_that_of_its_seed():
    for seed in (0, 1):
        seen = watch(SEMI, seed=seed, max_steps=1)
        labelled, unlabelled = class_balanced_split(data_of(SEMI).labels, 3, seed)
        assert seen["labelled set"] == labelled.tolist()
        assert seen["unlabelled set"] == unlabelled.tolist()


HALVED = Pixels(torch.zeros(1, 28, 28), torch.full((1, 28, 28), 2.0))


def mean_of_labelled(pixels):
    data = data_of(SEMI)
    labelled = class_balanced_split(data.labels, 3, 0)[0]
    return float(pixels.forward(data.images[labelled]).double().mean())


def seeds_of(seed, steps=(4, 2)):
    """Of dropout's random numbers and all others: an epoch has its own."""
    return [
        (seed * 10_007 + epoch,) * 2 for epoch, n in enumerate(steps) for _ in range(n)
    ]


ARGUMENTS = {
    "experiment": None,  # FIELDS
    "data": ({"data": made_up(80, seed=1)}, {}, {"input": Differs}, False),
    "pixels": (
        {"pixels": HALVED},
        {"input": [mean_of_labelled(Pixels.unit())] * 6},
        {"input": [mean_of_labelled(HALVED)] * 6},
        False,
    ),
    "seed": (
        {"seed": 3},
        {"seeds": seeds_of(0)},
        {"seeds": seeds_of(3), "start": Differs, "order": Differs, "m": Differs,
         "pools": Differs, "labelled set": Differs, "unlabelled set": Differs,
         "input": Differs},
        False,
    ),
    "state_path": "test_the_state_is_kept_where_it_is_asked_for",
    "validate": "test_validate_sees_the_kept_model_and_changes_nothing",
    "bfloat16": (
        {"bfloat16": True},
        {"products": [None] + [torch.float32] * 5},
        {"products": [None] + [torch.bfloat16] * 5},
        False,
    ),
    "max_steps": "test_max_steps_cuts_and_changes_nothing_before",
    "progress": "test_progress_is_said_and_changes_nothing",
    "part": "test_what_ran_a_part_is_kept_and_changes_nothing",
    "watch": "test_who_watches_sees_the_kept_model_and_changes_nothing",
}  # fmt: skip


def test_every_argument_of_fit_has_a_case():
    assert list(ARGUMENTS) == list(inspect.signature(loop.fit).parameters)
    for case in ARGUMENTS.values():
        assert not isinstance(case, str) or case in globals()


@pytest.mark.parametrize(
    "argument", [a for a, case in ARGUMENTS.items() if isinstance(case, tuple)]
)
def test_an_argument_changes_what_it_should_and_nothing_else(argument):
    change, first, then, same_weights = ARGUMENTS[argument]
    judge(seen_of(SEMI), watch(SEMI, **change), first, then, same_weights)


def test_the_state_is_kept_where_it_is_asked_for(tmp_path):
    state = tmp_path / "deep" / "s.pt"
    after = watch(SEMI, state_path=state)
    judge(seen_of(SEMI), after, {}, {}, same_weights=True)
    assert state.is_file()
    assert len(checkpoints.load_state(state)["history"]) == 2


def test_what_ran_a_part_is_kept_and_changes_nothing(tmp_path):
    state = tmp_path / "s.pt"
    after = watch(SEMI, state_path=state, part={"threads": 3})
    judge(seen_of(SEMI), after, {}, {}, same_weights=True)
    parts = checkpoints.load_state(state)["parts"]
    assert parts == [{"from_epoch": 1, "threads": 3}]


def test_validate_sees_the_kept_model_and_changes_nothing():
    seen, models = [], []

    def validate(model):
        seen.append(model.training)
        models.append(model)
        return {"held out": 1.0}

    for base in (SEMI, SUPERVISED):
        before, after = seen_of(base), watch(base, validate=validate)
        history = sorted([*before["history"], "held out"])
        judge(before, after, {}, {"history": history}, same_weights=True)
    assert seen == [False] * 4
    assert models[0] is models[1] and models[2] is models[3]


def test_who_watches_sees_the_kept_model_and_changes_nothing():
    seen = []
    for base, second in ((SEMI, 5), (SUPERVISED, 6)):  # the second epoch's first step
        seen.clear()
        after = watch(base, watch=lambda *given: seen.append(given))
        judge(seen_of(base), after, {}, {}, same_weights=True)
        assert [step for _, step, _ in seen] == [1, second]
        assert weights_of(seen[0][0]) == after["weights at the end"]  # that very model
        assert all(type(t) is float for _, _, terms in seen for t in terms.values())


def test_max_steps_cuts_and_changes_nothing_before():
    before, after = seen_of(SUPERVISED), watch(SUPERVISED, max_steps=6)
    assert after["epochs"] == [(1, 8, 5), (2, 16, 1)]
    for name in STEPWISE:
        assert after[name] == before[name][:6], name
    assert after["start"] == before["start"]


def test_progress_is_said_and_changes_nothing(capsys):
    after = watch(SEMI, progress=True)
    judge(seen_of(SEMI), after, {}, {}, same_weights=True)
    said = "".join(capsys.readouterr())
    assert "epoch 2/2" in said
    watch(SEMI, progress=False)
    assert "epoch" not in "".join(capsys.readouterr())


QUIET = replace(SEMI, arch=replace(SEMI.arch, dropout=0.0))


@pytest.mark.parametrize(
    "e",
    [
        replace(SUPERVISED, separation_steps=2, v_samples=2),
        replace(QUIET, balance=1.0, shut_steps=1),
        replace(QUIET, label_sum="sampled"),
    ],
    ids=["supervised", "exact", "sampled"],
)
def test_the_loop_leaves_the_random_numbers_of_dropout_to_dropout(e):
    """Without dropout nothing is drawn but from the generator of (seed, epoch)."""
    watch(e, seed=2)
    left = torch.get_rng_state()
    torch.manual_seed(2 * 10_007 + 1)
    assert torch.equal(left, torch.get_rng_state())


# --- where images and random numbers come from -------------------------------------


def batches_of(experiment, seed=0):
    data = data_of(experiment)
    batches = objectives.Batches(experiment, data, Pixels.unit(), seed)
    batches.seed(seed, 0)
    return data, batches


def test_a_step_reads_its_labelled_images_from_the_labelled_set():
    """And their classes, and the complementary ones, and the unlabelled ones."""
    data, batches = batches_of(SEMI)
    assert names_of(batches.images[batches.labelled], data.images) == (
        batches.labelled.tolist()
    )
    assert torch.equal(batches.y, data.labels[batches.labelled])
    pool = batches.pools.draw(2)
    for y in range(10):
        assert set(batches.y[pool[y]].tolist()) == {y}
    both = {*batches.labelled.tolist(), *batches.unlabelled.tolist()}
    assert both == set(range(80)) and len(batches.labelled) == 30


def within(found, expected, error, errors=5):
    assert abs(float(found) - expected) < errors * error, (float(found), expected)


def test_noise_is_standard_normal_and_never_the_same():
    _, batches = batches_of(SUPERVISED)
    x = batches.noise(4, 5_000, 10).double()
    n = x.numel()
    within(x.mean(), 0, n**-0.5)
    within(x.square().mean(), 1, (2 / n) ** 0.5)
    within(x.pow(4).mean(), 3, (96 / n) ** 0.5)
    flat = x.flatten()
    within((flat[1:] * flat[:-1]).mean(), 0, n**-0.5)  # neighbours know nothing
    within((x[0] * x[1]).mean(), 0, (4 / n) ** 0.5)  # nor draws of one image
    within((x[:, 0] * x[:, 1]).mean(), 0, 40**-0.5)  # nor images of a batch
    assert not torch.equal(batches.noise(3), batches.noise(3))


def test_labelled_images_are_drawn_evenly():
    _, batches = batches_of(SEMI)
    counts = torch.bincount(batches.draw_labelled(60_000), minlength=30).double()
    assert len(counts) == 30
    error = (60_000 / 30 * 29 / 30) ** 0.5
    assert ((counts - 2_000).abs() < 5 * error).all()


def test_m_is_drawn_evenly_and_anew_in_every_epoch():
    _, batches = batches_of(SUPERVISED)
    ms = torch.tensor(batches.draw_ms(30_000, 0, 0))
    counts = torch.bincount(ms, minlength=4).double()
    assert counts[0] == 0 and len(counts) == 4
    assert ((counts[1:] - 10_000).abs() < 5 * (10_000 * 2 / 3) ** 0.5).all()
    draws = {tuple(batches.draw_ms(40, s, e)) for s in (0, 1) for e in (0, 1)}
    assert len(draws) == 4


def test_dropout_drops_with_its_rate_in_training_alone():
    model = checkpoints.build(SEMI)
    rate = SEMI.arch.dropout
    for layer in model.modules():
        if isinstance(layer, torch.nn.Dropout):
            ones = torch.ones(40_000)
            out = layer.train()(ones)
            zero = (out == 0).double().mean()
            within(zero, rate, (rate * (1 - rate) / 40_000) ** 0.5)
            assert torch.equal(layer.eval()(ones), ones)


def test_every_pair_of_an_epoch_and_a_seed_has_its_own_random_numbers():
    _, batches = batches_of(SEMI)
    first = []
    for seed in (0, 1):
        for epoch in (0, 1):
            means = batches.q_mean, batches.teacher_mean
            for mean in means:
                mean.fill_(0.3)
            batches.seed(seed, epoch)
            for mean in means:
                assert torch.equal(mean, torch.full((10,), 0.1))
            first.append((float(torch.rand(())), float(batches.noise(1))))
    assert len(set(first)) == len({a for a, _ in first}) == 4
    assert len({b for _, b in first}) == 4
