"""How long chapters took when their stored outputs were made, and on what.

The executor notes it here and not in the notebooks: those stay the same, byte for
byte, when they are executed again. A note counts only for the stamp that it was made
for, and one that counts is not replaced by another run of the same.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
from pathlib import Path

from nbformat import NotebookNode

from tools.notebooks.book import ROOT, toc_notebooks

RUNS = ROOT / "data" / "results" / "chapter-runs.json"


def stamp_digest(notebook: NotebookNode) -> str:
    """Twelve digits that change with anything that a chapter's stamp is made of."""
    stamp = notebook.metadata.get("equivae", {}).get("stamp", {})
    text = json.dumps(stamp, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def machine() -> str:
    """The processor and, where there is one, the graphics card of this machine."""
    import torch

    names = [platform.machine()]
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                names = [line.partition(":")[2].strip()]
                break
    if torch.cuda.is_available():
        names.append(torch.cuda.get_device_name())
    return ", ".join(names)


def load(path: Path = RUNS) -> dict[str, dict]:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def note(chapter: Path, notebook: NotebookNode, seconds: float, path: Path = RUNS):
    """Note a run of a chapter of the book, unless one for the same stamp is noted."""
    if chapter.resolve() not in toc_notebooks():
        return
    runs, digest = load(path), stamp_digest(notebook)
    if runs.get(chapter.name, {}).get("stamp") == digest:
        return
    runs[chapter.name] = {
        "stamp": digest,
        "seconds": round(seconds),
        "machine": machine(),
        "threads": int(os.environ.get("OMP_NUM_THREADS", "1")),
        "python": platform.python_version(),
    }
    text = json.dumps(dict(sorted(runs.items())), indent=2) + "\n"
    path.write_text(text, encoding="utf-8")
