"""The presets: what Appendix B fixes, and what an experiment is made of."""

import dataclasses
import json
import random

import pytest

from equivae_lite.data import sources
from equivae_lite.errors import EquivaeError, ExperimentError
from equivae_lite.training import checkpoints, experiments
from equivae_lite.training.experiments import PRESETS
from equivae_lite.training.settings import LATER, Experiment

# name: (data, likelihood, latents, widths, m_max, labels), from Appendix B
PAPER = {
    "mnist-supervised": ("mnist", "bernoulli", 16, (128, 64), 7, None),
    "mnist-semi-supervised": ("mnist", "bernoulli", 8, (64, 32), 4, 100),
    "svhn-supervised": ("svhn", "gaussian", 16, (128, 64), 10, None),
    "svhn-semi-supervised": ("svhn", "gaussian", 16, (128, 64), 10, 1000),
}
each_preset = pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)


@pytest.mark.parametrize("name", PAPER)
def test_settings_of_the_appendix(name):
    e = experiments.get(name)
    a = e.arch
    assert a.r_dim == a.v_dim
    assert (e.data, a.likelihood, a.r_dim, a.hidden, e.m_max, e.labels) == PAPER[name]
    assert (a.size, a.colours) == {"mnist": (28, 1), "svhn": (32, 3)}[e.data]
    assert a.classes == 10 and e.representation == "complementary"
    assert a.label_posterior == e.semi_supervised == (e.labels is not None)
    assert e.learning_rate == 1e-3  # Adam's default
    if e.semi_supervised:
        assert e.schedule[0][0] == e.labelled_batch == 32
        assert e.m_max <= e.labels // 10 - 1


@each_preset
def test_presets_are_consistent(preset):
    assert experiments.get(preset.name) is preset
    assert preset.data in sources.NAMES
    model = checkpoints.build(preset)  # the settings do not contradict each other
    assert model.parameter_count() < 1_000_000
    assert hasattr(model, "label_posterior") == preset.semi_supervised
    sizes = [size for size, _ in preset.schedule]
    if preset.muon_rate:  # the fast recipe: ours
        assert sizes == [128]
    else:
        assert sizes == [32 * 2**i for i in range(len(sizes))]  # doubled successively
    assert all(epochs >= 1 for _, epochs in preset.schedule)
    assert preset.kl_weight(preset.epochs - 1) == 1.0  # (4) itself at the end


@each_preset
def test_a_card_holds_everything_that_a_model_is_built_from(preset):
    card = json.loads(json.dumps(preset.to_dict()))
    later = {name for name in LATER if not getattr(preset, name)}  # off, not on cards
    assert set(card) == {f.name for f in dataclasses.fields(Experiment)} - later
    again = checkpoints.build(card)
    assert again.arch == preset.arch
    assert again.representation == preset.representation


def differing(a, b):
    """Names of the fields in which two experiments differ (arch's one by one)."""

    def flat(e):
        settings = dataclasses.asdict(e)
        return {f"arch.{k}": v for k, v in settings.pop("arch").items()} | settings

    a, b = flat(a), flat(b)
    return {k for k in a if a[k] != b[k]}


def test_ablations_change_nothing_else():
    full = experiments.get("mnist-supervised")
    plain = experiments.get("mnist-supervised-plain-vae")
    table = experiments.get("mnist-supervised-class-table")
    changed = {"name", "representation", "arch.r_dim", "arch.v_dim"}
    assert differing(full, plain) == changed
    assert plain.arch.v_dim == full.arch.v_dim + full.arch.r_dim
    assert differing(full, table) == {"name", "representation"}
    shorts = [p for n, p in PRESETS.items() if n.startswith("mnist-init-")]
    assert len(shorts) >= 4
    for one in shorts:
        allowed = {"name", "arch.init", "kl_epochs", "schedule"}
        assert differing(full, one) <= allowed
        assert one.schedule == shorts[0].schedule


@pytest.mark.parametrize("real", sources.MEGABYTES)
@pytest.mark.parametrize("kind", ["supervised", "semi-supervised"])
def test_stand_ins_are_the_same_experiment(real, kind):
    a = experiments.get(f"{real}-{kind}")
    b = experiments.get(f"{sources.STAND_INS[real]}-{kind}")
    assert b.data == sources.STAND_INS[real]
    schedule = {"schedule", "kl_epochs", "decay_from", "averaging"}
    assert differing(a, b) <= {"name", "data"} | schedule


@pytest.mark.parametrize("kind", ["supervised", "semi-supervised"])
def test_a_part_of_svhn_has_its_networks_and_schedules_of_its_own(kind):
    whole = experiments.get(f"svhn-{kind}")
    part = experiments.get(f"svhn-part-{kind}")
    schedules = {"schedule", "decay_from", "averaging", "separation_steps",
                 "separation_distortion"}  # fmt: skip
    assert differing(whole, part) <= {"name", "data"} | schedules
    assert part.data == "svhn-part" and part.arch == whole.arch


