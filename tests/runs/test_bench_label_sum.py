"""The cost of the sum over labels: what is measured, and what was promised of it."""

import pytest
import torch

from equivae_lite import files
from equivae_lite.runs.bench import label_sum
from equivae_lite.runs.folders import SHELF, Folder
from equivae_lite.training import objectives
from tests.support.small import SEMI, images, model, pixels

pytestmark = pytest.mark.slow


def test_smoke_run_measures_both_and_writes_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(label_sum, "BATCH", 8)
    result = label_sum.main(SEMI.name, "cpu", True, Folder(tmp_path))
    assert list(tmp_path.iterdir()) == []
    assert result["times_faster"] == pytest.approx(
        result["seconds"]["exact"] / result["seconds"]["sampled"]
    )
    assert 1 <= result["decodings_per_image"] <= 2
    assert "times faster" in capsys.readouterr().out


def test_gradient_variance_counts_the_noise_of_v_and_of_the_labels():
    m = model(SEMI)
    batches = objectives.Batches(SEMI, images(), pixels(SEMI), 0)
    x = batches.x(batches.unlabelled[:3])
    found = {
        kind: label_sum.logit_gradient_variance(m, batches, x, kind, 12)
        for kind in label_sum.KINDS
    }
    assert 0 < found["exact"] < found["sampled"]
    with torch.no_grad():  # a decoder deaf to v has no noise in its sum over labels
        m.decoder.dense_v.weight.zero_()
    deaf = label_sum.logit_gradient_variance(m, batches, x, "exact", 12)
    # What is left comes from r_y, whose pools are drawn anew.
    assert deaf < found["exact"]


def test_stored_result_is_as_fast_as_promised():
    result = files.read_json(SHELF.results / "bench-labels.json", "")
    assert result["times_faster"] > 2.5
    assert result["data"] == "mnist" and result["decodings_per_image"] < 1.5
