"""Seeds side by side: two processes, one of them killed, are as good as one."""

import os
import subprocess
import sys
import time

import pytest

from equivae_lite import ROOT
from equivae_lite.errors import EquivaeError
from equivae_lite.runs import cluster, folders, machine, reproduce
from equivae_lite.runs import command_line as cli
from equivae_lite.runs.folders import Folder
from equivae_lite.training import checkpoints

SEMI = "glyphs-semi-supervised"
OPTIONS = {"threads": None, "device": "cpu", "epochs": None, "bfloat16": False}

# 200 images to learn from and 20 to be tested on, in the command and in its workers.
# One process, whichever is the first to begin a second epoch (4 steps make the first),
# kills itself there.
PRELOAD = """
import os, signal, time
from equivae_lite.data import sets
from equivae_lite.training import loop

if not hasattr(sets, "whole"):
    sets.whole = sets.load
    sets.load = lambda name, split="train", limit=None, *rest: sets.whole(
        name, split, 200 if split == "train" else 20, *rest)
    sets.known_md5 = lambda name: {s: sets.load(name, s).md5 for s in ("train", "test")}
    objective, steps = loop.semi_supervised_objective, []

    def killed(*arguments, **named):
        steps.append(None)
        if len(steps) == 5 and os.environ.get("KILLED"):
            try:
                os.close(os.open(os.environ["KILLED"], os.O_CREAT | os.O_EXCL))
                time.sleep(3)  # what it has said so far is on its way
                os.kill(os.getpid(), signal.SIGKILL)
            except FileExistsError:
                pass
        return objective(*arguments, **named)

    loop.semi_supervised_objective = killed
"""
COMMAND = """
import sys, preload
from equivae_lite.runs import command_line as cli

if __name__ == "__main__":
    code = cli.main(["reproduce", *sys.argv[1:]])
    print("distributed:", "distributed" in sys.modules)
    sys.exit(code)
"""


def command(place, out, *options, **variables):
    """The output of `reproduce` for two seeds, with one thread a process."""
    (place / "preload.py").write_text(PRELOAD, encoding="utf-8")
    (place / "command.py").write_text(COMMAND, encoding="utf-8")
    path = os.pathsep.join([os.environ["PYTHONPATH"], str(ROOT), str(place)])
    done = subprocess.run(
        [sys.executable, str(place / "command.py"), SEMI, "--seeds", "0", "1",
         "--device", "cpu", "--threads", "1", "--out", str(out), *options],
        encoding="utf-8", capture_output=True, cwd=ROOT, timeout=1200,
        env=os.environ | variables | {
            "PYTHONPATH": path, "DASK_DISTRIBUTED__WORKER__PRELOAD": "preload",
        },
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def table(printed):
    return [line.rsplit("|", 2)[0] for line in printed.splitlines() if "| " in line]


@pytest.mark.slow
def test_two_workers_one_of_them_killed_leave_the_weights_of_one_process(tmp_path):
    pytest.importorskip("distributed")
    killed = tmp_path / "killed"
    plain, both = tmp_path / "plain", tmp_path / "both"
    alone = command(tmp_path, plain)
    printed = command(tmp_path, both, "--jobs", "2", KILLED=str(killed))

    assert "distributed: False" in alone and "distributed: True" in printed
    assert killed.exists()
    begun = [line for line in printed.splitlines() if ": begins on " in line]
    assert len(begun) == len(set(begun)) == 3  # two seeds, one of them in two processes
    assert f"{SEMI} seed 0: epoch 1/2" in printed  # progress, by name
    assert "done, 1 of 2" in printed and "done, 2 of 2" in printed
    assert len(table(alone)) == 4 and table(alone) == table(printed)

    names = [sorted(p.relative_to(f).as_posix() for p in f.rglob("*.*"))
             for f in (plain, both)]  # fmt: skip
    assert names[0] == names[1] and not any("cluster" in name for name in names[0])
    parts = []
    for seed in (0, 1):
        ours, theirs = (checkpoints.paths(SEMI, seed, f / "checkpoints")[0].read_bytes()
                        for f in (plain, both))  # fmt: skip
        assert ours == theirs
        results = [Folder(f).read_result(SEMI, seed) for f in (plain, both)]
        assert results[0] == results[1]
        card = checkpoints.read_card(SEMI, seed, both / "checkpoints")
        assert card["hardware"].endswith("1 thread(s)")
        parts.append([p["from_epoch"] for p in card.get("parts", [{"from_epoch": 1}])])
    assert sorted(parts) == [[1], [1, 2]], "it went on from its last whole epoch"


# --- on a cluster in this process, with a stub for the work ------------------------


@pytest.fixture
def scheduler():
    """The address of a scheduler with one worker of two threads, in this process."""
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=2, processes=False, protocol="tcp",
        dashboard_address=None,
    ) as local:  # fmt: skip
        yield local.scheduler_address


