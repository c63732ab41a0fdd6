"""What chapter 18 does to folders of pictures: writes them, learns them, looks.

`learn` is what `train --data PICTURES` does, cut to so many steps and kept in memory; a
`Learnt` is an `Explorer`, so that whatever draws in chapter 16 draws with it, too.
"""

from __future__ import annotations

import math
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
    mean_and_error,
    noise_of,
)  # fmt: skip
from ..model.equivae import EquiVAE
from ..runs import own as own_runs
from ..runs.folders import of_reader
from ..runs.pipeline import pixels_for
from ..runs.tables import markdown
from ..training import checkpoints, loop
from ..training.choice import choose
from ..training.settings import Experiment
from .explorer import Explorer, decode

BATCH = 64


@dataclass(frozen=True, eq=False)
class Learnt(Explorer):
    """A model of a folder, with the settings it had and what reading it said."""

    experiment: Experiment
    notes: tuple[str, ...]
    seconds: float


def letters(split: str, names: str, each: int | Sequence[int]) -> ImageSet:
    """Printed letters, the first `each` of every one in `names`, in its order."""
    counts = [each] * len(names) if isinstance(each, int) else list(each)
    n = 26 * max(counts) + 600  # enough of every letter
    data = sets.load("letters", split, min(n, sets.SIZES["letters"][split]))
    rows = []
    for name, count in zip(names, counts):
        found = torch.nonzero(data.labels == ord(name) - ord("A")).flatten()
        if len(found) < count:
            raise DataError(f"only {len(found)} letters {name} are there: ask for less")
        rows.append(found[:count])
    y = torch.repeat_interleave(torch.arange(len(names)), torch.tensor(counts))
    images = data.images[torch.cat(rows)]
    return ImageSet("letters", split, images, y, None, data.md5, tuple(names))


def on_ground(data: ImageSet, low: Tensor, high: Tensor, seed: int) -> ImageSet:
    """The same letters, white on grounds between grey levels `low` and `high`, (K,).

    From 0 to 1; each picture has a ground of its own, which `factors` names.
    """
    g = torch.Generator().manual_seed(seed)
    share = torch.rand(len(data), generator=g)
    ground = (low + (high - low) * share[:, None])[torch.arange(len(data)), data.labels]
    ink = data.images / 255
    pictures = ground[:, None, None, None] * (1 - ink) + ink
    images = (255 * pictures).round().byte()
    return replace(data, images=images, factors={"ground": ground})


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

    The settings are those of the command but for the schedule, batches of BATCH, as
    many as `steps`, and for twice the learning rate. `changes` are fields of the
    experiment.
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
        learning_rate=2 * e.learning_rate,
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


def border(pictures: Tensor) -> Tensor:
    """Mean grey level of the outermost pixels of pictures (..., C, H, W)."""
    inner = pictures[..., 1:-1, 1:-1].sum(dim=(-1, -2, -3))
    count = math.prod(pictures.shape[-3:]) - math.prod(
        (pictures.shape[-3], pictures.shape[-2] - 2, pictures.shape[-1] - 2)
    )
    return (pictures.sum(dim=(-1, -2, -3)) - inner) / count


def shrunk(data: ImageSet, learnt: Explorer) -> ImageSet:
    """Images brought to a model's size as a folder's are."""
    pictures = [Image.fromarray(image[0].numpy()) for image in data.images]
    small = [square(picture, learnt.model.arch.size, 1) for picture in pictures]
    return replace(data, images=torch.stack([torch.tensor(one) for one in small]))



@dataclass(frozen=True)
class Looks:
    """What to look at first, in numbers; in nats, but for `misread`."""

    trained_on: float  # (4) of the pictures that the model learnt from
    held_out: float  # of others
    held_out_error: float  # standard error of that mean, over pictures
    cost: float  # what a wrong class costs the others, eq-wrong-class
    cost_error: float
    misread: float  # share of the others whose r(x) is nearest to another class


def looks(learnt: Explorer, held_out: ImageSet, most: int = 500) -> Looks:
    """Look at a model with pictures that it did not learn from, of its own size."""
    seen = learnt.train.subset(torch.arange(min(most, len(learnt.train))))
    bound, error = mean_and_error(bounds_of(learnt, held_out))
    cost, cost_error = mean_and_error(
        wrong_class_cost(every_bound(learnt, held_out), held_out.labels)
    )
    read_as = torch.cdist(read(learnt, held_out.images), learnt.r_y).argmin(dim=1)
    return Looks(
        float(bounds_of(learnt, seen).mean()), bound, error, cost, cost_error,
        float((read_as != held_out.labels).double().mean()),
    )  # fmt: skip


def wrong_class_cost(bounds: Tensor, labels: Tensor) -> Tensor:
    """(4) under the own class less its mean under the others: (N, K), (N,) -> (N,)."""
    own = bounds.gather(1, labels[:, None])[:, 0]
    return own - (bounds.sum(dim=1) - own) / (bounds.shape[1] - 1)


def looks_table(rows: dict[str, Looks]) -> str:
    """The looks at several models, in Markdown."""
    heads = ["model of", "(4), trained on", "held out", "difference",
             "a wrong class costs", "r(x) nearest to another class"]  # fmt: skip
    return markdown(heads, [
        [words, f"{at.trained_on:.1f}", f"{at.held_out:.1f} ± {at.held_out_error:.1f}",
         f"{at.trained_on - at.held_out:.1f}", f"{at.cost:.1f} ± {at.cost_error:.1f}",
         f"{at.misread:.0%}"]
        for words, at in rows.items()
    ])  # fmt: skip


def explorer_of(
    name: str, seed: int = 0, out: str | Path | None = None, limit: int | None = None
) -> Explorer:
    """The model that `train --data PICTURES --name NAME` made, for all of chapter 16.

    From the reader's folder, or from `out`; of its images about `limit` of each split.
    Raises EquivaeError if there is no such experiment, or no weights of it.
    """
    folder = of_reader(out)
    data = own_runs.named(name, folder).data
    holder = own_runs.holder(name, seed, folder, short=True)
    model, pixels, _ = checkpoints.load(name, seed, holder.checkpoints)
    train, test = (
        own_runs.load(data, split, limit, "cpu", folder) for split in sets.SPLITS
    )
    return Explorer(model, pixels, train, test)
