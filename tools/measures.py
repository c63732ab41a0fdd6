"""What is measured of a trained model and its neighbours, on whatever data: ch. 15."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from equivae_lite.chapters.equivariance import (
    KINDS,
    TELLS,
    on_held_out_classes,
    transport,
)
from equivae_lite.chapters.judge import Judge
from equivae_lite.data.sets import ImageSet, Pixels
from equivae_lite.evaluation.bound import (
    Representations,
    bound_terms,
    embed_all,
    latent_means,
)
from equivae_lite.evaluation.probes import class_told, posteriors
from equivae_lite.model.equivae import EquiVAE
from equivae_lite.model.groups import r_of

# What a move does to images: x and Tx, their classes, and A, b and about which points.
Pairs = tuple[list[Tensor], Tensor, tuple[Tensor, Tensor, Tensor]]


class Measuring:
    """One trained model and all that its measures share."""

    def __init__(
        self, model: EquiVAE, train: ImageSet, test: ImageSet, judge: Judge
    ) -> None:
        self.model, self.pixels, self.judge = model, Pixels.unit(), judge
        self.train, self.test = train.subset(torch.arange(2 * len(test))), test
        self.of_training = Representations(model, self.pixels, train)
        self.r_y = None if model.representation == "none" else self.of_training.table()

    def v(self, images: Tensor, y: Tensor) -> Tensor:
        """Means of q_cov, told the r_y of the images' classes: (N, V)."""
        r = None if self.r_y is None else self.r_y[y]
        return latent_means(self.model, self.pixels, images, r)

    def decode(self, v: Tensor, y: Tensor) -> Tensor:
        """Pictures (N, 1, H, W); a plain VAE draws the class that is in its v."""
        return self.model.mean_image(None if self.r_y is None else self.r_y[y], v)

    def read_digit(self, images: Tensor) -> Tensor:
        """The judge's likeliest of the ten digits."""
        return self.judge(images)[..., :10].argmax(dim=-1)

    def r(self, images: Tensor) -> Tensor:
        """r of single images, (N, R)."""
        f = embed_all(self.model, self.pixels, images)
        return r_of(self.model.encoder, f[:, None])

    def bound(self, test: ImageSet, r: Tensor | None = None) -> Tensor:
        """(4) of each image, (N,), given r or the r_y of its class."""
        if r is None and self.r_y is not None:
            r = self.r_y[test.labels]
        x = self.pixels.forward(test.images)
        return bound_terms(self.model, x, r, torch.arange(len(test))).bound


def moves(
    of: Measuring, pairs: Callable[[str], Pairs], kinds: tuple[str, ...]
) -> dict[str, dict[str, float]]:
    """By move: shares of the rules, what of it is drawn, how far r and v go."""
    found = {}
    for kind in kinds:
        images, y, T = pairs(kind)
        v, v_T = (of.v(x, y) for x in images)
        shares = on_held_out_classes(v, v_T, y)
        found[kind] = {key: shares[key].mean().item() for key in
                       ("rule", "change", "nothing", "own")}  # fmt: skip
        found[kind]["least"] = shares["rule"].min().item()
        if kind in TELLS:
            moved = transport(of.decode, v, v_T, y, T, of.read_digit)
            found[kind] |= {"done": moved.done(kind), "wrong": moved.wrong}
        apart = torch.pdist(v[:1000]).mean()
        found[kind]["v_moves"] = ((v_T - v).norm(dim=1).mean() / apart).item()
        if hasattr(of.model, "encoder"):
            r, r_T = (of.r(x) for x in images)
            between = torch.pdist(of.r_y[:10]).mean()
            found[kind]["r_moves"] = ((r_T - r).norm(dim=1).mean() / between).item()
    return found


def class_in_v(of: Measuring, steps: int) -> dict[str, float]:
    """Share of test images whose class a network misreads from v: sample and mean."""
    q = [posteriors(of.model, of.pixels, d, of.r_y) for d in (of.train, of.test)]
    return {reads: class_told(*q, reads=reads, steps=steps).error
            for reads in ("sample", "mean")}  # fmt: skip


def itself_among(of: Measuring, others: int = 7) -> dict[str, float]:
    """(4) with r of `others` training images, and of these and the image itself."""
    test, chance = of.test, torch.Generator().manual_seed(2)
    rows = torch.stack([
        members[torch.randint(len(members), (others,), generator=chance)]
        for members in (of.of_training.by_class[y] for y in test.labels.tolist())
    ])  # fmt: skip
    f = of.of_training.f[rows]  # (N, others, F)
    own = embed_all(of.model, of.pixels, test.images)[:, None]
    encoder = of.model.encoder
    without, among = r_of(encoder, f), r_of(encoder, torch.cat([f, own], 1))
    return {"without": of.bound(test, without).mean().item(),
            "among": of.bound(test, among).mean().item()}  # fmt: skip


def amount_of(kind: str) -> tuple[float, float]:
    """Half of a move one way, and half the other way: so both images are alike."""
    amount = KINDS[kind][1]
    return -amount / 2, amount / 2


def short(of: Mapping) -> dict:
    """Every number to five digits."""
    return {k: short(x) if isinstance(x, Mapping) else float(f"{x:.5g}")
            for k, x in of.items()}  # fmt: skip