@pytest.mark.slow
def test_runs_that_fail_do_not_stop_the_others(
    scheduler, tmp_path, monkeypatch, capsys
):
    asked, now = [], []

    def stub(name, seeds, folder, device, **options):
        now.append(None)
        print(f"at work on {seeds}, {len(now)} at once")
        time.sleep(0.1)
        now.pop()
        if seeds == [1]:
            raise EquivaeError("the disk is full")
        if seeds == [2]:
            raise ValueError("unforeseen")
        asked.append((name, seeds, folder, device, options))

    monkeypatch.setattr(cluster, "one_by_one", stub)
    runs = [(SEMI, seed) for seed in range(4)]
    with pytest.raises(EquivaeError, match="2 of 4 runs failed") as caught:
        cluster.reproduce(runs, Folder(tmp_path), OPTIONS, scheduler=scheduler)
    assert f"{SEMI} seed 1: the disk is full" in str(caught.value)
    assert "ValueError('unforeseen')" in str(caught.value)
    given = {"epochs": None, "bfloat16": False}
    one = (Folder(tmp_path), "cpu", given)
    assert sorted(asked) == [(SEMI, [0], *one), (SEMI, [3], *one)]
    out = capsys.readouterr().out
    assert f"{SEMI} seed 3: at work on [3], 1 at once\n" in out
    assert "2 at once" not in out, "torch has one generator a process"
    assert out.count("begins on") == 4 and out.count(": failed, ") == 2
    assert list(tmp_path.iterdir()) == []


def test_what_a_worker_lacks(tmp_path, monkeypatch):
    client = {"mark": tmp_path / "mark", "code": cluster.CODE}
    assert "a folder that all machines share" in cluster._amiss(client, "glyphs")
    client["mark"].touch()
    assert cluster._amiss(client, "glyphs") == ""
    assert "not other: give all" in cluster._amiss(client | {"code": "other"}, "glyphs")
    monkeypatch.setenv("EQUIVAE_DATA", str(tmp_path))
    assert "`python -m equivae_lite download svhn`" in cluster._amiss(client, "svhn")


def test_without_a_scheduler_or_the_package(tmp_path, monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr(cluster, "WAIT", 0.2)
    with pytest.raises(EquivaeError, match="dask worker ADDRESS --nthreads 1"):
        cluster.reproduce([(SEMI, 0)], Folder(tmp_path), OPTIONS,
                          scheduler="tcp://127.0.0.1:9")  # fmt: skip
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(EquivaeError, match=r'pip install "equivae-lite\[cluster\]"'):
        cluster.reproduce([(SEMI, 0)], Folder(tmp_path), OPTIONS, jobs=2)
    assert list(tmp_path.iterdir()) == []


# --- what is asked of whom ---------------------------------------------------------


def test_only_what_is_left_is_handed_out(monkeypatch, tmp_path):
    handed = []
    monkeypatch.setattr(reproduce, "prepare", lambda e, seeds, *rest: seeds[1:2])
    monkeypatch.setattr(reproduce, "evaluated", lambda e, seed, folder: seed != 3)
    monkeypatch.setattr(cluster, "reproduce", lambda *a, **k: handed.append((a, k)))
    folder = Folder(tmp_path)
    reproduce.side_by_side([SEMI], [3, 1, 0, 1], folder, OPTIONS, jobs=2)
    assert handed == [(([(SEMI, 1), (SEMI, 3)], folder, OPTIONS), {"jobs": 2})]
    reproduce.side_by_side([SEMI], [0], folder, OPTIONS, jobs=2)
    assert len(handed) == 1, "nothing was left"


def test_the_options_reach_every_run(monkeypatch, tmp_path):
    seen = {}
    monkeypatch.setattr(cli.reproduce, "side_by_side",
                        lambda *a, **k: seen.update(asked=a, engine=k))  # fmt: skip
    monkeypatch.setattr(cli.reproduce, "reproduce", lambda *a, **k: "the table")
    monkeypatch.setattr(machine.os, "sched_getaffinity", lambda _: set(range(9)),
                        raising=False)  # fmt: skip
    for options, threads, engine in (
        ("--jobs 2", 4, {"jobs": 2, "scheduler": None}),
        ("--jobs 20", 1, {"jobs": 20, "scheduler": None}),
        ("--jobs 2 --threads 3", 3, {"jobs": 2, "scheduler": None}),
        ("--scheduler tcp://a:1", None, {"jobs": None, "scheduler": "tcp://a:1"}),
    ):  # fmt: skip
        line = f"reproduce {SEMI} --seeds 0 1 --out {tmp_path} --bfloat16 {options}"
        assert cli.main(line.split()) == 0
        asked = {**OPTIONS, "threads": threads, "device": None, "bfloat16": True}
        assert seen == {
            "asked": ([SEMI], [0, 1], folders.of_reader(tmp_path), asked),
            "engine": engine,
        }
    with pytest.raises(SystemExit):
        cli.main(["reproduce", SEMI, "--jobs", "2", "--scheduler", "tcp://a:1"])


def test_each_worker_has_a_card_where_there_are_several(monkeypatch):
    monkeypatch.setattr(cluster.torch.cuda, "device_count", lambda: 2)
    assert [cluster._card("cuda", worker) for worker in (0, 1, 2, "tcp://a:1")] == [
        "cuda:0", "cuda:1", "cuda:0", "cuda",
    ]  # fmt: skip
    assert cluster._card("cpu", 1) == "cpu" and cluster._card("cuda:1", 0) == "cuda:1"
    monkeypatch.setattr(cluster.torch.cuda, "device_count", lambda: 1)
    assert cluster._card("cuda", 1) == "cuda"
