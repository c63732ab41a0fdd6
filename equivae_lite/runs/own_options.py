"""`train --data PICTURES --name NAME`: what `train` is told of the reader's images."""

from __future__ import annotations

import argparse

from .. import files
from ..errors import EquivaeError
from ..training import checkpoints
from . import estimate, own, pipeline
from .folders import Folder

OPTIONS = ("name", "size", "colours", "labels", "unlabelled")  # beside --data


def add(train: argparse.ArgumentParser) -> None:
    """The options of `train` for images of the reader's own."""
    group = train.add_argument_group("images of your own")
    group.add_argument(
        "--data", metavar="PICTURES",
        help="a sub-folder of pictures for each class; or an .npz file of images and "
        "labels; or a set by name, as letters",
    )  # fmt: skip
    group.add_argument("--name", help="what this experiment is called from now on")
    group.add_argument("--size", type=int, metavar="PIXELS",
                       help="a side of an image, 16 to 64 (default: as they are, if "
                       "they are so)")  # fmt: skip
    group.add_argument("--colours", type=int, choices=(1, 3),
                       help="grey or colour (default: as they are)")  # fmt: skip
    group.add_argument("--labels", type=int, metavar="N",
                       help="semi-supervised, with so many labels in all")  # fmt: skip
    group.add_argument("--unlabelled", metavar="MORE",
                       help="semi-supervised, with these pictures beside the named "
                       "ones")  # fmt: skip


def check(a: argparse.Namespace) -> None:
    """Options that belong together, or an EquivaeError."""
    if a.command != "train":
        return
    if a.labels is not None and a.labels < 4:
        raise EquivaeError(f"--labels {a.labels}: r_y needs 2 of each class or more")
    given = [f"--{o}" for o in OPTIONS if getattr(a, o) is not None]
    if a.data is None and given:
        raise EquivaeError(f"{given[0]} goes with --data: say where your images are")
    if (a.data is None) == (a.experiment is None) or (a.data and a.name is None):
        raise EquivaeError(
            "give the name of an experiment (`list` shows them), or --data PICTURES "
            "--name NAME for images of your own"
        )


def make(a: argparse.Namespace, folder: Folder, where: str) -> None:
    """Images of the reader's own become an experiment, before it is trained."""
    options = {o: getattr(a, o) for o in OPTIONS if o != "name"}
    e = own.make(a.name, a.data, folder, **options)
    a.experiment = a.name
    if a.profile == "full" and not _begun(a.name, a.seed, folder):
        e = pipeline.preset(a.name, a.epochs, folder)
        train = own.load(e.data, "train", None, where, folder)
        took = estimate.minutes(e, train, pipeline.pixels_for(e, train))
        print(f"  training will take about {took:.0f} minutes here, if nothing else "
              "runs", flush=True)  # fmt: skip


def _begun(name: str, seed: int, folder: Folder) -> bool:
    card = checkpoints.paths(name, seed, folder.checkpoints)[1]
    return files.exists(folder.state(name, seed)) or files.exists(card)
