"""The printed digits that both stand-ins are drawn from, as distance fields.

The outline of every (face, digit) is turned once into a signed distance field. An
image is that field seen through a map of the plane: to thicken the strokes is to
add a constant to the distance, and a ramp one pixel wide makes smooth edges. The
faces are those that matplotlib brings along.
"""

from __future__ import annotations

import itertools
from functools import lru_cache
from pathlib import Path

import matplotlib
import matplotlib.style
import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import PathPatch
from matplotlib.textpath import TextPath
from matplotlib.transforms import Affine2D, IdentityTransform
from scipy.ndimage import distance_transform_edt
from torch import Tensor
from torch.nn import functional as F

# Looked at one by one. Left out: faces without digits of their own (they show a
# placeholder or a symbol instead) and cmmi10, whose digits are old-style.
FACES = tuple(
    """
    DejaVuSans DejaVuSans-Bold DejaVuSans-Oblique DejaVuSans-BoldOblique
    DejaVuSansMono DejaVuSansMono-Bold DejaVuSansMono-Oblique
    DejaVuSansMono-BoldOblique DejaVuSerif DejaVuSerif-Bold DejaVuSerif-Italic
    DejaVuSerif-BoldItalic STIXGeneral STIXGeneralBol STIXGeneralItalic
    STIXGeneralBolIta cmb10 cmr10 cmss10 cmti10 cmtt10
    """.split()
)
HEIGHT = 16  # pixels: every digit at scale 1
TILE = 26  # pixels: side of a distance field, with room around the digit
FINE = 8  # outlines are filled at this many points a pixel,
COARSE = 4  # and their distance fields kept at this many


@lru_cache(maxsize=1)
def outlines() -> tuple[Tensor, Tensor]:
    """Distance fields (210, 104, 104) and widths (210,), both in pixels.

    Row 10 face + digit. Positive distances lie inside the outline.
    """
    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    middle = TILE * FINE / 2
    fields, widths = [], []
    # Whatever style the caller has set must not change the digits.
    with matplotlib.style.context("default"):
        figure = Figure(figsize=(TILE, TILE), dpi=FINE)
        canvas = FigureCanvasAgg(figure)
        for face, digit in itertools.product(FACES, "0123456789"):
            font = FontProperties(fname=folder / f"{face}.ttf")
            path = TextPath((0, 0), digit, size=100, prop=font)
            box = path.get_extents()
            pixels = HEIGHT / box.height
            x, y = (box.min + box.max) / 2
            place = Affine2D().translate(-x, -y).scale(pixels * FINE)
            outline = place.translate(middle, middle).transform_path(path)
            figure.clear()
            figure.add_artist(
                PathPatch(outline, color="black", lw=0, transform=IdentityTransform())
            )
            canvas.draw()
            inside = np.asarray(canvas.buffer_rgba())[..., 0] < 128
            # Both distances run to a pixel's centre, half a step past the outline.
            inwards = distance_transform_edt(inside) - 0.5
            outwards = distance_transform_edt(~inside) - 0.5
            field = np.where(inside, inwards, -outwards) / FINE
            fields.append(torch.from_numpy(field))
            widths.append(box.width * pixels)
    fine = torch.stack(fields)
    coarse = F.avg_pool2d(fine[:, None], FINE // COARSE)[:, 0]
    return coarse, torch.tensor(widths, dtype=torch.float64)
