"""The sum over labels in (6) from about one decoding an image, without bias.

    sum_y q_y L_y  =  L_top + sum_{y != top} q_y (L_y - L_top)

`top` is the likeliest label, a function of x. The sum on the right is estimated
from one other label y', drawn from s, and from a random part of the images only:
y' and whether it is decoded at all have probabilities that are positive wherever
q is, so dividing by them keeps the mean. L_y' - L_top is small beside L_top, hence
the low variance. The numerator q(y') keeps its gradient; s has none.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Draw(NamedTuple):
    """The labels whose reconstructions a step decodes."""

    top: Tensor  # (B,) likeliest label
    rows: Tensor  # (k,) images of which another label is decoded too
    other: Tensor  # (k,) that label
    weight: Tensor  # (k,) q(y') / probability of the draw; carries q's gradient


def proposal(
    log_q: Tensor, spread: float = 0.1, least: float = 0.05, most: float = 2.0
) -> tuple[Tensor, Tensor]:
    """Probabilities of the draw, without gradient: s (B, classes) and kept (B,).

    s is q on the labels other than the top one, a share `spread` of it uniform. An
    image's second label is decoded with probability `most` times the q that is not
    on the top label, at least `least` and at most 1.
    """
    q = log_q.detach().exp()
    top = q.argmax(dim=-1, keepdim=True)
    rest = q.scatter(-1, top, 0.0)
    left = rest.sum(dim=-1, keepdim=True)
    tiny = torch.finfo(q.dtype).tiny  # a certain q leaves nothing to divide
    uniform = torch.full_like(q, 1 / (q.shape[-1] - 1)).scatter(-1, top, 0.0)
    s = (1 - spread) * rest / left.clamp_min(tiny) + spread * uniform
    return s / s.sum(dim=-1, keepdim=True), (most * left[..., 0]).clamp(least, 1.0)


def draw(log_q: Tensor, generator: torch.Generator | None = None) -> Draw:
    """Choose the labels to decode for log q(y | x), (B, classes)."""
    s, kept = proposal(log_q)
    keys = torch.rand(kept.shape, generator=generator, device=log_q.device)
    rows = (keys < kept).nonzero().flatten()
    other = torch.multinomial(s[rows], 1, generator=generator)[:, 0]
    w = weight(log_q, rows, other, kept[rows] * s[rows, other])
    return Draw(log_q.argmax(dim=-1), rows, other, w)


def weight(log_q: Tensor, rows: Tensor, other: Tensor, probability: Tensor) -> Tensor:
    """w = q(y') / (probability that y' is decoded), (k,): only q has a gradient.

    `rows` and `other` (k,) name the images and their y'; `probability` (k,).
    """
    return log_q[rows, other].exp() / probability


def estimate(of_top: Tensor, of_other: Tensor, drawn: Draw) -> Tensor:
    """Unbiased estimate of sum_y q_y L_y, (B,), from L_top (B,) and L_y' (k,)."""
    difference = of_other - of_top[drawn.rows]
    return of_top.index_add(0, drawn.rows, drawn.weight * difference)
