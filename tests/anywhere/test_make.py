"""`make` on machines of other people: what it takes, refuses and makes anew."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tools.notebooks.book import ROOT

pytestmark = pytest.mark.skipif(
    shutil.which("make") is None, reason="make is not installed"
)
# Stands for every Python that `make` calls, and writes down what it was asked.
PYTHON = """\
#!/bin/sh
echo "$PIP_USER $0 $*" >> {calls}
case "$*" in
  "-c import sys, venv"*) exit {usable} ;;
  *"-m venv"*) rm -rf .venv; mkdir -p .venv/bin; cp "$0" .venv/bin/python ;;
esac
"""


def folder_of_book(folder: Path) -> Path:
    folder.mkdir()
    for name in ("Makefile", "requirements.txt", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    return folder


def shell(folder: Path, *tools: str) -> Path:
    """A folder with a shell, the given tools and nothing that could be a Python."""
    folder.mkdir()
    for name in ("sh", "touch", "cat", "mkdir", "cp", "rm", *tools):
        (folder / name).symlink_to(shutil.which(name))
    return folder


def make(book: Path, target: str, *path: Path) -> subprocess.CompletedProcess:
    return subprocess.run(
        [shutil.which("make"), target], cwd=book, capture_output=True,
        encoding="utf-8", env={"PATH": os.pathsep.join(map(str, path)), "LANG": "C"},
    )  # fmt: skip


def fake_python(folder: Path, name: str, calls: Path, usable: bool = True) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    text = PYTHON.format(calls=f"'{calls}'", usable=0 if usable else 1)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
    return folder


def test_without_a_usable_python(tmp_path):
    """Pythons that exist but fail or are too old: a message, and no half-made .venv."""
    book, calls = folder_of_book(tmp_path / "book"), tmp_path / "calls"
    shims = tmp_path / "bin"
    for name in ("python", "python3", "python3.11", "python3.12", "python3.13"):
        fake_python(shims, name, calls, usable=False)
    run = make(book, "book", shims, shell(tmp_path / "shell"))
    assert run.returncode != 0
    assert "No usable Python 3.11 to 3.14 was found" in run.stderr
    assert "apt-get install python3-venv (Debian 12 and 13" in run.stderr
    assert not (book / ".venv").exists()


@pytest.mark.parametrize("name", ["python3.11", "python3.12", "python3.13",
                                  "python3.14", "python3"])  # fmt: skip
def test_every_python_from_3_11_to_3_14_is_taken(tmp_path, name):
    book, calls = folder_of_book(tmp_path / "book"), tmp_path / "calls"
    bin_ = fake_python(tmp_path / "bin", name, calls)
    run = make(book, ".venv/.installed", bin_, shell(tmp_path / "shell"))
    assert run.returncode == 0, run.stderr
    asked = calls.read_text(encoding="utf-8")
    assert f"/{name} -m venv --clear .venv" in asked
    assert ".venv/bin/python -m pip install" in asked


def test_what_make_asks_of_a_python():
    """The line that decides, on the versions below, inside and above the range."""
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    line = text.split("USABLE := ")[1].split("\n\n")[0].replace("\\\n", "")
    for version, usable in (((3, 10), 1), ((3, 11), 0), ((3, 14), 0), ((3, 15), 1)):
        code = line.replace("sys.version_info[:2]", repr(version))
        run = subprocess.run(["python3", "-c", code], check=False)
        assert run.returncode == usable, version


@pytest.fixture
def installed(tmp_path):
    """A book with a .venv that `make` believes in, and how to call make on it."""
    book, calls = folder_of_book(tmp_path / "umlaut ü, spaces"), tmp_path / "calls"
    bin_ = fake_python(tmp_path / "bin", "python3.12", calls)
    path = bin_, shell(tmp_path / "shell")

    def again(book: Path = book) -> str:
        calls.unlink(missing_ok=True)
        run = make(book, ".venv/.installed", *path)
        assert run.returncode == 0, run.stderr
        return calls.read_text(encoding="utf-8")

    again()
    return book, again


def test_a_second_make_installs_nothing(installed):
    assert "-m" not in installed[1]().replace("-c import", "")


def test_a_folder_that_was_renamed_or_moved_installs_anew(installed):
    book, again = installed
    moved = book.rename(book.parent / "elsewhere")
    assert "-m venv --clear .venv" in again(moved)
    assert "-m" not in again(moved).replace("-c import", "")


def test_a_python_that_was_upgraded_away_is_noticed(installed):
    book, again = installed
    (book / ".venv" / "bin" / "python").unlink()
    (book / ".venv" / "bin" / "python").symlink_to("/nowhere/python3.12")
    assert "-m venv --clear .venv" in again()


def test_pip_never_installs_into_the_users_own_packages(tmp_path):
    """`user = true` in pip's configuration, or PIP_USER=1: a variable beats both."""
    book, calls = folder_of_book(tmp_path / "book"), tmp_path / "calls"
    bin_ = fake_python(tmp_path / "bin", "python3", calls)
    make(book, ".venv/.installed", bin_, shell(tmp_path / "shell"))
    lines = calls.read_text(encoding="utf-8").splitlines()
    pip = [line for line in lines if "-m pip" in line]
    assert len(pip) == 2 and all(line.startswith("0 ") for line in pip)


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    book = folder_of_book(tmp_path / "book")
    book.chmod(0o555)
    try:
        if os.access(book, os.W_OK):
            pytest.skip("this user may write anywhere (root)")
        run = make(book, ".venv/.installed", shell(tmp_path / "shell"))
    finally:
        book.chmod(0o755)
    assert run.returncode != 0
    assert f"{book} cannot be written to" in run.stderr
    assert "to a folder of yours" in run.stderr
