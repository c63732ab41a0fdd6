"""The first cell of a chapter, as on Colab: without the package, it finds a clone."""

import shutil
import subprocess

import pytest

from tests.support.notebooks import code, save
from tools.notebooks import bootstrap, execute

pytestmark = pytest.mark.slow

HIDE = """
import os, sys
sys.meta_path = [f for f in sys.meta_path if "editable" not in repr(f).lower()]
sys.path = [p for p in sys.path if p and not os.path.exists(
    p + "/equivae_lite") and "__editable__" not in p]
"""


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
@pytest.mark.parametrize("inside_a_clone", [False, True])
def test_bootstrap_without_the_package(tmp_path, monkeypatch, inside_a_clone):
    origin = tmp_path / "origin"
    for folder in ("book", "equivae_lite"):
        (origin / folder).mkdir(parents=True)
    (origin / "equivae_lite" / "__init__.py").write_text(
        "CLONED = True\n", encoding="utf-8"
    )
    (origin / "book" / "a.md").write_text("a", encoding="utf-8")
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "all"]):
        subprocess.run([*git, *command], cwd=origin, check=True)
    # A file address where a clone is wanted; an unusable one where it is not.
    address = "no such place" if inside_a_clone else origin.as_uri()
    monkeypatch.setenv("EQUIVAE_CLONE_FROM", address)
    colab = origin / "book" if inside_a_clone else tmp_path / "content"
    colab.mkdir(exist_ok=True)
    source = bootstrap.BOOTSTRAP + "\nprint(equivae_lite.CLONED, os.getcwd())"
    path = save(colab / "c.ipynb", code(HIDE), code(source))
    done = execute.execute(path)
    book = colab if inside_a_clone else colab / "equivae-lite" / "book"
    output = "".join(o.get("text", "") for o in done.cells[1].outputs)
    assert output == f"True {book}\n"
