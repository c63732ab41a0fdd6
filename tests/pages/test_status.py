"""The status page says what is stored, and the executor notes what it measured."""

import json

import matplotlib.pyplot as plt
import numpy as np
import pytest

from tests.support.notebooks import code, save
from tests.support.pins import with_pinned_matplotlib
from tools.notebooks import chapter_runs
from tools.notebooks.book import read, toc_notebooks
from tools.pages import social, status


def test_the_page_is_current():
    assert status.PAGE.read_text(encoding="utf-8") == status.page(), (
        "run `python -m tools.pages.status --write`"
    )


@pytest.fixture
def chapter():
    return toc_notebooks()[0]


def test_a_run_is_noted_once_for_a_stamp(tmp_path, chapter):
    path, notebook = tmp_path / "runs.json", read(chapter)
    chapter_runs.note(chapter, notebook, 12.4, path)
    first = path.read_text(encoding="utf-8")
    noted = json.loads(first)[chapter.name]
    assert noted["seconds"] == 12 and noted["machine"]
    assert noted["stamp"] == chapter_runs.stamp_digest(notebook)
    chapter_runs.note(chapter, notebook, 99.0, path)
    assert path.read_text(encoding="utf-8") == first
    notebook.metadata["equivae"]["stamp"]["code"] = "other"
    chapter_runs.note(chapter, notebook, 99.0, path)
    assert json.loads(path.read_text(encoding="utf-8"))[chapter.name]["seconds"] == 99


def test_a_notebook_outside_the_book_is_not_noted(tmp_path):
    path = save(tmp_path / "a.ipynb", code("x = 1"))
    chapter_runs.note(path, read(path), 1.0, tmp_path / "runs.json")
    assert not (tmp_path / "runs.json").exists()


def test_only_the_time_of_these_outputs_is_shown(chapter):
    run = {"stamp": chapter_runs.stamp_digest(read(chapter)), "seconds": 77}
    assert "77 s" in status.chapter_row(chapter, {chapter.name: run})
    old = {**run, "stamp": "another"}
    assert "not measured" in status.chapter_row(chapter, {chapter.name: old})
    assert "not measured" in status.chapter_row(chapter, {})


def test_every_pinned_package_is_listed():
    listed = ", ".join(names for _, names in status.pinned())
    pins = [
        line.replace("==", " ")
        for line in (status.ROOT / "requirements.txt")
        .read_text(encoding="utf-8")
        .splitlines()
        if line and not line.startswith("#")
    ]
    assert listed.split(", ") == pins


def test_as_a_command(capsys):
    assert status.main(["--what"]) == 2
    assert status.main([]) == 0
    assert capsys.readouterr().out == status.page()


@with_pinned_matplotlib
def test_the_social_picture_drawn_again_is_the_same(tmp_path):
    drawn, stored = (
        plt.imread(p) for p in (social.draw(tmp_path / "a.png"), social.PICTURE)
    )
    assert drawn.shape == stored.shape == (630, 1200, 4)
    # Another processor may round a decoded pixel differently.
    assert np.abs(drawn - stored).max() <= 2 / 255 + 1e-6
