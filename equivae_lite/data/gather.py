"""A reader's labelled pictures, from a folder or an .npz file, as one block of bytes.

    FOLDER/leaf/*.png, FOLDER/stone/*.jpg …    one sub-folder a class
    FILE.npz                                   `images` and `labels`, perhaps `names`

Whatever is decided or left out is said in `notes`. Memory holds the finished block and
one picture at a time, however many files there are.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm.auto import tqdm

from ..errors import DataError
from ..model.checks import integer
from ..model.networks import LARGEST, SMALLEST
from .pictures import PictureError, coloured, open_picture, square

LOOKED_AT = 300  # pictures, evenly over all, that size and colours are found from
DEFAULT = {1: 28, 3: 32}  # pixels a side of what is larger than LARGEST
MOST_CLASSES = 1000
MOST_BYTES = 2**32
SPLIT_NAMES = {"train", "test", "val", "valid", "validation"}
SAID = 3  # examples in a note


@dataclass
class Gathered:
    """All pictures of a reader's set, before it is split.

    images: (N, C, size, size) uint8; labels: (N,) int64, -1 for a picture without a
    name; names: of the classes, in their order; notes: what was done, in sentences.
    """

    images: np.ndarray
    labels: np.ndarray
    names: tuple[str, ...]
    notes: list[str] = field(default_factory=list)


def from_folder(
    path: str | Path, size: int | None = None, colours: int | None = None,
    unlabelled: str | Path | None = None, progress: bool = True,
) -> Gathered:  # fmt: skip
    """The pictures of a folder with a sub-folder a class, or of an .npz file.

    `size` (16 to 64) and `colours` (1 or 3) are found from the pictures if not given.
    `unlabelled` is a folder of more pictures, without names. Raises DataError if there
    is no such folder, fewer than two classes, or a class of fewer than two pictures.
    """
    path = Path(os.path.expanduser(path))
    _check_options(size, colours)
    if path.is_file():
        if unlabelled is not None:
            raise DataError("--unlabelled goes with a folder, not with an .npz file.")
        return from_npz(path)
    names, paths, notes = _classes(path)
    files, labels = [], []
    for y, name in enumerate(names):
        files += paths[name]
        labels += [y] * len(paths[name])
    if unlabelled is not None:
        more = Path(os.path.expanduser(unlabelled))
        if not more.is_dir():
            raise DataError(f"there is no folder {more}.")
        found = pictures_below(more, notes)
        if not found:
            raise DataError(f"there are no pictures in {more}.")
        files, labels = files + found, labels + [-1] * len(found)
    size, colours = _found(files, size, colours, notes)
    return _read_all(files, np.array(labels), names, size, colours, notes, progress)


def from_npz(path: Path) -> Gathered:
    """`images` (N, H, W), (N, H, W, C) or (N, C, H, W) and `labels` (N,), any integers
    or words. H = W from 16 to 64; floats from 0 to 1 become bytes. DataError if not."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except Exception as error:  # zipfile, zlib and NumPy raise many types
        raise DataError(
            f"{path} is neither a folder nor an .npz file that can be read "
            f"({type(error).__name__}: {error})."
        ) from error
    if not {"images", "labels"} <= arrays.keys():
        raise DataError(
            f"{path} holds {sorted(arrays)}, but must have `images` and `labels`."
        )
    images, notes = arrays["images"], []
    if images.ndim == 3:
        images = images[:, None]
    elif images.ndim == 4 and images.shape[3] in (1, 3):
        images = images.transpose(0, 3, 1, 2)
    if images.ndim != 4 or images.shape[1] not in (1, 3):
        raise DataError(
            f"images are {arrays['images'].shape}, expected (N, H, W), (N, H, W, C) or "
            "(N, C, H, W), with 1 or 3 colours."
        )
    size = images.shape[2]
    if size != images.shape[3] or not SMALLEST <= size <= LARGEST:
        raise DataError(
            f"images are {images.shape[2]} x {images.shape[3]} pixels, but must be "
            f"square and {SMALLEST} to {LARGEST} wide: resize them, or give a folder."
        )
    if images.dtype != np.uint8:
        real = np.issubdtype(images.dtype, np.floating) and images.size
        if not real or images.min() < 0 or images.max() > 1:
            raise DataError("images must be bytes, or numbers from 0 to 1.")
        images = (255 * images).round().astype(np.uint8)
        notes.append("numbers from 0 to 1 were brought to 256 levels")
    values = arrays["labels"]
    if values.shape != images.shape[:1] or values.dtype.kind not in "iuU":
        raise DataError(
            f"labels are {values.dtype} {values.shape}, expected {len(images)} "
            "integers or words."
        )
    there, labels = np.unique(values, return_inverse=True)
    names = [str(name) for name in arrays.get("names", there)]
    if len(names) != len(there):
        raise DataError(f"{len(names)} names, but {len(there)} different labels.")
    keep = _told_apart(images, labels, [f"image {i}" for i in range(len(images))],
                       names, notes)  # fmt: skip
    _check_classes(names, labels[keep])
    images = np.ascontiguousarray(images[keep])
    return Gathered(images, labels[keep].astype(np.int64), tuple(names), notes)


