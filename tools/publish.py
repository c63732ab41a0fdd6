"""Puts runs of a reader's folder on the book's shelf: the only thing that writes there.

    python -m tools.publish mnist-supervised --seeds 0 1 2 --out FOLDER
    python -m tools.publish study bench bench-labels bench-steps

An experiment's name takes cards, the weights of seed 0 and evaluations; `study` all
runs of the study; `bench…` a measurement. Nothing is copied unless everything that was
named is whole, is what its name says, was run with the settings and on the data of
now, and belongs together. Then it says which chapters have become stale.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from equivae_lite import files
from equivae_lite.errors import CheckpointError, EquivaeError
from equivae_lite.runs import pipeline, reproduce, study
from equivae_lite.runs.folders import MINE, SHELF, Folder, of_reader
from equivae_lite.training import checkpoints, experiments
from tools.notebooks import freshness
from tools.notebooks.book import toc_notebooks

REMEDY = "make it again"
Writes = list[tuple[Path, bytes | dict]]  # in the order in which they are done


def experiment(
    name: str, seeds: list[int] | None, folder: Folder, importance_weighted: bool = True
) -> Writes:
    """What the shelf gets of an experiment; CheckpointError if something is amiss.

    Without `importance_weighted`, L_k may be missing: few tables show it.
    """
    e = experiments.get(name)
    found = pipeline.evaluations(name, folder)
    seeds = sorted(found) if seeds is None else seeds
    if not seeds:
        raise CheckpointError(f"{folder.results} has no evaluation of {name}")
    path = SHELF.results / f"{name}.json"
    table = files.read_json(path, REMEDY) if path.exists() else {"seeds": {}}
    writes: Writes = []
    for seed in seeds:
        card = checkpoints.read_card(name, seed, folder.checkpoints)
        bfloat16 = card.get("precision") == pipeline.precision(True)
        if not pipeline.trained(e, seed, bfloat16, folder):
            raise CheckpointError(f"{name} seed {seed} is not a whole run")
        if not reproduce.evaluated(e, seed, folder, importance_weighted):
            raise CheckpointError(
                f"{name} seed {seed} was not evaluated whole, or with other weights: "
                f"python -m equivae_lite evaluate {name} --seeds {seed}"
            )
        weights, _ = checkpoints.paths(name, seed, folder.checkpoints)
        if seed == 0:
            shelf = SHELF.checkpoints / weights.name
            writes.append((shelf, files.read(weights, REMEDY)))
        writes.append((checkpoints.paths(name, seed, SHELF.checkpoints)[1], card))
        table["seeds"][str(seed)] = found[seed]
    ordered = sorted(table["seeds"].items(), key=lambda item: int(item[0]))
    command = f"python -m equivae_lite evaluate {name} "
    command += "" if importance_weighted else "--no-importance-weighted "
    table |= {
        "experiment": name,
        "data": card["data"],
        "command": " ".join([f"{command}--seeds", *(seed for seed, _ in ordered)]),
        "seeds": dict(ordered),
        "versions": folder.read_result(name, seeds[-1])["versions"],
    }
    return [*writes, (path, table)]


def of_study(folder: Folder) -> Writes:
    everything, found = study.shelf(), study.stored(folder)
    if not found:
        raise CheckpointError(f"{folder.results} has no run of the study")
    for variant, entry in found.items():
        old = everything.get(variant)
        same = old is not None and old["settings"] == entry["settings"]
        seeds = (old["seeds"] if same else {}) | entry["seeds"]
        entry["seeds"] = dict(sorted(seeds.items(), key=lambda item: int(item[0])))
        everything[variant] = entry
    in_order = {v: everything[v] for v in study.VARIANTS if v in everything}
    return [(SHELF.results / f"{study.STUDY}.json", in_order)]


def measurement(name: str, folder: Folder) -> Writes:
    """bench, bench-labels, or every bench-steps-NAME of the folder in one file."""
    if name != "bench-steps":
        path = folder.results / f"{name}.json"
        return [(SHELF.results / path.name, files.read_json(path, REMEDY))]
    shelf = SHELF.results / "bench-steps.json"
    table = files.read_json(shelf, REMEDY) if shelf.exists() else {}
    for path in sorted(folder.results.glob("bench-steps-*.json")):
        table[path.stem.removeprefix("bench-steps-")] = files.read_json(path, REMEDY)
    return [(shelf, table)]


def publish(
    names: list[str], seeds: list[int] | None, folder: Folder,
    importance_weighted: bool = True,
) -> list[Path]:  # fmt: skip
    """Check all, then write all; the paths on the shelf."""
    writes: Writes = []
    for name in names:
        if name == "study":
            writes += of_study(folder)
        elif name.startswith("bench"):
            writes += measurement(name, folder)
        else:
            writes += experiment(name, seeds, folder, importance_weighted)
    with files.locked(SHELF.states / ".shelf.lock", "the shelf"):
        for path, content in writes:
            kind = files.write if isinstance(content, bytes) else files.write_json
            kind(path, content)
    return [path for path, _ in writes]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tools.publish", description=__doc__.splitlines()[0]
    )
    parser.add_argument("names", nargs="+", help="experiments, study, bench…")
    parser.add_argument("--seeds", type=int, nargs="+", help="default: all there are")
    parser.add_argument("--out", help=f"the folder they are in (default: {MINE.root})")
    parser.add_argument("--no-importance-weighted", action="store_true",
                        help="take evaluations without their slowest part")  # fmt: skip
    options = parser.parse_args(arguments)
    weighted = not options.no_importance_weighted
    try:
        folder = of_reader(options.out)
        for path in publish(options.names, options.seeds, folder, weighted):
            print("on the shelf:", path.name)
    except EquivaeError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    stale = [path.name for path in toc_notebooks() if freshness.stale(path)]
    print("stale now (make execute):", ", ".join(stale) or "no chapter")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
