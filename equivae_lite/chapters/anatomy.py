"""What a network is made of, read from the module: shapes, weights, arithmetic.

Nothing is typed by hand: forward hooks see every layer at work on real inputs.
One multiply-add is one product added to a sum. Padding counts as if it were
image, which is how the fast routines work; biases and ReLUs are not counted.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from ..model.equivae import EquiVAE
from ..runs.tables import markdown
from ..training import experiments

PAPER = (
    "mnist-supervised",
    "mnist-semi-supervised",
    "svhn-supervised",
    "svhn-semi-supervised",
)
PARTS = {
    "f and g": "encoder",
    "q_cov": "posterior",
    "p(x|r,v)": "decoder",
    "q_y-post": "label_posterior",
}
Known = nn.Conv2d | nn.ConvTranspose2d | nn.Linear


@dataclass(frozen=True)
class Layer:
    """One layer with weights, as it worked on the inputs that were given.

    `output` is the shape of one output, without leading axes: (C, H, W) or (F,).
    `times` says how many of them were made, `multiply_adds` counts all of these.
    A parameter that belongs to no layer has kind "number" and no arithmetic.
    """

    name: str
    kind: str
    output: tuple[int, ...]
    parameters: int
    times: int
    multiply_adds: int


def _kind(layer: Known) -> str:
    if isinstance(layer, nn.Linear):
        return "dense"
    name = "convolution"
    if isinstance(layer, nn.ConvTranspose2d):
        name = "transposed convolution"
    height, width = layer.kernel_size
    return f"{name} {height}×{width}, stride {layer.stride[0]}"


def _multiply_adds(layer: Known, x: Tensor, out: Tensor) -> int:
    if isinstance(layer, nn.Linear):
        return out.numel() * layer.in_features
    taps = math.prod(layer.kernel_size)
    if isinstance(layer, nn.ConvTranspose2d):  # every input pixel is spread out
        return x.numel() * taps * layer.out_channels // layer.groups
    return out.numel() * taps * layer.in_channels // layer.groups


def layers(module: nn.Module, *inputs: Tensor | None) -> list[Layer]:
    """The layers of `module` in the order in which `module(*inputs)` runs them.

    `inputs` have their leading axes, such as a batch. The module is run without
    dropout and without gradients, and is left as it was.

    Raises ValueError if a part with parameters is of an unknown kind, or is not
    reached by these inputs: the totals would not be those of the module.
    """
    names: dict[nn.Module, str] = {}
    for name, part in module.named_modules():
        if isinstance(part, Known):
            names[part] = name
        elif type(part).__module__.startswith("torch.nn") and any(
            p is not None for p in part._parameters.values()
        ):
            raise ValueError(
                f"{name} is a {type(part).__name__}: anatomy knows convolutions, "
                "transposed convolutions and dense layers"
            )
    found: dict[str, Layer] = {}

    def note(name: str, layer: Known, args: tuple[Tensor], out: Tensor) -> None:
        one = tuple(out.shape[-1:] if isinstance(layer, nn.Linear) else out.shape[-3:])
        times, work = out.numel() // math.prod(one), _multiply_adds(layer, args[0], out)
        if name in found:  # run more than once: add up
            times += found[name].times
            work += found[name].multiply_adds
        weights = sum(p.numel() for p in layer.parameters())
        found[name] = Layer(name, _kind(layer), one, weights, times, work)

    modes = {part: part.training for part in module.modules()}
    hooks = [
        part.register_forward_hook(partial(note, name)) for part, name in names.items()
    ]
    try:
        module.eval()
        with torch.no_grad():
            module(*inputs)
    finally:
        for hook in hooks:
            hook.remove()
        for part, training in modes.items():
            part.training = training
    if missed := [name for name in names.values() if name not in found]:
        raise ValueError(
            f"these inputs do not reach {', '.join(missed)}: pass what forward takes"
        )
    for name, p in module.named_parameters():
        if name.rpartition(".")[0] not in found and not _is_own(names, name):
            found[name] = Layer(name, "number", tuple(p.shape), p.numel(), 1, 0)
    return list(found.values())


def _is_own(names: dict[nn.Module, str], parameter: str) -> bool:
    """Whether a parameter belongs to the module itself, which is then one layer."""
    return "" in names.values() and "." not in parameter


def layer_table(module: nn.Module, *inputs: Tensor | None) -> str:
    """`layers(module, *inputs)` as a Markdown table with totals.

    A layer that works on several images at once has their number in its shape.
    """
    found, rows = layers(module, *inputs), []
    for x in found:
        shape = " × ".join(map(str, x.output)) or "1"
        if x.times > 1:
            shape = f"{x.times} of {shape}"
        name = f"`{x.name}`" if x.name else "itself"
        rows.append([name, x.kind, shape, f"{x.parameters:,}", f"{x.multiply_adds:,}"])
    weights = sum(x.parameters for x in found)
    work = sum(x.multiply_adds for x in found)
    rows.append(["**all**", "", "", f"**{weights:,}**", f"**{work:,}**"])
    heads = ["layer", "kind", "output", "parameters", "multiply-adds"]
    return markdown(heads, rows, "lllrr")


def parameter_totals(names: Sequence[str] = PAPER) -> dict[str, dict[str, int]]:
    """Parameters of each network and together, for each preset: {preset: {part: n}}.

    Raises ExperimentError for a name that is no preset.
    """
    totals = {}
    for name in names:
        model = EquiVAE(experiments.get(name).arch)
        parts = {
            words: sum(p.numel() for p in getattr(model, part).parameters())
            for words, part in PARTS.items()
            if hasattr(model, part)
        }
        totals[name] = parts | {"together": model.parameter_count()}
    return totals
