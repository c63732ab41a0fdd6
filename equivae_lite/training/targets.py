"""What the label posterior is asked to say of images without a name, and what the
bounds of two of their labels say: ours, and part of no bound.

`apart` compares a reading with the averaged model's, or with the label where that is
sure. `contrast` asks the generative model to tell this label from another one, and
`second_reading` lets what it says of the two change the averaged model's reading.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ..model import bounds

# A bound's lead of so many nats is odds of e. Bounds of two classes are tens of nats
# apart: with 1 in its place nearly every comparison would be certain, right or wrong.
SCALE = 10.0


def aligned(log_q: Tensor, mean: Tensor) -> Tensor:
    """log q(y) / mean(y), normalised: the mean of the readings moves to uniform.

    log_q (B, classes); `mean` (classes,) of q(y | x) over recent images.
    """
    return torch.log_softmax(log_q - mean.clamp(min=1e-3).log(), dim=1)


def two_labels(log_q: Tensor, generator: torch.Generator) -> Tensor:
    """The likeliest label of each image and one other, (B, 2), from log_q (B, classes).

    The other is the second likeliest half of the time, else any: what is never
    compared is never learnt.
    """
    size, classes = log_q.shape
    top, second = log_q.topk(2, dim=1).indices.unbind(1)
    device = log_q.device
    step = torch.randint(1, classes, (size,), generator=generator, device=device)
    often = torch.rand(size, generator=generator, device=device) < 0.5
    return torch.stack([top, torch.where(often, second, (top + step) % classes)], 1)


def contrast(bound: Tensor) -> Tensor:
    """Mean log sigmoid of the first label's lead over the second, bound (B, 2)."""
    return F.logsigmoid((bound[:, 0] - bound[:, 1]) / SCALE).mean()


def second_reading(log_q: Tensor, labels: Tensor, bound: Tensor) -> Tensor:
    """log_q with the odds of two labels times those of their bounds, exp(lead / SCALE).

    log_q (B, classes), labels (B, 2), bound (B, 2). What the two have together stays.
    """
    of_two = log_q.gather(1, labels)
    odds = torch.log_softmax(of_two + bound / SCALE, dim=1)
    return log_q.scatter(1, labels, odds + of_two.logsumexp(1, keepdim=True))


def apart(target: Tensor, log_q: Tensor, sure: float) -> Tensor:
    """How far log_q is from what the teacher says, both (B, classes): (B,), in nats.

    The KL from the target or, with a `sure` above 0, -log q of its likeliest label
    where the target gives that at least `sure`, and 0 elsewhere.
    """
    if not sure:
        return bounds.categorical_kl(target, log_q)
    highest, label = target.max(dim=1)
    return (highest.exp() >= sure) * F.nll_loss(log_q, label, reduction="none")


def imbalance(q_mean: Tensor, log_q: Tensor, log_p: Tensor) -> Tensor:
    """A number with the gradient of KL[q(y) || p(y)] for the mean label posterior.

    log_q (B, classes), log_p (classes,). `q_mean` (classes,) is the mean of q(y | x)
    over the images of the last steps, and is moved on here: over one batch alone the KL
    would be mostly the noise of a small sample.
    """
    of_batch = log_q.exp().mean(dim=0)
    q_mean.lerp_(of_batch.detach(), 0.02)
    return (of_batch * (q_mean.log() - log_p)).sum()
