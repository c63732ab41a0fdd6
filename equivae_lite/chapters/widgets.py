"""Chapter 16's figures, each a function of slider values, and the sliders themselves.

`…_figure(explorer, …)` draws what `equivae_lite.chapters.explorer` computes, and
`explore_…(explorer)` puts ipywidgets' sliders in front of it: those need a kernel.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import ModuleType
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from ..errors import EquivaeError
from . import explorer as ask
from .explorer import Explorer
from .figures import COLOURS, image_grid, show_image

if TYPE_CHECKING:
    from ipywidgets import interactive

LONGEST = 100  # images of a class whose r_y is followed


def sheet(pictures: Tensor, columns: int = 5) -> Tensor:
    """Pictures (N, C, H, W) side by side as one (C, rows·(H+1)-1, columns·(W+1)-1).

    White lines, a pixel wide, part them; places without a picture stay white.
    """
    n, c, h, w = pictures.shape
    rows = -(-n // columns)
    canvas = torch.ones(c, rows * (h + 1) - 1, columns * (w + 1) - 1)
    for i, picture in enumerate(pictures.cpu()):
        top, left = i // columns * (h + 1), i % columns * (w + 1)
        canvas[:, top : top + h, left : left + w] = picture
    return canvas


def _panels(explorer: Explorer, widths: Sequence[float], words: str) -> list[Axes]:
    """Axes side by side under a title that names the data."""
    fig, axes = plt.subplots(
        1, len(widths), figsize=(7, 2.3), width_ratios=widths, squeeze=False
    )
    kind = "stand-in " if explorer.test.stand_in else ""
    fig.suptitle(f"{words} ({kind}{explorer.test.name})", fontsize=10)
    return list(axes[0])


def _picture(ax: Axes, picture: Tensor, words: str) -> None:
    show_image(ax, picture)
    ax.set_title(words, fontsize=9)


def _bars(ax: Axes, values: Tensor, words: str, marked: int) -> None:
    """One bar a class, that of `marked` in the second colour."""
    colours = [COLOURS[0]] * len(values)
    colours[marked] = COLOURS[1]
    ax.bar(range(len(values)), values.tolist(), color=colours)
    ax.set_xticks(range(len(values)))
    ax.set_axisbelow(True)
    ax.set_title(words, fontsize=9)
    ax.tick_params(labelsize=8)


def style_figure(explorer: Explorer, y: int, values: Sequence[float]) -> Figure:
    """Class y large, and beside it all classes, decoded from one v."""
    ask.within("the class", y, 0, explorer.classes - 1)
    digits = ask.ten_digits(explorer, values)
    left, right = _panels(explorer, (1, 2.4), "one style, ten digits")
    _picture(left, digits[y], f"class {y}")
    _picture(right, sheet(digits), "the same v, every $r_y$")
    return left.figure


def interpolation_figure(
    explorer: Explorer, first: int, second: int, at_v: float, at_r: float
) -> Figure:
    """Two test images and the picture at a share of the way in v and in r."""
    picture = ask.between(explorer, first, second, at_v, at_r)
    axes = _panels(explorer, (1, 1, 1), f"{at_v:.0%} of the way in v, {at_r:.0%} in r")
    for ax, index in ((axes[0], first), (axes[2], second)):
        image = ask.test_image(explorer, index) / 255
        _picture(ax, image, f"test image {index}")
    _picture(axes[1], picture, "between them")
    return axes[1].figure


def encoding_figure(
    explorer: Explorer, index: int, right: int, down: int, turn: float
) -> Figure:
    """A distorted test image, how far its r lies from every r_y, and it redrawn."""
    image = ask.distort(ask.test_image(explorer, index), right, down, turn)
    found = ask.encode(explorer, image)
    axes = _panels(
        explorer, (1, 1.8, 2.2), f"read as {found.nearest}: its $r_y$ is the nearest"
    )
    _picture(axes[0], image / 255, f"test image {index}")
    _bars(axes[1], found.distances, "distance of r(x) from $r_y$", found.nearest)
    _picture(axes[2], sheet(found.redrawn), "its v with every $r_y$")
    return axes[0].figure


def settling_figure(explorer: Explorer, y: int, m: int, seed: int) -> Figure:
    """How far r_y from m images is from that of all, and what the two draw."""
    ask.within("m", m, 1, LONGEST)
    r = ask.settling(explorer, y, seed, LONGEST)
    distance = (r - explorer.r_y[y]).norm(dim=1)
    still = torch.zeros(explorer.model.arch.v_dim, device=r.device)
    axes = _panels(explorer, (2.2, 1, 1), f"class {y}, m = {m}, order {seed}")
    axes[0].plot(range(1, LONGEST + 1), distance.tolist())
    axes[0].plot(m, float(distance[m - 1]), "o", color=COLOURS[1])
    axes[0].set(xscale="log", ylim=(0, None), xlabel="m", ylabel="distance to $r_y$")
    _picture(axes[1], ask.decode(explorer, r[m - 1], still), f"from m = {m}, v = 0")
    _picture(axes[2], ask.decode(explorer, explorer.r_y[y], still), "from all, v = 0")
    return axes[0].figure


def samples_figure(explorer: Explorer, y: int, temperature: float, seed: int) -> Figure:
    """Twelve draws of v for class y, called samples only where they are."""
    pictures = ask.samples(explorer, y, temperature, seed)
    what = "samples" if temperature == 1 else f"temperature {temperature:g}, not p(v)"
    return image_grid(pictures.unflatten(0, (2, 6)), title=f"class {y}: {what}")


def bounds_figure(
    explorer: Explorer, index: int, right: int, down: int, turn: float
) -> Figure:
    """A distorted test image, L(x, y) of it for every class, and the best q(y|x)."""
    image = ask.distort(ask.test_image(explorer, index), right, down, turn)
    bounds = ask.class_bounds(explorer, image)
    q = ask.best_q(bounds)
    best = int(q.argmax())
    label = int(explorer.test.labels[index])
    axes = _panels(explorer, (1, 2, 2), f"labelled {label}, best class {best}")
    _picture(axes[0], image / 255, f"test image {index}")
    _bars(axes[1], bounds, "$\\mathcal{L}(x, y)$, nats", best)
    _bars(axes[2], q, "the best q(y|x)", best)
    axes[2].set_ylim(0, 1)
    return axes[0].figure


def _ipywidgets() -> ModuleType:
    try:
        import ipywidgets
    except ModuleNotFoundError as error:
        raise EquivaeError(
            "sliders need ipywidgets, which is not installed: run `pip install "
            "ipywidgets`, or call the functions of equivae_lite.chapters.explorer"
        ) from error
    return ipywidgets


def _integer(value: int, low: int, high: int, words: str) -> object:
    return _ipywidgets().IntSlider(
        value, low, high, description=words, continuous_update=False
    )


def _number(value: float, low: float, high: float, words: str, step: float) -> object:
    return _ipywidgets().FloatSlider(
        value, min=low, max=high, step=step, description=words, continuous_update=False
    )


def _interactive(
    explorer: Explorer, figure: Callable[..., Figure], **sliders: object
) -> interactive:
    """ipywidgets' `interactive`: its `result` is the figure that was drawn last."""

    def draw(**values: float) -> Figure:  # ipywidgets asks for a function with a name
        return figure(explorer, **values)

    widget = _ipywidgets().interactive(draw, **sliders)
    if widget.result is None:  # ipywidgets 7 draws only when it is shown
        widget.update()
    return widget


