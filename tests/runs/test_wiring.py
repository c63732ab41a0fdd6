"""What joins the parts of a whole run: which images, which settings, which seed.

`loop.fit` and the reports are replaced by what writes down its arguments, so nothing
is trained. For every argument of the run functions stands here what it changes; all
else that is seen has to stay. Folders are left to test_reproduce.py.
"""

import inspect
from dataclasses import replace

import pytest
import torch

from equivae_lite.data import sets, splits
from equivae_lite.data.sets import Pixels
from equivae_lite.data.splits import class_balanced_split, holdout_split
from equivae_lite.evaluation import bound, held_out
from equivae_lite.runs import pipeline, study
from equivae_lite.runs.folders import Folder
from equivae_lite.training import checkpoints, experiments, loop, objectives
from tests.support.wiring import SEMI, SUPERVISED, made_up, names_of

FOLDERS = {"folder"}  # arguments that say where files are
TRAIN, TEST = made_up(300), made_up(60, split="test", seed=9)
TEST.images.copy_(TEST.images // 3)  # darker: other statistics
EVERY = torch.cat([TRAIN.images, TEST.images])  # images 300 and later are test images
HELD_OUT = 50
GAUSSIAN = replace(
    SUPERVISED, name="wired-gaussian",
    arch=replace(SUPERVISED.arch, likelihood="gaussian"),
)  # fmt: skip
BASELINE = replace(SEMI, name="wired-baseline", generative=False)
LATER = replace(SUPERVISED, name="wired-svhn", data="svhn")
KNOWN = (SUPERVISED, SEMI, GAUSSIAN, BASELINE, LATER)


def rows_of(data):
    return names_of(data.images, EVERY)


def statistics(pixels):
    return None if pixels.mean is None else (pixels.mean, pixels.std)


def same_statistics(pixels, images):
    values = images.double() / 255
    torch.testing.assert_close(pixels.mean, values.mean(0).float())
    torch.testing.assert_close(pixels.std, values.std(0, unbiased=False).float())


@pytest.fixture
def seen(monkeypatch, tmp_path):
    """What a run function asked of the parts that are replaced, by name of the part."""
    seen = {"load": [], "folder": Folder(tmp_path / "mine"), "kept": []}

    def load(name, split="train", limit=None, device="cpu"):
        seen["load"].append((name, split, limit, device))
        whole = TRAIN if split == "train" else TEST
        return whole if limit is None else whole.subset(range(limit))

    def fit(*arguments, **named):
        given = FIT.bind(*arguments, **named)
        given.apply_defaults()
        seen["fit"] = dict(given.arguments)
        torch.manual_seed(7)
        model = checkpoints.build(given.arguments["experiment"]).eval()
        seen["model"] = model
        return model, [{"epoch": 1, "seconds": 1.0, "log_lik": -5.0}]

    def headline(*arguments, **named):
        given = HEADLINE.bind(*arguments, **named)
        given.apply_defaults()
        seen["headline"] = dict(given.arguments)
        return {"test_error": 0.25, "test_bound": -9.0}

    def save(model, pixels, card, seed, *rest):
        seen["saved"] = {"model": model, "pixels": pixels, "card": card, "seed": seed}
        return tmp_path / "card.json"

    def keep_result(folder, name, seed, found):
        seen["kept"].append((name, seed, found))
        return folder.result(name, seed)

    monkeypatch.delenv("EQUIVAE_MAX_STEPS", raising=False)
    for e in KNOWN:
        monkeypatch.setitem(experiments.PRESETS, e.name, e)
    monkeypatch.setattr(sets, "load", load)
    monkeypatch.setattr(loop, "fit", fit)
    monkeypatch.setattr(pipeline, "headline", headline)
    monkeypatch.setattr(splits, "MOST_HELD_OUT", HELD_OUT)
    monkeypatch.setattr(checkpoints, "save", save)
    monkeypatch.setattr(checkpoints, "load_state", lambda path: {"parts": [{}]})
    monkeypatch.setattr(pipeline, "trained", lambda *_: False)
    monkeypatch.setattr(pipeline, "demand_room", lambda *_: None)
    monkeypatch.setattr(Folder, "keep_result", keep_result)
    for machine in ("commit", "hardware", "peak_megabytes", "versions"):
        monkeypatch.setattr(
            pipeline, machine, lambda *given, machine=machine: (machine, *given)
        )
    monkeypatch.setattr(study.machine, "hardware", lambda *given: ("hardware", *given))
    return seen


FIT = inspect.signature(loop.fit)
HEADLINE = inspect.signature(pipeline.headline)


def of_fit(seen):
    given = seen["fit"]
    kept = {
        name: given[name]
        for name in ("seed", "bfloat16", "max_steps", "progress", "watch")
    }
    path = given["state_path"]
    return kept | {
        "experiment": given["experiment"].name,
        "epochs": given["experiment"].epochs,
        "trained on": rows_of(given["data"]),
        "pixels": statistics(given["pixels"]) is not None,
        "keeps a state": path is not None,
        "state of seed": None if path is None else f"seed{given['seed']}" in path.name,
        "read": [(name, split) for name, split, *_ in seen["load"]],
        "limits": {limit for _, _, limit, _ in seen["load"]},
        "devices": {device for *_, device in seen["load"]},
    }


def seen_by_train(seen, **given):
    given = {"name": SEMI.name} | given
    pipeline.train(**given, folder=seen["folder"])
    card, saved, judged = seen["saved"]["card"], seen["saved"], seen["headline"]
    assert saved["model"] is seen["model"] is judged["model"]
    assert saved["pixels"] is seen["fit"]["pixels"] is judged["pixels"]
    assert card["metrics"] == {"test_error": 0.25, "test_bound": -9.0}
    return of_fit(seen) | {
        "saved as": (card["experiment"]["name"], card["seed"], saved["seed"]),
        "card": (card["precision"], card["complete"], card["hardware"],
                 card["peak_megabytes"]),
        "card's epochs": sum(n for _, n in card["experiment"]["schedule"]),
        "labelled": rows_of(judged["labelled"]),
        "judged on": rows_of(judged["test"]),
        "generative": judged["generative"],
    }  # fmt: skip


def seen_by_validate(seen, **given):
    given = {"name": SEMI.name} | given
    pipeline.validate(**given, folder=seen["folder"])
    found = seen["fit"]["validate"](seen["model"])
    assert set(found) == {"validation_error", "validation_bound"}
    judged = seen["headline"]
    assert judged["pixels"] is seen["fit"]["pixels"]
    assert judged["model"] is seen["model"]
    return of_fit(seen) | {
        "labelled": rows_of(judged["labelled"]),
        "judged on": rows_of(judged["test"]),
        "generative": judged["generative"],
        "kept as": [(n, s, f["hardware"]) for n, s, f in seen["kept"][-1:]],
        "kept settings": seen["kept"][-1][2]["settings"]["name"],
    }


def seen_by_study(seen, **given):
    given = {"variant": "appendix", "seed": 0} | given
    result = study.run(**given, folder=seen["folder"])
    judged = seen["headline"]
    assert judged["model"] is seen["model"]
    assert result["held_out_error"] == 0.25 and result["held_out_bound"] == -9.0
    return of_fit(seen) | {
        "labelled": rows_of(judged["labelled"]),
        "judged on": rows_of(judged["test"]),
        "generative": judged["generative"],
        "pixels of the judge": statistics(judged["pixels"]) is not None,
        "said": (result["precision"], result["hardware"]),
        "alpha": seen["fit"]["experiment"].alpha,
    }


def labelled_rows(rows, labels, seed):
    """Places of D_lab among `rows` of the training images."""
    rows = torch.as_tensor(rows)
    split = class_balanced_split(TRAIN.labels[rows], labels // 10, seed)[0]
    return rows[split].tolist()


KEPT, HELD = (rows.tolist() for rows in holdout_split(300, HELD_OUT, seed=0))
PRECISION = {False: "float32", True: "bfloat16 products, float32 weights"}


def card(precision="float32", complete=True, device="cpu"):
    machine = (("hardware", device), ("peak_megabytes", device))
    return {"card": (precision, complete, *machine)}


TRAIN_CASES = {
    "name": (
        {"name": BASELINE.name},
        {"experiment": BASELINE.name, "saved as": (BASELINE.name, 0, 0),
         "generative": False},
    ),
    "seed": (
        {"seed": 4},
        {"seed": 4, "saved as": (SEMI.name, 4, 4),
         "labelled": labelled_rows(range(300), 30, 4)},
    ),
    "device": ({"device": "meta"}, {"devices": {"meta"}} | card(device="meta")),
    "epochs": ({"epochs": 5}, {"epochs": 5, "card's epochs": 5}),
    "bfloat16": ({"bfloat16": True}, {"bfloat16": True} | card(PRECISION[True])),
    "limit": (
        {"limit": 50},
        {"limits": {50}, "trained on": [*range(50)], "keeps a state": False,
         "judged on": [*range(300, 350)], "state of seed": None,
         "labelled": labelled_rows(range(50), 30, 0)} | card(complete=False),
    ),
    "progress": ({"progress": False}, {"progress": False}),
    "watch": ({"watch": print}, {"watch": print}),
}  # fmt: skip


def kept_as(name=SEMI.name, seed=0, device="cpu"):
    return {"kept as": [(f"{name}-validation", seed, ("hardware", device))]}


FEW_KEPT, FEW_HELD = (rows.tolist() for rows in holdout_split(200, 100, seed=0))
VALIDATE_CASES = {
    "name": (
        {"name": BASELINE.name},
        {"experiment": BASELINE.name, "generative": False,
         "kept settings": BASELINE.name} | kept_as(BASELINE.name),
    ),
    "seed": (
        {"seed": 4},
        {"seed": 4, "labelled": labelled_rows(KEPT, 30, 4)} | kept_as(seed=4),
    ),
    "device": ({"device": "meta"}, {"devices": {"meta"}} | kept_as(device="meta")),
    "epochs": ({"epochs": 5}, {"epochs": 5}),
    "bfloat16": ({"bfloat16": True}, {"bfloat16": True}),
    "limit": (
        {"limit": 200},
        {"limits": {200}, "trained on": FEW_KEPT, "judged on": FEW_HELD,
         "labelled": labelled_rows(FEW_KEPT, 30, 0), "keeps a state": False,
         "state of seed": None},
    ),
    "progress": ({"progress": False}, {"progress": False}),
}  # fmt: skip
STUDY_CASES = {
    "variant": (
        {"variant": "alpha"},
        {"experiment": "mnist-semi-supervised-study-alpha", "alpha": 50.0},
    ),
    "seed": ({"seed": 4}, {"seed": 4, "labelled": labelled_rows(KEPT, 100, 4)}),
    "device": (
        {"device": "meta"},
        {"devices": {"meta"}, "said": ("float32", ("hardware", "meta"))},
    ),
    "bfloat16": (
        {"bfloat16": True},
        {"bfloat16": True, "said": ("bfloat16 products", ("hardware", "cpu"))},
    ),
}  # fmt: skip
FUNCTIONS = {
    "train": (pipeline.train, seen_by_train, TRAIN_CASES),
    "validate": (pipeline.validate, seen_by_validate, VALIDATE_CASES),
    "study": (study.run, seen_by_study, STUDY_CASES),
}


def judge(before, after, then):
    for name, expected in then.items():
        assert before[name] != expected, f"{name} would be as before"
        assert after[name] == expected, name
    for name in before.keys() - then.keys():
        assert after[name] == before[name], f"{name} has changed, too"


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_argument_has_a_case(function):
    what, _, cases = FUNCTIONS[function]
    assert list(cases) == [
        a for a in inspect.signature(what).parameters if a not in FOLDERS
    ]


@pytest.mark.parametrize(
    ("function", "argument"),
    [(f, argument) for f, (_, _, cases) in FUNCTIONS.items() for argument in cases],
)
def test_an_argument_changes_what_it_should_and_nothing_else(function, argument, seen):
    _, call, cases = FUNCTIONS[function]
    given, then = cases[argument]
    before = call(seen)
    seen["load"].clear()
    judge(before, call(seen, **given), then)


# --- which images ------------------------------------------------------------


def test_train_reads_both_splits_and_learns_from_one(seen):
    found = seen_by_train(seen)
    assert found["read"] == [("glyphs", "train"), ("glyphs", "test")]
    assert found["trained on"] == [*range(300)]
    assert found["judged on"] == [*range(300, 360)]
    assert found["labelled"] == labelled_rows(range(300), 30, 0)
    assert found["keeps a state"] and found["state of seed"]
    seen["load"].clear()
    other = seen_by_train(seen, name=LATER.name)
    assert other["read"] == [("svhn", "train"), ("svhn", "test")]
    assert other["labelled"] == [*range(300)]  # no labels are missing


def test_max_steps_of_the_environment_arrive_and_leave_no_state(seen, monkeypatch):
    monkeypatch.setenv("EQUIVAE_MAX_STEPS", "3")
    for call in (seen_by_train, seen_by_validate, seen_by_study):
        found = call(seen)
        assert found["max_steps"] == 3 and not found["keeps a state"]


@pytest.mark.parametrize("call", [seen_by_validate, seen_by_study])
def test_held_out_images_are_not_trained_on_and_the_labelled_ones_are(call, seen):
    for seed in (0, 1):
        seen["load"].clear()
        found = call(seen, seed=seed)
        assert {split for _, split in found["read"]} == {"train"}
        assert found["trained on"] == KEPT and found["judged on"] == HELD
        labels = seen["fit"]["experiment"].labels
        assert found["labelled"] == labelled_rows(KEPT, labels, seed)
        assert set(found["labelled"]) <= set(KEPT)
        assert not set(found["trained on"]) & set(found["judged on"])


@pytest.mark.parametrize("call", [seen_by_train, seen_by_validate, seen_by_study])
def test_the_labelled_images_are_those_that_the_steps_saw_labelled(call, seen):
    found = call(seen, seed=3)
    given = seen["fit"]
    batches = objectives.Batches(
        given["experiment"], given["data"], given["pixels"], given["seed"]
    )
    saw = names_of(given["data"].images[batches.labelled], EVERY)
    assert found["labelled"] == saw


def test_a_supervised_validation_makes_r_of_the_kept_images(seen, monkeypatch):
    parts = {}

    class Representations(bound.Representations):
        def __init__(self, model, pixels, train):
            parts["r of"] = rows_of(train)
            super().__init__(model, pixels, train)

        def of(self, y, indices, m):
            parts.update(y=y.tolist(), m=m)
            return super().of(y, indices, m)

    def bound_terms(model, x, r, indices):
        grey = (255 * x).round().to(torch.uint8)
        parts["judged on"] = names_of(grey, EVERY)
        return bound.bound_terms(model, x, r, indices)

    monkeypatch.setattr(held_out, "Representations", Representations)
    monkeypatch.setattr(held_out, "bound_terms", bound_terms)
    pipeline.validate(SUPERVISED.name, folder=seen["folder"])
    found = seen["fit"]["validate"](seen["model"])
    assert set(found) == {"validation_bound", "validation_kl"}
    assert parts["r of"] == KEPT == rows_of(seen["fit"]["data"])
    assert parts["judged on"] == HELD and parts["m"] == SUPERVISED.m_max
    assert parts["y"] == TRAIN.labels[HELD].tolist()


# --- pixels ------------------------------------------------------------


def test_pixel_statistics_are_those_of_the_training_images(seen):
    pipeline.train(GAUSSIAN.name, folder=seen["folder"])
    same_statistics(seen["fit"]["pixels"], TRAIN.images)
    assert seen["saved"]["pixels"] is seen["fit"]["pixels"]
    pipeline.validate(GAUSSIAN.name, folder=seen["folder"])
    same_statistics(seen["fit"]["pixels"], TRAIN.images[KEPT])
    for name in (SUPERVISED.name, SEMI.name):
        pipeline.train(name, folder=seen["folder"])
        assert statistics(seen["fit"]["pixels"]) is None


# --- r_y in the checkpoint ------------------------------------------------------------


def class_means(model, pixels, data):
    """r_y of each class from all images of `data`, by hand."""
    with torch.no_grad():
        f = model.encoder.f(pixels.forward(data.images))
        means = [f[data.labels == y].mean(0) for y in range(10)]
        return model.encoder.g(torch.stack(means))


@pytest.mark.parametrize("e", [SUPERVISED, SEMI], ids=lambda e: e.name)
@pytest.mark.parametrize("seed", [0, 5])
def test_r_in_a_checkpoint_is_made_of_the_labelled_images_alone(seen, e, seed):
    pipeline.train(e.name, seed, folder=seen["folder"])
    model, pixels = seen["saved"]["model"], seen["saved"]["pixels"]
    rows = [*range(300)] if e.labels is None else labelled_rows(range(300), 30, seed)
    expected = class_means(model, pixels, TRAIN.subset(rows))
    torch.testing.assert_close(model.class_r, expected, rtol=1e-4, atol=1e-6)
    if e.labels is not None:
        everything = class_means(model, pixels, TRAIN)
        assert (model.class_r - everything).abs().max() > 1e-3


# --- labelled_part ------------------------------------------------------------

LABELLED_PART = {
    "labels": ((20, TRAIN, 0), labelled_rows(range(300), 20, 0)),
    "train": (
        (30, TRAIN.subset(range(100)), 0), labelled_rows(range(100), 30, 0)
    ),
    "seed": ((30, TRAIN, 1), labelled_rows(range(300), 30, 1)),
}  # fmt: skip


def test_every_argument_of_labelled_part_has_a_case():
    assert list(LABELLED_PART) == list(
        inspect.signature(pipeline.labelled_part).parameters
    )


@pytest.mark.parametrize("argument", LABELLED_PART)
def test_labelled_part(argument):
    given, expected = LABELLED_PART[argument]
    base = rows_of(pipeline.labelled_part(30, TRAIN, 0))
    found = pipeline.labelled_part(*given)
    assert base == labelled_rows(range(300), 30, 0) != expected
    assert rows_of(found) == expected
    assert torch.equal(found.labels, TRAIN.labels[expected])
    assert pipeline.labelled_part(None, TRAIN, 0) is TRAIN


# --- headline ------------------------------------------------------------


def built(e, seed=7):
    torch.manual_seed(seed)
    return checkpoints.build(e).eval()


def headline_by_hand(model, pixels, labelled, test, generative=True):
    """Errors of q_y-post and of argmax (4), and the bounds, image by image."""
    found = {}
    with torch.no_grad():
        x = pixels.forward(test.images)
        if model.arch.label_posterior:
            log_q = model.label_log_posterior(x)
            wrong = log_q.argmax(1) != test.labels
            found["test_error"] = float(wrong.double().mean())
            if not generative:
                return found
        table = class_means(model, pixels, labelled)
        if not model.arch.label_posterior:
            noise = [bound.noise_of(torch.tensor([i]), 1, 2)[0, 0] for i in range(60)]
            terms = model.terms(x, table[test.labels], torch.stack(noise))
            values = terms.log_lik - terms.kl
            return {"test_bound": float(values.mean()),
                    "test_bound_first_1000": float(values.mean()),
                    "test_bound_error": float(values.std() / 60**0.5),
                    "test_kl": float(terms.kl.mean()), "test_images": 60}  # fmt: skip
        noise = bound.noise_of(torch.arange(60), 10, 2)
        terms = model.terms_per_class(x, table, noise)
        each = terms.log_lik - terms.kl
        wrong = each.argmax(1) != test.labels
        found["test_generative_error"] = float(wrong.double().mean())
        q = log_q.exp()
        of_image = (q * (each - log_q - torch.tensor(10.0).log())).sum(1)
        found["test_bound"] = float(of_image.mean())
        return found


HALVED = Pixels(torch.zeros(1, 28, 28), torch.full((1, 28, 28), 2.0))
PART = TRAIN.subset(labelled_rows(range(300), 30, 0))
TURNED = replace(TEST, labels=TEST.labels.flip(0))
EVERY_BOUND = {"test_bound", "test_bound_first_1000", "test_bound_error", "test_kl"}
SHARES = {"test_error", "test_generative_error"}  # of 60: may be equal by chance
HEADLINE_CASES = {
    "model": [(SUPERVISED, {"model": 8}, EVERY_BOUND)],
    "pixels": [(SUPERVISED, {"pixels": HALVED}, EVERY_BOUND)],
    "labelled": [
        (SUPERVISED, {"labelled": PART}, EVERY_BOUND),
        (SEMI, {"labelled": TRAIN}, {"test_generative_error", "test_bound"}),
    ],
    "test": [
        (SUPERVISED, {"test": TURNED}, EVERY_BOUND),
        # The bound (6) knows no labels.
        (SEMI, {"test": replace(TEST, labels=(TEST.labels + 1) % 10)},
         {"test_error", "test_generative_error"}),
    ],
    "generative": [
        (SEMI, {"generative": False}, {"test_generative_error", "test_bound"})
    ],
}  # fmt: skip


def test_every_argument_of_headline_has_a_case():
    assert list(HEADLINE_CASES) == list(HEADLINE.parameters)


@pytest.mark.parametrize(
    ("argument", "case"),
    [(a, case) for a, cases in HEADLINE_CASES.items() for case in cases],
    ids=lambda x: x if isinstance(x, str) else x[0].name,
)
def test_headline_by_hand(argument, case):
    e, change, changes = case
    base = {"model": 7, "pixels": Pixels.unit(), "labelled": PART, "test": TEST}
    if e is SUPERVISED:
        base["labelled"] = TRAIN
    both = []
    for given in (base, base | change):
        given = given | {"model": built(e, given["model"])}
        both.append(pipeline.headline(**given))
        assert both[-1] == pytest.approx(headline_by_hand(**given), rel=1e-5)
    before, after = both
    differing = {k for k in before if before[k] != after.get(k)}
    assert changes - SHARES <= differing <= changes


# --- evaluate ------------------------------------------------------------


def seen_by_evaluate(seen, monkeypatch, **given):
    given = {"name": SEMI.name, "seeds": [1]} | given
    of = {"supervised": [], "semi-supervised": [], "loaded": []}

    def load(name, seed, folder, device=None):
        if device is not None:  # else only to see whether it can be read
            of["loaded"].append((name, seed, device))
        (e,) = [e for e in KNOWN if e.name == name]
        card = {"experiment": e.to_dict(), "data": {"name": e.data}}
        card |= {"parameters": 11, "sha256": f"of {seed}"}
        return f"model {seed}", f"pixels {seed}", card

    def supervised(model, pixels, train, test, iw_images):
        of["supervised"].append(
            (model, pixels, rows_of(train), rows_of(test), iw_images)
        )
        return {}

    def semi_supervised(model, pixels, labelled, test, generative):
        of["semi-supervised"].append(
            (model, pixels, rows_of(labelled), rows_of(test), generative)
        )
        return {}

    monkeypatch.setattr(checkpoints, "load", load)
    monkeypatch.setattr(pipeline, "supervised_report", supervised)
    monkeypatch.setattr(pipeline, "semi_supervised_report", semi_supervised)
    seen["load"].clear()
    seen["kept"].clear()
    pipeline.evaluate(**given, folder=seen["folder"])
    return of | {
        "read": list(seen["load"]),
        "written": [(n, s, f["evaluation"]) for n, s, f in seen["kept"]],
    }


def report(seed=1, rows=range(300), test=range(300, 360), generative=True):
    labelled = labelled_rows(rows, 30, seed)
    return (f"model {seed}", f"pixels {seed}", labelled, [*test], generative)


def read(device="cpu", limit=None):
    return [("glyphs", split, limit, device) for split in ("train", "test")]


def written(name, *seeds):
    return [(name, s, {"parameters": 11, "sha256": f"of {s}"}) for s in seeds]


EVALUATE_CASES = {
    "name": (
        {}, {"name": BASELINE.name},
        {"semi-supervised": [report(generative=False)],
         "loaded": [(BASELINE.name, 1, "cpu")],
         "written": written(BASELINE.name, 1)},
    ),
    "seeds": (
        {}, {"seeds": [2, 1]},
        {"semi-supervised": [report(2), report(1)],
         "loaded": [(SEMI.name, 2, "cpu"), (SEMI.name, 1, "cpu")],
         "written": written(SEMI.name, 2, 1)},
    ),
    "device": (
        {}, {"device": "meta"},
        {"loaded": [(SEMI.name, 1, "meta")], "read": read("meta")},
    ),
    "importance_weighted": (
        {"name": SUPERVISED.name}, {"importance_weighted": False},
        {"supervised": [("model 1", "pixels 1", [*range(300)], [*range(300, 360)], 0)]},
    ),
    "limit": (
        {}, {"limit": 40},
        {"semi-supervised": [report(1, range(40), range(300, 340))],
         "read": read(limit=40)},
    ),
}  # fmt: skip


def test_every_argument_of_evaluate_has_a_case():
    assert list(EVALUATE_CASES) == [
        a
        for a in inspect.signature(pipeline.evaluate).parameters
        if a not in FOLDERS
    ]


@pytest.mark.parametrize("argument", EVALUATE_CASES)
def test_an_argument_of_evaluate(argument, seen, monkeypatch):
    base, given, then = EVALUATE_CASES[argument]
    before = seen_by_evaluate(seen, monkeypatch, **base)
    judge(before, seen_by_evaluate(seen, monkeypatch, **base | given), then)


def test_what_evaluate_does_by_itself(seen, monkeypatch):
    found = seen_by_evaluate(seen, monkeypatch, seeds=[1, 3])
    assert found["semi-supervised"] == [report(1), report(3)]
    assert found["read"] == read()
    found = seen_by_evaluate(seen, monkeypatch, name=SUPERVISED.name)
    whole = ("model 1", "pixels 1", [*range(300)], [*range(300, 360)], 1000)
    assert found["supervised"] == [whole] and found["semi-supervised"] == []
