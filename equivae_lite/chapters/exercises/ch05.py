"""Judges for the exercises of chapter 05: the joint objective (7) and its estimates."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from . import judge

Answer = Callable[..., Tensor | float | None]


def _draws(seed: int, *shape: int) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape))


def check_estimate(answer: Answer, hint: int = 0) -> bool:
    """Judge an unbiased estimate of (7) from one batch of each kind.

    `answer(labelled, unlabelled, n_lab, n_unlab)` gets the bounds of the images in
    the two batches, (B_lab,) and (B_unlab,), and the sizes of the two sets.
    """
    labelled, unlabelled = _draws(0, 2) - 3.0, _draws(1, 5) - 7.0
    n_lab, n_unlab = 10, 600
    n = n_lab + n_unlab
    lab, unlab = labelled.mean(), unlabelled.mean()
    right = n_lab * lab + n_unlab * unlab
    wrong = (
        (lab + unlab, "These are two means: each stands for a whole set, so how many "
         "images does it stand for?"),
        ((lab + unlab) * n / 2, "Both means have the same weight here: each labelled "
         "image counts n_unlab / n_lab times as much as (7) wants."),
        (right / n, "That is the estimate per image: right for training, but (7) is a "
         "sum. Multiply by the number of images."),
        (labelled.sum() + unlabelled.sum(), "These are the sums over the batches: "
         "scale each to its set."),
        (torch.cat([labelled, unlabelled]).mean() * n, "One mean over both batches "
         "mixes them in the proportion of the batches, not of the sets."),
        (n_unlab * lab + n_lab * unlab, "The two set sizes are swapped."),
        (n_lab * labelled.sum() + n_unlab * unlabelled.sum(), "Each sum is too large "
         "by its batch size: divide by the number of images in the batch."),
    )  # fmt: skip
    start = (
        "If a batch were the whole of its set, what would the answer be?",
        "A mean over a batch estimates the mean over its set; how large is the set?",
        "n_lab times the labelled mean, and n_unlab times the unlabelled one.",
    )
    few = labelled[:1], unlabelled[:3], 7, 20
    more = [(few, 7 * few[0].mean() + 20 * few[1].mean())]
    return judge(answer, (labelled, unlabelled, n_lab, n_unlab), right, wrong,
                 start=start, hint=hint, more=more)  # fmt: skip


def check_path_gradient(answer: Answer, hint: int = 0) -> bool:
    """Judge the gradient of (6) with respect to A, for a fixed q(v | r_y, x).

    `answer(x, means, A, W, log_var, mu, log_q)` gets one image (D,), the mean of
    each class's labelled images (K, D), A (D, D) and W (D, d) of the linear toy,
    log s², mu (K, d) and log q(y | x) (K,). It returns a (D, D) matrix.
    """
    D, d, K = 3, 2, 4
    x, means, A, W = (_draws(i, *s) for i, s in enumerate([(D,), (K, D), (D, D),
                                                           (D, d)]))  # fmt: skip
    log_var, mu = math.log(0.3), _draws(4, K, d)
    log_q = torch.log_softmax(_draws(5, K), dim=0)
    residual = x - means @ A.T - mu @ W.T
    q = log_q.exp()[:, None]
    s2 = math.exp(log_var)
    right = (q * residual / s2).T @ means
    wrong = (
        (residual.T @ means / s2, "Every class counts fully here: weigh it with "
         "q(y | x)."),
        ((log_q[:, None] * residual).T @ means / s2, "You weigh with log q(y | x): "
         "take its exponential."),
        ((q * residual).T @ means, "The variance s² is missing: the squared distance "
         "is divided by 2 s²."),
        ((q * residual).T @ means / log_var, "You divide by the log-variance: take "
         "its exponential."),
        (right.T, "That is the transpose: A acts as r_y = A · mean, so the rows "
         "belong to the residual."),
        (-right, "The sign is wrong: the bound rises when r_y moves towards x - W mu."),
        (2 * right, "Twice too large: the density has a ½ before its square."),
        ((q * (x - means @ A.T)).T @ means / s2, "v is forgotten: the decoder's mean "
         "is r_y + W mu."),
    )  # fmt: skip
    start = (
        "How does (6) change with r_y of one class, and how r_y with A?",
        "Only the decoder's way is left, e / s² with e = x - r_y - W mu; each class "
        "has its weight q(y | x).",
        "The outer product of q(y) e / s² and the class mean, summed over the classes.",
    )
    two = residual[:2] / s2
    more = [((x, means[:2], A, W, log_var, mu[:2], log_q[:2]),
             (q[:2] * two).T @ means[:2])]  # fmt: skip
    return judge(answer, (x, means, A, W, log_var, mu, log_q), right, wrong,
                 start=start, hint=hint, more=more)  # fmt: skip


def check_batch_variance(answer: Answer, hint: int = 0) -> bool:
    """Judge the variance of N/B times a sum over B of N values, without replacement.

    `answer(values, B)` gets all values (N,) and returns a number.
    """
    values, B = _draws(7, 12), 5
    N = len(values)
    s2 = values.var(correction=0)
    shrink = (N - B) / (N - 1)
    with_replacement = N**2 * s2 / B
    right = with_replacement * shrink
    wrong = (
        (with_replacement, "That is the variance with replacement: a batch that holds "
         "every image would still be noisy."),
        (right * N / (N - 1), "Divide the squares by N, not N - 1, if you then use "
         "(N - B) / (N - 1)."),
        (right / N**2, "That is the variance of the batch mean: the estimate is N "
         "times as large."),
        (right / N, "The estimate is N times the mean, so its variance is N² times "
         "as large."),
        (right.sqrt(), "That is the standard deviation."),
        (with_replacement * (1 - B / N), "Nearly: with squares divided by N the factor "
         "is (N - B) / (N - 1)."),
    )  # fmt: skip
    start = (
        "What is the variance with replacement, and what must it be for B = N?",
        "Start from N² s² / B, where s² divides by N, and make it vanish for B = N.",
        "The factor is (N - B) / (N - 1).",
    )
    s2_of_8 = values[:8].var(correction=0)
    more = [((values[:8], 3), 64 * s2_of_8 / 3 * 5 / 7)]
    return judge(answer, (values, B), right, wrong, start=start, hint=hint, more=more)


def check_alpha_objective(answer: Answer, hint: int = 0) -> bool:
    """Judge L_α = L + α Σ log q(y_n | x_n), with L from (7).

    `answer(labelled, unlabelled, log_q, y, alpha)` gets the bounds of all images,
    (N_lab,) and (N_unlab,), log q(y | x_n) of the labelled ones (N_lab, K), their
    classes (N_lab,) and α.
    """
    labelled, unlabelled = _draws(8, 4) - 3.0, _draws(9, 6) - 7.0
    log_q = torch.log_softmax(_draws(10, 4, 3), dim=1)
    y, alpha = torch.tensor([2, 0, 1, 2]), 0.7
    bound = labelled.sum() + unlabelled.sum()
    chosen = log_q[torch.arange(4), y]
    right = bound + alpha * chosen.sum()
    wrong = (
        (bound, "That is (7) alone: where is the label posterior told the labels?"),
        (bound - alpha * chosen.sum(), "The sign is wrong: the objective is maximised, "
         "and log q(y_n | x_n) should grow."),
        (bound + alpha * chosen.mean(), "A mean over the labelled images: our α "
         "belongs to the sum."),
        (bound + alpha * log_q.sum(), "All classes are summed: only the class y_n of "
         "each image counts."),
        (bound + alpha * chosen.exp().sum(), "You add probabilities: take their "
         "logarithm."),
        (labelled.mean() + unlabelled.mean() + alpha * chosen.sum(), "(7) is a sum "
         "over images, not two means."),
        (bound + chosen.sum(), "Where is α?"),
        (bound + alpha * log_q[:, y].sum(), "`log_q[:, y]` takes the columns y for "
         "every image: one column for each image is `log_q[range(N), y]`."),
    )  # fmt: skip
    start = (
        "(7) is there already. Which one number of each row of log_q is added?",
        "Pick log_q[n, y_n] of each labelled image, by indexing or with `gather`.",
        "(7), plus α times the sum of these.",
    )
    few = labelled[:2], unlabelled[:1], log_q[1:3], y[1:3], 2.0
    more = [(few, few[0].sum() + few[1].sum() + 2 * chosen[1:3].sum())]
    return judge(answer, (labelled, unlabelled, log_q, y, alpha), right, wrong,
                 start=start, hint=hint, more=more)  # fmt: skip
