"""Draw the picture that stands for the book where its address is shared.

    python -m tools.pages.social

Digits of the shipped MNIST model, one handwriting a row, 1200 x 630 pixels.
"""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("agg")
import matplotlib.pyplot as plt
import torch

from equivae_lite.training import checkpoints
from tools.notebooks.book import BOOK

PICTURE = BOOK / "_static" / "social.png"
SIZE = (1200, 630)  # pixels
ROWS = 4


def digits(seed: int = 0) -> torch.Tensor:
    """One sheet of ROWS x 10 digits in [0, 1], a row for each draw of v."""
    model, _, _ = checkpoints.load("mnist-supervised")
    g = torch.Generator().manual_seed(seed)
    v = torch.randn(ROWS, model.arch.v_dim, generator=g)
    with torch.no_grad():
        images = model.mean_image(model.class_r[None], v[:, None])
    return images[:, :, 0].permute(0, 2, 1, 3).reshape(ROWS * 28, 10 * 28)


def draw(target: Path = PICTURE) -> Path:
    """Write the picture and return its path."""
    figure = plt.figure(figsize=(SIZE[0] / 100, SIZE[1] / 100), dpi=100)
    figure.patch.set_facecolor("black")
    axes = figure.add_axes((0.04, 0.05, 0.92, 0.92 * 0.4 * SIZE[0] / SIZE[1]))
    axes.imshow(digits(), cmap="gray", vmin=0, vmax=1, interpolation="bicubic")
    axes.set_axis_off()
    figure.text(0.06, 0.86, "What stays, and what changes", color="white", fontsize=34)
    figure.text(
        0.06, 0.785, "equivae-lite: EquiVAE as an executable book",
        color="0.75", fontsize=20,
    )  # fmt: skip
    # No software name in the file: the same picture is the same bytes.
    figure.savefig(target, dpi=100, facecolor="black", metadata={"Software": None})
    plt.close(figure)
    return target


if __name__ == "__main__":
    print("wrote", draw())
