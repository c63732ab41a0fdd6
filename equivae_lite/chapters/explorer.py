"""What the sliders of chapter 16 ask for: a few numbers in, pictures or nats out.

Every function is pure: one model and the same numbers always give the same answer, so
that a slider, a static figure and a test may call it alike. An image is uint8 (C, H, W)
as a data set holds it, a picture is (..., C, H, W) in [0, 1]; bounds are in nats.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor
from torchvision.transforms.functional import InterpolationMode, affine

from ..data.sets import ImageSet, Pixels
from ..errors import EquivaeError
from ..evaluation.bound import CHUNK, embed_all, noise_of
from ..model import bounds
from ..model.equivae import EquiVAE

# What the sliders reach, and what is an error beyond.
MOST_V = 6.0  # standard deviations of p(v)
MOST_SHIFT = 8  # pixels
MOST_TURN = 180.0  # degrees
MOST_TEMPERATURE = 9.0


@dataclass(frozen=True, eq=False)
class Explorer:
    """A trained model with its table r_y, and images to show it.

    Raises EquivaeError for a model without the table or without an encoder for r_y.
    """

    model: EquiVAE
    pixels: Pixels
    train: ImageSet
    test: ImageSet

    def __post_init__(self) -> None:
        if self.model.representation != "complementary" or self.model.class_r is None:
            raise EquivaeError(
                "the explorer needs an EquiVAE that was trained to its end: its r_y "
                "come from images, and the table of them from its checkpoint. Load "
                "one with equivae_lite.training.checkpoints.load"
            )

    @property
    def r_y(self) -> Tensor:
        """r_y of each class from all its training images, (classes, R)."""
        return self.model.class_r

    @property
    def classes(self) -> int:
        return self.model.arch.classes

    @cached_property
    @torch.no_grad()
    def posterior(self) -> tuple[Tensor, Tensor]:
        """mu and log_var of q_cov of the test images, given their true r_y: (N, V)."""
        chunks = zip(
            self.test.images.split(CHUNK),
            self.test.labels.split(CHUNK),
        )
        found = [
            self.model.posterior(self.r_y[y], self.pixels.forward(x)) for x, y in chunks
        ]
        mu, log_var = (torch.cat(part) for part in zip(*found))
        return mu, log_var

    @cached_property
    def units(self) -> tuple[int, ...]:
        """The units of v, those first that say most of an image: by their mean KL."""
        # One unit at a time: gaussian_kl sums over the last axis.
        mu, log_var = (t[..., None] for t in self.posterior)
        kl = bounds.gaussian_kl(mu, log_var).mean(dim=0)
        return tuple(kl.argsort(descending=True).tolist())


def within(name: str, value: float, low: float, high: float) -> float:
    """`value`, or EquivaeError unless it is a number from `low` to `high`."""
    if not low <= value <= high:  # also for nan
        raise EquivaeError(f"{name} is {value}: choose one from {low} to {high}")
    return value


def style(explorer: Explorer, values: Sequence[float]) -> Tensor:
    """v (V,) with `values` in its most used units, and 0 elsewhere."""
    most = len(explorer.units)
    if not 1 <= len(values) <= most:
        raise EquivaeError(
            f"{len(values)} values of v given: expected from 1 to {most}"
        )
    v = torch.zeros(most)
    for unit, value in zip(explorer.units, values):
        v[unit] = within(f"unit {unit} of v", value, -MOST_V, MOST_V)
    return v.to(explorer.r_y.device)


@torch.no_grad()
def decode(explorer: Explorer, r: Tensor, v: Tensor) -> Tensor:
    """The decoder's mean picture of r (..., R) and v (..., V): (..., C, H, W)."""
    return explorer.pixels.inverse(explorer.model.mean_image(r, v))


def ten_digits(explorer: Explorer, values: Sequence[float]) -> Tensor:
    """Every class in one style, (classes, C, H, W); `values` as in `style`."""
    return decode(explorer, explorer.r_y, style(explorer, values))


def test_image(explorer: Explorer, index: int) -> Tensor:
    """Test image `index`, uint8 (C, H, W)."""
    within("the number of the test image", index, 0, len(explorer.test) - 1)
    return explorer.test.images[index]


def between(
    explorer: Explorer, first: int, second: int, at_v: float, at_r: float
) -> Tensor:
    """A picture (C, H, W) on the way from one test image to another.

    `at_v` and `at_r` are the shares of the way gone in v and in r, each from 0 (the
    first image's) to 1 (the second's): how it is drawn, and what it is.
    """
    within("the way in v", at_v, 0, 1)
    within("the way in r", at_r, 0, 1)
    test_image(explorer, first), test_image(explorer, second)
    v_a, v_b = explorer.posterior[0][[first, second]]
    r_a, r_b = explorer.r_y[explorer.test.labels[[first, second]]]
    return decode(explorer, torch.lerp(r_a, r_b, at_r), torch.lerp(v_a, v_b, at_v))


