"""EquiVAE, small enough to read: the package behind the book.

Rooms, each with a door plate (its own docstring) that says what is inside:

    model/       the paper: networks, densities, bounds, EquiVAE. Begin here
    data/        images and labels, real ones and stand-ins
    training/    presets, what a step maximises, the loop, checkpoints
    evaluation/  what a trained model is worth
    runs/        a whole run, from data to a table of results; benchmarks
    chapters/    what only the book needs: sessions, figures, toys, exercises

Beside them errors.py, and files.py: how a file is written so that it is whole.

A room imports from those above it in this list, never the other way round; training
and evaluation do not know one another. `lint-imports` checks it.
"""

from pathlib import Path

__version__ = "0.1.0"

# The one place that holds the repository's address: badges, launch buttons, the
# Colab cell and the citation are tested against it.
REPOSITORY = "https://github.com/equivae-lite/equivae-lite"

# The folder that holds the package: the root of a clone, with book/ and data/ in it.
ROOT = Path(__file__).resolve().parent.parent
