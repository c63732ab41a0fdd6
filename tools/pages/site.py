"""The built book, built again only where something that it is made of has changed.

Tests that look at pages ask for it with `built()`. `make book` builds afresh, by
`python -m tools.pages.site --afresh`, and the tests after it take what it has built.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from filelock import FileLock

from tools.notebooks.book import ROOT

SITE = ROOT / "_build" / "html"
MADE_OF = "_build/html.made-of"  # digest of what the pages in _build/html came from
# `jupyter-book build . --all -W --keep-going -n`, by this Python's own jupyter-book
BUILD = [
    *(sys.executable, "-c", "from jupyter_book.cli.main import main; main()"),
    *("build", ".", "--all", "-W", "--keep-going", "-n"),
]
# What a build reads, its own extensions among it.
SOURCES = (
    "_config.yml",
    "_toc.yml",
    "requirements.txt",
    "book/**/*",
    "tools/pages/*.py",
    "tools/live/*.py",
    "equivae_lite/**/*.py",
    "data/checkpoints/*",
    "data/results/live-*.json",
)
PASSING = {"__pycache__", ".ipynb_checkpoints"}


def digest(root: Path = ROOT) -> str:
    """SHA-256 over the names and contents of all that the book is built from."""
    total = hashlib.sha256()
    for path in sorted({p for pattern in SOURCES for p in root.glob(pattern)}):
        if path.is_file() and not PASSING & set(path.relative_to(root).parts):
            name = path.relative_to(root).as_posix()
            total.update(f"{name}\0".encode())
            total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def built(root: Path = ROOT, afresh: bool = False) -> Path:
    """The folder of the built pages, built strictly if they are not up to date.

    Processes that ask at the same time build once. Raises RuntimeError when the build
    fails, with the end of Sphinx's output; `afresh`, all of it is shown as it comes.
    """
    site, made_of = root / "_build" / "html", root / MADE_OF
    site.parent.mkdir(exist_ok=True)
    with FileLock(root / "_build" / "html.lock"):
        wanted = digest(root)
        made = made_of.read_text(encoding="utf-8") if made_of.is_file() else None
        if made == wanted and site.is_dir() and not afresh:
            return site
        made_of.unlink(missing_ok=True)
        shutil.rmtree(site, ignore_errors=True)  # pages that are gone go
        run = subprocess.run(
            BUILD, cwd=root, capture_output=not afresh, encoding="utf-8"
        )
        if run.returncode or not (site / "index.html").is_file():
            said = (run.stdout or "") + (run.stderr or "")
            raise RuntimeError("the book does not build (make book):\n" + said[-3000:])
        made_of.write_text(wanted, encoding="utf-8")
    return site


def main(given: list[str]) -> int:
    try:
        print(built(afresh="--afresh" in given))
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
