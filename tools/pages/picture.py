"""Draw the book's picture from the shipped MNIST model: python -m tools.pages.picture.

One style, ten digits: each row is one draw of v from the prior, decoded with the
class representations of all ten digits. Needs no data.
"""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("agg")
import matplotlib.pyplot as plt
import torch

from equivae_lite.chapters.figures import image_grid, use_style
from equivae_lite.training import checkpoints
from tools.notebooks.book import BOOK

PICTURE = BOOK / "_static" / "ten-digits.png"
LABELS = 20  # points: on a phone a point is half a pixel


def draw(target: Path = PICTURE, name: str = "mnist-supervised", seed: int = 0) -> Path:
    """Write the picture and return its path."""
    use_style()
    model, _, _ = checkpoints.load(name)
    g = torch.Generator().manual_seed(seed)
    v = torch.randn(6, model.arch.v_dim, generator=g)
    with torch.no_grad():
        images = model.mean_image(model.class_r[None], v[:, None])
    fig = image_grid(
        images,
        row_labels=[f"v{chr(0x2080 + i)}" for i in range(1, 7)],
        column_labels=[f"r{chr(0x2080 + i)}" for i in range(10)],
        cell=0.7,
    )
    fig.axes[0].tick_params(labelsize=LABELS)
    # No software name in the file: the same picture is the same bytes.
    fig.savefig(target, dpi=120, metadata={"Software": None})
    plt.close(fig)
    return target


if __name__ == "__main__":
    print("wrote", draw())
