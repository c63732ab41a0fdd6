"""Complementary sampling: which labelled images make the r_y of an image.

The plain way draws m images of class y_n other than x_n for every x_n of the
batch. Here every class draws one pool of m + 1 images a step, and each x_n
averages m of them: the pool without x_n if x_n is in it, else without one
member at random. Each x_n still sees a uniformly random m-subset of
D_lab^y \\ {x_n}; chapter 10 proves it.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..errors import TrainingError


class ComplementaryPools:
    """Draws the shared pools of a labelled set.

    Args:
        labels: (N,) class of each labelled image, on the training device.
        generator: random generator on the same device.
        classes: number of classes.

    Raises:
        TrainingError: a class has fewer than two labelled images.
    """

    def __init__(
        self, labels: Tensor, generator: torch.Generator, classes: int = 10
    ) -> None:
        sizes = torch.bincount(labels, minlength=classes)
        if int(sizes.min()) < 2:
            short = (sizes < 2).nonzero().flatten().tolist()
            raise TrainingError(
                f"classes {short} have fewer than 2 labelled images; r_y of an image "
                "is made from the others of its class: label at least 2 of each"
            )
        self.generator = generator
        self.largest_m = int(sizes.min()) - 1
        # (classes, n_max): member i of class y; rows of small classes are padded
        # with the first member, which `_present` keeps from being drawn.
        order = torch.argsort(labels, stable=True)
        rank = torch.arange(int(sizes.max()), device=labels.device)
        start = torch.cumsum(sizes, 0) - sizes
        self._present = rank < sizes[:, None]
        self._members = order[torch.where(self._present, start[:, None] + rank, 0)]

    def draw(self, m: int) -> Tensor:
        """One uniformly random (m + 1)-subset of each class: indices (classes, m + 1).

        Raises TrainingError if a class has no m images besides the one left out.
        """
        if not 1 <= m <= self.largest_m:
            raise TrainingError(
                f"m = {m} complementary images asked for, but the smallest class "
                f"allows m from 1 to {self.largest_m} (its size minus one): "
                "lower m_max or label more images"
            )
        keys = torch.rand(
            self._members.shape, generator=self.generator, device=self._members.device
        )
        chosen = torch.where(self._present, keys, -1.0).topk(m + 1, dim=1).indices
        return self._members.gather(1, chosen)

    def left_out(self, pool: Tensor, n: Tensor | None, y: Tensor) -> Tensor:
        """Position in the pool of class y of the member that each image does not see.

        Args:
            pool: (classes, m + 1) from `draw`.
            n: (B,) index of each image in the labelled set, or None for images
                that are not in it (unlabelled ones, or test images).
            y: class whose pool is averaged, of any shape (B,) or (B, classes).

        Returns the position, of the shape of `y`: that of x_n itself where x_n
        is in the pool, a random one elsewhere.
        """
        out = torch.randint(
            pool.shape[1], y.shape, generator=self.generator, device=pool.device
        )
        if n is None:
            return out
        itself = pool[y] == n[:, None]  # (B, m + 1)
        return torch.where(itself.any(1), itself.int().argmax(1), out)


def complementary_mean(embeddings: Tensor, y: Tensor, out: Tensor) -> Tensor:
    """The mean in (2) over the pool of class y without the member `out`.

    `embeddings` (classes, m + 1, F) of the pools; `y` and `out` of one shape
    (...,). Returns (..., F).
    """
    m = embeddings.shape[1] - 1
    return (embeddings.sum(1)[y] - embeddings[y, out]) / m


def draw_per_image(
    labels: Tensor, n: Tensor, m: int, generator: torch.Generator
) -> Tensor:
    """The plain way, for comparison: m distinct others of its class for each x_n.

    Floyd's subset sampling, all images at once. Returns indices (B, m) into the
    labelled set; x_n itself is never drawn. Raises TrainingError if a class of
    the batch has no m others.
    """
    sizes = torch.bincount(labels)
    order = torch.argsort(labels, stable=True)
    start = torch.cumsum(sizes, 0) - sizes
    y = labels[n]
    others = sizes[y] - 1
    if m > int(others.min()):
        raise TrainingError(f"m = {m}, but a class has only {int(others.min())} others")
    place = torch.empty_like(order)
    place[order] = torch.arange(len(order), device=order.device)
    chosen = n.new_empty(len(n), 0)
    for last in range(-m, 0):  # a subset of 0 .. others - 1
        top = others + last
        keys = torch.rand(len(n), generator=generator, device=n.device)
        t = (keys.double() * (top + 1)).long()
        taken = (chosen == t[:, None]).any(1)
        chosen = torch.cat([chosen, torch.where(taken, top, t)[:, None]], dim=1)
    itself = (place[n] - start[y])[:, None]
    return order[start[y][:, None] + chosen + (chosen >= itself)]