def _class_slider(explorer: Explorer) -> object:
    return _integer(3, 0, explorer.classes - 1, "class")


def _image_slider(explorer: Explorer, value: int, words: str = "image") -> object:
    return _integer(value, 0, len(explorer.test) - 1, words)


def _distortion_sliders() -> dict[str, object]:
    shift = ask.MOST_SHIFT
    return {
        "right": _integer(0, -shift, shift, "right"),
        "down": _integer(0, -shift, shift, "down"),
        "turn": _number(0.0, -ask.MOST_TURN, ask.MOST_TURN, "turn", step=5.0),
    }


def explore_styles(explorer: Explorer, units: int = 4) -> interactive:
    """A class, and the `units` most used units of v."""

    def figure(explorer: Explorer, y: int, **values: float) -> Figure:
        return style_figure(explorer, y, list(values.values()))

    sliders = {
        f"v_{unit}": _number(0.0, -ask.MOST_V, ask.MOST_V, f"v_{unit}", step=0.1)
        for unit in explorer.units[:units]
    }
    return _interactive(explorer, figure, y=_class_slider(explorer), **sliders)


def explore_interpolation(explorer: Explorer, first: int, second: int) -> interactive:
    """Two test images, and the way in v and in r from one to the other."""
    return _interactive(
        explorer,
        interpolation_figure,
        first=_image_slider(explorer, first, "from image"),
        second=_image_slider(explorer, second, "to image"),
        at_v=_number(0.5, 0.0, 1.0, "way in v", step=0.05),
        at_r=_number(0.5, 0.0, 1.0, "way in r", step=0.05),
    )


def explore_encoding(explorer: Explorer, index: int) -> interactive:
    """A test image, shifted and turned, as the encoders see it."""
    return _interactive(
        explorer,
        encoding_figure,
        index=_image_slider(explorer, index),
        **_distortion_sliders(),
    )


def explore_settling(explorer: Explorer) -> interactive:
    """A class, m, and the order in which its images come."""
    return _interactive(
        explorer,
        settling_figure,
        y=_class_slider(explorer),
        m=_integer(1, 1, LONGEST, "m"),
        seed=_integer(0, 0, 9, "order"),
    )


def explore_samples(explorer: Explorer) -> interactive:
    """A class and the temperature of the draw."""
    return _interactive(
        explorer,
        samples_figure,
        y=_class_slider(explorer),
        temperature=_number(1.0, 0.0, ask.MOST_TEMPERATURE, "temperature", step=0.25),
        seed=_integer(0, 0, 9, "draw"),
    )


def explore_bounds(explorer: Explorer, index: int) -> interactive:
    """A test image, shifted and turned, scored as every class."""
    return _interactive(
        explorer,
        bounds_figure,
        index=_image_slider(explorer, index),
        **_distortion_sliders(),
    )
