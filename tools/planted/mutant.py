"""What a planted error is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """`old` is a piece of the module's source that is there once, `new` the slip.

    The first of `chapters` owns the line; the others are asked after it. With `cells`,
    ids of code cells, not whole chapters are asked but these cells, with the cells that
    they need: errors in the trained models' code, where a chapter is long.
    """

    name: str
    slip: str  # the error in words, for the page
    module: str
    function: str
    old: str
    new: str
    chapters: tuple[str, ...] = ("02", "03", "04", "05")
    cells: tuple[str, ...] = ()
