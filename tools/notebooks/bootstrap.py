"""The first code cell of every chapter, and an empty chapter that begins with it.

python -m tools.notebooks.bootstrap book/19_name.ipynb "Title" [DATA SET …]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from equivae_lite import REPOSITORY
from tools.notebooks.normal_form import normalise, write

# Where the package is installed (make, pip) the cell does nothing. Elsewhere it takes
# the clone that the notebook stands in, or fetches one: on Colab, where the package
# then runs beside Colab's own torch. EQUIVAE_CLONE_FROM lets a test, or a fork, put
# another address.
BOOTSTRAP = f"""\
try:
    import equivae_lite
except ModuleNotFoundError:  # on Colab, beside Colab's own torch
    import os, shutil, subprocess, sys, tempfile
    clone, half = "equivae-lite", "equivae-lite.part"
    address = os.environ.get(
        "EQUIVAE_CLONE_FROM",
        "{REPOSITORY}",
    )
    here = os.path.isdir("../equivae_lite")
    if not here and not os.path.isdir(f"{{clone}}/equivae_lite"):
        shutil.rmtree(half, ignore_errors=True)
        git = ["git", "clone", "-q", "--depth", "1", address, half]
        run = subprocess.run(git, capture_output=True, text=True)
        if run.returncode:
            raise RuntimeError(
                f"The book could not be cloned. Git says: {{run.stderr}}"
                "Once there is a network, run this cell again."
            ) from None
        if os.path.isdir(clone):  # not the book: out of the way
            os.rename(clone, tempfile.mkdtemp(dir=".") + "/old")
        os.rename(half, clone)
    if not here:
        os.chdir(f"{{clone}}/book")
    sys.path.insert(0, os.path.abspath(".."))
    import equivae_lite"""

COLAB = REPOSITORY.replace(
    "https://github.com", "https://colab.research.google.com/github"
)


def colab_link(file_name: str) -> str:
    """Where Colab opens a chapter of the main branch."""
    return f"{COLAB}/blob/main/book/{file_name}"


def new_notebook(
    file_name: str, title: str, data: str | list[str] | None = None
) -> NotebookNode:
    """A chapter with its title, its Colab link and the setup cell, in normal form.

    `data` names the data sets that the chapter is about, if any.
    """
    # Words, no badge: a picture from another host is missing where there is no network.
    link = f"[Open this chapter in Colab]({colab_link(file_name)})"
    notebook = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_markdown_cell(f"# {title}\n\n{link}", id="title"),
            nbformat.v4.new_code_cell(BOOTSTRAP, id="bootstrap"),
        ]
    )
    notebook.cells[1].metadata["tags"] = ["setup", "hide-input"]
    if data:
        notebook.metadata["equivae"] = {"data": data}
    return normalise(notebook)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tools.notebooks.bootstrap",
        description="Write an empty chapter: title, Colab link, setup cell.",
    )
    parser.add_argument("path", type=Path, help="book/NN_name.ipynb")
    parser.add_argument("title")
    parser.add_argument("data", nargs="*", help="the data sets that it is about")
    options = parser.parse_args(arguments)
    if options.path.exists():
        parser.error(f"{options.path} is there already")
    write(options.path, new_notebook(options.path.name, options.title, options.data))
    entry = options.path.with_suffix("").as_posix()
    print(f"written; now its line in _toc.yml:\n      - file: {entry}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
