"""The long series of faults, and how many ended right, refused or wrong.

    python -m tests.faults                     all of it: plan for hours
    python -m tests.faults kills --trials 200  one series

Series: kills (at random moments), crashes (before and after every file operation),
ENOSPC and EIO (at every operation), writers (eight processes in one folder), flips (one
bit of state, card, weights or results).
"""

from __future__ import annotations

import argparse
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.faults import trials
from tests.faults.trials import Fault, run, verdict

TRIALS = {"kills": 200, "writers": 8, "flips": 1000}
Trial = Callable[[Path], str]


def kills(whole: Path, expected: dict, operations: int, count: int) -> Iterator[Trial]:
    chance = random.Random(1)
    for _ in range(count):
        moment = chance.uniform(0, 3)

        def trial(folder: Path, moment: float = moment) -> str:
            trials.kill_after(folder, moment)
            return verdict(folder, expected, None)

        yield trial


def struck(kinds: list[tuple[str, bool]]) -> Callable[..., Iterator[Trial]]:
    def series(whole: Path, expected: dict, operations: int, _) -> Iterator[Trial]:
        for at in range(1, operations + 1):
            for kind, after in kinds:
                fault = Fault(kind, at, after)

                def trial(folder: Path, fault: Fault = fault) -> str:
                    return verdict(folder, expected, run(folder, fault=fault))

                yield trial

    return series


def writers(whole: Path, expected: dict, _, count: int) -> Iterator[Trial]:
    def trial(folder: Path) -> str:
        asked = [(0, 1), (1, 2), (2, 3), (3, 0), (0,), (1,), (2,), (3,)]
        folder.mkdir()
        logs = [folder.parent / f"{folder.name}-{i}.log" for i in range(8)]
        processes = [trials.start(folder, log, s) for log, s in zip(logs, asked)]
        codes = [trials.ended(p, log).code for p, log in zip(processes, logs)]
        if any(codes):
            return f"wrong: {codes}"
        if len(set(trials.outcome(folder, (0, 1, 2, 3)).values())) != 8:
            return "wrong: a seed is lost or twice there"
        return verdict(folder, expected, None)

    yield from [trial] * count


def flips(whole: Path, expected: dict, _, count: int) -> Iterator[Trial]:
    chance = random.Random(2)
    for number in range(count):
        part = list(trials.parts(whole))[number % 4]
        seed = chance.random()

        def trial(folder: Path, part: str = part, seed: float = seed) -> str:
            shutil.copytree(whole, folder)
            trials.flip(trials.parts(folder)[part], random.Random(seed))
            if part == "state":  # or nobody would look at it
                trials.parts(folder)["weights"].unlink()
            return verdict(folder, expected, None)

        yield trial


SERIES = {
    "kills": kills,
    "crashes": struck([("crash", False), ("crash", True)]),
    "ENOSPC": struck([("ENOSPC", False)]),
    "EIO": struck([("EIO", False)]),
    "writers": writers,
    "flips": flips,
}


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults", description=__doc__.splitlines()[0]
    )
    parser.add_argument("series", nargs="*", default=list(SERIES))
    parser.add_argument("--trials", type=int, help="of kills, writers and flips")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    wrong = 0
    with tempfile.TemporaryDirectory() as top:
        whole = Path(top) / "whole"
        ended = run(whole)
        expected = trials.outcome(whole)
        print(f"a run without faults: {ended.operations} file operations", flush=True)
        for name in options.series or list(SERIES):
            count = options.trials or TRIALS.get(name, 0)
            series = SERIES[name](whole, expected, ended.operations, count)

            def one(numbered: tuple[int, Trial], name: str = name) -> str:
                folder = Path(top) / f"{name}-{numbered[0]}"
                found = numbered[1](folder)
                shutil.rmtree(folder, ignore_errors=True)
                return found

            with ThreadPoolExecutor(options.jobs) as pool:
                found = list(pool.map(one, enumerate(series)))
            counts = Counter(v.split(":")[0] for v in found)
            print(f"{name:8s} {len(found):5d} trials: {dict(counts)}", flush=True)
            for verdict_ in sorted({v for v in found if v.startswith("wrong")}):
                print(f"         {verdict_}")
            wrong += counts["wrong"]
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
