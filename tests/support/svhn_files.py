"""Small .mat files in the exact format of SVHN's, with checksums that match."""

import hashlib

import numpy as np
import scipy.io
from torchvision import datasets

DIGITS = (10, 1, 2, 10, 9)  # as the files have them: 10 is the digit 0


def write(folder, monkeypatch, digits=DIGITS, seed=1, **replaced):
    """Both .mat files, with as many images as `digits`; the images as written.

    `replaced` puts other arrays in the place of X and y.
    """
    shape = (32, 32, 3, len(digits))
    images = np.random.default_rng(seed).integers(256, size=shape, dtype=np.uint8)
    labels = np.array(digits, dtype=np.uint8)[:, None]
    content = {"X": images, "y": labels} | replaced
    for split in datasets.SVHN.split_list:
        path = folder / datasets.SVHN.split_list[split][1]
        scipy.io.savemat(path, {k: v for k, v in content.items() if v is not None})
    trust(folder, monkeypatch)
    return images


def trust(folder, monkeypatch):
    """Take the files as they lie in `folder` for the right ones."""
    entries = {}
    for split, entry in datasets.SVHN.split_list.items():
        content = (folder / entry[1]).read_bytes()
        entries[split] = [entry[0], entry[1], hashlib.md5(content).hexdigest()]
    monkeypatch.setattr(datasets.SVHN, "split_list", entries)
