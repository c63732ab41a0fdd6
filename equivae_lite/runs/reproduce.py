"""One command for a row of a table: download, train every seed, evaluate, print."""

from __future__ import annotations

import json
from pathlib import Path

from .. import ROOT
from ..data import sources
from ..errors import CheckpointError, EquivaeError
from ..training import checkpoints, experiments, loop
from ..training.experiments import Experiment
from . import pipeline, tables

HOME = ROOT / "data"  # any FOLDER has the same parts


def reproduce(
    name: str, seeds: list[int], folder: Path = HOME, device: str = "cpu", *,
    epochs: int | None = None, bfloat16: bool = False,
) -> str:  # fmt: skip
    """Train and evaluate the seeds that are not there yet; returns the table.

    `folder` holds everything: the state after each epoch in runs/, weights and cards
    in checkpoints/, evaluations in results/. With it alone, another machine goes on
    where this one was stopped.
    """
    experiment = preset = experiments.get(name)
    if epochs is not None:
        experiment = experiments.with_epochs(preset, epochs)
    if experiment != preset and folder.resolve() == HOME:
        raise EquivaeError(
            f"{name} has {preset.epochs} epochs and not {epochs}, and the repository's "
            "own folders hold it as it is: choose another with --out"
        )
    if loop.max_steps_from_environment() is not None:
        raise EquivaeError(
            "EQUIVAE_MAX_STEPS is set, and a run cut short reproduces nothing: unset it"
        )
    seeds = sorted(set(seeds))
    states, out, results = (folder / p for p in ("runs", "checkpoints", "results"))
    todo = [s for s in seeds if not trained(experiment, s, bfloat16, folder)]
    if todo or not all(evaluated(experiment, s, folder) for s in seeds):
        demand_room(experiment, len(todo), folder)
        if not sources.available(experiment.data):
            print(f"downloading {experiment.data} to {sources.data_root()}", flush=True)
            sources.download(experiment.data)
    options = {"out": out, "states": states, "epochs": epochs, "bfloat16": bfloat16}
    for seed in todo:
        print(f"{name} seed {seed}: training, its state is in {states}", flush=True)
        pipeline.train(name, seed, device, **options)
    todo = [s for s in seeds if not evaluated(experiment, s, folder)]
    if todo:
        print(f"{name} seeds {todo}: evaluating", flush=True)
        pipeline.evaluate(name, todo, device, folder=out, results=results)

    found = pipeline.stored(results / f"{name}.json")
    table = tables.of_seeds(
        {s: found[str(s)] for s in seeds},
        {s: checkpoints.read_card(name, s, out) for s in seeds},
    )
    lines = [tables.title(name, experiment.data), "", table, ""]
    lines.append(f"every number: {results / name}.json; settings, time, memory: {out}")
    if experiment != preset:
        lines.append("not for the book: the epochs are not those of the preset")
    elif folder.resolve() != HOME:
        lines.append(f"for the book: copy {out} and {results} into data/ of a clone")
    return "\n".join(lines)


def trained(experiment: Experiment, seed: int, bfloat16: bool, folder: Path) -> bool:
    """Whether `folder` holds this run, whole and undamaged.

    What is damaged is named and made again: the run's state, if that is left, gives
    the same weights without a step. A whole run with other settings is an error, as
    no one asked to throw it away.
    """
    out = folder / "checkpoints"
    card_path = checkpoints.paths(experiment.name, seed, out)[1]
    if not card_path.exists():
        return False
    precision = pipeline.precision(bfloat16)
    asked = {"experiment": experiment.to_dict(), "precision": precision}
    asked = json.loads(json.dumps(asked))  # as a file gives them back
    try:
        card = checkpoints.read_card(experiment.name, seed, out)
        if not card.get("complete"):
            return False
        other = [key for key, value in asked.items() if card.get(key) != value]
        if not other:
            checkpoints.load(experiment.name, seed, out)
    except CheckpointError as error:
        print(f"seed {seed} is made again: {error}", flush=True)
        return False
    if other:
        raise CheckpointError(
            f"{card_path} is of a run with another {' and '.join(other)} (precision: "
            f"{card.get('precision')}): give the options of that run, --epochs or "
            "--bfloat16, or another folder with --out"
        )
    return True


def evaluated(experiment: Experiment, seed: int, folder: Path) -> bool:
    """Whether `folder` holds every number of the evaluation of this seed's weights."""
    name = experiment.name
    found = pipeline.stored(folder / "results" / f"{name}.json").get(str(seed), {})
    if not experiment.semi_supervised and "importance_weighted" not in found:
        return False  # evaluated without its slowest part, or not at all
    sha256 = checkpoints.read_card(name, seed, folder / "checkpoints")["sha256"]
    return found.get("sha256") == sha256


def demand_room(experiment: Experiment, runs_left: int, folder: Path) -> None:
    """Fail before hours of training if `folder` cannot hold what they will write."""
    for part in ("checkpoints", "results"):
        checkpoints.demand_writable(folder / part)
    # A checkpoint has the weights; a state has them, two moments of Adam and averaged
    # weights; and a new state is written before the one of the last epoch goes.
    copies = (1 + 4) * runs_left + 4
    size = 4 * copies * checkpoints.build(experiment).parameter_count()
    room = folder / "runs" / ".room"
    checkpoints.write_atomically(room, lambda p: Path(p).write_bytes(bytes(size)))
    room.unlink()
