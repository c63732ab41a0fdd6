"""What holds for every test, notebook and subprocess of a test run."""

import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent
NO_NETWORK = ROOT / "tools" / "no_network"

# A few steps of everything, unless the caller asks for a longer profile.
os.environ.setdefault("EQUIVAE_PROFILE", "smoke")

# One thread a process: `make test` runs two workers on two cores, and a kernel that
# takes both would only slow the other down.
for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")

# Kernels run in book/, tests and commands elsewhere: a relative folder would be
# a different one for each.
if os.environ.get("EQUIVAE_DATA"):
    os.environ["EQUIVAE_DATA"] = str(Path(os.environ["EQUIVAE_DATA"]).absolute())

# No window in a test. MPLBACKEND would say the same, but kernels inherit it, and then
# draw no inline figure at all.
os.environ.pop("MPLBACKEND", None)
import matplotlib  # noqa: E402

matplotlib.use("agg")

# No proxy: pages are looked at on this machine, and a download that a test breaks must
# break as it says. Kept for what builds an environment, tests/support/colab.py.
PROXIES = {
    name: os.environ.pop(name)
    for name in list(os.environ)
    if name.lower() in ("http_proxy", "https_proxy", "all_proxy", "ftp_proxy")
}

# No network: here, and through sitecustomize.py in every Python that is started.
os.environ["PYTHONPATH"] = os.pathsep.join(
    [str(NO_NETWORK)]
    + [
        p
        for p in os.environ.get("PYTHONPATH", "").split(os.pathsep)
        if p and p != str(NO_NETWORK)
    ]
)
sys.path.insert(0, str(ROOT))
from tools.no_network import sitecustomize  # noqa: E402

sitecustomize.block()

# The files that take longest start first (`--no-loadscope-reorder` keeps the order): a
# long one that starts last leaves the other workers without work.
LONGEST = (
    "test_pages.py",
    "test_live.py",
    "test_wiring_errors.py",
    "test_planted.py",
    "test_loop.py",
    "test_colab.py",
    "test_widgets.py",
    "test_looking.py",
    "test_site.py",
    "test_reproduce.py",
)


BROWSER = {"pages", "live"}  # rooms of tests that need one, or a built page


def pytest_collection_modifyitems(items: list) -> None:
    for item in items:
        if item.path.parent.name in BROWSER or item.path.suffix == ".ipynb":
            item.add_marker(pytest.mark.slow)
    rank = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(item.path.name, len(rank)))
