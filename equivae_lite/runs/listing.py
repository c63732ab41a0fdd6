"""`list`: the data sets that are here, and the experiments with weights."""

from __future__ import annotations

from ..data import sources
from ..training import checkpoints, experiments
from . import own
from .folders import SHELF, Folder


def show(mine: Folder) -> None:
    """Print them; `mine` is the reader's folder."""
    for name in sources.EVERY:
        here = "here" if sources.available(name) else "absent"
        if name in sources.DRAWN:
            here = "drawn" if name in ("letters", "characters") else "stand-in"
        print(f"data        {name:32s} {here}")
    yours = {name: own.named(name, mine) for name in own.names(mine)}
    for name, e in (experiments.PRESETS | yours).items():
        words = []
        for folder, what in ((SHELF, "shipped"), (mine, "yours")):
            if seeds := checkpoints.shipped_seeds(name, folder.checkpoints):
                words.append(f"{what} seeds {seeds}")
        print(f"experiment  {name:32s} {e.data}, {', '.join(words) or 'no weights'}")