def pictures_below(folder: Path, notes: list[str]) -> list[Path]:
    """All picture files in a folder and below it, in order; hidden ones are not seen.

    Files of other kinds are left out, and said.
    """
    kinds, found, other = set(Image.registered_extensions()), [], Counter()
    for where, folders, files in os.walk(folder):
        folders[:] = sorted(f for f in folders if not _hidden(f))
        for file in sorted(f for f in files if not _hidden(f)):
            end = os.path.splitext(file)[1].lower()
            if end in kinds:
                found.append(Path(where, file))
            else:
                other[end or file] += 1
    if other:
        words = ", ".join(f"{count} {end}" for end, count in other.most_common(SAID))
        notes.append(f"{folder.name}: {other.total()} files are no pictures ({words})")
    return found


def _hidden(name: str) -> bool:
    return name.startswith((".", "__MACOSX")) or name in ("Thumbs.db", "desktop.ini")


def _classes(root: Path) -> tuple[list[str], dict[str, list[Path]], list[str]]:
    """Names of the sub-folders with pictures in them, and these."""
    if not root.exists():
        raise DataError(
            f"there is no folder {root}: give one that has a sub-folder for each class."
        )
    try:
        inside = sorted(e.name for e in os.scandir(root) if not _hidden(e.name))
    except OSError as error:
        raise DataError(f"{root} cannot be read: {error.strerror}.") from error
    notes: list[str] = []
    folders = [name for name in inside if (root / name).is_dir()]
    if folders and set(map(str.lower, folders)) <= SPLIT_NAMES:
        raise DataError(
            f"{root} has the sub-folders {', '.join(folders)}, which are no classes: "
            f"give {root / folders[-1]}; what is held out for tests is chosen from it."
        )
    if loose := len(inside) - len(folders):
        notes.append(f"{loose} files beside the sub-folders belong to no class")
    paths = {name: pictures_below(root / name, notes) for name in folders}
    if empty := [name for name, files in paths.items() if not files]:
        notes.append(f"sub-folders without pictures are no classes: {_some(empty)}")
    names = [name for name in folders if paths[name]]
    if not names:
        raise DataError(
            f"{root} has no sub-folder with pictures: it needs one for each class, "
            "with the class's name, and its pictures inside."
        )
    return names, paths, notes


def _check_options(size: int | None, colours: int | None) -> None:
    if size is not None:
        integer("size", size, 1, DataError)
        if not SMALLEST <= size <= LARGEST:
            raise DataError(f"size is {size}: choose from {SMALLEST} to {LARGEST}.")
    if colours not in (None, 1, 3):
        raise DataError(f"colours is {colours}: 1 is grey, 3 is red, green and blue.")


