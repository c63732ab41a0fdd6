"""python -m equivae_lite: what it writes, and what it says when it cannot."""

import json
import os
import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from equivae_lite import ROOT, __version__
from equivae_lite.data import others, sets, splits
from equivae_lite.errors import EquivaeError
from equivae_lite.evaluation.bound import Representations
from equivae_lite.evaluation.labels import label_report
from equivae_lite.runs import command_line as cli
from equivae_lite.runs import folders, pipeline
from equivae_lite.runs.folders import SHELF, Folder
from equivae_lite.training import checkpoints, experiments
from tests.support.small import SEMI, SUPERVISED, save_untrained

ALL_OF = sets.load
NAME = "glyphs-supervised"


@pytest.fixture(autouse=True)
def nothing_shipped_is_touched(tmp_path, monkeypatch):
    """No real data, no limits from outside, and every folder below tmp_path."""
    monkeypatch.setenv("EQUIVAE_DATA", str(tmp_path / "no data"))
    monkeypatch.setenv("EQUIVAE_MAX_STEPS", "1")
    monkeypatch.delenv("EQUIVAE_MAX_STEPS")  # put back after the test, whatever it was
    monkeypatch.setattr(folders, "MINE", Folder(tmp_path / "mine"))
    places = (SHELF.checkpoints, SHELF.results)
    before = {p: p.stat().st_mtime_ns for f in places for p in f.iterdir()}
    yield
    after = {p: p.stat().st_mtime_ns for f in places for p in f.iterdir()}
    assert before == after


@pytest.fixture
def few_images(monkeypatch):
    """Every set is its first 200 images, for commands that read all of it."""

    def load(name, split="train", limit=None, device="cpu", root=None):
        return ALL_OF(name, split, 200, device, root)

    def known_md5(name):
        return {split: load(name, split).md5 for split in ("train", "test")}

    monkeypatch.setattr(sets, "load", load)
    monkeypatch.setattr(sets, "known_md5", known_md5)


@pytest.fixture
def run(capsys):
    """Run a command in this process: (exit code, stdout, stderr)."""

    def run(command, *more):
        code = cli.main([*command.split(), *map(str, more)])
        return code, *capsys.readouterr()

    return run


def files(folder):
    return sorted(p.name for p in folder.iterdir()) if folder.exists() else []


def made(folder, pattern="*"):
    """Names of the files anywhere below, but for locks, which hold nothing."""
    found = [p for p in folder.rglob(pattern) if p.is_file() and p.suffix != ".lock"]
    return sorted(p.name for p in found)


# --- study ---------------------------------------------------------------------


def test_study(run):
    code, out, err = run("study recipes")
    assert (code, out) == (2, "") and "no variant 'recipes'" in err
    code, out, err = run("study")  # what is stored, and nothing is run
    assert (code, err) == (0, "") and "| variant | seeds |" in out


# --- list ----------------------------------------------------------------------


def test_list(run):
    code, out, err = run("list")
    assert code == 0 and err == ""
    lines = [line.split() for line in out.splitlines()]
    states = {w[1]: w[2] for w in lines if w[0] == "data"}
    assert states == {
        "mnist": "absent",
        "svhn": "absent",
        "svhn-part": "absent",
        "glyphs": "stand-in",
        "street-glyphs": "stand-in",
        "characters": "drawn",
        "letters": "drawn",
    } | dict.fromkeys(others.NAMES, "absent")
    assert [w[1] for w in lines if w[0] == "experiment"] == list(experiments.PRESETS)
    for name in experiments.PRESETS:
        seeds = checkpoints.shipped_seeds(name)
        words = f"shipped seeds {seeds}" if seeds else "no weights"
        assert any(name in line and words in line for line in out.split("\n"))


def test_version_and_help(capsys):
    for command, expected in (
        ("--version", __version__),
        ("--help", "download"),
        ("train --help", "--out"),
    ):
        with pytest.raises(SystemExit) as caught:
            cli.main(command.split())
        assert caught.value.code == 0
        assert expected in capsys.readouterr().out


# --- wrong input ------------------------------------------------------------------


