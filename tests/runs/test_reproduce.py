"""One command for a row of a table, stopped at any time and gone on with elsewhere."""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from equivae_lite import ROOT, files
from equivae_lite.data import sets, sources
from equivae_lite.evaluation import bound
from equivae_lite.runs import command_line as cli
from equivae_lite.runs import folders, pipeline
from equivae_lite.runs.folders import Folder
from equivae_lite.training import checkpoints, experiments, loop
from tests.support import svhn_files

pytestmark = pytest.mark.slow

ALL_OF = sets.load
SEMI = "glyphs-semi-supervised"
PACKAGE = ROOT / "equivae_lite"

# What a runtime of Colab is to us: a clone of its own, and the mounted folder.
# Only here are the sets 200 images: the command itself knows no such limit.
MACHINE = """
import os, sys, time
import equivae_lite
from equivae_lite.data import sets
from equivae_lite.runs import command_line as cli
from equivae_lite.runs import pipeline
from equivae_lite.training import loop

assert os.path.dirname(os.path.dirname(equivae_lite.__file__)) == os.getcwd()
stop_step, stop_evaluation = int(sys.argv[1]), int(sys.argv[2])
load = sets.load
sets.load = lambda name, split="train", limit=None, *rest: load(name, split, 200, *rest)
sets.known_md5 = lambda name: {s: sets.load(name, s).md5 for s in ("train", "test")}

begun = {"steps": 0, "evaluations": 0}

def counted(function, what, stop_at):
    def call(*arguments, **named):
        begun[what] += 1
        if begun[what] == stop_at:
            print("stopped, begun are", begun, flush=True)
            time.sleep(600)
        return function(*arguments, **named)
    return call

for module, name, *rest in (
    (loop, "semi_supervised_objective", "steps", stop_step),
    (pipeline, "semi_supervised_report", "evaluations", stop_evaluation),
):
    setattr(module, name, counted(getattr(module, name), *rest))
code = cli.main(["reproduce", *sys.argv[3:]])
print("ended, begun are", begun)
sys.exit(code)
"""


class Machine:
    """A clone in a folder of its own, which is deleted with the machine."""

    def __init__(self, folder):
        self.folder = folder
        skip = shutil.ignore_patterns("__pycache__", "exercises")
        shutil.copytree(PACKAGE, folder / "equivae_lite", ignore=skip)
        (folder / "machine.py").write_text(MACHINE, encoding="utf-8")

    def run(self, mounted, step=0, evaluation=0):
        """Its output, or what it had printed when it was killed."""
        first = str(self.folder)
        path = os.pathsep.join([os.environ["PYTHONPATH"], first])
        command = [sys.executable, "machine.py", str(step), str(evaluation), SEMI]
        command += ["--seeds", "0", "1", "--device", "cpu", "--threads", "1"]
        process = subprocess.Popen(
            [*command, "--out", str(mounted)], cwd=self.folder, encoding="utf-8",
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": path},
        )  # fmt: skip
        seen = []
        for line in process.stdout:
            seen.append(line)
            if line.startswith("stopped, "):
                os.kill(process.pid, signal.SIGKILL)
        errors = process.stderr.read()
        assert process.wait(100) == (-signal.SIGKILL if step or evaluation else 0), (
            errors
        )
        return "".join(seen)

    def is_lost(self):
        assert not (self.folder / "data").exists(), "it kept something for itself"
        shutil.rmtree(self.folder)


def lists(folder):
    """Files below, but for locks, which hold nothing."""
    found = [p for p in folder.rglob("*.*") if p.suffix != ".lock"]
    return sorted(p.relative_to(folder).as_posix() for p in found)


def without(content, *keys):
    """JSON without what differs from one run to the next."""
    if isinstance(content, list):
        return [without(c, *keys) for c in content]
    if not isinstance(content, dict):
        return content
    return {k: without(v, *keys) for k, v in content.items() if k not in keys}


