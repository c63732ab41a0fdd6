"""Random inputs, the same in every run, and the list of what they must reach."""

import importlib
import math
import pkgutil
from collections.abc import Callable
from types import ModuleType

import numpy as np
import torch
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from equivae_lite.errors import EquivaeError

REAL = (torch.float32, torch.float64, torch.float16, torch.bfloat16)
WHOLE = (torch.int64, torch.int32, torch.uint8, torch.bool)
# What a caller may hand over by mistake where a tensor is expected.
NO_TENSORS = (None, "text", 0.5, 3, [0.5, 0.5], np.zeros(3), [[1, 0], [0, 1]], {})
COMPLEX = torch.ones(3, dtype=torch.complex64)


def quick(examples: int) -> settings:
    """The same examples in every run, and no clock."""
    return settings(
        max_examples=examples,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


seeds = st.integers(0, 2**20)
shapes = st.lists(st.integers(0, 3), max_size=4).map(tuple)


@st.composite
def tensors(draw, shapes=shapes, dtypes=REAL + WHOLE, low=-3.0, high=3.0):
    """A tensor of numbers from low to high, contiguous or not."""
    shape, dtype = draw(shapes), draw(st.sampled_from(dtypes))
    g = torch.Generator().manual_seed(draw(seeds))
    values = low + (high - low) * torch.rand(shape[::-1], generator=g).double()
    if dtype == torch.uint8:
        values = values.abs()
    turned = values.to(dtype).permute(tuple(range(len(shape)))[::-1])
    return turned if draw(st.booleans()) else turned.contiguous()


anything = st.one_of(tensors(), st.sampled_from((*NO_TENSORS, COMPLEX)))


def leaves(value):
    """All tensors and numbers of a result."""
    if isinstance(value, torch.Tensor | float | int | np.ndarray):
        yield torch.as_tensor(value)
    elif isinstance(value, dict):
        for part in value.values():
            yield from leaves(part)
    elif isinstance(value, tuple | list):
        for part in value:
            yield from leaves(part)


def survives(function: Callable, *args, **kwargs):
    """The result, without NaN; None if an EquivaeError says why there is none.

    Any other error is raised, so it fails the test.
    """
    try:
        result = function(*args, **kwargs)
    except EquivaeError as error:
        assert len(str(error)) > 20, error
        return None
    for leaf in leaves(result):
        assert not leaf.isnan().any(), (function, args, kwargs, result)
    return result


def random(seed: int, *shape: int, scale: float = 1.0, dtype=torch.float64):
    g = torch.Generator().manual_seed(seed)
    return (scale * torch.randn(shape, generator=g, dtype=torch.float64)).to(dtype)


def simplex(seed: int, *shape: int, zeros: bool = False) -> torch.Tensor:
    """Log probabilities along the last axis, float64; if asked for, some are of 0."""
    logits = random(seed, *shape, scale=2.0)
    if zeros:
        g = torch.Generator().manual_seed(seed + 1)
        gone = torch.rand(shape, generator=g) < 0.5
        gone[..., seed % shape[-1]] = False
        logits = logits.masked_fill(gone, -math.inf)
    return torch.log_softmax(logits, dim=-1)


# --- what must be reached -------------------------------------------------------------


def covers(*names: str):
    """Marks a test as one that calls these public functions."""

    def mark(test):
        test.covers = names
        return test

    return mark


def covered(tests: dict) -> set[str]:
    return {name for test in tests.values() for name in getattr(test, "covers", ())}


def public(package: ModuleType) -> set[str]:
    """All functions, classes and methods without an underscore, as module.name."""
    found = set()
    for info in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        module = importlib.import_module(info.name)
        short = info.name.removeprefix(package.__name__ + ".")
        for name, thing in vars(module).items():
            own = getattr(thing, "__module__", None) == info.name and callable(thing)
            if name.startswith("_") or not own:
                continue
            found.add(f"{short}.{name}")
            if isinstance(thing, type):
                for method, value in vars(thing).items():
                    kinds = property | classmethod | staticmethod
                    if not method.startswith("_") and (
                        isinstance(value, kinds)
                        or getattr(value, "__module__", None) == info.name
                    ):
                        found.add(f"{short}.{name}.{method}")
    return found


def nothing_forgotten(package: ModuleType, tests: dict, exempt: dict[str, str]) -> None:
    """Every public function has a test here or a reason why not."""
    everything, reached = public(package), covered(tests)
    excused = {n for n in everything for e in exempt if n == e or n.startswith(e + ".")}
    missing = sorted(everything - reached - excused)
    assert not missing, f"{missing}: each needs a test here, marked with @covers(...)"
    assert reached - everything == set(), "no such function"
    assert reached & excused == set(), "no excuse is needed"
    for name, reason in exempt.items():
        assert reason and any(n == name or n.startswith(name + ".") for n in excused)
