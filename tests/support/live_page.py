"""A small site with all live figures, for tests that must not wait for the book."""

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
from filelock import FileLock

from tools.live.directive import SOURCES
from tools.notebooks.book import ROOT
from tools.planted import warm

CONF = """
import sys
sys.path.insert(0, {root!r})
extensions = ["myst_parser", "sphinx-mathjax-offline", "tools.live.directive"]
mathjax_path = "mathjax/tex-chtml.js"
myst_enable_extensions = ["dollarmath"]
html_theme = "sphinx_book_theme"
html_context = {{"default_mode": "auto"}}
html_static_path = [{root!r} + "/book/_static"]
html_css_files = ["equivae.css"]
numfig = True
project = "live"
author = "a"
"""
FIGURE = """
```{{live}} {name}
:alt: The ten digits 0 to 9 in one handwriting, the same in all ten of them.
:name: fig-{name}

The caption of {name}, with $v$.

More about it.
```
"""
NAMES = ("hero", "styles", "interpolation", "draw", "scene")


def build(folder: Path, pages: dict[str, str], *options: str):
    """Run Sphinx strictly over some Markdown pages; gives the finished process.

    The built pages are in `folder`/html.
    """
    for name, text in pages.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "conf.py").write_text(CONF.format(root=str(ROOT)), encoding="utf-8")
    strictly = ["-q", "-W", "--keep-going", "-n"]
    arguments = [*strictly, *options, str(folder), str(folder / "html")]
    said = [folder.with_name(f"{folder.name}.{name}") for name in ("out", "err")]
    child = warm.context().Process(target=_sphinx, args=(arguments, *said))
    child.start()
    child.join()
    texts = [path.read_text(encoding="utf-8") for path in said]
    return subprocess.CompletedProcess(arguments, child.exitcode, *texts)


def _sphinx(arguments: list[str], *said: Path) -> None:
    """`python -m sphinx`, in a process of its own that says what it says in files."""
    for stream, path in enumerate(said, 1):
        os.dup2(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC), stream)
    os.chdir(ROOT)
    from sphinx.cmd.build import main

    sys.exit(main(arguments))


@pytest.fixture(scope="session")
def live_site(tmp_path_factory) -> Path:
    """all.html has every figure, NAME.html the figure of that name, plain.html none.

    They are in a folder, book/, as the chapters are. Workers of one run build it once.
    """
    base = tmp_path_factory.getbasetemp()
    if os.environ.get("PYTEST_XDIST_WORKER"):
        base = base.parent  # of this run, and of all its workers
    folder = base / "live_site"
    with FileLock(base / "live_site.lock"):
        if not (folder / "built").exists():
            _build_site(folder)
            (folder / "built").touch()
    return folder / "html"


def _build_site(folder: Path) -> None:
    figures = {name: FIGURE.format(name=name) for name in NAMES}
    pages = {
        "index.md": "# Index\n\n```{toctree}\n:glob:\nbook/*\n```\n",
        "book/all.md": "# All\n" + "".join(figures.values()) + "\n{numref}`fig-draw`\n",
        "book/plain.md": "# Plain\n\nNo figure; $v$.\n",
    }
    for name, text in figures.items():
        pages[f"book/{name}.md"] = f"# One\n{text.replace('fig-', 'one-')}"
    run = build(folder, pages)
    assert run.returncode == 0, run.stdout + run.stderr


def run_again(page, names: Iterable[str], name="", old="", new="") -> None:
    """Run scripts of book/live in a page again, one of them with a piece replaced."""
    for file in names:
        text = (SOURCES / file).read_text(encoding="utf-8")
        if file == name and old:
            assert text.count(old) == 1
            text = text.replace(old, new)
        page.evaluate(text)
