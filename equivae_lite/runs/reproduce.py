"""One command for a row of a table: download, train every seed, evaluate, print."""

from __future__ import annotations

from ..data import sets, sources
from ..errors import EquivaeError
from ..training import checkpoints, experiments, loop
from ..training.settings import Experiment
from . import pipeline, tables
from .folders import MINE, Folder, demand_room, of_reader


def reproduce(
    name: str, seeds: list[int], folder: Folder = MINE, device: str = "cpu", *,
    epochs: int | None = None, bfloat16: bool = False,
) -> str:  # fmt: skip
    """Train and evaluate the seeds that are not there yet; returns the table.

    `folder` holds everything: states, weights and cards, evaluations. With it alone,
    another machine goes on where this one was stopped.
    """
    folder, seeds = of_reader(folder.root), sorted(set(seeds))
    one_by_one(name, seeds, folder, device, epochs=epochs, bfloat16=bfloat16)

    for seed in seeds:
        folder.settle(f"{name}-seed{seed}")
    found = pipeline.evaluations(name, folder)
    table = tables.of_seeds(
        {s: found[s] for s in seeds},
        {s: checkpoints.read_card(name, s, folder.checkpoints) for s in seeds},
    )
    experiment = pipeline.preset(name, epochs, folder)
    lines = [tables.title(name, experiment.data), "", table, ""]
    lines.append(f"every number: {folder.results}; settings, time, memory: "
                 f"{folder.checkpoints}")  # fmt: skip
    if name not in experiments.PRESETS:
        lines.append("its images are not the book's, so no table of the book has a row")
    elif experiment != experiments.get(name):
        lines.append("not for the book: the epochs are not those of the preset")
    else:
        publish = f"python -m tools.publish {name} --out {folder.root}"
        lines.append(f"for the book: {publish}")
    return "\n".join(lines)


def one_by_one(
    name: str, seeds: list[int], folder: Folder, device: str = "cpu", *,
    epochs: int | None = None, bfloat16: bool = False,
) -> None:  # fmt: skip
    """Train the seeds that are not trained yet, then evaluate those that are not."""
    experiment = pipeline.preset(name, epochs, folder)
    todo = prepare(experiment, seeds, folder, bfloat16)
    options = {"folder": folder, "epochs": epochs, "bfloat16": bfloat16}
    for seed in todo:
        print(f"{name} seed {seed}: training, its state is in {folder.states}",
              flush=True)  # fmt: skip
        pipeline.train(name, seed, device, **options)
    todo = [s for s in seeds if not evaluated(experiment, s, folder)]
    if todo:
        print(f"{name} seeds {todo}: evaluating", flush=True)
        pipeline.evaluate(name, todo, device, folder=folder)


def side_by_side(
    names: list[str], seeds: list[int], folder: Folder, options: dict, **engine,
) -> None:  # fmt: skip
    """The same for several experiments, each seed in a process of its own.

    `options` and `engine` are those of `cluster.task` and `cluster.reproduce`.
    """
    from . import cluster

    left = []
    for name in names:
        experiment = pipeline.preset(name, options["epochs"], folder)
        wanted = sorted(set(seeds))
        todo = prepare(experiment, wanted, folder, options["bfloat16"])
        left += [(name, s) for s in wanted
                 if s in todo or not evaluated(experiment, s, folder)]  # fmt: skip
    if left:
        cluster.reproduce(left, folder, options, **engine)


def prepare(
    experiment: Experiment, seeds: list[int], folder: Folder, bfloat16: bool
) -> list[int]:
    """The seeds that are not trained yet; room for them is there, and so is the data.

    What would stop them later is an error here, before any work.
    """
    if loop.max_steps_from_environment() is not None:
        raise EquivaeError(
            "EQUIVAE_MAX_STEPS is set, and a run cut short reproduces nothing: unset it"
        )
    todo = [s for s in seeds if not pipeline.trained(experiment, s, bfloat16, folder)]
    if todo or not all(evaluated(experiment, s, folder) for s in seeds):
        demand_room(experiment, folder, len(todo))
        mine = experiment.data not in sources.EVERY
        if not mine and not sources.available(experiment.data):
            if experiment.data not in sources.FETCHED:
                sets.load(experiment.data)  # its error says where files are looked for
            print(f"downloading {experiment.data} to {sources.data_root()}", flush=True)
            sources.download(experiment.data)
    return todo


def evaluated(
    experiment: Experiment, seed: int, folder: Folder, importance_weighted: bool = True
) -> bool:
    """Whether `folder` holds every number of the evaluation of this seed's weights.

    Without `importance_weighted` its slowest part may be missing.
    """
    found = (folder.read_result(experiment.name, seed) or {}).get("evaluation", {})
    demanded = importance_weighted and not experiment.semi_supervised
    if demanded and "importance_weighted" not in found:
        return False  # evaluated without its slowest part, or not at all
    card = checkpoints.read_card(experiment.name, seed, folder.checkpoints)
    return found.get("sha256") == card["sha256"]
