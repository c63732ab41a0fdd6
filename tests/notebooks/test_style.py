"""Habits of the whole repository that a reader would notice when they slip."""

import re
import subprocess
import sys

import pytest

from tools.notebooks import rules
from tools.notebooks.book import ROOT

PATTERNS = [
    "*.*",
    "Makefile",
    "LICENSE*",
    ".ci/run",
    ".github/workflows/*.yml",
    "book/*.*",
    "book/_static/*.css",
    "book/_static/*.svg",
    "book/live/*",
    "equivae_lite/**/*.py",
    "tools/**/*.py",
    "tests/**/*.py",
    "data/*.md",
]
FILES = sorted({p for pattern in PATTERNS for p in ROOT.glob(pattern) if p.is_file()})
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b")
PICTURE = re.compile(r'"image/\w+": "[^"]*"')  # letters by chance
each_file = pytest.mark.parametrize(
    "path", FILES, ids=lambda p: p.relative_to(ROOT).as_posix()
)


def test_ruff():
    run = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "."],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
    )
    assert run.returncode == 0, run.stdout + run.stderr


@each_file
def test_nothing_unfinished_and_no_path_of_one_machine(path):
    text = PICTURE.sub("", path.read_text(encoding="utf-8"))
    assert UNFINISHED.findall(text) == []
    assert [m[0] for m in rules.MACHINE_PATH.finditer(text)] == []


@each_file
def test_addresses_of_this_project(path):
    text = path.read_text(encoding="utf-8")
    assert rules.addresses(text) == []
    for chapter in re.findall(r"/blob/main/(book/\w+\.ipynb)", text):
        assert (ROOT / chapter).is_file(), f"{chapter} is linked but not there"


def test_modules_are_short_enough_to_read():
    long = {
        p.name: n
        for p in (ROOT / "equivae_lite").rglob("*.py")
        if (n := len(p.read_text(encoding="utf-8").splitlines())) > 320
    }
    assert long == {}
