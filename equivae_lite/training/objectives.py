"""What a training step maximises: (4) on labelled images, (7) on both kinds.

`Batches` holds what a step draws from; the functions below it turn one draw into
one number with a gradient, and a few to watch. All are in nats, per image.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..data.distortions import distort
from ..data.sets import ImageSet, Pixels
from ..data.splits import labelled_rows
from ..model import bounds, groups, label_sum
from ..model.equivae import EquiVAE
from . import targets
from .sampling import ComplementaryPools, complementary_mean
from .settings import Experiment


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
        lab, unlab = labelled_rows(data, experiment.labels, seed)
        self.labelled, self.unlabelled = lab.to(device), unlab.to(device)
        self.y = data.labels[self.labelled]
        self.pools = ComplementaryPools(self.y, self.generator, data.classes)
        self.m_max = min(experiment.m_max, self.pools.largest_m)
        # Running means of q(y | x) over some 50 steps, of the model and of its
        # teacher; uniform at an epoch's start.
        self.q_mean = torch.full((data.classes,), 1 / data.classes, device=device)
        self.teacher_mean = self.q_mean.clone()

    def x(self, indices: Tensor) -> Tensor:
        """Network input of images: (...,) -> (..., C, H, W)."""
        return self.pixels.forward(self.images[indices])

    def noise(self, *shape: int) -> Tensor:
        device = self.images.device
        return torch.randn(*shape, generator=self.generator, device=device)

    def distorted(self, x: Tensor, strength: float) -> Tensor:
        """Each image distorted by itself, (B, C, H, W)."""
        return distort(x, strength, self.generator) if strength else x

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
        for mean in (self.q_mean, self.teacher_mean):
            mean.fill_(1 / len(mean))
        self.generator.manual_seed(seed * 10_007 + epoch)
        torch.manual_seed(seed * 10_007 + epoch)


def pool_embeddings(
    model: EquiVAE, batches: Batches, m: int, distortion: float = 0.0
) -> tuple[Tensor, Tensor]:
    """Draw one pool a class and embed it: indices and f, (K, m + 1) and (K, m + 1, F).

    This is all that r_y costs in a step, whatever the batch size. f reads the images
    with this `distortion`.
    """
    pool = batches.pools.draw(m)
    x = batches.x(batches.labelled[pool.flatten()])
    f = model.encoder.f(batches.distorted(x, distortion))
    return pool, f.unflatten(0, pool.shape)


def representations(
    model: EquiVAE, pool: Tensor, f: Tensor, out: Tensor, y: Tensor
) -> Tensor:
    """(2) from embedded pools: r of class `y` without pool member `out`."""
    return model.encoder.g(complementary_mean(f, y, out).to(f.dtype))


def labelled_bound(
    model: EquiVAE,
    batches: Batches,
    n: Tensor,
    m: int,
    kl_weight: float,
    v_samples: int = 1,
) -> tuple[Tensor, dict[str, Tensor]]:
    """Mean over a batch of (4); `n` (B,) are positions in the labelled set."""
    y, kl_r = batches.y[n], 0.0
    if model.representation == "complementary":
        pool, f = pool_embeddings(model, batches, m)
        r = representations(model, pool, f, batches.pools.left_out(pool, n, y), y)
    elif model.representation in groups.WAYS:
        r, kl_r = group_representations(model, batches, n, m)
    else:
        r = model.table(y) if model.representation == "table" else None
    x = batches.x(batches.labelled[n])
    terms = model.terms(x, r, batches.noise(v_samples, len(n), model.arch.v_dim))
    log_lik = terms.log_lik.mean(dim=0)
    value = bounds.labelled_bound(log_lik, kl_weight * (terms.kl + kl_r)).mean()
    log = {"log_lik": log_lik, "kl": terms.kl}
    if torch.is_tensor(kl_r):
        log["kl_r"] = kl_r
    return value, {k: t.detach().mean() for k, t in log.items()}


def group_representations(
    model: EquiVAE, batches: Batches, n: Tensor, m: int
) -> tuple[Tensor, Tensor | float]:
    """r of a group, x_n and m others, and each member's share of its KL.

    (B, R) and (B,), or 0 for the leak, which draws nothing. See model/groups.py.
    """
    encoder, y = model.encoder, batches.y[n]
    pool, f = pool_embeddings(model, batches, m)
    out = batches.pools.left_out(pool, n, y)
    others = complementary_mean(encoder.of_each(f), y, out)
    itself = encoder.of_each(encoder.f(batches.x(batches.labelled[n])))
    mu, log_var = encoder.of_mean((m * others + itself) / (m + 1), m + 1)
    if log_var is None:
        return mu, 0.0
    r = bounds.reparameterise(mu, log_var, batches.noise(*mu.shape))
    return r, bounds.gaussian_kl(mu, log_var) / (m + 1)


def separation(
    model: EquiVAE, batches: Batches, n: Tensor, m: int, distortion: float = 0.0
) -> Tensor:
    """Mean log probability of y_n when classes are read off r, in nats.

    The r of x_n alone, g(f(x_n)), is compared with the r_y of every class from m other
    images; a class is the likelier the nearer its r_y is, softmax(-distance^2). Ours,
    not the paper's: it is the objective of prototypical networks (Snell et al. 2017).
    All images are read with this `distortion`.
    """
    y = batches.y[n]
    pool, f = pool_embeddings(model, batches, m, distortion)
    every = torch.arange(len(pool), device=y.device).expand(len(n), -1)  # (B, classes)
    out = batches.pools.left_out(pool, None, every)
    out = out.scatter(1, y[:, None], batches.pools.left_out(pool, n, y)[:, None])
    r = representations(model, pool, f, out, every)  # (B, classes, R)
    x = batches.distorted(batches.x(batches.labelled[n]), distortion)
    of_x = model.encoder(x[:, None])  # (B, R)
    distance = (of_x[:, None] - r).float().square().sum(dim=-1)
    return torch.log_softmax(-distance, dim=1).gather(1, y[:, None]).mean()


def semi_supervised_objective(
    model: EquiVAE,
    batches: Batches,
    n: Tensor,
    u: Tensor | None,
    m: int,
    kl_weight: float,
    experiment: Experiment,
    teacher: EquiVAE | None = None,
    shut: bool = False,
    second: bool = False,
) -> tuple[Tensor, dict[str, Tensor]]:
    """Minibatch estimate of (7), per image, plus what the experiment adds to it.

    `n` are positions in the labelled set and `u` in the unlabelled one (None during
    the labelled warm-up, which trains q_y-post alone). With `labelled_weight` None
    the two means have the proportion of the two sums in (7). While v is `shut`, both
    bounds decode class templates instead.

    q_y-post reads its images distorted where the experiment says so. (6) holds for
    any q(y), so it stays a bound for the image as it is. Ours, and off at 0:
    `alpha` times log q_y-post(y_n | x_n); `balance`, see `imbalance`; `consistency`
    times the negative KL from the label posterior of the `teacher` (by default the
    model itself), which reads the image undistorted, without gradient; and `contrast`
    of the bounds of two labels. With `second` these change the teacher's reading.
    """
    e, classes = experiment, model.arch.classes
    x_lab = batches.x(batches.labelled[n])
    log_q_lab = model.label_log_posterior(batches.distorted(x_lab, e.distortion))
    log_q_true = log_q_lab.gather(1, batches.y[n][:, None]).mean()
    value, log = e.alpha * log_q_true, {"log_q_label": log_q_true.detach()}
    if u is None:
        return value, log
    x = batches.x(batches.unlabelled[u])
    log_q = model.label_log_posterior(batches.distorted(x, e.distortion))
    log_p = torch.full((classes,), -math.log(classes), device=u.device)
    if e.generative:
        w = e.labelled_weight
        if w is None:
            n_lab, n_unlab = len(batches.labelled), len(batches.unlabelled)
            w = n_lab / (n_lab + n_unlab)
        if shut:
            expected, of_labelled = template_log_lik(model, batches, x, x_lab, m)
            labelled = of_labelled.gather(1, batches.y[n][:, None]).mean()
            expected = bounds.label_mean(expected, log_q)
            kl = torch.zeros_like(log_q)
        else:
            labelled, more = labelled_bound(
                model, batches, n, m, kl_weight, e.v_samples
            )
            log |= more
            log_lik = exact_log_lik if e.label_sum == "exact" else sampled_log_lik
            expected, kl = log_lik(model, batches, x, log_q, m, e.v_samples)
        # (6) is linear in its braces: the first term is `expected`, the rest is exact.
        rest = bounds.unlabelled_bound(-kl_weight * kl, log_q, log_p)
        unlabelled = (expected + rest).mean()
        log["unlabelled_bound"] = unlabelled.detach()
        value = value + w * labelled + (1 - w) * unlabelled
    if e.balance:
        value = value - e.balance * targets.imbalance(batches.q_mean, log_q, log_p)
    if e.consistency or e.contrast:
        with torch.no_grad():
            target = (teacher or model).label_log_posterior(x)
            if e.aligned:
                batches.teacher_mean.lerp_(target.exp().mean(dim=0), 0.02)
                target = targets.aligned(target, batches.teacher_mean)
    if e.contrast:
        labels = targets.two_labels(target, batches.generator)
        bound = bounds_of(model, batches, x, labels, m)
        told_apart = targets.contrast(bound)
        log["contrast"] = told_apart.detach()
        value = value + e.contrast * told_apart
        if second:
            target = targets.second_reading(target, labels, bound.detach())
    if e.consistency:
        apart = targets.apart(target, log_q, e.sure).mean()
        log["apart"] = apart.detach()
        value = value - e.consistency * apart
    return value, log


def bounds_of(
    model: EquiVAE, batches: Batches, x: Tensor, labels: Tensor, m: int
) -> Tensor:
    """(4) of each image under some of the classes: x (B, C, H, W), labels (B, k).

    All images have the same r_y of a class. Returns (B, k).
    """
    r = class_representations(model, batches, 1, m)[0]
    eps = batches.noise(*labels.shape, model.arch.v_dim)
    return model.terms_per_class(x, r[labels], eps).bound


def class_representations(
    model: EquiVAE, batches: Batches, count: int, m: int
) -> Tensor:
    """r_y of every class for `count` unlabelled images: (count, classes, R)."""
    pool, f = pool_embeddings(model, batches, m)
    classes = torch.arange(len(pool), device=pool.device)
    y = classes.expand(count, len(pool))
    return representations(model, pool, f, batches.pools.left_out(pool, None, y), y)


def template_log_lik(
    model: EquiVAE, batches: Batches, x: Tensor, x_lab: Tensor, m: int
) -> tuple[Tensor, Tensor]:
    """log p(x | r_y, v = 0) under every class, of both kinds of images.

    x (B, C, H, W) and x_lab (L, C, H, W) -> (B, classes) and (L, classes). K
    decodings a step, not K an image; no bound, since v is fixed.
    """
    r = class_representations(model, batches, 1, m)[0]
    out = model.decoder(r, r.new_zeros(len(r), model.arch.v_dim))
    return tuple(model.log_density(images[:, None], out) for images in (x, x_lab))


def exact_log_lik(
    model: EquiVAE, batches: Batches, x: Tensor, log_q: Tensor, m: int, v_samples: int
) -> tuple[Tensor, Tensor]:
    """sum_y q_y E log p(x | r_y, v), (B,), and the KL of v, (B, classes): all decoded.

    x (B, C, H, W), log_q (B, classes).
    """
    r = class_representations(model, batches, len(x), m)
    eps = batches.noise(v_samples, *log_q.shape, model.arch.v_dim)
    terms = model.terms_per_class(x, r, eps)
    return bounds.label_mean(terms.log_lik.mean(dim=0), log_q), terms.kl


def sampled_log_lik(
    model: EquiVAE, batches: Batches, x: Tensor, log_q: Tensor, m: int, v_samples: int
) -> tuple[Tensor, Tensor]:
    """As `exact_log_lik` in the mean, from about one decoding an image (`label_sum`).

    The KLs of all classes are exact: they need no decoding.
    """
    r = class_representations(model, batches, len(x), m)
    mu, log_var = model.posterior.heads(model.posterior.embed(x)[:, None], r)
    drawn = label_sum.draw(log_q, batches.generator)
    image = torch.cat([torch.arange(len(x), device=x.device), drawn.rows])
    label = torch.cat([drawn.top, drawn.other])
    eps = batches.noise(v_samples, len(image), model.arch.v_dim)
    mu, log_var = mu.to(eps.dtype), log_var.to(eps.dtype)
    v = bounds.reparameterise(mu[image, label], log_var[image, label], eps)
    log_lik = model.log_likelihood(x[image], r[image, label], v).mean(dim=0)
    of_top, of_other = log_lik[: len(x)], log_lik[len(x) :]
    expected = label_sum.estimate(of_top, of_other, drawn)
    return expected, bounds.gaussian_kl(mu, log_var)
