"""The table of notation names code that exists."""

import re

import pytest

from equivae_lite.chapters import explorer, toys
from equivae_lite.data import distortions, sets, splits
from equivae_lite.evaluation import labels, pixel_density, summaries
from equivae_lite.model import bounds, groups, networks
from equivae_lite.model.equivae import EquiVAE
from equivae_lite.training import experiments, loop, objectives, sampling, targets
from tools.notebooks.book import BOOK

EXPERIMENT = experiments.get("mnist-semi-supervised")
PAGE = (BOOK / "notation.md").read_text(encoding="utf-8")
# The last cell of each line of a table.
CODE = re.findall(r"^\|.*\| ([^|]*) \|$", PAGE, re.MULTILINE)
NAMES = sorted({name for cell in CODE for name in re.findall(r"`([^`]+)`", cell)})


@pytest.fixture(scope="module")
def scope() -> dict:
    return {
        "bounds": bounds,
        "groups": groups,
        "networks": networks,
        "objectives": objectives,
        "pixel_density": pixel_density,
        "toys": toys,
        "linear": toys.LinearGaussian.example(),
        "curve": toys.BernoulliCurve.example(),
        "sets": sets,
        "splits": splits,
        "explorer": explorer,
        "sampling": sampling,
        "distortions": distortions,
        "labels": labels,
        "targets": targets,
        "summaries": summaries,
        "loop": loop,
        "experiment": EXPERIMENT,
        "model": EquiVAE(EXPERIMENT.arch),
        "images": sets.load("glyphs", limit=1),
    }


def test_the_table_is_read():
    assert len(NAMES) > 20


@pytest.mark.parametrize("name", NAMES)
def test_name_exists(name, scope):
    assert eval(name, dict(scope)) is not None
