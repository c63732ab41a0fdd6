"""Sphinx extension: what the foot of each page says of the page itself.

The version, the day of the last change, and the page as a BibTeX entry; the template is
book/_templates/page-foot.html. The day comes from git; where git is not, or its history
is cut short, nothing is said of it.
"""

from __future__ import annotations

import shutil
import subprocess
from datetime import date
from pathlib import Path

from bs4 import BeautifulSoup
from sphinx.application import Sphinx

from equivae_lite import ROOT, __version__
from tools.pages.numbers import chapter
from tools.pages.site_extension import ADDRESS, NAME

# What `make pdf` has made, if it was run; the built book then has a copy.
PDF = ROOT / "_build" / "pdf" / "equivae-lite.pdf"
AUTHOR = f"the {NAME} contributors"
# Not by strftime, which speaks the language of the machine.
MONTHS = (
    "January February March April May June July August September October November "
    "December"
)
BIBTEX = """\
@misc{{{key},
  title = {{{title}}},
  author = {{{{{author}}}}},
  howpublished = {{{where}}},
  year = {{{year}}},
  url = {{{address}}}
}}"""


def _git(folder: Path, *arguments: str) -> str:
    try:
        run = subprocess.run(
            ["git", *arguments], cwd=folder, capture_output=True, encoding="utf-8"
        )
    except OSError:  # there is no git
        return ""
    return run.stdout.strip() if run.returncode == 0 else ""


def last_change(path: Path) -> date | None:
    """The day of the last commit that changed a file, if that can be known."""
    if _git(path.parent, "rev-parse", "--is-shallow-repository") != "false":
        return None
    day = _git(path.parent, "log", "-1", "--format=%cs", "--", path.name)
    return date.fromisoformat(day) if day else None


def in_words(day: date) -> str:
    return f"{day.day} {MONTHS.split()[day.month - 1]} {day.year}"


def bibtex(docname: str, title: str, year: str) -> str:
    """An entry for one page; the first page stands for the book."""
    stem = docname.rpartition("/")[2]
    number = chapter(docname)
    part = f"Chapter {number} of" if number else "A page of"
    whole = f"{NAME}, version {__version__}"
    return BIBTEX.format(
        key=f"{NAME}-{stem.replace('_', '-')}",
        title=title.removeprefix(f"{number}. "),
        author=AUTHOR,
        where=f"{part} {whole}",
        year=year,
        address=f"{ADDRESS}{docname}.html",
    )


def foot(app: Sphinx, page: str, template: str, context: dict, doctree) -> None:
    if doctree is None:
        return
    day = last_change(Path(app.env.doc2path(page)))
    title = BeautifulSoup(context.get("title", ""), "html.parser").get_text()
    context["page_foot"] = {
        "version": __version__,
        "pdf": PDF.name if PDF.is_file() else "",
        "day": in_words(day) if day else "",
        "iso": day.isoformat() if day else "",
        "bibtex": bibtex(page, title, str(day.year if day else app.config.copyright)),
    }


def offer_pdf(app: Sphinx, error: Exception | None) -> None:
    if not error and app.builder.name == "html" and PDF.is_file():
        shutil.copyfile(PDF, Path(app.outdir) / PDF.name)


def setup(app: Sphinx) -> dict[str, object]:
    app.connect("html-page-context", foot)
    app.connect("build-finished", offer_pdf)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
