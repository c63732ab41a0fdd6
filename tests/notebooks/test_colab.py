"""Chapters start on Colab: beside its own torch, with nothing installed over it."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support import colab
from tools.notebooks.book import BOOK, ROOT, code_cells, read, toc_notebooks

CHAPTERS = toc_notebooks()
WHOLE = ("01_two_representations", "11_mnist_supervised")


def is_checkout():
    if shutil.which("git") is None:
        return False
    ask = ["git", "rev-parse", "--is-inside-work-tree"]
    return subprocess.run(ask, cwd=ROOT, capture_output=True).returncode == 0


pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not is_checkout(), reason="no git, or no git checkout to clone from"
    ),
]


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    return colab.published(tmp_path_factory.mktemp("origin"))


@pytest.fixture(scope="module")
def runtime(tmp_path_factory):
    return colab.Colab(tmp_path_factory.mktemp("colab") / "env")


@pytest.fixture
def unchanged(runtime, tmp_path):
    """Compare the environment after a test with what it was before."""
    before, asked = runtime.state(tmp_path), runtime.asked_of_pip()
    yield before
    assert runtime.state(tmp_path) == before
    assert runtime.asked_of_pip() == asked, "something was to be installed"


def first_cell(path):
    return code_cells(read(path))[0].source


def test_the_environment_is_bare(runtime, tmp_path):
    runtime.run(colab.absent(), tmp_path)
    state = runtime.state(tmp_path)
    names = {line.split()[0] for line in state["installed"]}
    assert set(colab.PREINSTALLED) <= names
    assert state["prefix"] == str(runtime.folder)
    assert state["torch"][0].startswith(str(runtime.folder))


def test_first_cell(runtime, address, tmp_path, unchanged):
    """That of every chapter: it is the same cell, and so it is run once."""
    (source,) = {first_cell(path) for path in CHAPTERS}
    output = runtime.run(
        colab.ONE_CELL + colab.STATE, tmp_path, source, clone_from=address
    )
    state = colab.last_line(output)
    clone = tmp_path / "equivae-lite"
    assert state["package"] == str(clone / "equivae_lite" / "__init__.py")
    assert state["torch"] == unchanged["torch"]
    for path in CHAPTERS:
        assert (clone / "book" / path.name).read_text() == path.read_text()


@pytest.mark.parametrize("name", WHOLE)
def test_whole_chapter(name, runtime, address, tmp_path, unchanged):
    """Smoke profile, stand-in; on Colab a notebook is opened without its folder."""
    shutil.copy(BOOK / f"{name}.ipynb", tmp_path)
    last = "import torch\n" + colab.STATE + "print(torch.__file__, torch.__version__)"
    output = runtime.run(
        colab.WHOLE, tmp_path, last, f"{name}.ipynb", clone_from=address
    )
    *_, state, imported = output.strip().splitlines()
    state = colab.last_line(state)
    assert state["prefix"] == str(runtime.folder)  # the kernel was that of Colab
    assert state["package"].startswith(str(tmp_path / "equivae-lite"))
    file, version = imported.split()
    assert [file, version.split("+")[0]] == [
        unchanged["torch"][0],
        unchanged["torch"][1].split("+")[0],
    ]
    assert state["installed"] == unchanged["installed"]


# --- what would go wrong is noticed ---------------------------------------------------


@pytest.mark.parametrize(
    "line", ["!pip install -q torch", "%pip install -r requirements.txt"]
)
def test_a_cell_that_installs_is_noticed(line, runtime, address, tmp_path):
    before = runtime.asked_of_pip()
    source = line + "\n" + first_cell(CHAPTERS[0])
    runtime.run(colab.ONE_CELL, tmp_path, source, clone_from=address)
    (new,) = runtime.asked_of_pip()[len(before) :]
    assert new.startswith("install")


@pytest.mark.parametrize("name", ["sphinx", "sklearn"])
def test_a_chapter_that_needs_more_is_noticed(name, runtime, address, tmp_path):
    source = first_cell(CHAPTERS[0]) + f"\nimport {name}"
    with pytest.raises(AssertionError, match=f"No module named '{name}'"):
        runtime.run(colab.ONE_CELL, tmp_path, source, clone_from=address)


def test_a_clone_step_that_fails_is_noticed(runtime, tmp_path):
    with pytest.raises(AssertionError, match="No module named 'equivae_lite'"):
        runtime.run(
            colab.ONE_CELL,
            tmp_path,
            first_cell(CHAPTERS[0]),
            clone_from=(tmp_path / "nothing").as_uri(),
        )


def test_uncommitted_work_is_cloned_too(address, tmp_path):
    """The clone holds the working tree: also what no commit has yet."""
    clone = tmp_path / "clone"
    command = ["git", "clone", "-q", "--depth", "1", address, str(clone)]
    subprocess.run(command, check=True)
    for path in (BOOK / CHAPTERS[-1].name, Path(__file__)):
        copied = clone / path.relative_to(ROOT)
        assert copied.read_bytes() == path.read_bytes()
    assert not (clone / ".venv").exists()
