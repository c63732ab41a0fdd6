"""Processes that begin as forks of one that has imported what takes long.

Nothing of the package is in it: a process may be about to import a changed one.
"""

from __future__ import annotations

import multiprocessing
from multiprocessing.context import BaseContext

# What chapters and tests import. A process of tests has one such server, whoever asks
# it first: hence one list for all.
PRELOADED = [
    "IPython.display", "PIL.features", "docutils.parsers.rst", "filelock",
    "hypothesis", "matplotlib.pyplot", "myst_parser.sphinx_ext.main", "nbformat",
    "playwright.sync_api", "pytest", "safetensors.torch", "scipy.ndimage",
    "scipy.special", "sklearn.linear_model", "sphinx.builders.html",
    "sphinx.cmd.build", "sphinx_book_theme", "torch",
    "torch.fx.experimental.symbolic_shapes", "torch.nested._internal.nested_tensor",
    "torchvision.datasets", "tqdm.auto", "yaml",
]  # fmt: skip


def context() -> BaseContext:
    """Where there is no such server, on Windows, every process imports anew."""
    known = multiprocessing.get_all_start_methods()
    found = multiprocessing.get_context(
        "forkserver" if "forkserver" in known else "spawn"
    )
    found.set_forkserver_preload(PRELOADED)
    return found
