"""Which stored pictures a new run leaves as they are."""

import base64
import io

import numpy as np
import pytest
from nbformat.v4 import new_notebook, new_output
from PIL import Image

from tests.support.notebooks import code
from tools.notebooks.pictures import LEVELS, PNG, keep_pictures

STORED = np.full((6, 5, 3), 100, dtype=np.uint8)


def png(pixels: np.ndarray) -> str:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "png")
    return base64.b64encode(file.getvalue()).decode()


def notebook(picture: str, name: str = "figure"):
    line, drawn = (
        new_output("stream", text="1\n"),
        new_output("display_data", {PNG: picture}),
    )
    return new_notebook(cells=[code("draw()", id=name, outputs=[line, drawn])])


def shifted(levels: int) -> np.ndarray:
    pixels = STORED.copy()
    pixels[2, 3, 1] += levels
    return pixels


@pytest.mark.parametrize(
    ("drawn", "kept"),
    [
        (png(shifted(LEVELS)), True),
        (png(shifted(LEVELS + 1)), False),
        (png(STORED[:5]), False),  # another size
        (base64.b64encode(b"no picture").decode(), False),
    ],
)
def test_a_picture_is_kept_unless_the_eye_could_tell(drawn, kept):
    before, after = notebook(png(STORED)), notebook(drawn)
    keep_pictures(before, after)
    assert after.cells[0].outputs[1].data[PNG] == (png(STORED) if kept else drawn)


def test_a_damaged_or_another_cells_picture_is_not_kept():
    drawn = png(shifted(1))
    for before in (notebook("AAAA"), notebook(png(STORED), "another")):
        after = notebook(drawn)
        keep_pictures(before, after)
        assert after.cells[0].outputs[1].data[PNG] == drawn