FILES = []
for _seed in (0, 1):
    FILES += [
        f"results/{SEMI}-seed{_seed}.json",
        f"checkpoints/{SEMI}-seed{_seed}.json",
        f"checkpoints/{SEMI}-seed{_seed}.safetensors",
        f"runs/{SEMI}-seed{_seed}.state.pt",
        f"runs/{SEMI}-seed{_seed}.state.pt.previous",
    ]


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """(the mounted folder, what was printed) of a run that nobody stopped."""
    top = tmp_path_factory.mktemp("uninterrupted")
    printed = Machine(top / "clone").run(top / "drive")
    # 100 images without labels: 4 and 2 steps in the two epochs of a seed.
    assert "ended, begun are {'steps': 12, 'evaluations': 2}" in printed
    return top / "drive", printed


def test_machines_that_are_lost_leave_the_weights_of_one_that_was_not(
    uninterrupted, tmp_path
):
    drive = tmp_path / "drive"
    # The second seed's second epoch, whose first step is the 11th.
    first = Machine(tmp_path / "first")
    printed = first.run(drive, step=11)
    assert f"{SEMI} seed 1: training" in printed and "evaluating" not in printed
    state = checkpoints.load_state(drive / f"runs/{SEMI}-seed1.state.pt")
    assert len(state["history"]) == 1
    assert not (drive / f"checkpoints/{SEMI}-seed1.json").exists()
    first.is_lost()

    second = Machine(tmp_path / "second")
    printed = second.run(drive, evaluation=2)
    assert f"{SEMI} seed 0: training" not in printed
    # The second epoch's two steps, no more and no less.
    assert "stopped, begun are {'steps': 2, 'evaluations': 2}" in printed
    assert list(pipeline.evaluations(SEMI, Folder(drive))) == [0]
    second.is_lost()

    third = Machine(tmp_path / "third")
    printed = third.run(drive)
    assert "training," not in printed and f"{SEMI} seeds [1]: evaluating" in printed
    assert "ended, begun are {'steps': 0, 'evaluations': 1}" in printed
    third.is_lost()

    whole, _ = uninterrupted
    assert lists(drive) == lists(whole) == sorted(FILES)
    for seed in (0, 1):
        ours, theirs = (checkpoints.paths(SEMI, seed, d / "checkpoints")[0].read_bytes()
                        for d in (drive, whole))  # fmt: skip
        assert ours == theirs
        cards = [checkpoints.read_card(SEMI, seed, d / "checkpoints")
                 for d in (drive, whole)]  # fmt: skip
        moving = ("seconds", "peak_megabytes", "parts")
        assert without(cards[0], *moving) == without(cards[1], *moving)
        assert cards[0]["complete"] is True
        results = [Folder(d).read_result(SEMI, seed) for d in (drive, whole)]
        assert results[0] == results[1]
    # What ran the part before the stop, and the part after it.
    assert [p["from_epoch"] for p in cards[0]["parts"]] == [1, 2]
    assert all(p["threads"] == 1 for p in cards[0]["parts"])
    assert "parts" not in cards[1]


# --- in this process --------------------------------------------------------------


@pytest.fixture(autouse=True)
def no_data_and_no_limits(monkeypatch, tmp_path):
    monkeypatch.setenv("EQUIVAE_DATA", str(tmp_path / "no data"))
    monkeypatch.setenv("EQUIVAE_MAX_STEPS", "1")
    monkeypatch.delenv("EQUIVAE_MAX_STEPS")
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def known(monkeypatch, load):
    """The sums of the sets as they are here, 200 images."""

    whole = sets.known_md5

    def known_md5(name):
        if name in sources.STAND_INS:
            return whole(name)
        return {split: load(name, split).md5 for split in ("train", "test")}

    monkeypatch.setattr(sets, "known_md5", known_md5)


@pytest.fixture
def quick(monkeypatch):
    """200 images a set, and two samples for the importance-weighted bound."""

    def load(name, split="train", limit=None, device="cpu", root=None):
        real = name in sources.STAND_INS
        return ALL_OF(name, split, None if real else 200, device, root)

    whole = bound.importance_weighted
    monkeypatch.setattr(sets, "load", load)
    known(monkeypatch, load)
    monkeypatch.setattr(bound, "importance_weighted", lambda *a: whole(*a[:-1], (1, 2)))


@pytest.fixture
def run(capsys):
    """Run `reproduce` in this process: (exit code, stdout, stderr)."""

    def run(command, out=None):
        where = [] if out is None else ["--out", str(out)]
        code = cli.main(
            ["reproduce", *command.split(), "--device", "cpu", "--threads", "1", *where]
        )
        return code, *capsys.readouterr()

    return run


