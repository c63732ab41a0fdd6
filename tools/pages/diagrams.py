"""Drawings of the networks, for `tools.pages.draw`.

Every size is read from the modules through `chapters.anatomy`, none is typed
here. Bold letters are for the experiment on MNIST, faint ones for that on SVHN.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from matplotlib.patches import FancyBboxPatch

from equivae_lite.chapters.anatomy import Layer, layers
from equivae_lite.model.equivae import EquiVAE
from equivae_lite.training import experiments
from tools.pages.canvas import BAR, WIDTH, Canvas, Drawing, Theme, bar_width


@dataclass(frozen=True)
class Side:
    """A vector that is about to be joined to another one."""

    kind: str
    units: int
    end: tuple[float, float]
    dashed: bool = False


@dataclass(frozen=True)
class Parts:
    """The networks of two experiments, layer by layer: {part: [(MNIST, SVHN)]}.

    `latents` are the widths of r_y and v, `reshaped` is what the decoder's dense
    layer turns into (both MNIST's), `paddings` those of its last convolution.
    """

    layers: dict[str, list[tuple[Layer, Layer]]]
    image: tuple[Layer, Layer]
    latents: tuple[int, int]
    reshaped: tuple[int, ...]
    paddings: tuple[int, int]

    def pick(self, part: str, prefix: str) -> list[tuple[Layer, Layer]]:
        return [p for p in self.layers[part] if p[0].name.startswith(prefix)]


def read(kind: str) -> Parts:
    """The layers of `mnist-kind` beside those of `svhn-kind`."""
    models, both, images = [], [], []
    for name in (f"mnist-{kind}", f"svhn-{kind}"):
        model = EquiVAE(arch := experiments.get(name).arch)
        x = torch.zeros(1, arch.colours, arch.size, arch.size)
        r, v = torch.zeros(1, arch.r_dim), torch.zeros(1, arch.v_dim)
        inputs = {
            "encoder": (x[:, None],),
            "posterior": (r, x),
            "decoder": (r, v),
            "label_posterior": (x, torch.zeros(1, arch.hidden[0])),
        }
        both.append({
            part: layers(getattr(model, part), *given)
            for part, given in inputs.items() if hasattr(model, part)
        })  # fmt: skip
        images.append(Layer("x", "image", tuple(x.shape[1:]), 0, 1, 0))
        models.append(model)
    arch, stacks = models[0].arch, [m.decoder.convolutions for m in models]
    return Parts(
        {part: list(zip(found, both[1][part])) for part, found in both[0].items()},
        (images[0], images[1]),
        (arch.r_dim, arch.v_dim),
        tuple(stacks[0][0].unflattened_size),
        (stacks[0][-1].padding[0], stacks[1][-1].padding[0]),
    )


def _footer(
    c: Canvas,
    y: float,
    lines: Sequence[str] = (
        "bold: MNIST, faint: SVHN where it differs",
        "ReLU after every layer that is not marked linear",
    ),
) -> None:
    for line in lines:
        c.text(WIDTH / 2, y + 12, line, faint=True, size=8, ha="center")
        y += 12
    c.close(y + 10)


def _embedding(
    c: Canvas, kind: str, parts: Parts, part: str, x: float, words_at: float,
    name: str,
) -> float:  # fmt: skip
    """The image, the five convolutions and the dense layer after them."""
    image, other = parts.image
    bottom = c.slab(kind, x, 40, image.output)
    c.text(words_at, 49, name, size=9)
    c.sizes(words_at, 61, image, other)
    prefix = "f" if part == "encoder" else "embed"
    return c.column(kind, x, bottom, parts.pick(part, prefix), words_at)


def _meet(c: Canvas, sides: Sequence[Side], x: float, y: float) -> float:
    """Join vectors of two columns into one, centred at x; returns its bottom."""
    left = x - sum(bar_width(side.units) for side in sides) / 2
    for side in sides:
        middle = left + bar_width(side.units) / 2
        c.arrow(side.end, (middle, y), side.dashed)
        c.bar(side.kind, middle, y, side.units)
        left += bar_width(side.units)
    c.text(left + 5, y + BAR / 2, str(sum(s.units for s in sides)), weight="bold")
    return y + BAR


def invariant_encoder(theme: Theme) -> Canvas:
    """f, the mean over m, and g."""
    parts, c = read("supervised"), Canvas(theme)
    shade, _, edge = theme.boxes["r"]
    words = "$x_i$, complementary"
    y = _embedding(c, "r", parts, "encoder", 88, 148, words)
    c.text(148, y + 7, "$f(x_i)$", size=9)
    for k in (2, 1, 0):  # m plates, one behind the other
        c.axes.add_patch(FancyBboxPatch(
            (22 + 4 * k, 34 - 4 * k), 252, y - 12, fc=shade, ec=edge, lw=0.6,
            boxstyle="round,pad=0,rounding_size=5", zorder=0.5,
        ))  # fmt: skip
    c.text(268, y + 13, "$m$ times", ha="right", color=edge)
    c.arrow((88, y), (88, y + 33))
    y = c.node(88, y + 41.5, "mean over $m$", 72)
    pairs = parts.pick("encoder", "g")
    y = c.column("r", 88, y, pairs, 148, {pairs[-1][0].name: ", linear"})
    c.text(88, y + 11, "$r_y$", ha="center", size=11)
    c.box("r", (6, 6, 294, y + 24), "invariant encoder: equation (2)")
    _footer(c, y + 24)
    return c


def equivariant_posterior(theme: Theme) -> Canvas:
    """Two inputs, one concatenation, two heads."""
    parts, c = read("supervised"), Canvas(theme)
    y = _embedding(c, "q", parts, "posterior", 66, 122, "$x$")
    (door,) = parts.pick("posterior", "dense_r")
    c.text(250, y - 50, "$r_y$", size=11, ha="center")
    top = c.bar("r", 250, y - 42, parts.latents[0])
    c.text(264, y - 37.5, str(parts.latents[0]), weight="bold")
    low = c.column("r", 250, top, [door])
    embed = parts.pick("posterior", "embed")[-1][0].output[0]
    sides = [Side("q", embed, (66, y)), Side("r", door[0].output[0], (250, low))]
    y = _meet(c, sides, 138, max(y, low) + 22)
    for x, name, words in ((76, "mu", r"$\mu$"), (200, "log_var", r"$\log\sigma^2$")):
        c.arrow((138, y), (x, y + 20), head=False)
        end = c.column("q", x, y + 20, parts.pick("posterior", name))
        c.text(x, end + 11, f"{words}, linear", ha="center", size=9)
    y = c.node(138, end + 34, r"$v = \mu + \sigma\,\varepsilon$", 88)
    c.arrow((76, end + 18), (104, end + 28))
    c.arrow((200, end + 18), (172, end + 28))
    c.box("q", (6, 6, 294, y + 12), "equivariant posterior: equation (3)")
    _footer(c, y + 12)
    return c


def generative_network(theme: Theme) -> Canvas:
    """Two doors, one dense layer, four transposed convolutions and one ordinary."""
    parts, c = read("supervised"), Canvas(theme)
    sides = []
    for x, kind, name, n in ((90, "r", "r", 0), (210, "q", "v", 1)):
        c.text(x, 30, f"${name}_y$" if n == 0 else "$v$", size=11, ha="center")
        y = c.bar(kind, x, 40, parts.latents[n])
        c.text(x + 14, 44.5, str(parts.latents[n]), weight="bold")
        (door,) = parts.pick("decoder", f"dense_{name}")
        y = c.column(kind, x, y, [door])
        sides.append(Side(kind, door[0].output[0], (x, y)))
    y = _meet(c, sides, 150, y + 22)
    dense = [p for p in parts.pick("decoder", "dense") if p[0].name == "dense"]
    y = c.column("p", 150, y, dense)
    shape = parts.reshaped
    c.arrow((150, y), (80, y + 30))
    c.text(140, y + 22, "reshape", faint=True, size=8)
    c.text(140, y + 34, " × ".join(map(str, shape)), weight="bold")
    y = c.slab("p", 80, y + 30, shape)
    last = parts.pick("decoder", "convolutions")
    y = c.column("p", 80, y, last, 140, {last[-1][0].name: ", linear"})
    if parts.paddings[0] != parts.paddings[1]:
        words = "padding {}, SVHN {}".format(*parts.paddings)
        c.text(140, y - 9, words, faint=True, size=8)
    c.text(80, y + 12, "$x$: logits, or means", ha="center", size=9)
    c.box("p", (6, 6, 294, y + 24), r"generative network: $p_\theta(x|r_y, v)$")
    _footer(c, y + 24)
    return c


def label_posterior(theme: Theme) -> Canvas:
    """The image and a look at f that sends no gradient back."""
    parts, c = read("semi-supervised"), Canvas(theme)
    y = _embedding(c, "y", parts, "label_posterior", 70, 122, "$x$")
    embed, other = parts.pick("label_posterior", "embed")[-1]
    c.text(244, y - 44, "$f(x)$", size=9, ha="center")
    low = c.bar("r", 244, y - 34, embed.output[0])
    c.sizes(232, y - 18, embed, other)
    c.text(232, y + 14, "stop gradient", faint=True, size=8, ha="center")
    n = embed.output[0]
    sides = [Side("y", n, (70, y)), Side("r", n, (226, low + 16), dashed=True)]
    y = _meet(c, sides, 130, y + 24)
    rows = parts.pick("label_posterior", "dense")
    notes = {p[0].name: ", dropout" for p in rows} | {rows[-1][0].name: ", linear"}
    y = c.column("y", 130, y, rows, 182, notes)
    c.text(130, y + 12, "logits of the classes", ha="center", size=9)
    c.box("y", (6, 6, 294, y + 24), "label posterior: $q(y|x)$ of equation (6)")
    _footer(c, y + 24)
    return c


def _count(pairs: Sequence[tuple[Layer, Layer]]) -> list[str]:
    """What a block of layers holds, in words: "5 convolutions", "dense 128"."""
    lines = []
    for word in ("transposed convolution", "convolution"):
        n = sum(p[0].kind.startswith(word) for p in pairs)
        if n:
            lines.append(f"{n} {word}{'s' if n > 1 else ''}")
    widths = [str(p[0].output[0]) for p in pairs if p[0].kind == "dense"]
    return lines + (["dense " + ", ".join(widths)] if widths else [])


def whole_model(theme: Theme) -> Canvas:
    """Two shaded boxes, one for each representation, and the network they feed."""
    parts, c = read("supervised"), Canvas(theme)
    take = parts.pick
    dense = [p for p in take("decoder", "dense") if p[0].name == "dense"]
    c.box("r", (6, 6, 294, 96), "invariant: $r_y$, from others of the class")
    for k in (2, 1, 0):
        c.slab("r", 42 + 4 * k, 38 - 4 * k, parts.image[0].output)
    c.text(52, 86, "$m$ images, not $x_n$", size=8, ha="center")
    c.arrow((68, 58), (80, 58))
    c.block("r", 118, 58, 74, ["$f$", *_count(take("encoder", "f"))])
    c.arrow((155, 58), (166, 58))
    c.node(183, 58, "mean", 34)
    c.arrow((200, 58), (211, 58))
    c.block("r", 247, 58, 70, ["$g$", *_count(take("encoder", "g"))])
    c.text(242, 104, "$r_y$", size=11, ha="right")
    c.box("q", (6, 112, 294, 232), "equivariant: $v$, from $x_n$ and $r_y$")
    c.slab("q", 42, 146, parts.image[0].output)
    c.text(42, 194, "$x_n$", size=9, ha="center")
    c.arrow((63, 166), (80, 166))
    c.block("q", 118, 166, 74, _count(take("posterior", "embed")))
    c.arrow((247, 75), (247, 128))
    c.block("r", 247, 136, 60, _count(take("posterior", "dense_r")), 16)
    c.arrow((155, 166), (230, 166))
    c.arrow((247, 144), (247, 157))
    c.node(247, 166, "join", 34)
    c.arrow((247, 174), (247, 191))
    mu, log_var = (_count(take("posterior", n))[0] for n in ("mu", "log_var"))
    heads = [rf"$\mu$: {mu}", rf"$\log\sigma^2$: {log_var}"]
    c.block("q", 228, 207, 104, heads, 32)
    c.arrow((176, 207), (161, 207))
    c.node(118, 207, r"$v = \mu + \sigma\,\varepsilon$", 84)
    c.box("p", (6, 248, 294, 356), "")
    c.text(13, 258, "generative", color=theme.boxes["p"][2], weight="bold")
    c.arrow((118, 216), (118, 268))
    c.text(123, 240, "$v$", size=11)
    c.arrow((247, 104), (288, 104), head=False)
    c.arrow((288, 104), (288, 276), head=False)
    c.arrow((288, 276), (267, 276))
    c.block("q", 118, 276, 60, _count(take("decoder", "dense_v")), 16)
    c.block("r", 237, 276, 60, _count(take("decoder", "dense_r")), 16)
    c.block("p", 177.5, 276, 44, [f"dense {dense[0][0].output[0]}"], 16)
    c.arrow((148, 276), (155, 276))
    c.arrow((207, 276), (200, 276))
    c.arrow((177.5, 284), (177.5, 304))
    c.block("p", 177.5, 319, 112, _count(take("decoder", "convolutions")), 29)
    c.arrow((121, 319), (66, 319))
    c.slab("p", 42, 299, parts.image[0].output)
    c.text(42, 346, r"$p_\theta(x_n|r_y, v)$", size=9, ha="center")
    _footer(c, 356, ["widths for MNIST; every network has its own convolutions"])
    return c


DRAWINGS: dict[str, Drawing] = {
    "invariant-encoder": invariant_encoder,
    "equivariant-posterior": equivariant_posterior,
    "generative-network": generative_network,
    "label-posterior": label_posterior,
    "model": whole_model,
}
