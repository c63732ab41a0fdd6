"""Judges of chapter 07, the equivariant posterior."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import redirect_stdout

import numpy as np
import torch
from torch import Tensor, nn
from torch.distributions import Normal, kl_divergence
from torch.utils.flop_counter import FlopCounterMode

from . import judge


def _numbers(seed: int, *shape: int) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape))


def _quietly(*arguments: object, **options: object) -> tuple[bool, str]:
    """What `judge` found, and what it would have printed."""
    said = io.StringIO()
    with redirect_stdout(said):
        right = judge(*arguments, **options)
    return right, said.getvalue()


def check_sample(my_sample: Callable[..., Tensor], hint: int = 0) -> bool:
    """Judge my_sample(mu, log_var, eps) -> v: its value, then its gradients."""
    mu, log_var, eps = _numbers(1, 3, 4, 5)
    sigma = (log_var / 2).exp()
    wrong = [
        (mu + log_var.exp() * eps, "Is your scale the variance? It should be sigma."),
        (mu + log_var * eps, "log sigma^2 is not sigma: take the exponential of half."),
        (
            mu + (2 * log_var).exp() * eps,
            "The half went the wrong way: exp(log_var/2).",
        ),
        (mu + sigma, "Every sample is the same: where is eps?"),
        (sigma * eps, "Your sample is centred at 0: where is mu?"),
        (mu, "That is the mean: a sample needs eps as well."),
        (mu - sigma * eps, "The distribution is right, but the sign of eps is not."),
    ]
    start = (
        "what does eps have to be multiplied by, and what is added?",
        "a mean, plus a standard deviation times eps.",
        "mu + (log_var / 2).exp() * eps.",
    )
    right, said = _quietly(
        my_sample, (mu, log_var, eps), mu + sigma * eps, wrong, start=start, hint=hint
    )
    if not right:
        print(said, end="")
        return False

    def gradients(mu: Tensor, log_var: Tensor) -> Tensor:
        leaves = [mu.clone().requires_grad_(), log_var.clone().requires_grad_()]
        v = my_sample(*leaves, eps)
        if not v.requires_grad:
            return torch.zeros(2, *mu.shape)
        found = torch.autograd.grad(v.sum(), leaves, allow_unused=True)
        return torch.stack([torch.zeros_like(mu) if g is None else g for g in found])

    d_mu, d_log_var = torch.ones_like(mu), sigma * eps / 2
    none = torch.zeros_like(mu)
    wrong = [
        (torch.stack([none, none]), "The value is right, but it carries no gradient."),
        (
            torch.stack([none, d_log_var]),
            "The value is right, but no gradient reaches mu.",
        ),
        (
            torch.stack([d_mu, none]),
            "The value is right, but no gradient reaches log_var.",
        ),
    ]
    start = (
        "compute v from mu and log_var without detaching anything.",
    )
    return judge(
        gradients, (mu, log_var), torch.stack([d_mu, d_log_var]), wrong,
        start=start, hint=hint,
    )


def check_score(my_score: Callable[..., Tensor], hint: int = 0) -> bool:
    """Judge my_score(mu, log_var, v) -> (2, V), d log q / d mu and / d log_var."""
    mu, log_var, v = _numbers(2, 3, 4)
    variance, d = log_var.exp(), v - mu
    by_mu, by_log_var = d / variance, (d.square() / variance - 1) / 2
    wrong = [
        (
            -torch.stack([by_mu, by_log_var]),
            "Every sign is turned: v - mu, not mu - v.",
        ),
        (
            torch.stack([-by_mu, by_log_var]),
            "The first row has the wrong sign: v - mu, not mu - v.",
        ),
        (
            torch.stack([by_mu, 2 * by_log_var]),
            "The second row is twice too large: that is the derivative by log sigma, "
            "not by log sigma^2.",
        ),
        (
            torch.stack([by_mu, by_log_var / variance]),
            "The second row is the derivative by the variance, not by its logarithm.",
        ),
        (
            torch.stack([by_mu, d.square() / variance / 2]),
            "The second row has lost the -1/2 of the normaliser.",
        ),
        (
            torch.stack([d / variance.sqrt(), by_log_var]),
            "The first row is divided by sigma: it should be by sigma^2.",
        ),
        (torch.stack([by_log_var, by_mu]), "The two rows are exchanged."),
    ]
    start = (
        "write log q of one unit with log_var in it.",
        "differentiate by mu, then by log_var: 1 / variance is exp(-log_var).",
        "(v - mu) / variance, and ((v - mu)² / variance - 1) / 2.",
    )
    right = torch.stack([by_mu, by_log_var])
    return judge(my_score, (mu, log_var, v), right, wrong, start=start, hint=hint)


def check_first_layer(my_first_layer: Callable[..., Tensor], hint: int = 0) -> bool:
    """Judge my_first_layer(layer, e (B, F), d (10, N)) -> (B, 10, H).

    Asks for the values of `layer` on all concatenations, and then for no more
    multiply-adds than one product with every e and one with every d.
    """
    images, classes, wide, narrow, hidden = 6, 10, 8, 8, 5
    layer = nn.Linear(wide + narrow, hidden).double().requires_grad_(False)
    layer.weight.copy_(_numbers(3, hidden, wide + narrow))
    layer.bias.copy_(_numbers(4, hidden))
    e, d = _numbers(5, images, wide), _numbers(6, classes, narrow)
    from_e = (e @ layer.weight[:, :wide].T)[:, None]
    from_d = d @ layer.weight[:, wide:].T
    right = from_e + from_d + layer.bias
    swapped = (e @ layer.weight[:, narrow:].T)[:, None] + d @ layer.weight[:, :narrow].T
    wrong = [
        (right + layer.bias, "The bias is in it twice."),
        (right - layer.bias, "The bias is missing."),
        (swapped + layer.bias, "The columns are exchanged: the first belong to e."),
        (right.relu(), "That is after the ReLU; asked is the layer before it."),
    ]
    start = (
        "which columns of layer.weight does e meet, and which d?",
        "two products, one for each block of columns; then let the axes broadcast.",
        "(e @ W_e.T)[:, None] + d @ W_d.T + layer.bias.",
    )
    with FlopCounterMode(display=False) as counter:
        correct, said = _quietly(
            my_first_layer, (layer, e, d), right, wrong, start=start, hint=hint
        )
    needed = hidden * (images * wide + classes * narrow)
    used = counter.get_total_flops() // 2  # one multiply-add is two operations
    if correct and used > needed:
        print(
            f"Not yet. The values are right, but you spent {used:,} multiply-adds "
            f"where {needed:,} do: multiply every e once, not once for each class."
        )
        return False
    print(said, end="")
    return correct


def check_kl_between(my_kl_between: Callable[..., Tensor], hint: int = 0) -> bool:
    """Judge my_kl_between(mu, log_var, mu_2, log_var_2) -> (B,), in nats."""
    mu, log_var, mu_2, log_var_2 = _numbers(7, 4, 3, 5)
    q, q_2 = (
        Normal(mean, (log / 2).exp())
        for mean, log in ((mu, log_var), (mu_2, log_var_2))
    )
    each = kl_divergence(q, q_2)
    shift = (mu - mu_2).square()
    no_trace = 0.5 * (shift / log_var_2.exp() - 1 + log_var_2 - log_var)
    own_scale = 0.5 * (log_var - log_var_2).exp() + 0.5 * (
        shift / log_var.exp() - 1 + log_var_2 - log_var
    )
    wrong = [
        (kl_divergence(q_2, q).sum(-1), "That is KL[q_2 || q]: the order matters."),
        (2 * each.sum(-1), "Twice too large: where is the 1/2?"),
        (-each.sum(-1), "A divergence is never negative: turn the sign."),
        (each.mean(-1), "Sum over the units; do not average."),
        ((each + 0.5).sum(-1), "It should be 0 for q = q_2: the -1 is missing."),
        (no_trace.sum(-1), "The ratio of the variances is missing."),
        (
            own_scale.sum(-1),
            "The distance of the means is measured in units of q_2, the second.",
        ),
        (
            kl_divergence(Normal(mu, log_var.exp()), Normal(mu_2, log_var_2.exp())).sum(
                -1
            ),
            "Is your input a log-variance? You read it as log sigma.",
        ),
        (
            kl_divergence(q, Normal(0.0, 1.0)).sum(-1),
            "That is the KL to p(v): the second distribution is not used.",
        ),
    ]
    start = (
        "what is the mean of log q - log q_2 under q, for one unit?",
        "each unit adds the ratio of its two variances, the logarithm of that ratio, "
        "and the distance of its means, squared, in variances of q_2.",
        "½ (s/s_2 + (mu - mu_2)²/s_2 - 1 - log(s/s_2)), s and s_2 the variances.",
    )
    return judge(
        my_kl_between, (mu, log_var, mu_2, log_var_2), each.sum(-1), wrong,
        start=start, hint=hint,
    )