@pytest.mark.parametrize("data", ["svhn", "svhn-part", "street-glyphs"])
def test_the_arms_of_chapter_14_differ_in_what_they_are_named_for(data):
    recipe = experiments.get(f"{data}-semi-supervised")
    same_f = experiments.get(f"{data}-semi-supervised-no-bound-with-separation")
    assert differing(recipe, same_f) == {"name", "generative"}
    untrained_f = experiments.get(f"{data}-semi-supervised-no-bound")
    assert differing(untrained_f, same_f) - {"separation_distortion"} == {
        "name", "separation_steps"
    }  # fmt: skip
    alone = experiments.get(f"{data}-labels-alone")
    bent = experiments.get(f"{data}-labels-distorted")
    assert differing(alone, bent) == {"name", "distortion"}
    # (7) by itself: the recipe without everything that is ours.
    appendix = experiments.get(f"{data}-semi-supervised-appendix")
    of_mnist = experiments.get("mnist-semi-supervised-appendix")
    fixed = {f.name for f in dataclasses.fields(Experiment)} - {
        "name", "data", "arch", "m_max", "labels", "schedule"
    }  # fmt: skip
    assert not differing(appendix, of_mnist) & fixed
    assert not differing(appendix, recipe) & {"data", "arch", "labels", "schedule"}


def test_batch_size_of_every_epoch():
    e = Experiment("e", "glyphs", schedule=((32, 1), (64, 2), (128, 3)))
    assert e.epochs == 6
    assert [e.batch_size(i) for i in range(6)] == [32, 64, 64, 128, 128, 128]
    with pytest.raises(ExperimentError, match="has only 6 epochs"):
        e.batch_size(6)


def test_kl_weight_rises_linearly_to_one():
    e = Experiment("e", "glyphs", kl_start=0.1, kl_epochs=4)
    assert e.kl_weight(0) == pytest.approx(0.1)
    assert e.kl_weight(1) == pytest.approx(0.325)
    assert e.kl_weight(2) == pytest.approx(0.55)
    assert e.kl_weight(4) == e.kl_weight(17.5) == 1.0
    assert Experiment("e", "glyphs", kl_epochs=0).kl_weight(0) == 1.0


def test_learning_rate_falls_along_a_cosine_if_asked_to():
    e = Experiment("e", "glyphs", schedule=((32, 10),), decay_from=0.5)
    assert e.decay(0) == e.decay(5) == 1
    assert e.decay(7.5) == pytest.approx(0.51)
    assert e.decay(10) == pytest.approx(0.02)
    assert Experiment("e", "glyphs").decay(35.9) == 1


def test_label_sum_has_two_kinds():
    with pytest.raises(ExperimentError, match="label_sum must be one of"):
        Experiment("e", "glyphs", label_sum="some")


@pytest.mark.parametrize(
    ("idle", "needs"),
    [
        ({"aligned": True, "consistency": 0.0}, "consistency or contrast"),
        ({"sure": 0.9, "consistency": 0.0}, "consistency"),
        ({"contrast": 50.0, "generative": False}, "generative"),
        ({"second_after": 600}, "consistency and contrast"),
        (
            {"second_after": 600, "contrast": 50.0, "consistency": 0.0},
            "consistency and contrast",
        ),
    ],
)
def test_a_field_that_would_do_nothing_is_refused(idle: dict, needs: str) -> None:
    name = next(iter(idle))
    with pytest.raises(ExperimentError, match=f"{name} does nothing without {needs}:"):
        dataclasses.replace(experiments.get("mnist-semi-supervised"), **idle)


def test_unknown_name_lists_them_all_and_suggests_the_nearest():
    with pytest.raises(ExperimentError) as caught:
        experiments.get("mnist-supervisd")
    message = str(caught.value)
    assert "did you mean 'mnist-supervised'?" in message
    assert all(name in message for name in PRESETS)
    with pytest.raises(ExperimentError) as caught:
        experiments.get("qqqq")
    assert "did you mean" not in str(caught.value)
    assert isinstance(caught.value, EquivaeError)
    assert isinstance(caught.value, ValueError)


def test_with_epochs_cuts_and_lengthens():
    e = Experiment("e", "glyphs", schedule=((32, 1), (64, 2), (128, 3)))
    expected = {
        1: ((32, 1),),
        2: ((32, 1), (64, 1)),
        3: ((32, 1), (64, 2)),
        6: e.schedule,
        10: ((32, 1), (64, 2), (128, 7)),
    }
    for epochs, schedule in expected.items():
        cut = experiments.with_epochs(e, epochs)
        assert cut.schedule == schedule and cut.epochs == epochs
        assert dataclasses.replace(cut, schedule=e.schedule) == e
    for wrong in (0, -3):
        with pytest.raises(ExperimentError, match=f"at least 1, not {wrong}"):
            experiments.with_epochs(e, wrong)


def test_with_epochs_never_changes_an_epoch_that_stays():
    e = experiments.get("mnist-supervised")
    epochs = random.Random(0).sample(range(1, 2 * e.epochs), 12)
    for n in epochs:
        cut = experiments.with_epochs(e, n)
        common = range(min(n, e.epochs))
        assert [cut.batch_size(i) for i in common] == [e.batch_size(i) for i in common]


def test_experiments_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        experiments.get("mnist-supervised").m_max = 3


def test_sure_targets_are_all_that_the_run_without_bounds_has_more():
    base = experiments.get("mnist-semi-supervised-no-bound")
    sure = experiments.get("mnist-semi-supervised-sure-no-bound")
    assert differing(base, sure) == {"name", "aligned", "sure"}
    assert sure.consistency and not sure.generative
