"""Where the real data sets lie, how they are checked, and how they are fetched.

Nothing is downloaded unless `download` is called. Every file is checked by MD5.
torchvision, which takes a second to import, is imported where it is used.
"""

from __future__ import annotations

import hashlib
import os
import socket
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from urllib.error import URLError

from .. import ROOT
from ..errors import DataError
from . import others

NAMES = ("mnist", "svhn", "svhn-part", "glyphs", "street-glyphs", "characters")
STAND_INS = {"mnist": "glyphs", "svhn": "street-glyphs", "svhn-part": "street-glyphs"}
# By this package, from no file.
DRAWN = ("glyphs", "street-glyphs", "letters", "characters")
EVERY = tuple(dict.fromkeys(NAMES + DRAWN + others.NAMES))  # all that `load` knows
SPLITS = ("train", "test")
MEGABYTES = {"mnist": 12, "svhn": 250}  # to fetch; nothing fetches svhn-part
FETCHED = MEGABYTES | others.MEGABYTES
SILENCE = 60  # seconds that a server may take for its next bytes
# torchvision checks the MD5 of the archives that it downloads, but not that of
# the unpacked files that it reads. These are the unpacked ones: images, labels.
MNIST_MD5 = {
    "train": {
        "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
        "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    },
    "test": {
        "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
        "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
    },
}
# An eighth of SVHN's digits, split by photograph: data/README.md says what they hold.
SVHN_PART_MD5 = {
    "train": "dc067ef210a7adfd908626fa7de66129",
    "test": "a8cdaabc30fa25fc017b801f11c7495f",
}


def data_root(root: str | Path | None = None) -> Path:
    """Where real data is looked for: `root`, else EQUIVAE_DATA, else `data/`.

    `data/` is that of the clone which holds this package, or of the current
    folder where the package is installed elsewhere. A relative EQUIVAE_DATA that
    does not exist from the current folder is taken from the clone: notebooks run
    in `book/`, tests in the folder above.
    """
    if root is not None:
        return Path(os.path.expanduser(root))
    base = ROOT if (ROOT / "pyproject.toml").exists() else Path.cwd()
    if not os.environ.get("EQUIVAE_DATA"):
        return base / "data"
    path = Path(os.path.expanduser(os.environ["EQUIVAE_DATA"]))
    return path if path.is_absolute() or path.exists() else base / path


def available(name: str, root: str | Path | None = None) -> bool:
    """Whether all files of a real set are there (unread); True for a stand-in."""
    check_choice("data set", name, EVERY)
    return all(path.is_file() for split in SPLITS for path in files(name, split, root))


def files(name: str, split: str, root: str | Path | None) -> dict[Path, str]:
    """The files of a real set's split with their MD5s; {} for a stand-in."""
    if name == "mnist":
        raw = data_root(root) / "MNIST" / "raw"
        return {raw / file: digest for file, digest in MNIST_MD5[split].items()}
    if name == "svhn":
        from torchvision import datasets

        _, file, digest = datasets.SVHN.split_list[split]
        return {data_root(root) / file: digest}
    if name == "svhn-part":
        folder = data_root(root) / "SVHN-part"
        return {folder / f"{split}.npz": SVHN_PART_MD5[split]}
    if name in others.NAMES:
        return others.files(name, split, data_root(root))
    return {}


def md5(content: bytes | memoryview = b"") -> hashlib._Hash:
    """An MD5 sum, also where FIPS forbids MD5 for secrets: it names data here."""
    return hashlib.md5(content, usedforsecurity=False)


def checked_md5(name: str, path: Path, expected: str) -> str:
    """The MD5 of a file of set `name`; DataError if missing, damaged or unreadable."""
    if not path.is_file():
        stand_in = ""
        if name in STAND_INS:
            stand_in = (
                f" The data set '{STAND_INS[name]}' is its stand-in and needs no files."
            )
        raise DataError(
            f"{name} is not there: looked for {path}. Set EQUIVAE_DATA to the folder "
            f"that holds it. {remedy(name)}{stand_in}"
        )
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, md5).hexdigest()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error}.") from error
    if found != expected:
        raise DataError(
            f"{path} is damaged or truncated ({path.stat().st_size:,} bytes): "
            f"expected MD5 {expected}, found {found}. {remedy(name, ' again')}"
        )
    return found


def remedy(name: str, again: str = "") -> str:
    """How to come by the files of a real set, in a sentence."""
    if name in FETCHED:
        return f"`python -m equivae_lite download {name}` fetches it{again}."
    return "No command fetches it: put a whole copy there (data/README.md)."


def check_choice(what: str, value: str, choices: tuple[str, ...]) -> None:
    """Raise DataError unless `value` is one of `choices`."""
    if value not in choices:
        raise DataError(f"unknown {what} {value!r}: choose from {', '.join(choices)}.")


def download(name: str, root: str | Path | None = None) -> Path:
    """Fetch what is missing or damaged of a real set; returns its folder.

    Where all files are there and whole, nothing is fetched and nothing is written.
    Raises DataError if the folder cannot be written, the network fails or is silent
    for a minute, or what comes is not the file that is expected.
    """
    from torchvision import datasets
    from torchvision.datasets.utils import download_url

    check_choice("data set to download", name, tuple(FETCHED))
    folder = data_root(root)
    wanted = {p: d for s in SPLITS for p, d in files(name, s, root).items()}
    wrong = [path for path, digest in wanted.items() if not _whole(path, digest)]
    if not wrong:
        return folder
    existing = next(p for p in (folder, *folder.absolute().parents) if p.exists())
    no_write = (
        f"cannot write to {folder}: no permission. Make it writable, or set "
        "EQUIVAE_DATA to a folder that is."
    )
    if not os.access(existing, os.W_OK | os.X_OK):
        raise DataError(no_write)
    print(f"fetching {name} ({FETCHED[name]} MB) into {folder}", flush=True)
    try:
        for path in filter(Path.is_file, wrong):
            print(f"{path} is damaged: it is fetched again", flush=True)
            path.unlink()  # or torchvision, which looks at names alone, keeps it
        with _patience(SILENCE):
            if name == "mnist":
                datasets.MNIST(str(folder), download=True)
            elif name in others.NAMES:
                for split in SPLITS:
                    found = others.addresses(name, split, folder)
                    for path in sorted(found.keys() & set(wrong)):
                        if not _whole(path, wanted[path]):  # EMNIST's is of both splits
                            download_url(
                                found[path], str(path.parent), path.name, wanted[path]
                            )
            else:
                for split in SPLITS:
                    url, file, digest = datasets.SVHN.split_list[split]
                    download_url(url, str(folder), file, digest)
    except PermissionError as error:
        raise DataError(no_write) from error
    except (URLError, HTTPException, ConnectionError, TimeoutError, RuntimeError) as e:
        hint = "Check the network and try again"
        if "corrupted" in str(e):
            hint = "What came is not the file that is expected: try again later"
        raise DataError(
            f"download of {name} failed: {e}. {hint}, or put the files into {folder} "
            "by hand (data/README.md says which)."
        ) from e
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"cannot write {name} to {folder}: {error}.") from error
    for path, digest in wanted.items():
        checked_md5(name, path, digest)
    return folder


def _whole(path: Path, expected: str) -> bool:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, md5).hexdigest() == expected
    except OSError:
        return False


@contextmanager
def _patience(seconds: float) -> Iterator[None]:
    """How long a server may be silent: urllib alone would wait for ever."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
