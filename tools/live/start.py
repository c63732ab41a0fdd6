"""Where the live figures start: the page is told, its first pictures show the same."""

from __future__ import annotations

import html
import math
from functools import cache

import torch

from tools.live import digits as live_digits

RANGE = 3.0  # pad and sliders show v from -RANGE to RANGE
MAP = 7  # digits in a row of the pad's background
STEPS = 11  # digits on the way from one to another


def _hero() -> dict:
    units = len(live_digits.read()["kl"])
    g = torch.Generator().manual_seed(0)
    phases = (torch.rand(units, generator=g) * 2 * math.pi).tolist()
    return {"phases": [round(x, 4) for x in phases]}


def _styles() -> dict:
    kl = live_digits.read()["kl"]
    return {"y": 4, "v": [0.0] * len(kl), **_pad(kl, RANGE)}


def _interpolation() -> dict:
    digits = live_digits.read()["digits"]
    return {
        "digits": digits,
        "from": first_of(digits, 4),
        "to": first_of(digits, 0),
        "steps": STEPS,
    }


def _draw() -> dict:
    known = live_digits.read()
    return {"digit": first_of(known["digits"], 2), "far": known["far"]}


def _scene() -> dict:
    """It begins with the 8, whose ten pictures are sharp."""
    known = live_digits.read(live_digits.SCENES)
    scenes = known["digits"]
    first = first_of(scenes, 8)
    # An image may have a v further out than the prior: no dot leaves its pad.
    furthest = max(abs(x) for scene in scenes for x in scene["v"])
    return {
        "scenes": scenes,
        "scene": first,
        "y": scenes[first]["y"],
        "v": scenes[first]["v"],
        **_pad(known["kl"], max(RANGE, float(math.ceil(furthest)))),
    }


def _pad(kl: list[float], reach: float) -> dict:
    """What a pad over two units of v, and the sliders beside it, are told."""
    return {
        "kl": kl,
        # Across and up on the pad: the two units that say most of an image.
        "units": sorted(range(len(kl)), key=lambda k: -kl[k])[:2],
        "range": reach,
        "map": MAP,
    }


STARTS = {
    "hero": _hero,
    "styles": _styles,
    "interpolation": _interpolation,
    "draw": _draw,
    "scene": _scene,
}


@cache
def start(figure: str) -> dict:
    """Sizes and first state of a figure.

    Raises EquivaeError where the numbers that it starts from are missing, or belong to
    other weights.
    """
    return STARTS[figure]()


def first_of(digits: list[dict], y: int) -> int:
    """Place of the first digit of class y."""
    return next(k for k, digit in enumerate(digits) if digit["y"] == y)


def fields(figure: str, name: str) -> dict[str, str]:
    """What the template of a figure leaves open, as HTML; `name` is its id."""
    begin = start(figure)
    if figure == "styles":
        return _pad_fields(begin, name)
    if figure == "scene":
        scenes = _options(begin["scenes"], begin["scene"])
        return _pad_fields(begin, name) | {"scenes": scenes}
    if figure == "interpolation":
        return {end: _options(begin["digits"], begin[end]) for end in ("from", "to")}
    if figure == "draw":
        return {"classes": "".join(f"<span>{y}</span>" for y in range(10))}
    return {}


def _pad_fields(begin: dict, name: str) -> dict[str, str]:
    across, up = begin["units"]
    left, top = (50 + 50 * sign * begin["v"][unit] / begin["range"]
                 for unit, sign in ((across, 1), (up, -1)))  # fmt: skip
    return {
        "dot": f"left: {left:.1f}%; top: {top:.1f}%",
        "across": str(across),
        "up": str(up),
        "classes": "".join(_radio(name, y, y == begin["y"]) for y in range(10)),
    }


def _options(digits: list[dict], chosen: int) -> str:
    """Test digits to choose from, as the options of a <select>."""
    return "".join(
        f'<option value="{k}"{" selected" if k == chosen else ""}>'
        f"{digit['y']} (test image {digit['index']})</option>"
        for k, digit in enumerate(digits)
    )


def _radio(name: str, y: int, checked: bool) -> str:
    state = " checked" if checked else ""
    return (
        f'<label><input type="radio" name="{html.escape(name)}-class" value="{y}" '
        f'autocomplete="off"{state}><span>{y}</span></label>'
    )
