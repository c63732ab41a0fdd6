"""The study of the stop-gradient before q_y-post: what its arms do, and its file."""

import json
from unittest.mock import patch

import pytest
import torch

from equivae_lite.chapters.stopped import stop_table, variant_of
from equivae_lite.model.equivae import EquiVAE
from equivae_lite.runs import study
from tests.support.small import SEMI, model
from tools import stop_gradient, studies
from tools.stop_gradient import ARMS


@pytest.fixture
def model_and_x():
    return model(SEMI), torch.rand(5, 1, 28, 28)


def reached(model, log_q) -> list[bool]:
    """Whether a gradient of log q gets to each weight of f."""
    weights = list(model.encoder.f.parameters())
    found = torch.autograd.grad(
        log_q[:, 0].sum(), weights, allow_unused=True, materialize_grads=True
    )
    return [bool(g.abs().max() > 0) for g in found]


def test_to_forget_the_stop_changes_no_value_and_opens_the_way_to_f(model_and_x):
    model, x = model_and_x
    as_it_is = model.label_log_posterior(x)
    forgotten = stop_gradient.forgotten(model, x)
    assert torch.equal(as_it_is, forgotten)
    assert any(reached(model, forgotten)) and not any(reached(model, as_it_is))


def test_without_f_other_weights_of_f_change_nothing(model_and_x):
    model, x = model_and_x
    before = stop_gradient.without_f(model, x), model.label_log_posterior(x)
    with torch.no_grad():
        for weight in model.encoder.f.parameters():
            weight.add_(0.1)
    after = stop_gradient.without_f(model, x), model.label_log_posterior(x)
    assert torch.equal(before[0], after[0]) and not torch.equal(before[1], after[1])


@pytest.mark.parametrize("name", ARMS)
def test_a_run_trains_and_is_judged_by_its_arm(name, monkeypatch):
    arm, asked = ARMS[name], []

    def fit(e, train, pixels, seed, progress):
        asked.append((e, EquiVAE.label_log_posterior))
        return "model", [{"steps": 2}]

    def headline(model, pixels, labelled, held_out):
        asked.append(EquiVAE.label_log_posterior)
        return {"test_error": 0.5, "test_bound": -1.0}

    usual = EquiVAE.label_log_posterior
    with (
        patch.object(stop_gradient.loop, "fit", fit),
        patch.object(stop_gradient.pipeline, "headline", headline),
        patch.object(stop_gradient.pipeline, "labelled_part", lambda *a: None),
    ):
        found = stop_gradient.run(arm, None, None, 0)
    (e, in_training), in_judgement = asked
    assert e == study.experiment(arm.variant) and arm.variant == variant_of(name)
    assert in_training is in_judgement is arm.log_posterior
    assert (arm.log_posterior is usual) == (name == arm.variant)
    assert EquiVAE.label_log_posterior is usual
    assert found["held_out_error"] == 0.5 and found["steps"] == 2


def test_the_table_pairs_the_labelled_sets():
    runs = {"0": 0.05, "1": 0.07, "9": 0.9}
    seeds = {
        s: {"held_out_error": e, "held_out_generative_error": 0.2, "held_out_bound": -9}
        for s, e in runs.items()
    }
    base = {s: entry | {"held_out_error": 0.04} for s, entry in seeds.items()}
    del base["9"]
    arms = {"recipe-forgotten": seeds, "alpha-forgotten": seeds, "recipe": base}
    table = stop_table(
        {"arms": {n: {"words": ARMS[n].words, "seeds": s} for n, s in arms.items()}}
    )
    _, _, second, third, first = table.split("\n")
    assert first.startswith("| recipe | through the stop, as it is | 2 | 4.0 ± 0.0 |")
    assert second.startswith("| recipe | the stop forgotten | 3 | 34.0 ± 28.0 |")
    assert second.endswith("| +2.00 (-10.71 to +14.71) | +0.00 (+0.00 to +0.00) |")
    assert first.endswith("| – | – |") and third.endswith("| – | – |")


@pytest.mark.skipif(not stop_gradient.PATH.exists(), reason="no file of results")
def test_the_file_is_whole():
    content = studies.stored(stop_gradient.PATH)
    assert set(content["arms"]) <= set(ARMS)
    assert content["experiment"] == json.loads(
        json.dumps(stop_gradient.BASE.to_dict())
    )
    for name, entry in content["arms"].items():
        assert entry["words"] == ARMS[name].words
        assert all(run["steps"] == 858 for run in entry["seeds"].values())
