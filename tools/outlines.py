"""Writes the outlines of digits and letters that the stand-ins are drawn from.

    python -m tools.outlines --write

`equivae_lite/data/stand_ins/outlines.npz` holds numbers, no font: where each row of
a fine grid crosses the outline of a character. They are read off the faces that
Matplotlib carries (NOTICES.txt has their licences), once and with the pinned version:
another version draws an outline a little differently, and then nothing that was
trained on the stand-ins would fit them any more. Without --write: compares.
"""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

import matplotlib
import matplotlib.style
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import PathPatch
from matplotlib.textpath import TextPath
from matplotlib.transforms import Affine2D, IdentityTransform

from equivae_lite.data.stand_ins.faces import (
    CHARACTERS,
    FACES,
    FILE,
    FINE,
    HEIGHT,
    TILE,
    WIDEST,
)

FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"


def drawn() -> dict[str, np.ndarray]:
    """The arrays of the file, as `faces.outlines` reads them."""
    middle = TILE * FINE / 2
    crossings, counts, widths = [], [], []
    # Whatever style the caller has set must not change the characters.
    with matplotlib.style.context("default"):
        figure = Figure(figsize=(TILE, TILE), dpi=FINE)
        canvas = FigureCanvasAgg(figure)
        for face, character in itertools.product(FACES, CHARACTERS):
            font = FontProperties(fname=FONTS / f"{face}.ttf")
            path = TextPath((0, 0), character, size=100, prop=font)
            box = path.get_extents()
            pixels = min(HEIGHT / box.height, WIDEST / box.width)
            x, y = (box.min + box.max) / 2
            place = Affine2D().translate(-x, -y).scale(pixels * FINE)
            outline = place.translate(middle, middle).transform_path(path)
            figure.clear()
            figure.add_artist(
                PathPatch(outline, color="black", lw=0, transform=IdentityTransform())
            )
            canvas.draw()
            inside = np.asarray(canvas.buffer_rgba())[..., 0] < 128
            rows, columns = np.nonzero(np.diff(inside, axis=1, prepend=False))
            crossings.append(columns)
            counts.append(np.bincount(rows, minlength=len(inside)))
            widths.append(box.width * pixels)
    return {
        "crossings": np.concatenate(crossings).astype(np.uint8),
        "counts": np.stack(counts).astype(np.uint8),
        "widths": np.array(widths, dtype=np.float64),
    }


def main() -> None:
    """Write or compare the file; exit status 1 where it differs."""
    arrays = drawn()
    if sys.argv[1:] == ["--write"]:
        np.savez_compressed(FILE, **arrays)
        print(f"{FILE.name}: {len(arrays['widths'])} outlines, {FILE.stat().st_size} B")
        return
    with np.load(FILE) as kept:
        other = [k for k in arrays if not np.array_equal(arrays[k], kept[k])]
    if other:
        sys.exit(f"Matplotlib {matplotlib.__version__} draws other {', '.join(other)}.")
    print(f"{FILE.name}: what Matplotlib {matplotlib.__version__} draws.")


if __name__ == "__main__":
    main()
