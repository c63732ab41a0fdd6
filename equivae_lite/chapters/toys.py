"""Two EquiVAEs so small that every answer is known, in float64 and in nats.

`LinearGaussian` has its likelihood, posterior and best bound in closed form;
`BernoulliCurve` has a scalar v, so that Gauss-Hermite quadrature gives them.
The bounds come from `equivae_lite.model.bounds`, which the trained models call too;
the exact answers (`log_prob`, `posterior`, `posterior_moments`) do not.
Leading axes broadcast; x and r end in D axes of one image, v, mu and log_var in d.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from ..model import bounds
from ..training.sampling import complementary_mean

NODES = 100  # quadrature nodes: exact to about 1e-11 for the example toys


class _Toy:
    """What both toys share: r_y from a linear map, and the bound around log_lik."""

    A: Tensor
    log_lik: Callable[[Tensor, Tensor, Tensor], Tensor]
    expected_log_lik: Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]

    def r(self, others: Tensor) -> Tensor:
        """Equation (2) with f = A and g the identity: (..., m, D) -> (..., D)."""
        return (others @ self.A.T).mean(dim=-2)

    def leave_one_out(self, x: Tensor) -> Tensor:
        """r_{y, x_n} of every image of one class from the N - 1 others.

        `x` (N, D) with N >= 2; returns (N, D). Raises ValueError for N = 1.
        """
        if len(x) < 2:
            raise ValueError(
                f"r_y of an image is made from the others of its class, but there are "
                f"{len(x)} images: at least 2 are needed"
            )
        everyone = torch.arange(len(x))
        embeddings = (x @ self.A.T)[None]
        return complementary_mean(embeddings, torch.zeros_like(everyone), everyone)

    def elbo(self, x: Tensor, r: Tensor, mu: Tensor, log_var: Tensor) -> Tensor:
        """Equation (4) without sampling noise: (...)."""
        return bounds.labelled_bound(
            self.expected_log_lik(x, r, mu, log_var), bounds.gaussian_kl(mu, log_var)
        )

    def log_weights(
        self, x: Tensor, r: Tensor, mu: Tensor, log_var: Tensor, eps: Tensor
    ) -> Tensor:
        """log p(x | r, v) + log p(v) - log q(v) at v = mu + sigma eps.

        `eps` (k, ..., d) is standard normal noise; returns (k, ...). The mean over
        k estimates (4), `bounds.importance_weighted_bound` its tighter relative.
        """
        v = bounds.reparameterise(mu, log_var, eps)
        zero = torch.zeros_like(v)
        log_p = bounds.gaussian_log_prob(v, zero, zero, event_dims=1)
        log_q = bounds.gaussian_log_prob(v, mu, log_var, event_dims=1)
        return self.log_lik(x, r, v) + log_p - log_q


def _rotation(rng: np.random.Generator, size: int) -> Tensor:
    """A random orthogonal matrix."""
    return torch.from_numpy(np.linalg.qr(rng.standard_normal((size, size)))[0])


@dataclass(frozen=True, eq=False)
class LinearGaussian(_Toy):
    """p(x | r, v) = N(r + W v, s² I), p(v) = N(0, I), r = A · (mean of the others).

    Args:
        W: (D, d).
        log_var: log s².
        A: (D, D).
    """

    W: Tensor
    log_var: float
    A: Tensor

    @classmethod
    def example(
        cls,
        D: int = 3,
        d: int = 2,
        seed: int = 0,
        contraction: float = 0.5,
        orthogonal: bool = True,
    ) -> LinearGaussian:
        """A random toy with s² = 1/4.

        `A` is `contraction` times a rotation. With `orthogonal` columns of W the
        exact posterior is diagonal, else it is not. Raises ValueError if d > D.
        """
        if d > D:
            raise ValueError(f"d = {d} latent axes for D = {D} pixels: take d <= D")
        rng = np.random.default_rng(seed)
        A = contraction * _rotation(rng, D)
        lengths = torch.linspace(1.0, 0.5, d, dtype=torch.float64)
        W = _rotation(rng, D)[:, :d] * lengths
        if not orthogonal:
            mixing = torch.full((d, d), 0.6, dtype=torch.float64)
            W = W @ mixing.fill_diagonal_(1.0)
        return cls(W=W, log_var=math.log(0.25), A=A)

    def log_lik(self, x: Tensor, r: Tensor, v: Tensor) -> Tensor:
        """log N(x; r + W v, s² I): (..., D), (..., D), (..., d) -> (...)."""
        log_var = x.new_tensor(self.log_var)
        return bounds.gaussian_log_prob(x, r + v @ self.W.T, log_var, event_dims=1)

    def log_prob(self, x: Tensor, r: Tensor) -> Tensor:
        """Exact log p(x | r) = log N(x; r, W Wᵀ + s² I): (...)."""
        eye = torch.eye(len(self.W), dtype=self.W.dtype)
        covariance = self.W @ self.W.T + math.exp(self.log_var) * eye
        normal = torch.distributions.MultivariateNormal(r, covariance)
        return normal.log_prob(x)

    def posterior(self, x: Tensor, r: Tensor) -> tuple[Tensor, Tensor]:
        """Exact p(v | x, r) = N(mean, covariance): (..., d) and (d, d)."""
        covariance = torch.linalg.inv(self._precision())
        mean = (x - r) @ self.W @ covariance / math.exp(self.log_var)
        return mean, covariance

    def best_diagonal(self, x: Tensor, r: Tensor) -> tuple[Tensor, Tensor]:
        """mu and log_var, (..., d) each, of the diagonal q with the largest bound.

        The posterior itself if it is diagonal; else its mean, with the inverse
        diagonal of its precision as variance.
        """
        mean, _ = self.posterior(x, r)
        return mean, -self._precision().diagonal().log().expand_as(mean)

    def expected_log_lik(
        self, x: Tensor, r: Tensor, mu: Tensor, log_var: Tensor
    ) -> Tensor:
        """log p(x | r, mu) - ½ Σ_j |W_j|² exp(log_var_j) / s²: (...)."""
        lengths = self.W.square().sum(dim=0)
        spread = (lengths * log_var.exp()).sum(dim=-1) / math.exp(self.log_var)
        return self.log_lik(x, r, mu) - 0.5 * spread

    def _precision(self) -> Tensor:
        """Inverse covariance of p(v | x, r): I + Wᵀ W / s², (d, d)."""
        eye = torch.eye(self.W.shape[1], dtype=self.W.dtype)
        return eye + self.W.T @ self.W / math.exp(self.log_var)


_hermite = lru_cache(np.polynomial.hermite_e.hermegauss)


def _gauss_hermite(nodes: int, axes: int) -> tuple[Tensor, Tensor]:
    """Nodes (nodes, 1, …, 1) and probabilities (nodes, 1, …) that stand for N(0, 1).

    The nodes have `axes` trailing ones, to broadcast as v; the probabilities one less.
    """
    points, weights = (torch.from_numpy(array) for array in _hermite(nodes))
    shape = (nodes,) + (1,) * (axes - 1)
    return points.reshape(*shape, 1), (weights / weights.sum()).reshape(shape)


@dataclass(frozen=True, eq=False)
class BernoulliCurve(_Toy):
    """x in {0, 1}^D, scalar v ~ N(0, 1), logits r + w v + c v², r = A · (mean).

    The curve makes the model non-linear and its posterior not Gaussian.

    Args:
        w, c: (D,).
        A: (D, D).
    """

    w: Tensor
    c: Tensor
    A: Tensor

    @classmethod
    def example(
        cls, D: int = 4, seed: int = 0, contraction: float = 1.0
    ) -> BernoulliCurve:
        """A random toy; `A` is `contraction` times a rotation."""
        rng = np.random.default_rng(seed)
        A = contraction * _rotation(rng, D)
        w, c = torch.from_numpy(rng.uniform(-1, 1, (2, D)))
        return cls(w=2.0 * w, c=0.5 * c, A=A)

    def images(self) -> Tensor:
        """All binary images, (2^D, D): sums over x are exact."""
        D = len(self.w)
        bits = torch.arange(2**D)[:, None] >> torch.arange(D)
        return (bits & 1).to(self.w.dtype)

    def logits(self, r: Tensor, v: Tensor) -> Tensor:
        """(..., D) and (..., 1) -> (..., D)."""
        return r + self.w * v + self.c * v.square()

    def log_lik(self, x: Tensor, r: Tensor, v: Tensor) -> Tensor:
        """log p(x | r, v): (..., D), (..., D), (..., 1) -> (...)."""
        return bounds.bernoulli_log_prob(x, self.logits(r, v), event_dims=1)

    def log_prob(self, x: Tensor, r: Tensor, nodes: int = NODES) -> Tensor:
        """log p(x | r) = log ∫ p(x | r, v) p(v) dv by quadrature: (...)."""
        return torch.logsumexp(self._log_joint(x, r, nodes)[0], dim=0)

    def posterior_moments(
        self, x: Tensor, r: Tensor, nodes: int = NODES
    ) -> tuple[Tensor, Tensor]:
        """Mean and variance of v under p(v | x, r) by quadrature, (..., 1) each."""
        log_joint, v = self._log_joint(x, r, nodes)
        weights = torch.softmax(log_joint, dim=0)[..., None]
        mean = (weights * v).sum(dim=0)
        return mean, (weights * (v - mean).square()).sum(dim=0)

    def expected_log_lik(
        self, x: Tensor, r: Tensor, mu: Tensor, log_var: Tensor, nodes: int = NODES
    ) -> Tensor:
        """E_q log p(x | r, v) by quadrature under q: (...); mu, log_var (..., 1).

        Less exact for q wider than p(v): 1e-5 at a standard deviation of 3.
        """
        axes = max(x.dim(), r.dim(), mu.dim(), log_var.dim())
        eps, weights = _gauss_hermite(nodes, axes)
        log_lik = self.log_lik(x, r, mu + torch.exp(log_var / 2) * eps)
        return (weights * log_lik).sum(dim=0)

    def _log_joint(self, x: Tensor, r: Tensor, nodes: int) -> tuple[Tensor, Tensor]:
        """log of weight times p(x | r, v) at the nodes v: (nodes, ...) and v."""
        v, weights = _gauss_hermite(nodes, max(x.dim(), r.dim()))
        # The pixels' log-probabilities are written out: an exact answer shares no
        # code with the bounds that are checked against it.
        sign = 2 * x - 1
        log_lik = torch.nn.functional.logsigmoid(sign * self.logits(r, v)).sum(dim=-1)
        return weights.log() + log_lik, v


def unlabelled_elbo(
    model: LinearGaussian | BernoulliCurve,
    x: Tensor,
    r_y: Tensor,
    mu: Tensor,
    log_var: Tensor,
    log_q: Tensor,
    log_p: Tensor,
) -> Tensor:
    """Equation (6) without sampling noise.

    `x` (..., D); `r_y` (K, D) of the K classes; `mu` and `log_var` (..., K, d);
    `log_q` (..., K) of q(y | x); `log_p` (K,) of p(y). Returns (...).
    """
    bound_y = model.elbo(x[..., None, :], r_y, mu, log_var)
    return bounds.unlabelled_bound(bound_y, log_q, log_p)


def gaussian_product_integral(a: float, N: int) -> float:
    """Integral over x_1 … x_N of the product of leave-one-out conditionals.

    One dimension, p(x_n | others) a Gaussian around a · (mean of the others), any
    variance: 1 / |(1 - a) (1 + a / (N - 1))^(N - 1)|; 1 would be a distribution.
    Infinite at a = 1 and a = 1 - N. Raises ValueError for N < 2.
    """
    if N < 2:
        raise ValueError(f"N = {N} images: leaving one out needs at least 2")
    determinant = abs((1 - a) * (1 + a / (N - 1)) ** (N - 1))
    return math.inf if determinant == 0 else 1 / determinant
