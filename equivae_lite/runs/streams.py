"""Standard output and error that cannot end a run."""

from __future__ import annotations

import codecs
import io
import os
import sys


def _in_ascii(error: UnicodeError) -> tuple[str, int]:
    """What a terminal that knows ASCII alone is shown in place of other characters."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    there = error.object[error.start : error.end]
    return "".join(PLAIN.get(c, "?") for c in there), error.end


PLAIN = {"±": "+/-", "–": "-", "—": "-", "−": "-", "×": "x"}


def prepare() -> None:
    """Output that cannot end a run: a ± in ASCII, a closed terminal.

    A closed stream would lend its number to the next file that is opened, and what
    is said of the run would be written into that.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
    codecs.register_error("equivae-plain", _in_ascii)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="equivae-plain")
