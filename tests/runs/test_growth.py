"""How time and memory grow: what is measured, and the table of it."""

import pytest

from equivae_lite import files
from tools import growth


def test_a_row_has_the_steps_of_the_recipe_and_its_own_memory(monkeypatch):
    monkeypatch.setattr(growth, "FEW", 1)
    monkeypatch.setattr(growth, "MANY", 3)
    monkeypatch.setattr(growth, "REPEATS", 1)
    found = growth.measure(300, 12, threads=1)
    assert (found["images"], found["classes"]) == (300, 12)
    # 300 images are three steps of 128 an epoch.
    steps = 3 * growth.BASE.epochs
    assert found["minutes"] == pytest.approx(
        steps * found["step_ms"] / 60_000, abs=0.006
    )
    assert found["step_ms"] > 0 and found["peak_mib"] > 50


def test_random_images_have_all_classes():
    images = growth.random_images(50, 12)
    assert images.classes == 12 and set(images.labels.tolist()) == set(range(12))


@pytest.mark.skipif(not growth.PATH.exists(), reason="no file of results")
def test_the_stored_table_has_every_row():
    content = files.read_json(growth.PATH, "")
    assert [(r["images"], r["classes"]) for r in content["rows"]] == [*growth.ROWS]
    assert growth.growth_table(content).count("\n") == len(growth.ROWS) + 1
