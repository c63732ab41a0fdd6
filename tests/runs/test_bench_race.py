"""Time to a bound: what is run, what is counted, and what is said."""

import json

import pytest

from equivae_lite import files
from equivae_lite.errors import ExperimentError
from equivae_lite.runs import pipeline
from equivae_lite.runs.bench import race
from equivae_lite.runs.folders import Folder

NAME = "mnist-supervised"
# Bound after each epoch; its batch size, steps and seconds.
CURVES = {
    NAME: [(-99.0, 32, 10, 60.0), (-95.0, 64, 5, 30.0), (-93.9, 64, 5, 30.0)],
    f"{NAME}-fast": [(-96.0, 128, 3, 20.0), (-94.0, 128, 3, 10.0)],
    f"{NAME}-faster": [(-93.5, 128, 3, 15.0)],
}


@pytest.fixture
def asked(monkeypatch):
    """Trainings without a step: their curves are given; what was asked for is noted."""
    asked = []

    def validate(name, seed, device, *, folder, bfloat16, limit):
        asked.append((name, seed, bfloat16, limit, folder.root.name))
        history = [
            {"validation_bound": bound, "batch": batch, "steps": steps,
             "seconds": seconds}
            for bound, batch, steps, seconds in CURVES[name]
        ]  # fmt: skip
        return folder.keep_result(f"{name}-validation", seed, {"history": history})

    monkeypatch.setattr(pipeline, "validate", validate)
    # One second for an image at m = 1, three at m = 4 and five at m = 7.
    monkeypatch.setattr(
        race.supervised, "apart",
        lambda variant, name, size, *_: {
            "seconds": {"1": size, "4": 3 * size, "7": 5 * size}
        },
    )  # fmt: skip
    return asked


def test_each_way_is_timed_to_the_target(asked, tmp_path, capsys):
    found = race.main(
        NAME, "cpu", -94.0, [3, 5], bfloat16=True, folder=Folder(tmp_path)
    )
    fast, faster = f"{NAME}-fast", f"{NAME}-faster"
    assert asked == [  # what runs in float32 to compare with, for the first seed alone
        (NAME, 3, False, None, "float32"),
        (fast, 3, False, None, "float32"),
        (fast, 3, True, None, "bfloat16"),
        (fast, 5, True, None, "bfloat16"),
        (faster, 3, False, None, "float32"),
        (faster, 3, True, None, "bfloat16"),
        (faster, 5, True, None, "bfloat16"),
    ]
    of_five = [row for row in found["rows"] if row["seed"] == 5]
    assert [row["way"] for row in of_five] == ["fast, bfloat16", "faster, bfloat16"]
    found["rows"] = [row for row in found["rows"] if row["seed"] == 3]
    rows = {row.pop("way"): row for row in json.loads(json.dumps(found["rows"]))}
    first = {"seed": 3, "reached": True, "epochs": 3, "steps": 20}
    assert rows["preset"] == first | {"seconds": 120.0, "end": -93.9}
    # Ten steps of 32 and ten of 64 images, three seconds an image.
    assert rows["loader, counted"] == first | {"seconds": 10 * 96 + 10 * 192}
    fast = {"seed": 3, "reached": True, "epochs": 2, "steps": 6, "seconds": 30.0,
            "end": -94.0}  # fmt: skip
    assert rows["fast"] == rows["fast, bfloat16"] == fast
    assert rows["faster"] == rows["faster, bfloat16"] == {
        "seed": 3, "reached": True, "epochs": 1, "steps": 3, "seconds": 15.0,
        "end": -93.5,
    }  # fmt: skip
    shown = capsys.readouterr().out
    assert "preset              3       3      20      2.0" in shown
    stored = files.read_json(tmp_path / "results" / f"bench-to-{NAME}.json", "")
    assert stored["command"] == (
        f"python -m equivae_lite bench {NAME} --to -94.0 --seeds 3 5 --bfloat16"
    )
    assert stored["target"] == -94.0 and stored["rows"][0]["seconds"] == 120.0


def test_a_bound_that_is_never_reached_is_said(asked, tmp_path, capsys):
    found = race.main(NAME, "cpu", -93.95, [0], folder=Folder(tmp_path))
    reached = {row["way"]: row["reached"] for row in found["rows"]}
    assert reached == {
        "preset": True, "loader, counted": True, "fast": False, "faster": True
    }  # fmt: skip
    line = next(x for x in capsys.readouterr().out.splitlines() if x[:5] == "fast ")
    assert line.split() == ["fast", "0", "2", "6", ">0.5", "-94.00"]


def test_smoke_times_no_loader_and_writes_no_table(asked, tmp_path):
    found = race.main(NAME, "cpu", -94.0, [0], smoke=True, folder=Folder(tmp_path))
    assert [row["way"] for row in found["rows"]] == ["preset", "fast", "faster"]
    assert {limit for *_, limit, _ in asked} == {200}
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    ("name", "target", "words"),
    [
        ("svhn-supervised", -94.0, "choose mnist-supervised"),
        (NAME, float("nan"), "a number of nats"),
    ],
)
def test_what_cannot_be_run_is_an_error_before_any_work(
    asked, tmp_path, name, target, words
):
    with pytest.raises(ExperimentError, match=words):
        race.main(name, "cpu", target, [0], folder=Folder(tmp_path))
    assert asked == []
