"""Judges of chapter 06, the invariant encoder."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from . import judge

FILTERS = (8, 16, 32, 64, 64)


def _numbers(seed: int, *shape: int) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape))


def check_output_size(
    my_size: Callable[[int, int, int, int], int], hint: int = 0
) -> bool:
    """Judge my_size(n, kernel, stride, padding) on several layers at once."""
    cases = [(28, 5, 1, 2), (28, 5, 2, 2), (7, 5, 2, 2), (32, 3, 2, 0), (9, 4, 3, 1)]

    def values(formula: Callable[[int, int, int, int], float]) -> Tensor:
        return torch.tensor([float(formula(*c)) for c in cases], dtype=torch.float64)

    def answers() -> Tensor | None:
        found = [my_size(*case) for case in cases]
        if any(size is None or size is ... for size in found):
            return None
        return torch.tensor([float(size) for size in found], dtype=torch.float64)

    wrong = [
        (values(lambda n, k, s, p: (n + 2 * p - k) / s + 1),
         "Positions are whole: round the quotient down."),
        (values(lambda n, k, s, p: (n + 2 * p - k) // s),
         "One too few: the first position counts too, so add 1."),
        (values(lambda n, k, s, p: (n + p - k) // s + 1),
         "The padding is on both sides: add it twice."),
        (values(lambda n, k, s, p: (n - k) // s + 1), "Where is the padding?"),
        (values(lambda n, k, s, p: n + 2 * p - k + 1), "Where is the stride?"),
        (values(lambda n, k, s, p: -(-n // s)),
         "That holds for a kernel of 5 with padding 2 only."),
    ]  # fmt: skip
    right = values(lambda n, k, s, p: (n + 2 * p - k) // s + 1)
    start = (
        "at how many places does a kernel fit on n + 2 padding pixels?",
        "of these every `stride`-th is used, beginning with the first.",
        "(n + 2 padding - kernel) // stride + 1.",
    )
    return judge(answers, (), right, wrong, start=start, hint=hint)


def check_receptive_field(
    my_field: Callable[[int, tuple[int, ...]], int], hint: int = 0
) -> bool:
    """Judge my_field(kernel, strides): pixels across that one last unit sees."""
    kernel, strides = 5, (1, 2, 2, 2, 2)

    def field(kernel: int, strides: tuple[int, ...], first: bool = False) -> float:
        size = jump = 1
        for stride in strides:
            if first:
                jump *= stride
            size += (kernel - 1) * jump
            if not first:
                jump *= stride
        return float(size)

    depth = len(strides)
    wrong = [
        (field(kernel, strides, first=True),
         "A layer's own stride does not widen what it sees: it counts for the next."),
        (1.0 + depth * (kernel - 1),
         "That is without strides: steps get longer from layer to layer."),
        (1.0 + kernel * (1 + 1 + 2 + 4 + 8),
         "A kernel of 5 reaches 4 steps further, not 5."),
        (field(kernel, strides) - 1, "Count the first pixel too: start at 1."),
        (field(kernel, strides[:-1]), "The last layer is missing."),
        (field(kernel, strides, first=False) ** 2, "Give the side, not the area."),
        (float(kernel**depth), "Fields grow by addition, not by powers of the kernel."),
    ]  # fmt: skip
    start = (
        "how far apart in the image do two neighbours of a layer look?",
        "go through the layers; a kernel reaches kernel - 1 of these jumps further.",
        "field += (kernel - 1) * jump, then jump *= stride; both begin at 1.",
    )
    right = field(kernel, strides)
    return judge(my_field, (kernel, strides), right, wrong, start=start, hint=hint)


def check_each_left_out(
    my_each: Callable[[Tensor, Callable[[Tensor], Tensor]], Tensor],
    hint: int = 0,
) -> bool:
    """Judge my_each(f, g): r_y without each of N embeddings f (N, F) in turn."""
    f, w = _numbers(1, 6, 5), _numbers(2, 5, 5)
    n = len(f)

    def g(h: Tensor) -> Tensor:
        return torch.relu(h) @ w

    others = (f.sum(0) - f) / (n - 1)
    alone = torch.stack([g(torch.cat([f[:i], f[i + 1 :]])).mean(0) for i in range(n)])
    wrong = [
        (g((f.sum(0) - f) / n), "One is left out: divide by N - 1."),
        (g(f.mean(0)).expand(n, -1), "Every image is in its own mean: leave it out."),
        (g(f), "Those are the representations of single images."),
        (others, "The mean is right, but g comes after it."),
        (alone, "That is the mean of g; equation (2) takes g of the mean."),
        (g((f.sum(0) + f) / (n + 1)), "You added the image once more: subtract it."),
    ]
    start = (
        "must the sum be made anew for each that is left out?",
        "the sum over all, less one row, is the sum over the others.",
        "g((f.sum(0) - f) / (len(f) - 1)).",
    )
    return judge(my_each, (f, g), g(others), wrong, start=start, hint=hint)


def check_spread(
    my_spread: Callable[[Tensor, int], Tensor | float], hint: int = 0
) -> bool:
    """Judge my_spread(f, m): root mean square distance of a mean of m to that of all.

    f is (N, F); the m of them are drawn without replacement.
    """
    f, m = _numbers(3, 9, 3), 4
    n = len(f)
    total = (f - f.mean(0)).square().sum()
    s2 = total / (n - 1)
    left = 1 - m / n
    wrong = [
        (s2 / m * left, "That is the mean square: take the root."),
        ((s2 / m).sqrt(), "Drawn with replacement it would be: what if m = N?"),
        ((total / n / m * left).sqrt(), "The variance that is meant divides by N - 1."),
        ((total / n / m).sqrt(), "Without replacement the spread vanishes at m = N."),
        ((s2 * left).sqrt() / m, "The variance falls like 1/m, not like 1/m²."),
        ((s2 / f.shape[1] / m * left).sqrt(), "Sum over the units, do not average."),
        ((2 * s2 / m).sqrt(), "That is the distance between two disjoint draws."),
        ((s2 * left).sqrt(), "Where does m come in?"),
    ]  # fmt: skip
    start = (
        "what is it for m = N, when all are drawn?",
        "variance over m, times the share that is not drawn; sum over units; root.",
        "the root of f.var(0).sum() / m * (1 - m / N).",
    )
    return judge(
        my_spread, (f, m), (s2 / m * left).sqrt(), wrong, start=start, hint=hint
    )


def check_encoder_size(
    my_count: Callable[[int, int, tuple[int, int], int], int],
    hint: int = 0,
) -> bool:
    """Judge my_count(size, colours, hidden, r_dim): parameters of f and g."""
    arguments = (32, 3, (128, 64), 16)

    def count(size, colours, hidden, r_dim, bias=1, features=256, last=True):
        channels = (colours, *FILTERS)
        total = sum((25 * i + bias) * o for i, o in zip(channels, channels[1:]))
        total += (features + bias) * hidden[0] + (hidden[0] + bias) * hidden[1]
        return float(total + (hidden[1] + bias) * r_dim * last)

    right = count(*arguments)
    wrong = [
        (count(*arguments, bias=0), "Every filter and every unit also has a bias."),
        (count(28, 1, (128, 64), 16), "The first layer has 3 colours coming in."),
        (count(*arguments, last=False), "The linear layer at the end is missing."),
        (right - 257 * 128, "The dense layer of f is missing."),
        (count(*arguments, features=64),
         "What is flattened is 2 × 2 pixels of 64 channels."),
        (count(*arguments, features=64 * 32 * 32),
         "Four strides of 2 come first: 32 pixels become 2."),
        (right * 10, "One image or m of them: the weights are the same."),
    ]  # fmt: skip
    start = (
        "how many weights has one filter, and what has each besides?",
        "a layer's outputs are the next one's inputs; the size decides only what the "
        "first dense layer sees.",
        "from i to o: (25 i + 1) o for a convolution, (i + 1) o if dense.",
    )
    return judge(my_count, arguments, right, wrong, start=start, hint=hint)
