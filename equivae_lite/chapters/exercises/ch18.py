"""Judges of chapter 18, your own classes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from . import judge


def check_cost(my_cost: Callable[[Tensor, Tensor], Tensor], hint: int = 0) -> bool:
    """Judge my_cost(bounds, y): what a wrong class costs each image, in nats."""
    random = np.random.default_rng(1)
    bounds = torch.from_numpy(-90 - 20 * random.random((6, 4)))
    y = torch.tensor([3, 0, 2, 2, 1, 0])
    own = bounds.gather(1, y[:, None])[:, 0]
    others = (bounds.sum(1) - own) / 3
    best = bounds.scatter(1, y[:, None], -torch.inf).amax(1)
    wrong = [
        (others - own, "The other way round: a cost is what the wrong class loses."),
        (own - bounds.mean(1), "The own class is in that mean: leave it out."),
        (own - best, "That is against the best of the others, not their mean."),
        (own - (bounds.sum(1) - own) / 4, "Without its own class K - 1 are left."),
        (own - (bounds.sum(1) - own), "That is the sum over the others: a mean."),
        (own, "That is the bound under the own class: less those of the others."),
    ]
    start = [
        "Of each row one number belongs to the image's class, K - 1 do not.",
        "bounds.gather(1, y[:, None])[:, 0] picks column y[n] of row n.",
        "own - (bounds.sum(1) - own) / (K - 1)",
    ]
    return judge(my_cost, (bounds, y), own - others, wrong, start=start, hint=hint)


def check_far(my_far: Callable[[Tensor, Tensor], Tensor], hint: int = 0) -> bool:
    """Judge my_far(known, new): which new images are farther than 99 % of known ones.

    `known` (N, K) and `new` (M, K): distances of r(x) to the r_y of K classes.
    """
    random = np.random.default_rng(2)
    known = torch.from_numpy(random.gamma(4.0, 0.5, (200, 3)))
    near = known.amin(1)
    limit = near.quantile(0.99)
    low, high = near.quantile(0.01), known.amax(1).quantile(0.99)
    farther = torch.tensor([0.5, 0.0, 1.0], dtype=torch.float64)
    # One row between any two of the limits that a slip may take.
    limits = [limit, near.mean(), near.amax(), low, high, known.quantile(0.99),
              limit - farther.mean(), limit - farther.amax()]  # fmt: skip
    ends = torch.stack([*limits, 0 * low, 2 * high]).sort().values
    nearest = (ends[1:] + ends[:-1]) / 2
    new = nearest[:, None] + farther
    wrong = [
        (nearest < limit, "The other way round: far is more than the limit."),
        (new.amax(1) > limit, "One class far away is nothing: look at the nearest."),
        (new.mean(1) > limit, "The mean over classes is no distance to the nearest."),
        (nearest > near.mean(), "That is the mean of the known: half are farther."),
        (nearest > near.amax(), "The largest known one: 1 % may be farther."),
        (nearest > low, "That quantile is of the nearest 1 %: the farthest."),
        (
            nearest > known.quantile(0.99),
            "The limit is over all distances: first the nearest class of each image.",
        ),
        (nearest > high, "The known ones, too, count by their nearest class."),
    ]
    start = [
        "An image is far if even its nearest class is.",
        "known.amin(1) are the distances to the nearest class; which is their limit?",
        "new.amin(1) > known.amin(1).quantile(0.99)",
    ]
    return judge(my_far, (known, new), nearest > limit, wrong, start=start, hint=hint)


def check_taken(
    my_taken: Callable[[Tensor, Tensor, Tensor], Tensor], hint: int = 0
) -> bool:
    """Judge my_taken(drawn, ink, bold): the share of a style that each class takes.

    `drawn` (N, K): ink of each class drawn in the style of image n; `ink` (N,): that of
    the images themselves; `bold` (N,): which of them are bold.
    """
    random = np.random.default_rng(3)
    bold = torch.arange(9) % 3 == 0
    ink = torch.from_numpy(0.1 + 0.02 * random.random(9)) + 0.1 * bold
    drawn = 0.05 + torch.tensor([0.9, 0.5, 0.1]).double() * ink[:, None]
    drawn = drawn + torch.from_numpy(0.004 * random.standard_normal((9, 3)))
    apart = drawn[bold].mean(0) - drawn[~bold].mean(0)
    true = ink[bold].mean() - ink[~bold].mean()
    wrong = [
        (apart, "That is ink: divide by what the images themselves differ by."),
        (-apart / true, "The sign: the bold ones first, above and below."),
        (true / apart, "Upside down: what the drawings differ by goes above."),
        (
            drawn[bold].mean(0) / ink[bold].mean(),
            "That compares bold with bold: how much do bold and thin differ?",
        ),
        (
            drawn[bold].mean(0) / drawn[~bold].mean(0),
            "Differences, not ratios of ink; and where are the images' own?",
        ),
        (
            (drawn[bold].sum(0) - drawn[~bold].sum(0))
            / (ink[bold].sum() - ink[~bold].sum()),
            "Sums of unequal numbers of images: take means.",
        ),
    ]
    start = [
        "How far are bold and thin apart in the images, and how far in the drawings?",
        "drawn[bold].mean(0) - drawn[~bold].mean(0) is one difference for each class.",
        "Divide it by ink[bold].mean() - ink[~bold].mean().",
    ]
    given = (drawn, ink, bold)
    return judge(my_taken, given, apart / true, wrong, start=start, hint=hint)
