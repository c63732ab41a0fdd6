"""The study of the semi-supervised recipe: what it runs, on what, what it keeps."""

from dataclasses import asdict, fields

import pytest

from equivae_lite.data import sets, splits
from equivae_lite.errors import ExperimentError
from equivae_lite.runs import study
from equivae_lite.runs.folders import Folder
from equivae_lite.training.settings import Experiment

ALL_OF = sets.load


@pytest.fixture(autouse=True)
def small(tmp_path, monkeypatch):
    """Two steps on glyphs, and no file of the repository."""

    def load(name, split="train", **rest):
        read.append(split)
        return ALL_OF("glyphs", split, 500)

    read = []
    monkeypatch.setattr(sets, "load", load)
    monkeypatch.setattr(splits, "MOST_HELD_OUT", 100)
    monkeypatch.setenv("EQUIVAE_MAX_STEPS", "1")
    return read


@pytest.fixture
def folder(tmp_path):
    """A reader's; runs that are cut short are in its part for those."""
    return Folder(tmp_path / "mine")


def keep(folder, variant, seed, **found):
    name, settings = study.experiment(variant).name, study.settings(variant)
    folder.short.keep_result(name, seed, {"settings": settings, "run": found})


def no_table(monkeypatch):
    monkeypatch.setattr(study, "table", lambda runs: "")


def differing(a, b):
    a, b = asdict(study.experiment(a)), asdict(study.experiment(b))
    return {k for k in a if a[k] != b[k]} - {"name"}


def test_variants_change_one_lever_each():
    names = {f.name for f in fields(Experiment)}
    schedule = {"kl_start", "kl_epochs"}  # two fields, one lever
    for variant, changes in study.VARIANTS.items():
        assert set(changes) <= names
        assert study.experiment(variant).name.endswith(f"-study-{variant}")
        if variant in ("appendix", "recipe", "alpha"):
            continue
        first, _, second = variant.partition("-")
        if first == "alpha":
            changed = differing("alpha", variant)
            expected = {"shut_steps"} | schedule if second == "shut" else None
        elif variant in study.ITSELF:
            changed, shut = differing("appendix", variant), {"shut_steps"} | schedule
            expected = {
                "equal": {"labelled_weight"},
                "shut-first": shut,
                "equal-shut-first": {"labelled_weight"} | shut,
                "equal-shut-first-long": {"labelled_weight", "schedule"} | shut,
            }[variant]
        elif (arm := variant.removesuffix(f"-{study.FEW}")) in study.EARNED:
            few = arm != variant
            changed = differing(f"labels-{study.FEW}" if few else "recipe", variant)
            expected = {"schedule"} | {
                "longer-no-bound": {"generative"},
                "sure-no-bound": {"aligned", "sure", "generative"},
                "sure": {"aligned", "sure"},
                "contrast": {"aligned", "sure", "contrast"},
                "second": {"aligned", "sure", "contrast", "second_after"},
            }[arm]
        elif variant in study.PATIENT:
            changed = differing("recipe", variant)
            expected = {"schedule", "warmup_steps", "generative"}
            expected |= {"aligned", "sure"} if second else set()
        elif first == "labels":
            changed, expected = differing("recipe", variant), {"labels"}
            changed -= {"m_max"}  # never above the smallest class minus one
        elif first == "alone":
            changed, expected = differing("alone-100", variant) - {"m_max"}, {"labels"}
            expected = set() if variant == "alone-100" else expected
        else:
            changed = differing("recipe", variant)
            several = {"kl-falls": schedule, "neither": {"generative", "consistency"}}
            expected = several.get(variant)
        if expected is None:
            assert len(changed) == 1, (variant, changed)
        else:
            assert changed == expected, variant
    assert differing("appendix", "alpha") == {"alpha"}


