"""Runs the tests where other people run them: other packages, other processors.

    python -m tools.portability [lowest] [newest] [processors]

    lowest      every lower bound of pyproject.toml, installed to the letter
    newest      the newest versions that pyproject.toml allows
    processors  the numeric tests and the derivations, as older and newer processors
                compute them, with one and with two threads

All three, unless some are named. Environments are kept in .portability/ (5 GB each)
and made anew each time, from uv's cache. A line for each says how it went; the exit
status is 1 if anything failed, and the log of each run is beside the environments.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
from pathlib import Path

from equivae_lite import ROOT

FOLDER = ROOT / ".portability"
EXTRAS = ".[cluster,notebooks,book,test]"
RESOLUTIONS = {"lowest": "lowest-direct", "newest": "highest"}
# torch's and oneDNN's variables, as pairs that belong to one processor.
PROCESSORS = {
    "SSE 4.1": {"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41"},
    "AVX2": {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2"},
    "AVX-512": {"ATEN_CPU_CAPABILITY": "avx512", "ONEDNN_MAX_CPU_ISA": "AVX512_CORE"},
}
MKL = {"SSE 4.1": "SSE4_2", "AVX2": "AVX2"}  # newest is the default
NUMERIC = ["tests/model", "tests/data", "tests/evaluation", "tests/chapters",
           "tests/training/test_loop.py", "tests/training/test_sampling.py",
           "book/02_exact_laboratory.ipynb", "book/03_labelled_bound.ipynb",
           "book/03b_what_it_bounds.ipynb",
           "book/04_unlabelled_bound.ipynb", "book/05_joint_objective.ipynb",
           "equivae_lite"]  # fmt: skip


def environment(name: str) -> Path:
    """The Python of a new environment with the lowest or the newest versions."""
    folder = FOLDER / name
    uv = [sys.executable, "-m", "uv"]
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    for command in (
        ["venv", "--clear", "-q", "--python", sys.executable, str(folder)],
        ["pip", "install", "-q", "--python", str(python), "--resolution",
         RESOLUTIONS[name], "-e", EXTRAS],
    ):  # fmt: skip
        subprocess.run([*uv, *command], cwd=ROOT, check=True)
    return python


def tests(label: str, python: Path | str, what: list[str], **variables: str) -> bool:
    """Run pytest, print a line, keep the log; True if all passed."""
    log = FOLDER / f"{re.sub('[^a-z0-9]+', '-', label.lower())}.log"
    command = [str(python), "-m", "pytest", "-n", "3", "--dist", "loadfile",
               "--no-loadscope-reorder", *what]  # fmt: skip
    started = time.monotonic()
    with log.open("w", encoding="utf-8") as file:
        run = subprocess.run(
            command, cwd=ROOT, stdout=file, stderr=subprocess.STDOUT,
            env=os.environ | variables,
        )  # fmt: skip
    *_, last = log.read_text(encoding="utf-8", errors="replace").splitlines() or [""]
    minutes = (time.monotonic() - started) / 60
    print(f"{label:24s} {last.strip('= ')}, {minutes:.1f} minutes ({log.name})")
    return run.returncode == 0


def main(arguments: list[str] | None = None) -> int:
    where = [*RESOLUTIONS, "processors"]
    parser = argparse.ArgumentParser(
        prog="python -m tools.portability", description=__doc__.splitlines()[0]
    )
    parser.add_argument("where", nargs="*", help=f"some of {', '.join(where)}")
    asked = parser.parse_args(arguments).where or where
    if unknown := set(asked) - set(where):
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    FOLDER.mkdir(exist_ok=True)
    passed = []
    for name in asked:
        if name in RESOLUTIONS:
            passed.append(tests(name, environment(name), []))
            continue
        for processor, variables in PROCESSORS.items():
            if processor in MKL:
                variables = variables | {"MKL_ENABLE_INSTRUCTIONS": MKL[processor]}
            for threads in ("1", "2"):
                label = f"{processor}, {threads} thread{'s' * (threads > '1')}"
                passed.append(tests(
                    label, sys.executable, NUMERIC, OMP_NUM_THREADS=threads, **variables
                ))  # fmt: skip
    return 0 if all(passed) else 1


if __name__ == "__main__":
    raise SystemExit(main())
