"""Judges for the exercises of chapter 04, the unlabelled bound."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from . import judge

F64 = torch.float64
LOG_P = torch.tensor([0.4, 0.3, 0.2, 0.1], dtype=F64).log()
# Bounds of the size that images of 28 x 28 pixels have: exp of them is 0.
BOUND_Y = torch.tensor(
    [
        [-901.0, -900.0, -899.5, -903.0],
        [-850.3, -852.0, -850.0, -849.2],
        [-880.0, -881.5, -879.9, -880.2],
    ],
    dtype=F64,
)
ALLOWED = torch.tensor([[1, 1, 0, 1], [0, 0, 1, 0], [1, 1, 1, 1]]).bool()
LOGITS = torch.tensor([0.3, -1.0, 0.8, 0.1], dtype=F64)
LOG_W = torch.tensor(
    [
        [-3.0, -4.5, -2.0, -5.0],
        [-2.2, -4.0, -3.5, -4.1],
        [-5.0, -3.9, -2.4, -6.0],
        [-2.9, -6.1, -2.8, -4.4],
        [-3.3, -4.2, -4.9, -3.7],
    ],
    dtype=F64,
)


def check_partial_label(
    best_bound: Callable[[Tensor, Tensor, Tensor], Tensor | None], hint: int = 0
) -> bool:
    """Judge best_bound(bound_y, log_p, allowed) -> (N,), in nats.

    `bound_y` (N, K) holds L(x, y), `log_p` (K,) the prior, `allowed` (N, K) is
    true for the classes that x may have. Right is the bound of log p(x, y in the
    allowed set) with the best q(y): (6) restricted to that set.
    """
    joint = BOUND_Y + LOG_P
    inside = joint.masked_fill(~ALLOWED, -torch.inf)
    right = inside.logsumexp(-1)
    few = BOUND_Y[:2, :3], LOG_P[:3], ALLOWED[:2, :3]
    prior_inside = LOG_P.expand(3, 4).masked_fill(~ALLOWED, -torch.inf)
    return judge(
        best_bound,
        (BOUND_Y, LOG_P, ALLOWED),
        right,
        [
            (
                joint.logsumexp(-1),
                "That is the bound of an image that may be of any class. Leave out "
                "the classes that are ruled out.",
            ),
            (
                torch.full((3,), -torch.inf, dtype=F64),
                "exp(-900) is 0 in float64, and its logarithm -inf. Use "
                "torch.logsumexp, which takes out the largest term first.",
            ),
            (
                (joint * ALLOWED).logsumexp(-1),
                "A class that is ruled out has the weight 0, so its logarithm is "
                "-inf. You gave it the logarithm 0, the weight 1.",
            ),
            (
                inside.max(-1).values,
                "That is the best certain class of the set. The best q(y) spreads "
                "its weight: sum p(y) exp L(x, y) over the set.",
            ),
            (
                (inside.softmax(-1) * joint).sum(-1),
                "That is the mean of L(x, y) + log p(y) under the best q(y). The "
                "entropy of q(y) is missing: Failure 1 of this chapter.",
            ),
            (
                BOUND_Y.masked_fill(~ALLOWED, -torch.inf).logsumexp(-1),
                "Where is log p(y)? Each class enters with p(y) exp L(x, y).",
            ),
            (
                right - prior_inside.logsumexp(-1),
                "That bounds log p(x | y in the set): you divided by the "
                "probability of the set. Keep p(y) as it is.",
            ),
            (
                joint.masked_fill(ALLOWED, -torch.inf).logsumexp(-1),
                "You kept the classes that are ruled out, and dropped those that are "
                "allowed: `allowed` is true where the class is possible.",
            ),
        ],
        start=(
            "Start from the best value for all classes. What changes in its derivation "
            "if q(y) must be 0 for some of them?",
            "A class that is ruled out adds nothing to the sum in the normaliser.",
            "The answer is a logsumexp of L(x, y) + log p(y) over the classes left.",
        ),
        hint=hint,
        more=[(few, inside[:2, :3].logsumexp(-1))],
    )


def check_certainty(
    loss: Callable[[Tensor, Tensor], Tensor | None], hint: int = 0
) -> bool:
    """Judge loss(bound_y, log_p) -> (N,): nats lost by the best certain q(y).

    Shapes as in `check_partial_label`; right is -log of the largest q*(y).
    """
    joint = BOUND_Y + LOG_P
    log_star = joint.log_softmax(-1)
    log_z = joint.logsumexp(-1)
    right = -log_star.max(-1).values
    top = joint.argmax(-1)
    two, two_log_p = BOUND_Y[:2, :3], LOG_P[1:]
    return judge(
        loss,
        (BOUND_Y, LOG_P),
        right,
        [
            (
                -right,
                "What is lost is a positive number: the best bound minus the best "
                "bound of a certain q(y).",
            ),
            (
                1 - right.neg().exp(),
                "That is the probability of the other classes, 1 - q*(c). Asked is "
                "for nats: a difference of two bounds.",
            ),
            (
                right / math.log(2),
                "These are bits. In this book everything is in nats: the natural "
                "logarithm.",
            ),
            (
                -(log_star.exp() * log_star).sum(-1),
                "That is the entropy of q*. It is what the term adds at q*, but a "
                "certain q(y) also has another mean of L(x, y).",
            ),
            (
                -LOG_P[top],
                "That is KL[q(y) || p(y)] of the certain q(y), which is only a part "
                "of its bound. Compare the whole bounds.",
            ),
            (
                log_z - BOUND_Y.max(-1).values,
                "A certain q(y) has log p(y) in its bound, too: L(x, y) + log p(y).",
            ),
            (
                BOUND_Y.logsumexp(-1) - BOUND_Y.max(-1).values,
                "Where is log p(y)? Both bounds have it, and it does not cancel.",
            ),
            (
                log_z - joint.min(-1).values,
                "That is the worst certain q(y). Which class is the best one?",
            ),
            *(
                (
                    torch.full((3,), infinite, dtype=F64),
                    "Infinite: does your code take the logarithm of exp(-900), which "
                    "is 0 in float64? Use torch.logsumexp or torch.log_softmax.",
                )
                for infinite in (math.inf, -math.inf)
            ),
        ],
        start=(
            "Two bounds are compared: that of q*, and that of the best q(y) that is "
            "1 for one class.",
            "A certain q(y) turns the bound into L(x, c) + log p(c). Which c is best?",
            "Subtract the largest L(x, y) + log p(y) from their logsumexp.",
        ),
        hint=hint,
        more=[((two, two_log_p), -(two + two_log_p).log_softmax(-1).max(-1).values)],
    )


def _one_class(k: int) -> Tensor:
    """The right estimate for class k of three, at a baseline of -900."""
    log_q = LOGITS[:3].log_softmax(-1)
    U_k = BOUND_Y[0, k] - log_q[k] + LOG_P[k]
    return (U_k + 900) * (torch.eye(3, dtype=F64)[k] - log_q.exp())


def check_one_class_gradient(
    estimate: Callable[[int, Tensor, Tensor, Tensor, float], Tensor | None],
    hint: int = 0,
) -> bool:
    """Judge estimate(k, logits, bound_y, log_p, baseline) -> (K,).

    Right is (U_k - baseline) times the gradient of log q(k) with respect to the
    logits (K,), with U_k = L(x, k) - log q(k) / p(k), for a class k drawn from q.
    """
    k, baseline = 2, -851.0
    log_q = LOGITS.log_softmax(-1)
    q = log_q.exp()
    a = BOUND_Y[1] - log_q + LOG_P
    one_hot = torch.eye(4, dtype=F64)[k]
    score = one_hot - q
    right = (a[k] - baseline) * score
    return judge(
        estimate,
        (k, LOGITS, BOUND_Y[1], LOG_P, baseline),
        right,
        [
            (a[k] * score, "Where is the baseline? Subtract it from U_k."),
            (
                (a[k] - baseline) * one_hot,
                "The gradient of log q(k) has two parts: 1 for the class k, and "
                "minus q(y) for every y, because a softmax is normalised.",
            ),
            (
                q[k] * right,
                "The class was drawn from q, so it has its weight already: q(k) "
                "would count twice.",
            ),
            (
                (BOUND_Y[1, k] - baseline) * score,
                "U_k is more than L(x, k): subtract log q(k) / p(k) too.",
            ),
            (
                (BOUND_Y[1, k] - log_q[k] - baseline) * score,
                "Where is log p(k)? U_k = L(x, k) - log q(k) + log p(k).",
            ),
            (-right, "The sign: the bound is to rise, not to fall."),
            (
                (a[k] - log_q[k] - baseline) * score,
                "Your U_k has a gradient of its own, for it contains log q(k). In this "
                "estimate it is a number: `.detach()` it before you differentiate.",
            ),
            (
                (BOUND_Y[1, k] + log_q[k] - LOG_P[k] - baseline) * score,
                "The sign inside U_k: it is L(x, k) minus log q(k) / p(k).",
            ),
            (
                (a - baseline) * score,
                "Each logit has its own U here. One class was drawn, so there is one "
                "number U_k for all of them.",
            ),
        ],
        start=(
            "What is the derivative of log q(k), the logarithm of a softmax, with "
            "respect to each logit? And how much is class k worth?",
            "U_k is the worth of class k in the section on the gradient, one number.",
            "The gradient of log q(k) is 1 at k, minus q(y) everywhere.",
        ),
        hint=hint,
        also=[
            (
                (a[k] - 1 - baseline) * score,
                "(The -1 is a constant: it acts like another baseline, and drops out "
                "of the mean.)",
            )
        ],
        more=[((0, LOGITS[:3], BOUND_Y[0, :3], LOG_P[:3], -900.0), _one_class(0))],
    )


def check_sum_first(
    estimate: Callable[[Tensor, Tensor], Tensor | None], hint: int = 0
) -> bool:
    """Judge estimate(log_w, log_p) -> (): log of (1/k) sum_i sum_y p(y) w_iy.

    `log_w` (k, K) holds the log-weights of k samples of v for each of K classes.
    """
    k = len(LOG_W)
    joint = LOG_W + LOG_P
    right = joint.flatten().logsumexp(0) - math.log(k)
    per_class = LOG_W.logsumexp(0) - math.log(k)
    return judge(
        estimate,
        (LOG_W, LOG_P),
        right,
        [
            (
                joint.logsumexp(-1).mean(),
                "You took the logarithm before the mean over samples. A bound too, "
                "but a looser one: all sums first, then one logarithm.",
            ),
            (
                (LOG_P.exp() * per_class).sum(),
                "You averaged logarithms over the classes. The sum over y stands "
                "inside the logarithm.",
            ),
            (
                joint.flatten().logsumexp(0),
                "A mean over the samples, not a sum: subtract log k.",
            ),
            (
                joint.flatten().logsumexp(0) - math.log(joint.numel()),
                "The mean is over the k samples only. The classes are summed, with "
                "their weights p(y).",
            ),
            (
                LOG_W.flatten().logsumexp(0) - math.log(k),
                "Where is p(y)? Each class enters with its weight.",
            ),
            (
                (LOG_W.mean(0) + LOG_P).logsumexp(0),
                "That is the best bound of (6), estimated: you averaged the log w of "
                "each class. Here the w themselves are averaged, inside the logarithm.",
            ),
        ],
        start=(
            "There is one logarithm, and everything is summed inside it. The weights "
            "are given as logarithms: how does one add such numbers safely?",
            "p(y) w_iy is exp(log p(y) + log w_iy); the mean is over i alone.",
            "Add log p(y), take torch.logsumexp over both axes, subtract log k.",
        ),
        hint=hint,
        more=[((LOG_W[:2], LOG_P), joint[:2].flatten().logsumexp(0) - math.log(2))],
    )
