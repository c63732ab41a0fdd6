"""Densities, divergences and the likelihood bounds (4), (6) and (7), in nats.

The only implementation in the project: the toys with exact answers and the
trained models call the same functions. Sums run over pixels and latents,
never means; a variance is always given as its logarithm; the leading axes
are the caller's (a batch, classes, samples) and broadcast. Integers and half
precision are summed in float32 or better.

Raised is InputError: for what is no tensor, for shapes that do not fit, and for
values without an answer, as far as `checks` looks at values. A probability of 0 is
none of these: 0 log 0 = 0, here as in the limit. NaN goes in and comes out.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import InputError
from . import checks

LOG_2PI = math.log(2 * math.pi)


def bernoulli_log_prob(x: Tensor, logits: Tensor, event_dims: int = 3) -> Tensor:
    """Sum over the last `event_dims` axes of x log λ + (1 - x) log(1 - λ).

    λ = sigmoid(logits). For x in {0, 1} this is a normalised log probability;
    for grey values in [0, 1] it is only a score (it does not integrate to 1).
    An infinite logit is a certain pixel: 0 where x agrees, -inf where it does not.
    """
    checks.real(x=x, logits=logits)
    checks.event(event_dims, x, logits=logits)
    checks.in_unit(x)
    x = checks.full(x, x if x.is_floating_point() else logits)
    x, logits = torch.broadcast_tensors(x, logits.to(x.dtype))
    per_pixel = -F.binary_cross_entropy_with_logits(logits, x, reduction="none")
    certain = torch.where(x == (logits > 0), 0.0, -math.inf)
    per_pixel = torch.where(logits.isinf(), certain.to(x.dtype), per_pixel)
    return per_pixel.sum(dim=tuple(range(-event_dims, 0)))


def gaussian_log_prob(
    x: Tensor, mean: Tensor, log_var: Tensor, event_dims: int = 3
) -> Tensor:
    """log N(x; mean, exp(log_var)) summed over the last `event_dims` axes.

    In the precision of x, and for integer x in that of the mean. The variance is
    finite, and so large that its inverse is, too.
    """
    checks.real(x=x, mean=mean, log_var=log_var)
    checks.event(event_dims, x, mean=mean, log_var=log_var)
    x = checks.full(x, x if x.is_floating_point() else mean)
    mean, log_var = mean.to(x.dtype), checks.full(log_var)
    checks.variance(log_var)
    quadratic = (x - mean).square() * torch.exp(-log_var)
    per_axis = -0.5 * (LOG_2PI + log_var + quadratic)
    return per_axis.sum(dim=tuple(range(-event_dims, 0)))


def gaussian_kl(
    mu: Tensor, log_var: Tensor, mu_p: Tensor | float = 0.0, log_var_p: float = 0.0
) -> Tensor:
    """KL[N(mu, exp(log_var)) || N(mu_p, exp(log_var_p))], summed over the last axis.

    With the defaults the second argument is p(v) = N(0, I), as in (4). `log_var_p` is
    one number for all axes. Infinite where q has no variance, or an infinite one.
    """
    checks.one_shape(mu=mu, log_var=log_var)
    checks.one_width(mu=mu, log_var=log_var)
    if isinstance(mu_p, Tensor) and mu_p.ndim:
        checks.one_width(mu=mu, mu_p=mu_p)
    mu, log_var = checks.full(mu), checks.full(log_var)
    checks.variance(torch.as_tensor(log_var_p, dtype=mu.dtype))
    # exp(inf) - inf is NaN, exp(inf) - (the largest number) is infinite.
    difference = (log_var - log_var_p).clamp(max=torch.finfo(log_var.dtype).max)
    scaled = (mu - mu_p).square() * math.exp(-log_var_p)
    return 0.5 * (torch.exp(difference) + scaled - 1 - difference).sum(dim=-1)


def categorical_kl(log_q: Tensor, log_p: Tensor) -> Tensor:
    """KL[q || p] of two categorical distributions over the last axis.

    Infinite where q has a class that p excludes. A class that q excludes adds nothing,
    to the gradient neither, whether or not p excludes it too.
    """
    checks.one_width(log_q=log_q, log_p=log_p)
    checks.distribution(log_q=log_q, log_p=log_p)
    log_q, log_p = checks.full(log_q), checks.full(log_p)
    q = log_q.exp()
    log_p = log_p.masked_fill((q == 0) & (log_p == -math.inf), 0.0)
    # 0 log 0 = 0, with gradient 0: a certain q(y | x) has log_q = -inf elsewhere.
    log_ratio = torch.where(q > 0, log_q, log_p) - log_p
    return (q * log_ratio).sum(dim=-1)


def reparameterise(mu: Tensor, log_var: Tensor, eps: Tensor) -> Tensor:
    """v = mu + sigma * eps with eps ~ N(0, I): a sample of (3) with a gradient.

    All three (..., V); the leading axes broadcast.
    """
    checks.one_width(mu=mu, log_var=log_var, eps=eps)
    return mu + torch.exp(0.5 * log_var) * eps


def labelled_bound(log_lik: Tensor, kl: Tensor) -> Tensor:
    """Equation (4): L_lab = E_q log p(x | r_y, v) - KL[q_cov || p(v)].

    Both (...), with one `kl` for several samples of v, too. Returns (...).
    """
    checks.one_shape(log_lik=log_lik, kl=kl)
    log_lik, kl = checks.full(log_lik), checks.full(kl)
    return log_lik - kl


def label_mean(of_y: Tensor, log_q: Tensor) -> Tensor:
    """The sum over labels in (6): sum_y q(y | x) of_y, (B, classes) -> (B,).

    `log_q` (B, classes). A label with q(y | x) = 0 adds nothing, be its value -inf:
    what is impossible is not told.
    """
    checks.one_width(of_y=of_y, log_q=log_q)
    checks.distribution(log_q=log_q)
    of_y, q = checks.full(of_y), checks.full(log_q).exp()
    of_y = of_y.masked_fill((q == 0) & (of_y == -math.inf), 0.0)
    return (q * of_y).sum(dim=-1)


def unlabelled_bound(bound_y: Tensor, log_q: Tensor, log_p: Tensor) -> Tensor:
    """Equation (6): sum_y q(y | x) L(x, y) - KL[q(y | x) || p(y)].

    `bound_y` (B, classes) holds the braces of (6), which is (4) with the r_y
    of each class; `log_q` (B, classes) is the label posterior's, `log_p` the
    prior's logarithm, (classes,) or (B, classes). Returns (B,).
    """
    checks.one_width(bound_y=bound_y, log_q=log_q, log_p=log_p)
    expected = label_mean(bound_y, log_q)
    return expected - categorical_kl(log_q, log_p)


def joint_bound(labelled: Tensor, unlabelled: Tensor) -> Tensor:
    """Equation (7): the sum of (4) over D_lab plus the sum of (6) over D_unlab.

    One bound for each image, (N,) and (M,), either of them without images if need be.
    """
    checks.real(labelled=labelled, unlabelled=unlabelled)
    if max(labelled.ndim, unlabelled.ndim) > 1:
        raise InputError(
            f"labelled {tuple(labelled.shape)} and unlabelled "
            f"{tuple(unlabelled.shape)} must be one bound for each image, (N,) and (M,)"
        )
    labelled, unlabelled = checks.full(labelled), checks.full(unlabelled)
    return labelled.sum() + unlabelled.sum()


def importance_weighted_bound(log_w: Tensor, dim: int = 0) -> Tensor:
    """log (1/k) sum_k w_k from log-weights: at least the ELBO, at most log p(x).

    `log_w` = log p(x | r_y, v) + log p(v) - log q(v | r_y, x) along `dim`.
    """
    checks.real(log_w=log_w)
    if not -log_w.ndim <= dim < log_w.ndim or log_w.shape[dim] == 0:
        raise InputError(
            f"log_w {tuple(log_w.shape)} must have a weight along its axis {dim}."
        )
    log_w = checks.full(log_w)
    # log 0 has no slope, and exp(-inf - -inf) is NaN: where no weight is left, none.
    none = (log_w == -math.inf).all(dim=dim, keepdim=True)
    log_w = torch.where(none, log_w.detach(), log_w)
    return torch.logsumexp(log_w, dim=dim) - math.log(log_w.shape[dim])
