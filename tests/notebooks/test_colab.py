"""Chapters start on Colab: beside its own torch, with nothing installed over it."""

import os
import re
import shutil
import subprocess
import warnings
from pathlib import Path

import pytest
from PIL import Image

from tests.support import colab
from tools.notebooks.book import BOOK, ROOT, code_cells, read, toc_notebooks

CHAPTERS = toc_notebooks()
SLIDERS = "16_explorer"


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
    try:
        runtime = colab.Colab(tmp_path_factory.mktemp("colab") / "env")
    except colab.NoNetwork as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"Colab's packages cannot be had: {error}")
    if unlike := runtime.unlike_colab():
        warnings.warn(f"not quite Colab: {', '.join(unlike)}", stacklevel=1)
    return runtime


@pytest.fixture(scope="module")
def bare(runtime, tmp_path_factory):
    """What the environment was before any chapter."""
    return runtime.state(tmp_path_factory.mktemp("bare"))


@pytest.fixture
def unchanged(runtime, bare, tmp_path):
    """Compare the environment after a test with what it was before."""
    asked = runtime.asked_of_pip()
    yield bare
    assert runtime.state(tmp_path) == bare
    assert runtime.asked_of_pip() == asked, "something was to be installed"


@pytest.fixture(scope="module")
def cloned(runtime, address, tmp_path_factory):
    """What the first cell leaves behind in Colab's /content."""
    content = tmp_path_factory.mktemp("content")
    source = first_cell(CHAPTERS[0])
    runtime.run(colab.ONE_CELL, content, source, clone_from=address)
    return content


@pytest.fixture(scope="module")
def chapter(runtime, address):
    with runtime.serve(address) as run:
        yield run


def first_cell(path):
    return code_cells(read(path))[0].source


def test_the_environment_is_bare(runtime, tmp_path):
    runtime.run(colab.absent(), tmp_path)
    state = runtime.state(tmp_path)
    names = {colab.normal(line.split()[0]) for line in state["installed"]}
    assert {colab.normal(name) for name in colab.RUNTIME["packages"]} <= names
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
        assert (clone / "book" / path.name).read_text(
            encoding="utf-8"
        ) == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [path.stem for path in CHAPTERS])
def test_whole_chapter(name, runtime, chapter, cloned, tmp_path, unchanged):
    """Smoke profile, stand-in; on Colab a notebook is opened without its folder."""
    shutil.copytree(cloned, tmp_path, copy_function=os.link, dirs_exist_ok=True)
    shutil.copy(BOOK / f"{name}.ipynb", tmp_path)
    right(chapter(tmp_path, f"{name}.ipynb", colab.STATE + IMPORTED), runtime, tmp_path,
          unchanged)  # fmt: skip


def test_whole_chapter_in_a_kernel(runtime, address, tmp_path, unchanged):
    """By the kernel that Colab has, from the clone on: the chapter with sliders."""
    shutil.copy(BOOK / f"{SLIDERS}.ipynb", tmp_path)
    last = colab.STATE + IMPORTED + "\nprint(json.dumps(told))"
    output = runtime.in_a_kernel(tmp_path, SLIDERS, last, address)
    right(colab.last_line(output), runtime, tmp_path, unchanged)


def test_own_pictures_by_the_cell_of_readme(runtime, cloned, tmp_path, unchanged):
    """A folder on one's Drive: both commands of the cell, with Colab's packages."""
    drive = tmp_path / "drive"
    for i in range(24):
        path = drive / "PICTURES" / "ab"[i % 2] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.effect_noise((16, 16), 90).save(path)
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    cell = text[text.index("/content/drive/MyDrive/PICTURES") - 200 :]
    lines = re.findall(r"    !python (-m equivae_lite (?:train|page) .*)", cell)[:2]
    chapter = (BOOK / "18_your_own_classes.ipynb").read_text(encoding="utf-8")
    for line in lines:
        assert f"!python {line}" in chapter  # the same cell there
        words = line.replace("/content/drive/MyDrive", str(drive)).split()
        words += ["--profile", "smoke"] * (words[2] == "train")
        done = subprocess.run(
            [str(runtime.python), *words], cwd=cloned / "equivae-lite",
            capture_output=True, encoding="utf-8", env=runtime.environment(""),
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    assert (drive / "equivae-lite" / "pages" / "mine" / "index.html").is_file()


IMPORTED = "import torch\ntold['imported'] = [torch.__file__, torch.__version__]"


def right(state, runtime, folder, before):
    """The Python was that of Colab, with Colab's torch and the book of the clone."""
    assert state["prefix"] == str(runtime.folder)
    assert state["package"].startswith(str(folder / "equivae-lite"))
    assert state["imported"][0] == before["torch"][0]
    versions = [v.split("+")[0] for v in (state["imported"][1], before["torch"][1])]
    assert versions[0] == versions[1]
    assert state["installed"] == before["installed"]


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


@pytest.mark.parametrize("name", ["sphinx", "nbval"])
def test_a_chapter_that_needs_more_is_noticed(name, runtime, address, tmp_path):
    source = first_cell(CHAPTERS[0]) + f"\nimport {name}"
    with pytest.raises(AssertionError, match=f"No module named '{name}'"):
        runtime.run(colab.ONE_CELL, tmp_path, source, clone_from=address)


def test_a_clone_that_fails_says_what_to_do(runtime, tmp_path):
    says = "could not be cloned(.|\\n)*run this cell again"
    with pytest.raises(AssertionError, match=says):
        runtime.run(
            colab.ONE_CELL,
            tmp_path,
            first_cell(CHAPTERS[0]),
            clone_from=(tmp_path / "nothing").as_uri(),
        )
    assert not (tmp_path / "equivae-lite").exists()


@pytest.mark.parametrize(
    "left", ["equivae-lite/", "equivae-lite/.git/config", "equivae-lite.part/book/a.md"]
)
def test_what_a_failed_clone_left_behind_does_not_matter(
    left, runtime, address, tmp_path
):
    """An empty folder, and a clone that was cut off, under either name."""
    path = tmp_path / left
    path.parent.mkdir(parents=True, exist_ok=True)
    path.mkdir() if left.endswith("/") else path.write_text("half", encoding="utf-8")
    source = first_cell(CHAPTERS[0])
    runtime.run(colab.ONE_CELL, tmp_path, source, clone_from=address)
    assert (tmp_path / "equivae-lite" / "equivae_lite" / "__init__.py").is_file()
    assert not (tmp_path / "equivae-lite.part").exists()
    # The reader's own files in a folder of that name would not be lost.
    kept = list(tmp_path.glob("*/old/.git/config"))
    assert len(kept) == (left == "equivae-lite/.git/config")


def test_uncommitted_work_is_cloned_too(address, tmp_path):
    """The clone holds the working tree: also what no commit has yet."""
    clone = tmp_path / "clone"
    command = ["git", "clone", "-q", "--depth", "1", address, str(clone)]
    subprocess.run(command, check=True)
    for path in (BOOK / CHAPTERS[-1].name, Path(__file__)):
        copied = clone / path.relative_to(ROOT)
        assert copied.read_bytes() == path.read_bytes()
    assert not (clone / ".venv").exists()
