"""How long a training will take: what is measured, and the sum that is made of it."""

import pytest

from equivae_lite import files
from equivae_lite.runs.bench.steps import main, minutes
from equivae_lite.runs.folders import SHELF, Folder
from equivae_lite.training import experiments, loop

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", ["svhn-supervised", "svhn-semi-supervised"])
def test_smoke_run_takes_steps_of_the_real_experiment_and_writes_nothing(
    name, tmp_path, monkeypatch
):
    seen, original = [], loop.fit

    def record(e, images, *rest, **settings):
        seen.append((e, tuple(images.images.shape[1:])))
        return original(e, images, *rest, **settings)

    monkeypatch.setattr(loop, "fit", record)
    found = main(name, "cpu", smoke=True, folder=Folder(tmp_path))
    assert list(tmp_path.iterdir()) == []
    assert [r["batch"] for r in found["rows"]] == [32]
    assert found["rows"][0]["ms"] > 0
    # Every step of a semi-supervised one pays for the sum over labels.
    assert all(e.warmup_steps == 0 and shape == (3, 32, 32) for e, shape in seen)


def test_minutes_are_steps_times_their_cost():
    e = experiments.get("svhn-semi-supervised")
    assert e.schedule == ((32, 1), (64, 1), (128, 3))
    rows = [{"batch": b, "ms": ms} for b, ms in ((32, 1.0), (64, 10.0), (128, 100.0))]
    # 72,257 images without labels: 2,259, 1,130 and 565 steps an epoch.
    expected = (2259 * 1 + 1130 * 10 + 3 * 565 * 100) / 60_000
    assert minutes(e, rows) == pytest.approx(expected)


def test_stored_measurement_covers_the_schedules():
    stored = files.read_json(SHELF.results / "bench-steps.json", "")
    for name, found in stored.items():
        e = experiments.get(name)
        assert {b for b, _ in e.schedule} <= {r["batch"] for r in found["rows"]}
        assert 0 < minutes(e, found["rows"]) < 60
        assert all(r.get("gpu_mb", 0) < 4096 for r in found["rows"])