@pytest.fixture
def drive(uninterrupted, tmp_path):
    """A copy of the finished folder, to be damaged."""
    return Path(shutil.copytree(uninterrupted[0], tmp_path / "drive"))


@pytest.fixture
def nothing_is_done(monkeypatch):
    """Whoever trains, evaluates, reads data or fetches them, fails."""

    def no(*arguments, **named):
        raise AssertionError("there was nothing to do")

    known(monkeypatch, lambda name, split: ALL_OF(name, split, 200))
    for module, name in (
        (loop, "fit"), (sets, "load"), (sources, "download"), (pipeline, "evaluate"),
    ):  # fmt: skip
        monkeypatch.setattr(module, name, no)


def stamps(folder):
    return {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in folder.rglob("*.*")}


def test_a_finished_run_is_not_done_again(run, drive, nothing_is_done, uninterrupted):
    before = stamps(drive)
    code, out, err = run(f"{SEMI} --seeds 1 0 1", drive)
    assert code == 0 and err == ""
    assert stamps(drive) == before
    assert "training, its state" not in out and "evaluating" not in out
    # The same table and the same last words, but for the folder's name.
    words = out.replace(str(drive), str(uninterrupted[0]))
    assert words and words in uninterrupted[1]


def test_the_table_is_that_of_the_results(run, drive, nothing_is_done):
    _, out, _ = run(f"{SEMI} --seeds 0 1", drive)
    evaluations = pipeline.evaluations(SEMI, Folder(drive))
    found = {str(seed): one for seed, one in evaluations.items()}
    title, _, head, _, *rows = out.splitlines()[:7]
    on = "on the test images of glyphs (a stand-in: no result on mnist)"
    assert title == f"{SEMI}, {on}"
    cells = [[c.strip() for c in line.strip("|").split("|")] for line in (head, *rows)]
    assert cells[0] == [
        "seed", "error in %", "error by argmax of (4) in %", "(6) in nats",
        "minutes of training",
    ]  # fmt: skip
    bounds = [found[s]["unlabelled_bound"]["bound"] for s in "01"]
    assert [row[3] for row in cells[1:3]] == [f"{b:.2f}" for b in bounds]
    mean, error = sum(bounds) / 2, abs(bounds[0] - bounds[1]) / 2
    assert cells[3][0] == "mean" and cells[3][3] == f"{mean:.2f} ± {error:.2f}"
    assert cells[1][1] == f"{100 * found['0']['error']:.2f}"
    assert str(drive / "results") in out
    assert f"for the book: python -m tools.publish {SEMI} --out {drive}" in out


@pytest.mark.parametrize("damage", ["weights", "no weights", "card", "cut short"])
def test_what_is_damaged_is_named_and_made_again(
    run, drive, quick, monkeypatch, damage
):
    """From the state that is left: the same weights, without a step."""
    weights, card = checkpoints.paths(SEMI, 1, drive / "checkpoints")
    good, other = weights.read_bytes(), stamps(drive)
    if damage == "weights":
        weights.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    elif damage == "no weights":
        weights.unlink()
    elif damage == "card":
        card.write_text("{", encoding="utf-8")
    else:
        files.write_json(card, files.read_json(card, "") | {"complete": False})
    monkeypatch.setattr(
        loop, "train_epoch", lambda *a, **k: pytest.fail("a step was taken")
    )
    monkeypatch.setattr(pipeline, "evaluate", lambda *a, **k: pytest.fail("evaluated"))
    code, out, _ = run(f"{SEMI} --seeds 0 1", drive)
    assert code == 0 and f"{SEMI} seed 1: training" in out
    assert f"{SEMI} seed 0: training" not in out
    if damage != "cut short":
        named = card if damage == "card" else weights
        assert "seed 1 is made again" in out and named.name in out
    assert weights.read_bytes() == good
    assert checkpoints.read_card(SEMI, 1, drive / "checkpoints")["complete"] is True
    unchanged = [p for p in other if "seed0" in p.name]
    assert len(unchanged) == 6  # with its lock
    assert all(stamps(drive)[p] == other[p] for p in unchanged)


