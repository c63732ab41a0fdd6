"""What holds for the versions of requirements.txt alone."""

import importlib.metadata

import pytest

from tools.notebooks.book import ROOT


def pinned(package: str) -> bool:
    """Whether a package has the version of requirements.txt."""
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    pins = dict(line.split("==") for line in lines if "==" in line)
    return importlib.metadata.version(package).split("+")[0] == pins[package]


with_pinned_matplotlib = pytest.mark.skipif(
    not pinned("matplotlib"), reason="another Matplotlib draws a little differently"
)
