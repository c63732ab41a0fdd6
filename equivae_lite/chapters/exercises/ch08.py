"""Judges for the exercises of chapter 08, the generative network."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from . import judge

SIZES = (17, 24, 25, 28, 29, 32)


def _numbers(seed: int, *shape: int) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape))


def _missing(value: object) -> bool:
    return value is None or value is ...


def _paddings(size: int) -> list[int]:
    found = []
    while size > 2:
        found.append(int(size % 2 == 0))
        size = math.ceil(size / 2)
    return found[::-1]


def check_output_paddings(
    answer: Callable[[int], list[int] | None], hint: int = 0
) -> bool:
    """`answer(size)`: the output paddings that lead from 2 back to `size` pixels."""

    def all_sizes(sizes: tuple[int, ...]) -> Tensor | None:
        found = [answer(size) for size in sizes]
        if any(_missing(one) for one in found):
            return None
        return torch.stack([torch.as_tensor(one) for one in found])

    right = torch.tensor([_paddings(size) for size in SIZES])
    return judge(
        all_sizes,
        (SIZES,),
        right,
        [
            (right.flip(1), "That is the encoder's order: the decoder starts at 2."),
            (1 - right, "0 and 1 are exchanged: without output padding the size is "
             "odd."),
            (torch.ones_like(right), "That always ends at 32: some sizes on the way "
             "are odd."),
        ],
        start=(
            "go down from `size` first; what is forgotten when a size is halved?",
            "halve and round up; without output padding the way back is odd.",
            "1 where the size was even, else 0, in the decoder's order.",
        ),
        hint=hint,
    )  # fmt: skip


def check_transposed(answer: Callable[..., Tensor | None], hint: int = 0) -> bool:
    """`answer(z, w, stride, padding, output_padding)` for z (n,) and w (k,)."""
    z, w = _numbers(0, 4), _numbers(1, 5)

    def transposed(kernel: Tensor, padding: int = 2, output_padding: int = 1) -> Tensor:
        return F.conv_transpose1d(
            z[None, None], kernel[None, None], stride=2, padding=padding,
            output_padding=output_padding,
        )[0, 0]  # fmt: skip

    right, uncut = transposed(w), transposed(w, padding=0)
    arguments = (z, w, 2, 2, 1)
    try:
        value = answer(*arguments)
    except Exception:  # judge calls again and says what went wrong
        value = None
    if isinstance(value, Tensor) and value.shape == uncut.shape:
        print("Not yet. The whole canvas is there: cut `padding` pixels off both ends.")
        return False
    empty = torch.cat([transposed(w, output_padding=0), torch.zeros(1)])
    return judge(
        answer,
        arguments,
        right,
        [
            (transposed(w.flip(0)), "The stamp is mirrored: put `w` down as it is."),
            (empty, "The output padding is no empty pixel: a stamp reaches it."),
            (uncut[: len(right)], "Only the end is cut: cut `padding` off both ends."),
            (uncut[-len(right) :], "Only the start is cut: cut `padding` off both "
             "ends."),
        ],
        start=(
            "what does each number of z put down, and where?",
            "put z[i] * w down at i * stride; copies that overlap add up.",
            "cut `padding` off both ends of (n - 1) stride + k + output_padding "
            "numbers.",
        ),
        hint=hint,
    )  # fmt: skip


def check_continuous_bernoulli(
    answer: Callable[[Tensor, Tensor], Tensor | None],
    hint: int = 0,
) -> bool:
    """`answer(x, logits)`: (B, 1, H, W) each -> log densities (B,)."""
    x = torch.from_numpy(np.random.default_rng(2).uniform(size=(4, 1, 3, 5)))
    logits = 3 * _numbers(3, *x.shape)
    logits[1, 0, 1, 2] = 0.0
    score = x * F.logsigmoid(logits) + (1 - x) * F.logsigmoid(-logits)
    away = torch.where(logits == 0, 1.0, logits)
    area = torch.where(logits == 0, 0.5, torch.tanh(away / 2) / away)
    log_p = score - area.log()
    try:
        value = answer(x, logits)
        if isinstance(value, Tensor) and value.isnan().any():
            print("Not yet. At logit 0, tanh(a/2)/a is 0/0: use its limit there.")
            return False
    except Exception:  # judge calls again and says what went wrong
        pass

    def total(per_pixel: Tensor) -> Tensor:
        return per_pixel.sum(dim=(1, 2, 3))

    return judge(
        answer,
        (x, logits),
        total(log_p),
        [
            (total(score), "That is the score: the normaliser Z is missing."),
            (total(score + area.log()), "Divide by Z: log Z is to be subtracted."),
            (total(score - area), "Subtract log Z, not Z."),
            (log_p.mean(dim=(1, 2, 3)), "Sum over the pixels, no mean."),
            (total(score) - area.log().mean(dim=(1, 2, 3)),
             "Every pixel has a Z of its own: sum their logarithms too."),
        ],
        start=(
            "what has to be subtracted from the score to make it a density?",
            "each pixel has a Z of its own; what is its limit at logit 0?",
            "bounds.bernoulli_log_prob minus the sum of log(tanh(a/2)/a).",
        ),
        atol=1e-6,  # a series near 0 may be used
        hint=hint,
    )  # fmt: skip


def check_best_log_var(
    answer: Callable[[Tensor, Tensor], Tensor | None], hint: int = 0
) -> bool:
    """`answer(x, mean)`: (B, C, H, W) each -> the best shared log-variance."""
    x, mean = 0.5 + _numbers(4, 6, 3, 4, 4), _numbers(5, 6, 3, 4, 4)
    error = x - mean
    best = error.square().mean()
    return judge(
        answer,
        (x, mean),
        best.log(),
        [
            (best, "That is the variance: take its logarithm."),
            (best.log() / 2, "Half of it: that is the logarithm of the deviation."),
            (error.square().sum().log(), "Divide by the number of pixels: a mean."),
            (error.var().log(), "The residuals' own mean is not to be subtracted: "
             "the decoder's mean is all there is."),
            (error.var(correction=0).log(), "The residuals' own mean is not to be "
             "subtracted: the decoder's mean is all there is."),
            (x.var().log(), "That is the variance of the images: subtract the "
             "decoder's mean first."),
            (error.abs().mean().log(), "Square the errors: absolute values are of a "
             "Laplace distribution."),
        ],
        start=(
            "how does the log-likelihood depend on log_var?",
            "set its derivative in log_var to zero.",
            "the logarithm of the mean of (x - mean)².",
        ),
        hint=hint,
    )  # fmt: skip