@pytest.mark.parametrize("command", ["train", "validate", "evaluate", "bench"])
def test_unknown_experiment(run, command, tmp_path):
    code, out, err = run(f"{command} glyphs-supervisd")
    assert code == 2 and out == ""
    assert err.startswith("error: there is no experiment 'glyphs-supervisd'")
    assert "did you mean 'glyphs-supervised'?" in err and "svhn-supervised" in err
    assert files(tmp_path) == []


@pytest.mark.parametrize("name", ["minst", "glyphs", "MNIST"])
def test_unknown_data_set(run, name):
    code, _, err = run(f"download {name}")
    assert code == 2
    assert err.startswith(
        f"error: unknown data set to download {name!r}: choose from mnist, svhn, "
    )


@pytest.mark.parametrize(
    "wrong",
    [
        "", "fly", "evaluate", f"train {NAME} --seed -1", f"train {NAME} --seed x",
        f"train {NAME} --threads 0", f"train {NAME} --profile book",
        f"evaluate {NAME} --seeds 0 1.5", f"train {NAME} --epochs many",
        f"train {NAME} --epochs 0", f"train {NAME} --epochs {'9' * 400}",
        f"train {NAME} --seed 9223372036854775808", "study all --seeds -1",
        f"train {NAME} --threads 1000000000", f"evaluate {NAME} --seeds ²",
    ],
)  # fmt: skip
def test_wrong_arguments(capsys, wrong):
    with pytest.raises(SystemExit) as caught:
        cli.main(wrong.split())
    err = capsys.readouterr().err
    assert caught.value.code == 2 and "usage: python -m equivae_lite" in err
    if "-1" in wrong:
        assert "'-1' is not a whole number from 0 to 4294967295" in err


def test_wrong_limit_in_the_environment(run, monkeypatch, few_images, tmp_path):
    monkeypatch.setenv("EQUIVAE_MAX_STEPS", "many")
    code, _, err = run(f"train {NAME} --out", tmp_path)
    assert code == 2 and "EQUIVAE_MAX_STEPS is 'many'" in err


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA card here")
@pytest.mark.parametrize("command", ["train", "validate", "evaluate", "bench"])
def test_no_cuda_card(run, command):
    code, out, err = run(f"{command} {NAME} --device cuda")
    assert code == 2 and out == ""
    assert "--device cuda: this machine has 0 usable CUDA devices" in err
    assert "leave --device out" in err


