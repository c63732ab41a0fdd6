"""`make` where no usable Python is to be found."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tools.notebooks.book import ROOT


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_without_a_usable_python(tmp_path):
    """Pythons that exist but fail or are too old: a message, and no half-made .venv."""
    shims = tmp_path / "bin"
    shims.mkdir()
    for name in ("python", "python3", "python3.11", "python3.12"):
        (shims / name).write_text("#!/bin/sh\necho 'no such version' >&2; exit 127\n")
        (shims / name).chmod(0o755)
    for name in ("Makefile", "requirements.txt", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    path = os.pathsep.join([str(shims), *map(str, _tools_of_make(tmp_path))])
    run = subprocess.run(
        [shutil.which("make"), "book"],
        cwd=tmp_path,
        env={"PATH": path},
        capture_output=True,
        text=True,
    )
    assert run.returncode != 0
    assert "No usable Python 3.11 or 3.12 was found" in run.stderr
    assert not (tmp_path / ".venv").exists()


def _tools_of_make(tmp_path: Path) -> list[Path]:
    """A folder with a shell and nothing that could be a Python."""
    folder = tmp_path / "shell"
    folder.mkdir()
    for name in ("sh", "touch"):
        (folder / name).symlink_to(shutil.which(name))
    return [folder]
