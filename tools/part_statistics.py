"""What svhn-part's pictures are like, for the page that compares street glyphs to them.

    python -m tools.part_statistics    writes data/results/svhn-part-statistics.json

Training images only, where they are here.
"""

from equivae_lite import files
from equivae_lite.chapters.known import statistics
from equivae_lite.data import sets
from equivae_lite.runs.folders import SHELF

NAME = "svhn-part"
PATH = SHELF.results / f"{NAME}-statistics.json"


def found() -> dict:
    """The file's content, computed from the pictures."""
    images = sets.load(NAME)
    return {
        "command": "python -m tools.part_statistics",
        "data": {"name": NAME, "split": "train", "md5": images.md5},
        "images": len(images),
        "statistics": statistics(images.images),
    }


if __name__ == "__main__":
    files.write_json(PATH, found())
    print(PATH)