@pytest.mark.parametrize("options", ["--epochs 1", "--bfloat16"])
def test_a_whole_run_with_other_settings_is_kept(run, drive, nothing_is_done, options):
    before = stamps(drive)
    code, out, err = run(f"{SEMI} --seeds 0 1 {options}", drive)
    assert code == 2 and out == ""
    name = f"{SEMI}-seed0.json is of a run with another "
    assert name + ("precision" if "bf" in options else "experiment") in err
    assert "(precision: float32)" in err and "another folder with --out" in err
    assert stamps(drive) == before


def test_other_weights_are_evaluated_and_the_rest_is_kept(run, drive, quick):
    folder = Folder(drive)
    expected = pipeline.evaluations(SEMI, folder)
    for seed, change in (
        (1, {"sha256": "of other weights", "error": -1.0}),
        (0, {"error": 0.125}),  # shows whether it is computed again
    ):
        content = folder.read_result(SEMI, seed)
        content["evaluation"] |= change
        files.write_json(folder.result(SEMI, seed), content)
    code, out, _ = run(f"{SEMI} --seeds 0 1", drive)
    assert code == 0 and f"{SEMI} seeds [1]: evaluating" in out
    found = pipeline.evaluations(SEMI, folder)
    assert found[1] == expected[1] and found[0]["error"] == 0.125


def test_damaged_results_are_an_error_before_anything_is_done(
    run, drive, nothing_is_done
):
    path = drive / f"results/{SEMI}-seed0.json"
    whole = path.read_text(encoding="utf-8")
    other_number = whole.replace('"error": 0.', '"error": 0.1', 1)
    assert other_number != whole
    for content in ("", "{", "[]", '{"seeds": 3}', "[" * 100_000, other_number):
        path.write_text(content, encoding="utf-8")
        code, _, err = run(f"{SEMI} --seeds 0", drive)
        assert code == 2 and f"{path} is damaged" in err, content[:20]
        assert "evaluate again" in err


def test_supervised_from_nothing_and_without_the_slowest_part(run, quick, tmp_path):
    name, out = "glyphs-supervised", tmp_path / "out"
    code, text, _ = run(f"{name} --seeds 3 --epochs 1", out)
    assert code == 0 and "| 3 | " in text and "(4) in nats" in text
    assert "not for the book: the epochs" in text and "for the book: python" not in text
    card = checkpoints.read_card(name, 3, out / "checkpoints")
    assert card["complete"] is True and card["experiment"]["schedule"] == [[32, 1]]
    assert card["peak_megabytes"]["process"] > 100
    folder = Folder(out)
    pipeline.evaluate(name, [3], folder=folder, importance_weighted=False)
    assert "importance_weighted" not in pipeline.evaluations(name, folder)[3]
    code, text, _ = run(f"{name} --seeds 3 --epochs 1", out)
    assert code == 0 and "evaluating" in text and "training, its" not in text
    assert "importance_weighted" in pipeline.evaluations(name, folder)[3]


# --- data -------------------------------------------------------------------------


def test_an_absent_set_is_downloaded_and_reproduced(run, quick, monkeypatch, tmp_path):
    """Small files in SVHN's format stand for the download."""
    home, fetched = tmp_path / "no data", []

    def download(name):
        fetched.append(name)
        home.mkdir()
        svhn_files.write(home, monkeypatch, digits=(10, *range(1, 10)) * 8)

    monkeypatch.setattr(sources, "download", download)
    command, out = "svhn-supervised --seeds 0 --epochs 1", tmp_path / "out"
    code, text, err = run(command, out)
    assert code == 0, err
    assert f"downloading svhn to {home}" in text
    assert "svhn-supervised, on the test images of svhn, " not in text
    assert "svhn-supervised, on the test images of svhn\n" in text
    assert "(4) in bits per dimension" in text
    card = checkpoints.read_card("svhn-supervised", 0, out / "checkpoints")
    assert card["data"]["train"] == ALL_OF("svhn").md5 and card["complete"]
    # Neither when the files are there nor when nothing is left to do.
    assert run(command.replace("--seeds 0", "--seeds 0 1"), out)[0] == 0
    shutil.rmtree(home)
    assert run(command, out)[0] == 0
    assert fetched == ["svhn"]


