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


@cache
def start() -> dict:
    """Sizes and first state of every figure, by its name."""
    known = live_digits.read()
    digits, kl = known["digits"], known["kl"]
    units = len(kl)
    g = torch.Generator().manual_seed(0)
    phases = (torch.rand(units, generator=g) * 2 * math.pi).tolist()
    return {
        "hero": {"phases": [round(x, 4) for x in phases]},
        "styles": {
            "y": 4,
            "v": [0.0] * units,
            "kl": kl,
            # Across and up on the pad: the two units that say most of an image.
            "units": sorted(range(units), key=lambda k: -kl[k])[:2],
            "range": RANGE,
            "map": MAP,
        },
        "interpolation": {
            "digits": digits,
            "from": first_of(digits, 4),
            "to": first_of(digits, 0),
            "steps": STEPS,
        },
        "draw": {"digit": first_of(digits, 2)},
    }


def first_of(digits: list[dict], y: int) -> int:
    """Place of the first digit of class y."""
    return next(k for k, digit in enumerate(digits) if digit["y"] == y)


def fields(figure: str, name: str) -> dict[str, str]:
    """What the template of a figure leaves open, as HTML; `name` is its id."""
    begin = start()[figure]
    if figure == "styles":
        across, up = begin["units"]
        return {
            "across": str(across),
            "up": str(up),
            "classes": "".join(_radio(name, y, y == begin["y"]) for y in range(10)),
        }
    if figure == "interpolation":
        return {
            end: "".join(
                f'<option value="{k}"{" selected" if k == begin[end] else ""}>'
                f"{digit['y']} (test image {digit['index']})</option>"
                for k, digit in enumerate(begin["digits"])
            )
            for end in ("from", "to")
        }
    if figure == "draw":
        return {"classes": "".join(f"<span>{y}</span>" for y in range(10))}
    return {}


def _radio(name: str, y: int, checked: bool) -> str:
    state = " checked" if checked else ""
    return (
        f'<label><input type="radio" name="{html.escape(name)}-class" value="{y}" '
        f'autocomplete="off"{state}><span>{y}</span></label>'
    )
