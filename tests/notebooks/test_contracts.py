"""The rooms of the package know only the floors below them, and that check can fail."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools.notebooks.book import ROOT

RUN = "from importlinter.cli import lint_imports_command; lint_imports_command()"
WRONG = [
    ("model/networks.py", "from equivae_lite.data import sets"),
    ("data/sets.py", "from ..training import experiments"),
    ("evaluation/bound.py", "from ..training import loop"),
    ("training/loop.py", "from ..evaluation import bound"),
    ("runs/tables.py", "from ..chapters import figures"),
    ("chapters/toys.py", "import tools.readings"),
]


def lint(folder):
    run = subprocess.run(
        [sys.executable, "-c", RUN, "--no-cache", "--no-logo"],
        cwd=folder, capture_output=True, encoding="utf-8",
    )  # fmt: skip
    return run.returncode, run.stdout + run.stderr


@pytest.fixture
def copy(tmp_path):
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for name in ("equivae_lite", "tools"):
        skip = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, tmp_path / name, ignore=skip)
    return tmp_path


def test_contracts():
    code, words = lint(ROOT)
    assert code == 0, words
    assert "1 kept, 0 broken" in words


@pytest.mark.parametrize(("file", "line"), WRONG)
def test_a_wrong_import_breaks_them(copy, file, line):
    path: Path = copy / "equivae_lite" / file
    text = path.read_text(encoding="utf-8")
    mark = "from __future__ import annotations\n"
    path.write_text(text.replace(mark, f"{mark}{line}\n"), encoding="utf-8")
    code, words = lint(copy)
    assert code == 1 and "0 kept, 1 broken" in words