@pytest.mark.parametrize("name", ["svhn-semi-supervised", "mnist-supervised"])
def test_without_network_nothing_is_begun(run, tmp_path, name):
    code, out, err = run(f"{name} --seeds 0", tmp_path / "out")
    real = name.split("-")[0]
    assert code == 2 and f"downloading {real} to {tmp_path / 'no data'}" in out
    assert err.startswith(f"error: download of {real} failed")
    assert "Check the network" in err and "Traceback" not in err
    assert "training" not in out
    assert [p for p in (tmp_path / "out").rglob("*") if p.is_file()] == []


# --- before training --------------------------------------------------------------


@pytest.mark.parametrize("part", ["", "runs", "checkpoints", "results"])
def test_a_folder_that_cannot_be_written(run, tmp_path, nothing_is_done, part):
    drive = tmp_path / "drive"
    blocked = drive / part if part else drive
    blocked.parent.mkdir(exist_ok=True)
    blocked.touch()
    code, _, err = run(f"{SEMI} --seeds 0", drive)
    assert code == 2 and err.startswith(f"error: cannot write {drive}")
    assert "choose another with --out" in err


FULL = """
import resource, sys
from equivae_lite.data import sets
from equivae_lite.runs import command_line as cli

def load(*arguments):
    raise AssertionError("too late")

sets.load = load
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]),) * 2)
sys.exit(cli.main(["reproduce", *sys.argv[2:]]))
"""


def test_a_full_disk_stops_before_training(tmp_path):
    """The system itself refuses to write more than the limit."""
    numbers = checkpoints.build(experiments.get(SEMI)).parameter_count()
    command = [SEMI, "--seeds", "0", "1", "--out", str(tmp_path / "drive")]
    # 22 copies of the weights: a checkpoint and two states of each seed, a new state.
    for limit, expected in ((88 * numbers - 1, 2), (88 * numbers, 3)):
        done = subprocess.run(
            [sys.executable, "-c", FULL, str(limit), *command],
            capture_output=True, encoding="utf-8", cwd=ROOT,
        )  # fmt: skip
        assert done.returncode == expected, done.stderr
        told = f"error: cannot write {tmp_path / 'drive' / 'runs'}" in done.stderr
        assert told == (expected == 2)
        assert ("AssertionError: too late" in done.stderr) == (expected == 3)
        assert lists(tmp_path / "drive") == []


def test_a_run_cut_short_reproduces_nothing(
    run, monkeypatch, tmp_path, nothing_is_done
):
    monkeypatch.setenv("EQUIVAE_MAX_STEPS", "2")
    code, _, err = run(f"{SEMI} --seeds 0", tmp_path / "out")
    assert code == 2 and "EQUIVAE_MAX_STEPS is set" in err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("names", ["svhn", f"{SEMI} svhn"])
def test_unknown_experiment(run, tmp_path, names):
    code, _, err = run(f"{names} --seeds 0", tmp_path / "out")
    assert code == 2 and "there is no experiment 'svhn'" in err
    assert not (tmp_path / "out").exists()


def test_several_experiments_have_a_table_each(run, drive, nothing_is_done):
    code, out, _ = run(f"{SEMI} {SEMI} --seeds 0", drive)
    assert code == 0 and out.count("minutes of training") == 2


def test_three_seeds_unless_others_are_asked_for():
    asked = cli.parser().parse_args(["reproduce", "svhn-supervised"])
    assert asked.seeds == [0, 1, 2] and asked.out is None
    assert asked.experiments == ["svhn-supervised"]


@pytest.mark.parametrize("page", ["README.md", "data/README.md"])
def test_commands_of_the_read_mes_exist(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    assert folders.of_reader(None) == folders.MINE
    found = re.findall(r"python -m equivae_lite ([^`#|;&\n]+)", text)
    for command in found:
        asked = cli.parser().parse_args(command.split())
        names = getattr(asked, "experiments", [getattr(asked, "experiment", None)])
        for name in names:
            if name not in (None, "EXPERIMENT", "mine"):  # mine: images of one's own
                experiments.get(name)
    assert any(command.startswith("reproduce") for command in found)
