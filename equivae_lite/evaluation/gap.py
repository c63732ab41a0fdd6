"""Where the gap of (4) comes from: the best Gaussian for each image, found by itself.

q_cov is one network for all images. For a single image a better diagonal Gaussian can
be there; what it gains is the amortisation gap, and what is then left up to
log p(x | r_y) is the price of a diagonal Gaussian (Cremer et al. 2018). In nats.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..data.checks import class_indices
from ..errors import DataError
from ..model import bounds, checks
from ..model.equivae import EquiVAE
from .bound import CHUNK, noise_of
from .checks import of_images, one_each


def fitted_posterior(
    model: EquiVAE, x: Tensor, r: Tensor | None, steps: int = 200, rate: float = 0.05,
    seed: int = 0,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """mu and log_var, (N, V), of a Gaussian for each image x (N, C, H, W) by itself.

    Adam from what q_cov says, one draw of v a step, its rate falling to 0 by a cosine;
    the mean of the second half of the steps is returned. The networks keep their
    weights. Raises DataError unless there is an r (N, R) for each image.
    """
    one_each(x, None, r)
    checks.integer("steps", steps, 1, DataError)
    checks.integer("seed", seed, 0, DataError)
    if not rate > 0:
        raise DataError(f"rate is {rate}, but steps must go somewhere: above 0.")
    with torch.no_grad():
        q = [t.clone() for t in model.posterior(r, x)]
    total = [torch.zeros_like(t) for t in q]
    q = [t.requires_grad_() for t in q]
    adam = torch.optim.Adam(q, lr=rate)
    falling = torch.optim.lr_scheduler.CosineAnnealingLR(adam, steps)
    generator, first = torch.Generator().manual_seed(seed), steps // 2
    with torch.enable_grad():
        for step in range(steps):
            eps = torch.randn(q[0].shape, generator=generator).to(q[0])
            v = bounds.reparameterise(*q, eps)
            log_lik = model.log_likelihood(x, r, v)
            bound = bounds.labelled_bound(log_lik, bounds.gaussian_kl(*q))
            for t, slope in zip(q, torch.autograd.grad(-bound.sum(), q)):
                t.grad = slope  # of q alone: no weight gets one
            adam.step()
            falling.step()
            if step >= first:
                total = [a + t.detach() for a, t in zip(total, q)]
    mu, log_var = (t / (steps - first) for t in total)
    return mu, log_var


@torch.no_grad()
def bound_of(
    model: EquiVAE, x: Tensor, r: Tensor | None, q: tuple[Tensor, Tensor],
    indices: Tensor, samples: int = 10,
) -> Tensor:  # fmt: skip
    """The bound (4) of each image with the Gaussian q, mu and log_var (N, V): (N,).

    Its expectation is a mean over `samples` draws of v, by the noise of the images'
    `indices`. Raises DataError where there is not one of each for each image.
    """
    one_each(x, indices, r)
    of_images(() if q is None else q, len(x), model.arch.v_dim)
    checks.integer("samples", samples, 1, DataError)
    indices, found = class_indices(indices), []
    for rows in torch.arange(len(x)).split(CHUNK):
        eps = noise_of(indices[rows], samples, model.arch.v_dim).to(x.device)
        mu, log_var = (t[rows] for t in q)
        part_r = None if r is None else r[rows]
        log_lik = 0
        for s in range(samples):
            v = bounds.reparameterise(mu, log_var, eps[:, s])
            log_lik = log_lik + model.log_likelihood(x[rows], part_r, v) / samples
        found.append(bounds.labelled_bound(log_lik, bounds.gaussian_kl(mu, log_var)))
    return torch.cat(found)
