"""EquiVAE, small enough to read: the package behind the book."""

__version__ = "0.1.0"

# The one place that holds the repository's address: badges, launch buttons, the
# Colab cell and the citation are tested against it.
REPOSITORY = "https://github.com/equivae-lite/equivae-lite"
