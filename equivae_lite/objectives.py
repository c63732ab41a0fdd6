"""What a training step maximises: (4) on labelled images, (7) on both kinds.

`Batches` holds what a step draws from; the functions below it turn one draw into
one number with a gradient, and a few to watch.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from . import bounds, label_sum
from .data import ImageSet, Pixels, class_balanced_split
from .experiments import Experiment
from .model import EquiVAE
from .sampling import ComplementaryPools, complementary_mean


class Batches:
    """What a training step draws from: images, D_lab and its pools, noise.

    `labelled` and `unlabelled` are indices into `images`. The pools work on
    positions within `labelled`.
    """

    def __init__(
        self, experiment: Experiment, data: ImageSet, pixels: Pixels, seed: int
    ) -> None:
        self.images, self.pixels = data.images, pixels
        device = data.images.device
        self.generator = torch.Generator(device)
        everything = torch.arange(len(data.labels), device=device)
        if experiment.semi_supervised:
            per_class = experiment.labels // data.classes
            lab, unlab = class_balanced_split(data.labels.cpu(), per_class, seed)
            self.labelled, self.unlabelled = lab.to(device), unlab.to(device)
        else:
            self.labelled, self.unlabelled = everything, everything[:0]
        self.y = data.labels[self.labelled]
        self.pools = ComplementaryPools(self.y, self.generator, data.classes)
        self.m_max = min(experiment.m_max, self.pools.largest_m)
        # Running mean of q(y | x) over some 50 steps; uniform at an epoch's start.
        self.q_mean = torch.full((data.classes,), 1 / data.classes, device=device)

    def x(self, indices: Tensor) -> Tensor:
        """Network input of images: (...,) -> (..., C, H, W)."""
        return self.pixels.forward(self.images[indices])

    def noise(self, *shape: int) -> Tensor:
        device = self.images.device
        return torch.randn(*shape, generator=self.generator, device=device)

    def draw_labelled(self, count: int) -> Tensor:
        """Random positions within the labelled set, (count,)."""
        device = self.images.device
        return torch.randint(
            len(self.labelled), (count,), generator=self.generator, device=device
        )

    def draw_ms(self, steps: int, seed: int, epoch: int) -> list[int]:
        """m of each step of an epoch, uniform on 1..m_max."""
        g = torch.Generator().manual_seed(seed * 10_007 + epoch)
        return torch.randint(1, self.m_max + 1, (steps,), generator=g).tolist()

    def seed(self, seed: int, epoch: int) -> None:
        """Start an epoch's random numbers; `torch.manual_seed` is for dropout."""
        self.q_mean.fill_(1 / len(self.q_mean))
        self.generator.manual_seed(seed * 10_007 + epoch)
        torch.manual_seed(seed * 10_007 + epoch)


def pool_embeddings(model: EquiVAE, batches: Batches, m: int) -> tuple[Tensor, Tensor]:
    """Draw one pool a class and embed it: indices and f, (K, m + 1) and (K, m + 1, F).

    This is all that r_y costs in a step, whatever the batch size.
    """
    pool = batches.pools.draw(m)
    return pool, model.encoder.f(batches.x(batches.labelled[pool]))


def representations(
    model: EquiVAE, pool: Tensor, f: Tensor, out: Tensor, y: Tensor
) -> Tensor:
    """(2) from embedded pools: r of class `y` without pool member `out`."""
    return model.encoder.g(complementary_mean(f, y, out).to(f.dtype))


def labelled_bound(
    model: EquiVAE, batches: Batches, n: Tensor, m: int, kl_weight: float
) -> tuple[Tensor, dict[str, Tensor]]:
    """Mean over a batch of (4); `n` (B,) are positions in the labelled set."""
    y = batches.y[n]
    if model.representation == "complementary":
        pool, f = pool_embeddings(model, batches, m)
        r = representations(model, pool, f, batches.pools.left_out(pool, n, y), y)
    else:
        r = model.table(y) if model.representation == "table" else None
    x = batches.x(batches.labelled[n])
    terms = model.terms(x, r, batches.noise(len(n), model.arch.v_dim))
    value = bounds.labelled_bound(terms.log_lik, kl_weight * terms.kl).mean()
    log = {"log_lik": terms.log_lik, "kl": terms.kl}
    return value, {k: t.detach().mean() for k, t in log.items()}


