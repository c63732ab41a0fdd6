"""Judges of chapter 09, the label posterior."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import redirect_stdout

import numpy as np
import torch
from torch import Tensor

from . import judge


def _numbers(seed: int, *shape: int) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape))


def check_dropout(
    my_dropout: Callable[[Tensor, Tensor, float], Tensor], hint: int = 0
) -> bool:
    """Judge my_dropout(a, keep, eta): inverted dropout with a given mask."""
    a, eta = _numbers(1, 4, 6), 0.2
    keep = (_numbers(2, 4, 6) > -0.8).double()
    wrong = [
        (a * keep, "Units fall silent, but the others must become louder."),
        (a * keep / eta, "That divides by eta: a unit is kept with chance 1 - eta."),
        (a * keep * (1 - eta), "That makes units softer: divide by 1 - eta."),
        (a * keep * eta, "Divide by the probability that a unit is kept."),
        (a * (1 - keep) / (1 - eta), "The mask is the wrong way round: 1 means kept."),
        (a * (1 - keep) / eta, "Mask and rate are the wrong way round: 1 means kept."),
        (a / (1 - eta), "Nothing falls silent: multiply by the mask."),
        (a, "That is what evaluation does; this is training."),
    ]
    start = (
        "what is the mean of the mask?",
        "silence by the mask, then make up for the mean.",
        "a * keep / (1 - eta).",
    )
    return judge(
        my_dropout, (a, keep, eta), a * keep / (1 - eta), wrong, start=start, hint=hint
    )


def check_features(
    my_features: Callable[[Tensor, Tensor], Tensor], hint: int = 0
) -> bool:
    """Judge my_features(h, f_x): its value, then where gradients arrive."""
    h, f_x = _numbers(3, 5, 4), _numbers(4, 5, 4)
    start = (
        "who may learn here, h or f_x?",
        "concatenate along the last axis, one of the two detached.",
        "torch.cat([h, f_x.detach()], dim=-1).",
    )
    said = io.StringIO()
    with redirect_stdout(said):
        right = judge(
            my_features,
            (h, f_x),
            torch.cat([h, f_x], dim=-1),
            [(torch.cat([f_x, h], dim=-1), "h should come first.")],
            start=start, hint=hint,
        )
    if not right:
        print(said.getvalue(), end="")
        return False
    above = _numbers(5, 5, 8)  # the gradient that comes from above

    def gradients(h: Tensor, f_x: Tensor) -> Tensor:
        leaves = [t.clone().requires_grad_() for t in (h, f_x)]
        value = my_features(*leaves)
        if not value.requires_grad:
            return torch.zeros(2, *h.shape)
        found = torch.autograd.grad((above * value).sum(), leaves, allow_unused=True)
        return torch.stack([torch.zeros_like(h) if g is None else g for g in found])

    of_h, of_f = above.split(4, dim=-1)
    none = torch.zeros_like(of_h)
    wrong = [
        (
            torch.stack([of_h, of_f]),
            "The value is right, but a gradient reaches f_x: detach it.",
        ),
        (
            torch.stack([none, of_f]),
            "The stop is at the wrong door: h must learn, f_x must not.",
        ),
        (
            torch.stack([none, none]),
            "Nothing can learn: detach f_x alone, and not what comes out.",
        ),
    ]
    return judge(
        gradients, (h, f_x), torch.stack([of_h, none]), wrong, start=start, hint=hint
    )


def check_log_softmax(
    my_log_softmax: Callable[[Tensor], Tensor], hint: int = 0
) -> bool:
    """Judge my_log_softmax(logits): small logits and some in the hundreds."""
    tame = _numbers(7, 3, 10)  # large logits alone would forgive a missing sum
    logits = torch.cat([tame, 400 * _numbers(6, 3, 10)])
    right = torch.log_softmax(logits, dim=-1)
    top = logits.max(dim=-1, keepdim=True).values
    wrong = [
        (right.exp(), "Those are probabilities: where is the logarithm?"),
        (logits - top, "The largest logit is not the whole sum of exponentials."),
        (
            torch.log_softmax(logits, dim=0),
            "Normalised over the wrong axis: the classes are the last one.",
        ),
        (
            logits - torch.logsumexp(logits, dim=(0, 1)),
            "Each image is normalised by itself: sum over the last axis only.",
        ),
    ]
    start = (
        "what may be subtracted from all logits of an image?",
        "the largest logit first; then exp cannot overflow.",
        "log softmax is the logit minus log sum exp, with the maximum taken out.",
    )
    try:  # the right formula, but overflowing: say that and not how far it is off
        large, small = my_log_softmax(logits), my_log_softmax(tame)
        overflows = not bool(torch.isfinite(large).all()) and torch.allclose(
            small, torch.log_softmax(tame, dim=-1)
        )
    except Exception:  # judge calls it again and names what went wrong
        overflows = False
    if overflows:
        print(
            "Not yet. The formula is right, but exp overflows or its sum vanishes: "
            "subtract the largest logit first."
        )
        return False
    return judge(
        my_log_softmax, (logits,), right, wrong, start=start, hint=hint, atol=1e-8
    )


def check_count(my_count: Callable[[int, int, int], int], hint: int = 0) -> bool:
    """Judge my_count(wide, narrow, r_dim): parameters of the dense part."""
    wide, narrow, r_dim, classes = 128, 64, 16, 10
    first = (wide + r_dim + 1) * wide
    second, last = (wide + 1) * narrow, (narrow + 1) * classes
    weights = (wide + r_dim) * wide + wide * narrow + narrow * classes
    wrong = [
        (weights, "Each unit also has a bias."),
        (first + second, "The layer that gives the ten logits is missing."),
        (second + last, "The first dense layer is missing."),
        (
            (2 * wide + 1) * wide + second + last,
            "That is with f(x): what comes in beside the embedding is r_dim wide.",
        ),
        (
            (wide + 1) * wide + second + last,
            "The first layer also sees r(x): its input is wide + r_dim.",
        ),
        (
            (256 + 1) * wide + first + second + last,
            "The dense layer of the embedding does not count here.",
        ),
    ]
    start = (
        "how many dense layers are there, and how wide is what comes in?",
        "the first sees the embedding and r(x), the last gives ten logits.",
        "three dense layers; one from i to o units has (i + 1) o parameters.",
    )
    return judge(
        my_count, (wide, narrow, r_dim), first + second + last, wrong,
        start=start, hint=hint,
    )