def test_m_stays_below_the_labels_of_a_class():
    for variant in study.VARIANTS:
        e = study.experiment(variant)
        assert 1 <= e.m_max <= min(4, e.labels // 10 - 1)


def test_the_appendix_alone_has_nothing_of_ours():
    e = study.experiment("appendix")
    assert e.alpha == e.balance == e.averaging == e.warmup_steps == 0
    assert e.distortion == e.consistency == e.shut_steps == 0 and e.generative
    assert e.labelled_weight is None and e.decay_from == 1
    assert [e.kl_weight(p) for p in (0, 3, 9.9)] == [1, 1, 1]


@pytest.mark.slow
def test_runs_are_kept_and_not_repeated(small, folder):
    study.main("appendix", [0, 1], folder=folder)
    kept = study.kept("appendix", folder.short)
    assert list(kept) == ["0", "1"] and study.kept("appendix", folder) == {}
    assert set(small) == {"train"}  # no test image is read
    assert 0 <= kept["0"]["held_out_error"] <= 1 and kept["0"]["held_out_bound"] < 0
    count = len(small)
    table = study.main("appendix", [0], folder=folder)
    assert len(small) == count
    assert "| appendix | 2 |" in table and f"runs of {folder.short.results}" in table


def test_an_unknown_variant_is_refused(small, folder):
    with pytest.raises(ExperimentError, match="no variant 'recipes'.*recipe"):
        study.main("recipes", [0], folder=folder)
    assert small == [] and not folder.root.exists()


@pytest.mark.slow
def test_runs_with_other_settings_do_not_count(monkeypatch, folder):
    study.main("appendix", [0, 1], folder=folder)
    other = study.APPENDIX | {"alpha": 0.5}
    monkeypatch.setitem(study.VARIANTS, "appendix", other)
    study.main("appendix", [1], folder=folder)
    kept = study.stored(folder.short)["appendix"]
    assert list(kept["seeds"]) == ["1"] and kept["settings"]["alpha"] == 0.5


def test_all_runs_every_variant_once(monkeypatch, folder):
    asked = []

    def run(variant, seed, *rest):
        asked.append((variant, seed))
        return {"held_out_error": 0.5}

    monkeypatch.setattr(study, "run", run)
    no_table(monkeypatch)
    keep(folder, "recipe", 3, held_out_error=0.5)
    study.main("all", [3], folder=folder)
    assert sorted(asked) == sorted((v, 3) for v in study.VARIANTS if v != "recipe")


def test_two_processes_lose_nothing(monkeypatch, folder):
    """Another seed was written while this one ran, first of all or not."""

    def meanwhile(variant, seed, *rest):
        keep(folder, variant, seed + 7, held_out_error=0.7)
        return {"held_out_error": 0.1 * seed}

    monkeypatch.setattr(study, "run", meanwhile)
    no_table(monkeypatch)
    study.main("appendix", [1, 2], folder=folder)
    assert list(study.kept("appendix", folder.short)) == ["1", "2", "8", "9"]


def test_differences_pair_the_labelled_sets(folder):
    for variant, errors in (("recipe", (0.10, 0.30)), ("no-bound", (0.11, 0.35))):
        for seed, error in enumerate(errors):
            keep(folder, variant, seed, held_out_error=error)
    keep(folder, "no-bound", 2, held_out_error=0.9)  # the recipe has no seed 2
    runs = study.stored(folder.short)
    assert study.differences("no-bound", runs=runs) == pytest.approx([0.01, 0.05])
    # (1 + 5) / 2, and 12.706 times the standard error of two numbers, half of their
    # distance: Student's t with one degree of freedom.
    row = study.row("no-bound", runs)
    assert row[:4] == ["3", "45.33 ± 23.38", "+3.00 (-22.41 to +28.41)", "–"]
    assert study.row("recipe", runs)[1:3] == ["20.00 ± 10.00", "–"]
    assert study.row("xavier", runs) == ["0", "–", "–", "–", "–"]


def test_without_runs_of_ones_own_the_table_is_the_books(folder):
    table = study.main(None, [], folder=folder)
    assert table.startswith("runs of the book\n\n| variant | seeds |")
    assert len(table.splitlines()) == len(study.shelf()) + 4


def test_stored_runs_are_those_of_the_variants():
    for variant, entry in study.shelf().items():
        assert entry["settings"] == study.settings(variant)
        for found in entry["seeds"].values():
            assert 0 < found["held_out_error"] < 1
            assert found["last"]["epoch"] == study.experiment(variant).epochs
