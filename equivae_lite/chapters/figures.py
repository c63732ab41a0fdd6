"""Figures in one style: opaque white, readable small, safe for colour-blind readers."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

# Okabe and Ito's palette, black last.
COLOURS = (
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000",
)  # fmt: skip


_note = ""


def use_style(note: str = "") -> None:
    """The book's matplotlib settings; `note` is written above every grid of images.

    Sessions on a stand-in give one, so that no such picture passes for real data.
    """
    global _note
    _note = note
    show_in_notebooks()
    plt.rcParams.update(
        {
            "figure.dpi": 110,
            "figure.facecolor": "white",
            "savefig.facecolor": "white",
            "figure.constrained_layout.use": True,
            "axes.prop_cycle": plt.cycler(color=COLOURS),
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "grid.alpha": 0.25,
            "font.size": 10,
            "image.cmap": "gray",
            "legend.frameon": False,
        }
    )


def show_in_notebooks() -> None:
    """Let a kernel draw into its page, also where MPLBACKEND=agg says "nowhere"."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if hasattr(shell, "kernel") and plt.get_backend().lower() == "agg":
        shell.run_line_magic("matplotlib", "inline")
        print("MPLBACKEND is agg, which shows no figure: changed to inline")


def show_image(ax: Axes, image: Tensor) -> None:
    """Draw one image (C, H, W) with values in [0, 1] on `ax`, without axes."""
    image = image.detach().float().cpu().clamp(0, 1).numpy()
    if image.shape[0] == 1:
        ax.imshow(image[0], cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    else:
        ax.imshow(image.transpose(1, 2, 0), interpolation="nearest")
    ax.set_xticks([])
    ax.set_yticks([])
    ax.grid(False)
    for spine in ax.spines.values():
        spine.set_visible(False)


def image_grid(
    images: Tensor,
    row_labels: Sequence[str] | None = None,
    column_labels: Sequence[str] | None = None,
    cell: float = 0.62,
    title: str | None = None,
) -> Figure:
    """Images (rows, columns, C, H, W) with values in [0, 1] as one labelled grid.

    The grid is one tight picture with labels around it, so it stays sharp and
    small on a phone.
    """
    rows, columns, _, h, w = images.shape
    pad = 1
    canvas = torch.ones(
        images.shape[2], rows * (h + pad) - pad, columns * (w + pad) - pad
    )
    for i in range(rows):
        for j in range(columns):
            top, left = i * (h + pad), j * (w + pad)
            canvas[:, top : top + h, left : left + w] = images[i, j].detach().cpu()
    extra = 1.0 if row_labels else 0.1
    size = (columns * cell + extra, rows * cell + (0.45 if column_labels else 0.1))
    fig, ax = plt.subplots(figsize=size)
    show_image(ax, canvas)
    if row_labels:
        ax.set_yticks([i * (h + pad) + h / 2 for i in range(rows)], row_labels)
    if column_labels:
        ax.set_xticks([j * (w + pad) + w / 2 for j in range(columns)], column_labels)
        ax.xaxis.tick_top()
    ax.tick_params(length=0)
    if title or _note:
        ax.set_title(" ".join(filter(None, (title, _note))), fontsize=9)
    return fig
