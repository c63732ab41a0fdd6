"""Densities, divergences and the likelihood bounds (4), (6) and (7), in nats.

The only implementation in the project: the toys with exact answers and the
trained models call the same functions. Sums run over pixels and latents,
never means; a variance is always given as its logarithm; the leading axes
are the caller's (a batch, classes, samples) and broadcast.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

LOG_2PI = math.log(2 * math.pi)


def bernoulli_log_prob(x: Tensor, logits: Tensor, event_dims: int = 3) -> Tensor:
    """Sum over the last `event_dims` axes of x log λ + (1 - x) log(1 - λ).

    λ = sigmoid(logits). For x in {0, 1} this is a normalised log probability;
    for grey values in [0, 1] it is only a score (it does not integrate to 1).
    """
    x, logits = torch.broadcast_tensors(x, logits.to(x.dtype))
    per_pixel = -F.binary_cross_entropy_with_logits(logits, x, reduction="none")
    return per_pixel.sum(dim=tuple(range(-event_dims, 0)))


def gaussian_log_prob(
    x: Tensor, mean: Tensor, log_var: Tensor, event_dims: int = 3
) -> Tensor:
    """log N(x; mean, exp(log_var)) summed over the last `event_dims` axes."""
    mean = mean.to(x.dtype)
    quadratic = (x - mean).square() * torch.exp(-log_var)
    per_axis = -0.5 * (LOG_2PI + log_var + quadratic)
    return per_axis.sum(dim=tuple(range(-event_dims, 0)))


def gaussian_kl(
    mu: Tensor, log_var: Tensor, mu_p: Tensor | float = 0.0, log_var_p: float = 0.0
) -> Tensor:
    """KL[N(mu, exp(log_var)) || N(mu_p, exp(log_var_p))], summed over the last axis.

    With the defaults the second argument is p(v) = N(0, I), as in (4).
    """
    difference = log_var - log_var_p
    scaled = (mu - mu_p).square() * math.exp(-log_var_p)
    return 0.5 * (torch.exp(difference) + scaled - 1 - difference).sum(dim=-1)


def categorical_kl(log_q: Tensor, log_p: Tensor) -> Tensor:
    """KL[q || p] of two categorical distributions over the last axis."""
    q = log_q.exp()
    # 0 log 0 = 0, with gradient 0: a certain q(y | x) has log_q = -inf elsewhere.
    log_ratio = torch.where(q > 0, log_q, log_p) - log_p
    return (q * log_ratio).sum(dim=-1)


def reparameterise(mu: Tensor, log_var: Tensor, eps: Tensor) -> Tensor:
    """v = mu + sigma * eps with eps ~ N(0, I): a sample of (3) with a gradient."""
    return mu + torch.exp(0.5 * log_var) * eps


def labelled_bound(log_lik: Tensor, kl: Tensor) -> Tensor:
    """Equation (4): L_lab = E_q log p(x | r_y, v) - KL[q_cov || p(v)]."""
    return log_lik - kl


def unlabelled_bound(bound_y: Tensor, log_q: Tensor, log_p: Tensor) -> Tensor:
    """Equation (6): sum_y q(y | x) L(x, y) - KL[q(y | x) || p(y)].

    `bound_y` (B, classes) holds the braces of (6), which is (4) with the r_y
    of each class; `log_q` (B, classes) is the label posterior's, `log_p` the
    prior's logarithm. Returns (B,).
    """
    expected = (log_q.exp() * bound_y).sum(dim=-1)
    return expected - categorical_kl(log_q, log_p)


def joint_bound(labelled: Tensor, unlabelled: Tensor) -> Tensor:
    """Equation (7): the sum of (4) over D_lab plus the sum of (6) over D_unlab."""
    return labelled.sum() + unlabelled.sum()


def importance_weighted_bound(log_w: Tensor, dim: int = 0) -> Tensor:
    """log (1/k) sum_k w_k from log-weights: at least the ELBO, at most log p(x).

    `log_w` = log p(x | r_y, v) + log p(v) - log q(v | r_y, x) along `dim`.
    """
    return torch.logsumexp(log_w, dim=dim) - math.log(log_w.shape[dim])
