"""A bounded series of faults; `python -m tests.faults` has the long one."""

import random
import shutil
import sys

import pytest

from tests.faults import trials
from tests.faults.trials import Fault, left_over, outcome, run, verdict

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="kill -9 and forkserver"),
]
EVERY = 16  # of the operations: the long series strikes at all of them


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run without faults: its folder, its outcome, its number of operations."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    ended = run(folder)
    assert ended.code == 0, ended.said
    assert left_over(folder) == []
    return folder, outcome(folder), ended.operations


def series(tmp_path, whole, faults):
    found = {}
    for number, fault in enumerate(faults):
        folder = tmp_path / str(number)
        found[fault] = verdict(folder, whole[1], run(folder, fault=fault))
        shutil.rmtree(folder)
    return found


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_crash_at_file_operations(tmp_path, whole, after):
    at = range(1 + 2 * after, whole[2] + 1, EVERY)
    found = series(tmp_path, whole, [Fault("crash", n, after) for n in at])
    assert {f.at: v for f, v in found.items() if v != "right"} == {}


@pytest.mark.parametrize("kind", ["ENOSPC", "EIO"])
def test_a_disk_that_refuses(tmp_path, whole, kind):
    at = range(1 + (kind == "EIO"), whole[2] + 1, EVERY)
    found = series(tmp_path, whole, [Fault(kind, n) for n in at])
    assert {f.at: v for f, v in found.items() if v != "right"} == {}


def test_kills_at_any_moment(tmp_path, whole):
    chance = random.Random(0)
    for number in range(4):
        folder = tmp_path / str(number)
        trials.kill_after(folder, chance.uniform(0, 2))
        assert verdict(folder, whole[1], None) == "right"


def test_eight_at_once_in_one_folder(tmp_path, whole):
    """Four seeds, each asked for twice: every one is there, once, and right."""
    folder = tmp_path / "run"
    asked = [(0, 1), (1, 2), (2, 3), (3, 0), (0,), (1,), (2,), (3,)]
    logs = [tmp_path / f"{i}.log" for i in range(len(asked))]
    processes = [trials.start(folder, log, s) for log, s in zip(logs, asked)]
    runs = [trials.ended(process, log) for process, log in zip(processes, logs)]
    said = [run.said for run in runs]
    assert [run.code for run in runs] == [0] * len(asked), said
    found = outcome(folder, (0, 1, 2, 3))
    assert {k: v for k, v in found.items() if k.endswith(" 0")} == whole[1]
    assert len(set(found.values())) == 8
    assert left_over(folder) == []
    assert any("is being worked on by process" in text for text in said)


@pytest.mark.parametrize("part", ["state", "card", "weights", "results"])
def test_a_flipped_bit_is_never_used(tmp_path, whole, part):
    chance = random.Random(part)
    for number in range(3):
        folder = tmp_path / str(number)
        shutil.copytree(whole[0], folder)
        trials.flip(trials.parts(folder)[part], chance)
        if part == "state":  # or nobody would look at it
            trials.parts(folder)["weights"].unlink()
        # Results are not made again over what may be another's: they are refused.
        expected = "refused" if part == "results" else "right"
        assert verdict(folder, whole[1], None) == expected
        shutil.rmtree(folder)
