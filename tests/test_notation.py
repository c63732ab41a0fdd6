"""The table of notation names code that exists."""

import re

import pytest

from equivae_lite import (
    bounds,
    data,
    distortions,
    experiments,
    explorer,
    labelling,
    networks,
    objectives,
    pixel_density,
    sampling,
    toys,
    training,
)
from equivae_lite.model import EquiVAE
from tools.book import BOOK

EXPERIMENT = experiments.get("mnist-semi-supervised")
PAGE = (BOOK / "notation.md").read_text(encoding="utf-8")
# The last cell of each line of a table.
CODE = re.findall(r"^\|.*\| ([^|]*) \|$", PAGE, re.MULTILINE)
NAMES = sorted({name for cell in CODE for name in re.findall(r"`([^`]+)`", cell)})


@pytest.fixture(scope="module")
def scope() -> dict:
    return {
        "bounds": bounds,
        "networks": networks,
        "objectives": objectives,
        "pixel_density": pixel_density,
        "toys": toys,
        "linear": toys.LinearGaussian.example(),
        "curve": toys.BernoulliCurve.example(),
        "data": data,
        "explorer": explorer,
        "sampling": sampling,
        "distortions": distortions,
        "labelling": labelling,
        "training": training,
        "experiment": EXPERIMENT,
        "model": EquiVAE(EXPERIMENT.arch),
        "images": data.load("glyphs", limit=1),
    }


def test_the_table_is_read():
    assert len(NAMES) > 20


@pytest.mark.parametrize("name", NAMES)
def test_name_exists(name, scope):
    assert eval(name, dict(scope)) is not None
