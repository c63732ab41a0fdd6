"""What chapter 18 does to folders of pictures: writes them, learns them, looks.

`learn` is what `train --data FOLDER` does, cut to so many steps and kept in memory; a
`Learnt` is an `Explorer`, so that whatever draws in chapter 16 draws with it, too.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from ..data import own, sets
from ..data.gather import from_folder
from ..data.pictures import square
from ..data.sets import ImageSet
from ..errors import DataError
from ..evaluation.bound import (
    CHUNK,
    Representations,
    bound_terms,
    latent_means,
    noise_of,
)  # fmt: skip
from ..model.equivae import EquiVAE
from ..runs.pipeline import pixels_for
from ..training import loop
from ..training.choice import choose
from ..training.settings import Experiment
from .explorer import Explorer, decode

BATCH = 64
EPOCHS = 10  # a short training is cut into so many, for its schedules


@dataclass(frozen=True, eq=False)
class Learnt(Explorer):
    """A model of a folder, with the settings it had and what reading it said."""

    experiment: Experiment
    notes: tuple[str, ...]
    seconds: float


def letters(
    split: str, names: str, each: int | Sequence[int], where: str = ""
) -> ImageSet:
    """Printed letters, the first `each` of every one in `names`, in its order.

    `where` is "" for any, or "thin" or "bold" for strokes below or above the middle.
    """
    counts = [each] * len(names) if isinstance(each, int) else list(each)
    n = (26 * max(counts) + 600) * (2 if where else 1)  # enough of every letter
    data = sets.load("letters", split, min(n, sets.SIZES["letters"][split]))
    stroke = data.factors["stroke"]
    fits = {"": stroke >= 0, "thin": stroke < 0.7, "bold": stroke >= 0.7}[where]
    rows = []
    for name, count in zip(names, counts):
        found = torch.nonzero(fits & (data.labels == ord(name) - ord("A"))).flatten()
        if len(found) < count:
            raise DataError(f"only {len(found)} letters {name} are there: ask for less")
        rows.append(found[:count])
    chosen = torch.cat(rows)
    y = torch.repeat_interleave(torch.arange(len(names)), torch.tensor(counts))
    strokes = {"stroke": stroke[chosen]}
    images = data.images[chosen]
    return ImageSet("letters", split, images, y, strokes, data.md5, tuple(names))


def write_folder(folder: Path, data: ImageSet, start: int = 0) -> Path:
    """One PNG an image, in a sub-folder of its class: what `--data` takes."""
    for i, (image, y) in enumerate(zip(data.images, data.labels.tolist()), start):
        place = folder / data.names[y]
        place.mkdir(parents=True, exist_ok=True)
        pixels = image[0] if len(image) == 1 else image.movedim(0, -1)
        Image.fromarray(pixels.numpy()).save(place / f"{i:05d}.png")
    return folder


def learn(
    folder: Path, steps: int, size: int | None = None, seed: int = 0, **changes: object
) -> Learnt:
    """Read a folder, split it, choose settings, train for so many steps.

    The settings are those of the command but for the schedule: batches of BATCH, as
    many as `steps`. `changes` are fields of the experiment.
    """
    started = time.perf_counter()
    gathered = from_folder(folder, size, progress=False)
    sides = own.split(gathered, folder.name)
    train, test = sides["train"], sides["test"]
    e = choose(
        folder.name, folder.name, size=train.images.shape[-1],
        colours=train.images.shape[1], classes=train.classes, images=len(train),
        smallest=int(torch.bincount(train.labels).min()),
    )  # fmt: skip
    return fit(e, train, test, steps, seed, tuple(gathered.notes), started, **changes)


def fit(
    e: Experiment, train: ImageSet, test: ImageSet, steps: int, seed: int = 0,
    notes: tuple[str, ...] = (), started: float | None = None, **changes: object,
) -> Learnt:  # fmt: skip
    """The training in `learn`: the same number of steps, whatever the set's size."""
    started = started or time.perf_counter()
    an_epoch = -(-len(train) // BATCH)
    epochs = -(-steps // an_epoch)
    e = replace(
        e, schedule=((BATCH, epochs),), kl_epochs=epochs / 4,
        separation_steps=min(e.separation_steps, steps // 3),
    )  # fmt: skip
    e = replace(e, **changes)
    pixels = pixels_for(e, train)
    model, _ = loop.fit(e, train, pixels, seed, max_steps=steps, progress=False)
    model.class_r = Representations(model, pixels, train).table()
    seconds = time.perf_counter() - started
    return Learnt(model, pixels, train, test, e, notes, seconds)


@torch.no_grad()
def bounds_of(
    learnt: Explorer, data: ImageSet, table: Tensor | None = None
) -> Tensor:
    """(4) of each image under its own class, (N,), with r_y from `table` (K, R)."""
    table = learnt.r_y if table is None else table
    x = learnt.pixels.forward(data.images)
    indices = torch.arange(len(data))
    return bound_terms(learnt.model, x, table[data.labels], indices).bound


@torch.no_grad()
def every_bound(learnt: Explorer, data: ImageSet) -> Tensor:
    """(4) of each image under every class, (N, K): one draw of v for each."""
    model, found = learnt.model, []
    for rows in torch.arange(len(data)).split(CHUNK // 5):
        eps = noise_of(rows, learnt.classes, model.arch.v_dim)
        x = learnt.pixels.forward(data.images[rows])
        found.append(model.terms_per_class(x, learnt.r_y, eps).bound)
    return torch.cat(found)


@torch.no_grad()
def exchanged(learnt: Explorer, data: ImageSet) -> Tensor:
    """Every class in the style of each image: (N, K, C, H, W) in [0, 1]."""
    r = learnt.r_y[data.labels]
    v = latent_means(learnt.model, learnt.pixels, data.images, r)
    return decode(learnt, learnt.r_y, v[:, None])


def exchange_sheet(learnt: Explorer, data: ImageSet) -> Tensor:
    """The images, and beside each every class in its style: (N, 1 + K, C, H, W)."""
    given = data.images[:, None].float() / 255
    return torch.cat([given, exchanged(learnt, data)], dim=1)


@torch.no_grad()
def read(learnt: Explorer, images: Tensor) -> Tensor:
    """r(x) = g(f(x)) of each image (N, C, H, W) uint8, each by itself: (N, R)."""
    model: EquiVAE = learnt.model
    chunks = images.split(CHUNK)
    return torch.cat([model.encoder(learnt.pixels.forward(c)[:, None]) for c in chunks])


def ink(pictures: Tensor) -> Tensor:
    """Mean grey level of pictures (..., C, H, W) in [0, 1]."""
    return pictures.float().mean(dim=(-1, -2, -3))


def shrunk(data: ImageSet, learnt: Explorer) -> ImageSet:
    """Images brought to a model's size as a folder's are."""
    pictures = [Image.fromarray(image[0].numpy()) for image in data.images]
    small = [square(picture, learnt.model.arch.size, 1) for picture in pictures]
    return replace(data, images=torch.stack([torch.tensor(one) for one in small]))

