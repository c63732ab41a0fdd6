"""Write the status page from what is stored: python -m tools.pages.status --write.

What the chapters were executed on, by their stamps; how long it took, where the
executor noted it; the trained models, by their cards; the pinned packages. Nothing is
typed by hand, and a test writes it again and compares.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from equivae_lite import files
from equivae_lite.data.sources import STAND_INS
from equivae_lite.runs.tables import markdown
from equivae_lite.training.checkpoints import FOLDER
from tools.notebooks.book import (
    BOOK,
    ROOT,
    code_cells,
    number,
    read,
    toc_notebooks,
)
from tools.notebooks.chapter_runs import load, stamp_digest

PAGE = BOOK / "status.md"
NAMES = {  # as their authors write them
    "mnist": "MNIST", "svhn": "SVHN", "svhn-part": "svhn-part (real, no benchmark)",
}  # fmt: skip
HEAD = """\
# Status

What this copy of the book was made with. The page is written by
`python -m tools.pages.status --write` from the chapters' stamps, the models' cards and
the list of pinned packages; a test writes it again and compares.

A page cannot name the commit that holds it. It can name the **stamp** of a chapter:
twelve digits that change with the chapter's code, with any function of the package
that it uses, with the checkpoints and results that it reads, with the data and the
profile. A test recomputes every stamp, so the outputs on these pages are those of the
code beside them.
"""


def title(path: Path) -> str:
    for cell in read(path).cells:
        found = re.search(r"^# (.+)$", cell.source, re.M)
        if cell.cell_type == "markdown" and found:
            return found[1]
    raise ValueError(f"{path.name} has no title: begin it with `# …`")


def shown(data_set: str) -> str:
    """A data set's name; a stand-in is said to be one."""
    note = " (stand-in)" if data_set in STAND_INS.values() else ""
    return NAMES.get(data_set, data_set) + note


def duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def chapter_row(path: Path, runs: dict[str, dict]) -> list[object]:
    notebook = read(path)
    # Without a stamp it has not been executed; test_freshness.py fails until it is.
    stamp = notebook.metadata.get("equivae", {}).get("stamp", {})
    data = ", ".join(shown(name) for name in stamp.get("data", []))
    run = runs.get(path.name, {})
    measured = run.get("stamp") == stamp_digest(notebook)
    pictures = sum(
        "image/png" in output.get("data", {})
        for cell in code_cells(notebook)
        for output in cell.outputs
    )
    return [
        f"{number(path.name)} [{title(path)}]({path.name})".strip(),
        data or "none",
        stamp.get("profile", "not executed"),
        duration(run["seconds"]) if measured else "not measured",
        len(code_cells(notebook)),
        pictures,
        f"{path.stat().st_size / 1000:.0f} kB",
        f"`{stamp_digest(notebook)}`" if stamp else "none",
    ]


def plain(hardware: str) -> str:
    """A machine's name in few words: the column that it stands in is narrow."""
    hardware = hardware.replace("(R)", "").replace(" Processor", "")
    threads = "thread" if ", 1 thread(s)" in hardware else "threads"
    return hardware.replace("thread(s)", threads)


def machines(paths: list[Path], runs: dict[str, dict]) -> str:
    """What the measured chapters ran on, one line a machine."""
    found: dict[str, list[str]] = {}
    for path in paths:
        run = runs.get(path.name)
        if run and run["stamp"] == stamp_digest(read(path)):
            machine = plain(f"{run['machine']}, {run['threads']} thread(s)")
            where = f"{machine}, Python {run['python']}"
            found.setdefault(where, []).append(number(path.name) or path.stem)
    lines = [f"- {', '.join(chapters)}: {m}" for m, chapters in sorted(found.items())]
    return "\n".join(lines) + "\n"


def cards(folder: Path = FOLDER) -> list[dict]:
    found = []
    for path in sorted(folder.glob("*.json")):
        card = files.read_json(path, "restore it from git")
        weights = path.with_suffix(".safetensors")
        # In the repository: seed 0, where a chapter needs its weights. Others may lie
        # about where they were made.
        shipped = card["seed"] == 0 and weights.exists()
        card["kept"] = f"{weights.stat().st_size / 1e6:.1f} MB" if shipped else "card"
        found.append(card)
    return found


def card_row(card: dict) -> list[object]:
    return [
        f"{card['experiment']['name']}, seed {card['seed']}",
        shown(card["data"]["name"]),
        f"{card['parameters']:,}",
        plain(card["hardware"]),
        duration(card["seconds"]),
        f"`{card['commit']}`" if card.get("commit") else "unknown",
        card["kept"],
    ]


def pinned(path: Path = ROOT / "requirements.txt") -> list[list[object]]:
    """Rows of (what for, packages), by the comments of the list itself."""
    rows: list[list[object]] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        heading = re.match(r"# --- (.+?) -+$", line)
        if heading:
            rows.append([heading[1], []])
        elif line and not line.startswith("#"):
            rows[-1][1].append(line.replace("==", " "))
    return [[what, ", ".join(names)] for what, names in rows]


def captioned(name: str, caption: str, heads: str, rows: Iterable[list]) -> str:
    """A table with a name and a caption, as MyST has it; bars part `heads`."""
    table = markdown(heads.split("|"), rows)
    return f":::{{table}} {caption}\n:name: table-{name}\n{table}\n:::\n"


def page() -> str:
    """The whole page, as it should be now."""
    chapters, runs = toc_notebooks(), load()
    rows = [chapter_row(p, runs) for p in chapters]
    parts = [
        HEAD,
        "## Chapters\n",
        captioned(
            "chapters",
            "What each chapter was executed on, and its stamp.",
            "chapter|data|profile|time|cells|figures|notebook|stamp",
            rows,
        ),
        "Times are those of one run of all cells, the start of the kernel included.\n",
        machines(chapters, runs),
        "## Trained models\n",
        "Every card in `data/checkpoints` tells how a model was made; the weights of "
        "seed 0 are kept beside it where a chapter needs them. The commit is that of "
        "the code which finished the run; `-changed` says that the package had been "
        "edited since.\n",
        captioned(
            "models",
            "Every trained model: its data, its size, and what made it.",
            "model|data|parameters|trained on|time|commit|weights",
            map(card_row, cards()),
        ),
        "## Packages\n",
        "The versions that `make book` installs (`requirements.txt`).\n",
        captioned(
            "packages", "Packages, by what they are for.", "for|packages", pinned()
        ),
    ]
    return "\n".join(part for part in parts if part.strip())


def show(name: str, path: Path, text: Callable[[], str], arguments: list[str]) -> int:
    """Print what module `name` of this room makes, or with --write put it at `path`."""
    if arguments not in ([], ["--write"]):
        print(f"Expected: python -m tools.pages.{name} [--write]", file=sys.stderr)
        return 2
    made = text()
    if arguments:
        path.write_text(made, encoding="utf-8")
        print(f"{path.relative_to(ROOT)}: written")
    else:
        print(made, end="")
    return 0


def main(arguments: list[str]) -> int:
    return show("status", PAGE, page, arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
