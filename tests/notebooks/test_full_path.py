"""Chapters run to their end in the `full` profile, their trainings cut to two steps."""

import os
import subprocess
import sys

import nbformat
import pytest
from nbclient import NotebookClient

from tools.notebooks.book import BOOK, ROOT

pytestmark = pytest.mark.slow

TRAINS = ["11_mnist_supervised"]


@pytest.mark.parametrize("chapter", TRAINS)
def test_full_profile_reaches_the_end(chapter, monkeypatch):
    monkeypatch.setenv("EQUIVAE_PROFILE", "full")
    monkeypatch.setenv("EQUIVAE_MAX_STEPS", "2")
    shipped = _digests()
    notebook = nbformat.read(BOOK / f"{chapter}.ipynb", as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = []
    client = NotebookClient(
        notebook, timeout=600, resources={"metadata": {"path": str(BOOK)}}
    )
    client.execute()
    text = "".join(
        output.get("text", "") for cell in notebook.cells for output in
        cell.get("outputs", [])
    )  # fmt: skip
    assert "profile full" in text
    assert _digests() == shipped  # a run cut short replaces nothing


def test_the_command_line_runs_as_a_module(tmp_path):
    """`python -m equivae_lite train` in a process of its own, on the stand-in."""
    command = "train glyphs-supervised --profile smoke --threads 1 --out".split()
    done = subprocess.run(
        [sys.executable, "-m", "equivae_lite", *command, str(tmp_path)],
        cwd=ROOT, capture_output=True, encoding="utf-8", env=os.environ,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (
        tmp_path / "short/checkpoints/glyphs-supervised-seed0.safetensors"
    ).exists()


def _digests() -> dict[str, int]:
    folder = ROOT / "data" / "checkpoints"
    return {p.name: hash(p.read_bytes()) for p in folder.glob("*-seed*")}
