"""The book is built where something that it is made of has changed, and once."""

import sys

import pytest

from tools.pages import site

BUILD = """
import pathlib, sys
print('strictly')
pathlib.Path('built').open('a', encoding='utf-8').write('.')
if pathlib.Path('_toc.yml').read_text('utf-8') == 'wrong':
    sys.exit('a warning')
pathlib.Path('_build/html').mkdir()
pathlib.Path('_build/html/index.html').touch()
"""


@pytest.fixture
def times(tmp_path, monkeypatch):
    """How often the book was built, in a folder that stands for the repository."""
    monkeypatch.setattr(site, "BUILD", [sys.executable, "-S", "-c", BUILD])
    (tmp_path / "_toc.yml").write_text("right", encoding="utf-8")
    log = tmp_path / "built"
    return lambda: len(log.read_text(encoding="utf-8")) if log.exists() else 0


def test_tests_take_what_make_book_has_built(times, tmp_path, capfd):
    assert site.built(tmp_path, afresh=True) == tmp_path / "_build" / "html"
    assert capfd.readouterr().out == "strictly\n"  # as it comes
    old = tmp_path / "_build" / "html" / "gone.html"
    old.touch()
    site.built(tmp_path)
    assert times() == 1 and old.exists()
    (tmp_path / "_toc.yml").write_text("other", encoding="utf-8")
    site.built(tmp_path)
    assert times() == 2 and not old.exists()
    site.built(tmp_path, afresh=True)
    assert times() == 3


def test_pages_of_a_build_that_failed_are_not_taken(times, tmp_path):
    site.built(tmp_path)
    (tmp_path / "_toc.yml").write_text("wrong", encoding="utf-8")
    for _ in range(2):
        with pytest.raises(RuntimeError, match="(?s)make book.*strictly.*a warning"):
            site.built(tmp_path)
    assert times() == 3


def test_make_book_fails_where_the_build_does(times, tmp_path, monkeypatch):
    monkeypatch.setattr(site, "ROOT", tmp_path)
    monkeypatch.setattr(site.built, "__defaults__", (tmp_path, False))
    assert site.main(["--afresh"]) == 0
    (tmp_path / "_toc.yml").write_text("wrong", encoding="utf-8")
    assert site.main(["--afresh"]) == 1