def _found(
    files: list[Path], size: int | None, colours: int | None, notes: list[str]
) -> tuple[int, int]:
    """Size and colours for all, from some of them."""
    if size is not None and colours is not None:
        return size, colours
    sides, any_colour = [], False
    for file in files[:: -(-len(files) // LOOKED_AT)]:
        try:
            picture, _ = open_picture(file)
        except PictureError:
            continue
        sides.append(max(picture.size))
        any_colour = any_colour or coloured(picture)
    if not sides:
        raise DataError(f"none of the pictures can be read; the first is {files[0]}.")
    colours = colours or (3 if any_colour else 1)
    side = int(np.median(sides))
    found = size or (DEFAULT[colours] if side > LARGEST else max(side, SMALLEST))
    how = "as asked" if size else f"the middle one of those looked at has {side}"
    notes.append(
        f"{'colour' if colours == 3 else 'grey'}, {found} x {found} pixels ({how}); "
        "what is not square is filled up at its border"
    )
    return found, colours


def _read_all(
    files: list[Path], labels: np.ndarray, names: list[str], size: int, colours: int,
    notes: list[str], progress: bool,
) -> Gathered:  # fmt: skip
    needed = len(files) * colours * size * size
    if needed > MOST_BYTES:
        raise DataError(
            f"{len(files):,} pictures of {size} x {size} pixels are "
            f"{needed / 2**30:.1f} GiB: take fewer, or a smaller size."
        )
    if progress:
        print(f"reading {len(files):,} pictures", flush=True)
    images = np.empty((len(files), colours, size, size), dtype=np.uint8)
    wrong, done, keep = [], Counter(), np.zeros(len(files), dtype=bool)
    for i, file in enumerate(tqdm(files, disable=None if progress else True)):
        try:
            picture, what = open_picture(file)
            images[i], keep[i] = square(picture, size, colours), True
            done.update(what)
        except PictureError as error:
            wrong.append(f"{file.parent.name}/{file.name}: {error}")
    notes += [f"{count} pictures: {what}" for what, count in done.most_common()]
    if wrong:
        notes.append(f"{len(wrong)} pictures are left out: {_some(wrong)}")
    rows = np.flatnonzero(keep)
    where = [f"{files[i].parent.name}/{files[i].name}" for i in rows]
    if len(rows) < len(files):
        images, labels = images[rows], labels[rows]
    keep = _told_apart(images, labels, where, names, notes)
    if not keep.all():
        images, labels = images[keep], labels[keep]
    _check_classes(names, labels)
    return Gathered(images, labels.astype(np.int64), tuple(names), notes)


def _told_apart(
    images: np.ndarray, labels: np.ndarray, where: list[str], names: list[str],
    notes: list[str],
) -> np.ndarray:  # fmt: skip
    """Which to keep, (N,) bool: of the same picture in the same class one."""
    first: dict[bytes, int] = {}
    keep, twice = np.ones(len(images), dtype=bool), []
    for i, image in enumerate(images):
        digest = hashlib.blake2b(image.tobytes(), digest_size=16).digest()
        j = first.setdefault(digest, i)
        if j != i and labels[i] in (labels[j], -1):
            keep[i] = False
        elif j != i:
            twice.append(f"{where[j]} and {where[i]}")
    if not keep.all():
        notes.append(f"{(~keep).sum()} pictures are there twice, and were taken once")
    if twice:
        notes.append(
            f"{len(twice)} pictures stand in two classes, which cannot both be right: "
            f"{_some(twice)}"
        )
    return keep


def _check_classes(names: Iterable[str], labels: np.ndarray) -> None:
    names = list(names)
    if not 2 <= len(names) <= MOST_CLASSES:
        raise DataError(
            f"there {'is' if len(names) == 1 else 'are'} {len(names)} class"
            f"{'' if len(names) == 1 else 'es'} ({_some(names)}): there must be 2 to "
            f"{MOST_CLASSES}."
        )
    counts = np.bincount(labels[labels >= 0], minlength=len(names))
    if few := [f"{n} has {c}" for n, c in zip(names, counts) if c < 2]:
        raise DataError(
            f"every class needs 2 different pictures or more, for r_y of one is made "
            f"from others: {_some(few)}. Add some, or move the class away."
        )


def _some(words: list[str]) -> str:
    more = len(words) - SAID
    return "; ".join(words[:SAID]) + (f"; and {more} more" if more > 0 else "")
