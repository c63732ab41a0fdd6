"""False data: the code is right, and what a chapter shows is of something else.

Each gives a chapter other numbers than it thinks it has, and asks the cell that claims
something of them. A claim that no false number could contradict would claim nothing.
"""

from __future__ import annotations

from tools.planted.mutant import Mutant

_RESULTS = ("chapters.session", "Session.results",
            'return files.read_json(path, "restore it from git")')  # fmt: skip

FALSE_DATA = (
    Mutant(
        "data-other-seed",
        "the runs without bounds compared with runs of other labelled sets",
        *_RESULTS,
        """found = files.read_json(path, "restore it from git")
        if name == "mnist-semi-supervised-no-bound":
            runs = [*found["seeds"].values()]
            found["seeds"] = dict(zip(found["seeds"], runs[1:] + runs[:1]))
        return found""",
        ("12",), ("bounds-and-labels",),
    ),
    Mutant(
        "data-swapped-rows",
        "what readers find in $v$: EquiVAE's row and the class table's swapped",
        *_RESULTS,
        """found = files.read_json(path, "restore it from git")
        if name == "dissection":
            parts = found["models"]
            ours, table = "mnist-supervised", "mnist-supervised-class-table"
            parts[ours], parts[table] = (
                parts[ours] | {"class_in_v": parts[table]["class_in_v"]},
                parts[table] | {"class_in_v": parts[ours]["class_in_v"]},
            )
        return found""",
        ("11",), ("probe",),
    ),
    Mutant(
        "data-swapped-class", "every 4 of the images called a 9, and every 9 a 4",
        "chapters.session", "Session.load",
        "images = sets.load(self.data, split, limit, self.device)",
        """images = sets.load(self.data, split, limit, self.device)
        four, nine = images.labels == 4, images.labels == 9
        images.labels[four], images.labels[nine] = 9, 4""",
        ("11",), ("bound-of-tests",),
    ),
)  # fmt: skip