def semi_supervised_objective(
    model: EquiVAE,
    batches: Batches,
    n: Tensor,
    u: Tensor | None,
    m: int,
    kl_weight: float,
    experiment: Experiment,
) -> tuple[Tensor, dict[str, Tensor]]:
    """Minibatch estimate of (7), per image, plus what the experiment adds to it.

    `n` are positions in the labelled set and `u` in the unlabelled one (None
    during the labelled warm-up). With `labelled_weight` None the two means have
    the proportion of the two sums in (7). Ours, and off at 0: `alpha` times
    log q_y-post(y_n | x_n), and `balance` times the gradient of -KL[q(y) || p(y)],
    where q(y) is the mean of q(y | x) over the images of the last steps: over one
    batch alone the KL would be mostly the noise of a small sample.
    """
    value, log = labelled_bound(model, batches, n, m, kl_weight)
    log_q_lab = model.label_log_posterior(batches.x(batches.labelled[n]))
    log_q_true = log_q_lab.gather(1, batches.y[n][:, None]).mean()
    log["log_q_label"] = log_q_true.detach()
    if u is None:
        return value + experiment.alpha * log_q_true, log
    classes = model.arch.classes
    pool, f = pool_embeddings(model, batches, m)
    y = torch.arange(classes, device=u.device).expand(len(u), classes)
    r = representations(model, pool, f, batches.pools.left_out(pool, None, y), y)
    x = batches.x(batches.unlabelled[u])
    log_q = model.label_log_posterior(x)
    log_p = torch.full((classes,), -math.log(classes), device=u.device)
    if experiment.label_sum == "exact":
        eps = batches.noise(len(u), classes, model.arch.v_dim)
        terms = model.terms_per_class(x, r, eps)
        expected = (log_q.exp() * terms.log_lik).sum(dim=1)
        kl = terms.kl
    else:
        expected, kl = sampled_log_lik(model, batches, x, r, log_q)
    # (6) is linear in its braces: their first term is `expected`, the rest is exact.
    unlabelled = expected + bounds.unlabelled_bound(-kl_weight * kl, log_q, log_p)
    unlabelled = unlabelled.mean()
    log["unlabelled_bound"] = unlabelled.detach()
    w = experiment.labelled_weight
    if w is None:
        n_lab, n_unlab = len(batches.labelled), len(batches.unlabelled)
        w = n_lab / (n_lab + n_unlab)
    value = w * value + (1 - w) * unlabelled + experiment.alpha * log_q_true
    if experiment.balance:
        q_mean = log_q.exp().mean(dim=0)
        batches.q_mean.lerp_(q_mean.detach(), 0.02)
        surplus = (q_mean * (batches.q_mean.log() - log_p)).sum()
        value = value - experiment.balance * surplus
    return value, log


def sampled_log_lik(
    model: EquiVAE, batches: Batches, x: Tensor, r: Tensor, log_q: Tensor
) -> tuple[Tensor, Tensor]:
    """Unbiased sum_y q_y E log p(x | r_y, v), (B,), and the KL of v, (B, classes).

    x (B, C, H, W), r (B, classes, R), log_q (B, classes). The KLs of all classes are
    exact: they need no decoding.
    """
    mu, log_var = model.posterior.heads(model.posterior.embed(x)[:, None], r)
    drawn = label_sum.draw(log_q, batches.generator)
    image = torch.cat([torch.arange(len(x), device=x.device), drawn.rows])
    label = torch.cat([drawn.top, drawn.other])
    eps = batches.noise(len(image), model.arch.v_dim)
    mu, log_var = mu.to(eps.dtype), log_var.to(eps.dtype)
    v = bounds.reparameterise(mu[image, label], log_var[image, label], eps)
    log_lik = model.log_likelihood(x[image], r[image, label], v)
    of_top, of_other = log_lik[: len(x)], log_lik[len(x) :]
    expected = label_sum.estimate(of_top, of_other, drawn)
    return expected, bounds.gaussian_kl(mu, log_var)