def test_devices(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert cli.device(None) == "cuda" and cli.device("cpu") == "cpu"
    assert cli.device("cuda:1") == "cuda:1"
    with pytest.raises(EquivaeError, match="cuda:2: this machine has 2 usable"):
        cli.device("cuda:2")
    for wrong in ("tpu", "cuda:x", "cuda:²", "", "cpu,cuda", "cpu:", "cuda:9999"):
        with pytest.raises(EquivaeError, match="must be cpu, cuda or cuda:N"):
            cli.device(wrong)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert cli.device(None) == "cpu"


@pytest.mark.parametrize("command", ["train", "validate"])
@pytest.mark.parametrize("name", ["mnist", "svhn"])
def test_real_data_that_is_not_there(run, command, name, tmp_path):
    code, _, err = run(f"{command} {name}-supervised", "--out", tmp_path / "out")
    assert code == 2
    assert f"{name} is not there" in err and "EQUIVAE_DATA" in err
    assert f"python -m equivae_lite download {name}" in err
    assert made(tmp_path) == []


def test_evaluate_does_not_replace_real_data_by_a_stand_in(tmp_path):
    e = experiments.get("mnist-supervised")
    glyphs = replace(e, data="glyphs")  # a model to hand; its card says MNIST
    folder, data = Folder(tmp_path), {"name": "mnist", "train": "", "test": ""}
    save_untrained(glyphs, folder.checkpoints, data=data)
    with pytest.raises(EquivaeError, match="python -m equivae_lite download mnist"):
        pipeline.evaluate(e.name, [0], folder=folder)
    assert files(folder.results) == []


def test_missing_checkpoint(run, tmp_path):
    code, _, err = run(f"evaluate {NAME} --seeds 987654")
    assert code == 2
    assert "there is no checkpoint of glyphs-supervised with seed 987654" in err
    assert "python -m equivae_lite train glyphs-supervised --seed 987654" in err
    assert files(tmp_path) == []


def test_folder_that_cannot_be_written_stops_before_training(
    run, monkeypatch, tmp_path
):
    def load(*arguments, **settings):
        raise AssertionError("data were read before the folder was tried")

    monkeypatch.setattr(sets, "load", load)
    (tmp_path / "file").touch()
    code, _, err = run(f"train {NAME} --out", tmp_path / "file" / "below")
    assert code == 2
    assert f"error: cannot lock {tmp_path / 'file' / 'below' / 'runs'}" in err
    assert "choose another with --out" in err


def test_ctrl_c(run, monkeypatch):
    def stop(*arguments, **settings):
        raise KeyboardInterrupt

    monkeypatch.setattr(pipeline, "train", stop)
    code, _, err = run(f"train {NAME}")
    assert code == 130 and "goes on from the last whole epoch" in err


def test_a_mistake_of_ours_is_no_traceback_and_not_hidden(run, monkeypatch):
    def fail(*arguments, **settings):
        raise ZeroDivisionError("one by none\nsecond line")

    monkeypatch.setattr(pipeline, "train", fail)
    code, _, err = run(f"train {NAME}")
    assert code == 3 and err.startswith("error: ZeroDivisionError: one by none. This")
    assert err.count("\n") == 1 and "Traceback" not in err
    monkeypatch.setenv("EQUIVAE_TRACEBACK", "1")
    assert "Traceback" in run(f"train {NAME}")[2]


# --- the shelf --------------------------------------------------------------------


def ways_to_the_shelf(tmp_path):
    link, loop_ = tmp_path / "link", tmp_path / "loop"
    link.symlink_to(ROOT / "data")
    parts = tmp_path / "parts"
    parts.mkdir()
    (parts / "checkpoints").symlink_to(SHELF.checkpoints)
    loop_.symlink_to(loop_)
    here = os.path.relpath(ROOT / "data")
    return [ROOT / "data", here, f"{here}/", f"{here}/mine/..", link, parts,
            SHELF.checkpoints, SHELF.results, f"{here}/checkpoints/new",
            f"{here}/results/../checkpoints", link / "results", loop_]  # fmt: skip


@pytest.mark.parametrize("command", ["train", "validate", "evaluate", "bench"])
def test_no_way_round_to_the_shelf(run, monkeypatch, tmp_path, command):
    """By no other name, no profile, no variable and no number of epochs."""
    for place in ways_to_the_shelf(tmp_path):
        code, out, err = run(f"{command} {NAME} --out", place)
        assert code == 2 and out == "", place
        assert "is the book's own shelf" in err or "cannot be followed" in err
    monkeypatch.setenv("EQUIVAE_MAX_STEPS", "")
    code, _, err = run(f"{command} {NAME} --profile smoke --out", ROOT / "data")
    assert code == 2 and "is the book's own shelf" in err


def test_library_calls_are_refused_the_shelf_too(tmp_path):
    for call in (pipeline.train, pipeline.validate):
        with pytest.raises(EquivaeError, match="the book's own shelf"):
            call(NAME, folder=SHELF)
    with pytest.raises(EquivaeError, match="the book's own shelf"):
        pipeline.evaluate(NAME, [0], folder=SHELF)


@pytest.mark.parametrize("name", ["", " "])
def test_an_empty_name_is_no_folder(run, name):
    code, _, err = run(f"train {NAME} --out", name)
    assert code == 2 and "--out is empty" in err


def test_a_tilde_is_the_home_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert folders.of_reader("~/x") == Folder(tmp_path / "x")


# --- training ---------------------------------------------------------------------


@pytest.mark.slow
def test_a_run_cut_short_says_so_in_its_card(run, monkeypatch, few_images, tmp_path):
    monkeypatch.setenv("EQUIVAE_MAX_STEPS", "2")
    out = Folder(tmp_path / "out")
    code, text, _ = run(f"train {NAME} --seed 3 --device cpu --out", out.root)
    assert code == 0 and str(out.short.checkpoints / f"{NAME}-seed3.json") in text
    assert files(out.short.checkpoints) == [
        f"{NAME}-seed3.json",
        f"{NAME}-seed3.safetensors",
    ]
    model, _, card = checkpoints.load(NAME, 3, out.short.checkpoints)
    assert card["complete"] is False
    assert card["seed"] == 3 and card["precision"] == "float32"
    assert [h["steps"] for h in card["history"]] == [2]
    assert card["experiment"] == json.loads(json.dumps(SUPERVISED.to_dict()))
    assert card["parameters"] == model.parameter_count() == 580_337
    assert card["metrics"]["test_images"] == 200
    assert model.class_r.shape == (10, 16)
    assert card["data"]["name"] == "glyphs"
    assert card["data"]["train"] == ALL_OF("glyphs", "train", 200).md5
    assert card["data"]["test"] == ALL_OF("glyphs", "test", 200).md5
    assert {"experiment", "seconds", "hardware", "versions", "commit"} <= card.keys()
    # No state that a real run would go on from, and nothing but the part for such runs.
    assert made(out.root, "*.pt*") == []
    assert [p.name for p in out.root.iterdir()] == ["short"]


def test_without_out_a_run_goes_to_the_folder_that_git_ignores(
    run, monkeypatch, few_images, tmp_path
):
    monkeypatch.setenv("EQUIVAE_MAX_STEPS", "1")
    code, text, _ = run(f"train {NAME}")
    mine = tmp_path / "mine" / "short" / "checkpoints"
    assert code == 0 and str(mine) in text
    assert files(mine) == [f"{NAME}-seed0.json", f"{NAME}-seed0.safetensors"]


@pytest.mark.slow
def test_smoke(run, tmp_path):
    code, text, _ = run("train glyphs-semi-supervised --profile smoke --bfloat16")
    assert code == 0
    folder = tmp_path / "mine" / "short" / "checkpoints"
    card = checkpoints.read_card("glyphs-semi-supervised", 0, folder)
    assert card["complete"] is False and "bfloat16" in card["precision"]
    assert [h["steps"] for h in card["history"]] == [5]
    assert 0 <= card["metrics"]["test_error"] <= 1


@pytest.mark.slow
def test_a_whole_run_and_its_second_start(run, few_images, tmp_path):
    out = Folder(tmp_path / "out")
    command = f"train {NAME} --epochs 1 --out"
    code, _, _ = run(command, out.root)
    card = checkpoints.read_card(NAME, 0, out.checkpoints)
    assert code == 0 and card["complete"] is True
    assert card["experiment"]["schedule"] == [[32, 1]]
    weights = checkpoints.paths(NAME, 0, out.checkpoints)[0]
    before = weights.read_bytes(), weights.stat().st_mtime_ns
    assert made(out.states, "*.pt*") == [f"{NAME}-seed0.state.pt"]
    # Again: it is there, and nothing is done.
    code, text, _ = run(command, out.root)
    assert code == 0 and "already, whole" in text
    assert (weights.read_bytes(), weights.stat().st_mtime_ns) == before
    # Without it, from the state, not a step: the same weights.
    weights.unlink()
    assert run(command, out.root)[0] == 0
    assert weights.read_bytes() == before[0]
    again = checkpoints.read_card(NAME, 0, out.checkpoints)
    assert again["history"] == card["history"]
    code, _, err = run(f"train {NAME} --epochs 2 --out", out.root)
    assert code == 2 and "of a run with another experiment" in err
    assert weights.read_bytes() == before[0]


@pytest.mark.slow
def test_validate(run, few_images, monkeypatch, tmp_path):
    monkeypatch.setattr(splits, "MOST_HELD_OUT", 33)
    code, text, _ = run(f"validate {NAME} --epochs 1")
    path = tmp_path / "mine" / "results" / f"{NAME}-validation-seed0.json"
    assert code == 0 and str(path) in text
    result = json.loads(path.read_text(encoding="utf-8"))
    # Of 200 images 167 are left: six steps of 32.
    assert [h["steps"] for h in result["history"]] == [6]
    assert result["history"][0]["validation_bound"] < 0
    assert result["history"][0]["validation_kl"] > 0


@pytest.mark.parametrize("how", ["smoke", "EQUIVAE_MAX_STEPS"])
def test_validate_cut_short_is_kept_apart(run, few_images, monkeypatch, tmp_path, how):
    monkeypatch.setattr(splits, "MOST_HELD_OUT", 33)
    if how != "smoke":
        monkeypatch.setenv(how, "2")
    else:
        monkeypatch.setattr(cli, "SMOKE_IMAGES", 100)
    code, _, _ = run(f"validate {NAME}" + " --profile smoke" * (how == "smoke"))
    assert code == 0
    assert [p.name for p in (tmp_path / "mine").iterdir()] == ["short"]
    assert made(tmp_path, "*.pt*") == []


@pytest.mark.slow
def test_evaluate_takes_ones_own_weights_first(run, few_images, monkeypatch, tmp_path):
    monkeypatch.setattr(pipeline, "supervised_report", lambda *a, **k: {"x": 1})
    mine = Folder(tmp_path / "mine")
    code, text, _ = run(f"evaluate {NAME}")
    assert code == 0 and f"weights in {SHELF.checkpoints}" in text
    shipped = mine.read_result(NAME, 0)["evaluation"]["sha256"]
    save_untrained(SUPERVISED, mine.checkpoints)
    code, text, _ = run(f"evaluate {NAME}")
    assert code == 0 and f"weights in {mine.checkpoints}" in text
    assert mine.read_result(NAME, 0)["evaluation"]["sha256"] != shipped


@pytest.mark.slow
def test_evaluate_makes_r_of_a_semi_supervised_checkpoint_from_its_labels(
    few_images, tmp_path
):
    folder = Folder(tmp_path)
    save_untrained(SEMI, folder.checkpoints, seed=4)
    (path,) = pipeline.evaluate(SEMI.name, [4], folder=folder, limit=200)
    assert path == folder.short.result(SEMI.name, 4)
    found = folder.short.read_result(SEMI.name, 4)["evaluation"]
    model, px, _ = checkpoints.load(SEMI.name, 4, folder.checkpoints)
    train, test = ALL_OF(SEMI.data, "train", 200), ALL_OF(SEMI.data, "test", 200)
    rows, _ = splits.class_balanced_split(train.labels, 10, 4)
    table = Representations(model, px, train.subset(rows)).table()
    bound = label_report(model, px, table, test).unlabelled_bound().mean()
    assert found["labels"] == 100
    assert found["unlabelled_bound"]["bound"] == pytest.approx(float(bound), rel=1e-5)


def test_a_file_for_every_seed(few_images, monkeypatch, tmp_path):
    monkeypatch.setattr(
        pipeline, "supervised_report", lambda *a, **k: {"x": k["iw_images"]}
    )
    folder = Folder(tmp_path)
    for seed in (0, 1, 10):
        save_untrained(SUPERVISED, folder.checkpoints, seed)
    pipeline.evaluate(NAME, [10], importance_weighted=False, folder=folder)
    paths = pipeline.evaluate(NAME, [1, 0], folder=folder)
    assert [p.name for p in paths] == [f"{NAME}-seed1.json", f"{NAME}-seed0.json"]
    found = pipeline.evaluations(NAME, folder)
    assert list(found) == [0, 1, 10]
    assert [s["x"] for s in found.values()] == [1000, 1000, 0]
    cards = [checkpoints.read_card(NAME, s, folder.checkpoints) for s in (0, 1, 10)]
    assert [s["sha256"] for s in found.values()] == [c["sha256"] for c in cards]
    one = folder.read_result(NAME, 10)
    assert one["command"].endswith("evaluate glyphs-supervised --seeds 10")
    assert one["data"]["name"] == "glyphs"


def test_a_missing_seed_is_an_error_before_any_is_evaluated(run, few_images, tmp_path):
    code, out, err = run(f"evaluate {NAME} --seeds 0 7")
    assert code == 2 and "with seed 7" in err and out == ""
    assert made(tmp_path) == []


# --- as a process -------------------------------------------------------------------


@pytest.mark.slow
def test_as_a_module_an_error_is_one_line_and_no_traceback(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "equivae_lite", "train", "mnist-supervised"]
        + ["--out", str(tmp_path / "out")],
        capture_output=True,
        encoding="utf-8",
        cwd=ROOT,
    )
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith("error: mnist is not there")
    assert "Traceback" not in done.stderr and done.stderr.count("\n") == 1