def distort(images: Tensor, right: int, down: int, turn: float) -> Tensor:
    """Images (..., C, H, W) shifted by pixels and turned clockwise by degrees.

    They turn about their middle before they are shifted. What comes in from outside
    is black; grey values are interpolated linearly.
    """
    within("the shift to the right", right, -MOST_SHIFT, MOST_SHIFT)
    within("the shift down", down, -MOST_SHIFT, MOST_SHIFT)
    within("the turn", turn, -MOST_TURN, MOST_TURN)
    return affine(
        images, turn, [right, down], 1.0, [0.0], InterpolationMode.BILINEAR, fill=0
    )


class Encoded(NamedTuple):
    """What the networks read from one image without being told its class."""

    r: Tensor  # (R,) r(x) = g(f(x)): the image as a complementary set of size one
    distances: Tensor  # (classes,) from r(x) to every r_y
    nearest: int  # the class of the nearest r_y
    v: Tensor  # (V,) posterior mean given r(x)
    redrawn: Tensor  # (classes, C, H, W) v with the r_y of every class


@torch.no_grad()
def read_single(explorer: Explorer, images: Tensor) -> Tensor:
    """r(x) = g(f(x)) of each image (N, C, H, W) alone: (N, R)."""
    f = embed_all(explorer.model, explorer.pixels, images)
    return explorer.model.encoder.g(f)


def nearest_classes(explorer: Explorer, images: Tensor) -> Tensor:
    """For each image (N, C, H, W) the class whose r_y is nearest to r(x): (N,)."""
    return torch.cdist(read_single(explorer, images), explorer.r_y).argmin(dim=1)


@torch.no_grad()
def encode(explorer: Explorer, image: Tensor) -> Encoded:
    """r and v of one image, and the image redrawn as every class."""
    r = read_single(explorer, image[None])[0]
    distances = (explorer.r_y - r).norm(dim=1)
    nearest = int(distances.argmin())
    x = explorer.pixels.forward(image[None])
    v = explorer.model.posterior(r[None], x)[0][0]
    redrawn = decode(explorer, explorer.r_y, v)
    return Encoded(r, distances, nearest, v, redrawn)


@torch.no_grad()
def settling(explorer: Explorer, y: int, seed: int, most: int) -> Tensor:
    """r_y from the first 1, 2, ..., `most` images of class y in a random order.

    (most, R). The order of the training images is that of `seed`.
    """
    within("the class", y, 0, explorer.classes - 1)
    members = explorer.train.by_class()[y]
    within("m", most, 1, len(members))
    order = torch.randperm(len(members), generator=torch.Generator().manual_seed(seed))
    images = explorer.train.images[members[order[:most].to(members.device)]]
    f = embed_all(explorer.model, explorer.pixels, images)
    m = torch.arange(1, most + 1, device=f.device)[:, None]
    return explorer.model.encoder.g(f.cumsum(dim=0) / m)


def samples(
    explorer: Explorer, y: int, temperature: float, seed: int, n: int = 12
) -> Tensor:
    """n pictures (n, C, H, W) of class y, v drawn from N(0, temperature · I).

    Only at temperature 1 is that p(v), and only then are they samples of the model.
    """
    within("the class", y, 0, explorer.classes - 1)
    within("the temperature", temperature, 0, MOST_TEMPERATURE)
    generator = torch.Generator().manual_seed(seed)
    eps = torch.randn(n, explorer.model.arch.v_dim, generator=generator)
    v = math.sqrt(temperature) * eps.to(explorer.r_y.device)
    return decode(explorer, explorer.r_y[y], v)


@torch.no_grad()
def class_bounds(
    explorer: Explorer, image: Tensor, draws: int = 10, seed: int = 0
) -> Tensor:
    """L(x, y) of one image under every class, (classes,), mean of `draws` of v."""
    x = explorer.pixels.forward(image[None])
    shape = explorer.classes, explorer.model.arch.v_dim
    eps = noise_of(torch.arange(draws), *shape, seed=seed).to(x.device)
    terms = explorer.model.terms_per_class(
        x.expand(draws, -1, -1, -1), explorer.r_y, eps
    )
    return terms.bound.mean(dim=0)


def best_q(bound_y: Tensor) -> Tensor:
    """The best q(y | x) for L(x, y) (..., classes) and a uniform p(y): a softmax."""
    return torch.softmax(bound_y.double(), dim=-1)


def as_image(picture: Tensor) -> Tensor:
    """A picture in [0, 1] as an image: rounded to 256 grey levels, uint8."""
    return (255 * picture).round().to(torch.uint8)
