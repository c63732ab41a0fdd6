"""The command line: python -m equivae_lite COMMAND (see --help)."""

from __future__ import annotations

import argparse
import io
import os
import sys
import traceback
from collections.abc import Callable

import torch

from .. import __version__
from ..data import sources
from ..errors import EquivaeError
from ..training import experiments
from ..training.settings import Experiment
from . import (
    compare,
    folders,
    listing,
    machine,
    own,
    own_options,
    pipeline,
    reproduce,
    streams,
    study,
)
from .page import page

LARGEST_SEED = 2**32 - 1
MOST_THREADS = 1024
MOST_JOBS = 1024
MOST_EPOCHS = 100_000
SMOKE_IMAGES, SMOKE_STEPS = 1000, "5"


def _between(lowest: int, highest: int) -> Callable[[str], int]:
    """The type of an option that is a whole number from `lowest` to `highest`."""

    def whole_number(text: str) -> int:
        short = len(text) <= len(str(highest))
        if not (text.isascii() and text.isdecimal() and short
                and lowest <= int(text) <= highest):  # fmt: skip
            raise argparse.ArgumentTypeError(
                f"{text[:40]!r} is not a whole number from {lowest} to {highest}"
            )
        return int(text)

    return whole_number


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="python -m equivae_lite", description=__doc__)
    top.add_argument("--version", action="version", version=__version__)
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    list_ = commands.add_parser("list", help="the experiments and the data sets here")

    download = commands.add_parser("download", help="fetch a real data set")
    download.add_argument("data", help=", ".join(sources.FETCHED))

    train = commands.add_parser(
        "train", help="train one seed of an experiment, or of images of your own",
        description="Train one seed of an experiment, or, with --data and --name, of "
        "images of your own: settings are chosen and printed, and from then on every "
        "command knows the name. Stopped at any time, the same command goes on.",
    )  # fmt: skip
    train.add_argument("experiment", nargs="?")
    own_options.add(train)

    validate = commands.add_parser(
        "validate", help="train without some of the training images and follow those"
    )
    validate.add_argument("experiment")

    again = commands.add_parser(
        "reproduce",
        help="rows of a table: download, train and evaluate what is not there yet",
        description="Download an experiment's data if absent, train the seeds, "
        "evaluate them and print a table. Stopped at any time, the same command goes "
        "on from the last whole epoch: on another machine, too, which needs FOLDER "
        "alone. What is finished is not done again. The experiment's name says "
        "its data: svhn-supervised is street-glyphs-supervised on SVHN itself.",
    )
    again.add_argument("experiments", metavar="experiment", nargs="+")
    side = again.add_mutually_exclusive_group()
    side.add_argument("--jobs", type=_between(1, MOST_JOBS), metavar="N",
                      help="N seeds side by side, each in a process of its own (needs "
                      "the package distributed)")  # fmt: skip
    side.add_argument("--scheduler", metavar="ADDRESS",
                      help="the same on a cluster: `dask scheduler` prints it. All its "
                      "machines must see FOLDER")  # fmt: skip
    seed = _between(0, LARGEST_SEED)
    for command in (train, validate):
        command.add_argument("--seed", type=seed, default=0)
    for command in (train, validate, again):
        command.add_argument("--epochs", type=_between(1, MOST_EPOCHS),
                             help="cut or lengthen the schedule")  # fmt: skip
        command.add_argument("--bfloat16", action="store_true",
                             help="matrix products in bfloat16: faster where the "
                             "processor has it")  # fmt: skip

    compare_ = commands.add_parser(
        "compare", help="your results beside the book's, in standard errors"
    )
    compare_.add_argument("out", metavar="FOLDER", nargs="?",
                          help="what --out named (default: data/mine)")  # fmt: skip
    compare_.add_argument("experiments", metavar="experiment", nargs="*",
                          help="default: all that are there")  # fmt: skip

    evaluate = commands.add_parser(
        "evaluate", help="evaluate checkpoints: yours, or else those that are shipped"
    )
    evaluate.add_argument("experiment")
    evaluate.add_argument("--no-importance-weighted", action="store_true",
                          help="leave out the slowest part")  # fmt: skip

    study_ = commands.add_parser(
        "study", help="what each ingredient of the recipe of chapter 12 is worth"
    )
    study_.add_argument("variant", nargs="?", help="one, or all; none: the table")
    study_.add_argument("--bfloat16", action="store_true")

    page_ = commands.add_parser(
        "page", help="a folder with a web page in which a model draws, offline"
    )
    page_.add_argument("experiment")
    page_.add_argument("--seed", type=seed, default=0)

    for command, seeds in ((evaluate, [0]), (again, [0, 1, 2]), (study_, [0])):
        command.add_argument("--seeds", type=seed, nargs="+", default=seeds)

    bench = commands.add_parser(
        "bench", help="the cost of a training step, or the time to a bound"
    )
    bench.add_argument("experiment", nargs="?", default="mnist-supervised")
    bench.add_argument("--to", type=float, metavar="NATS",
                       help="how long the experiment and its fast recipes take to "
                       "this bound on held-out images: -94.0")  # fmt: skip
    bench.add_argument("--seeds", type=seed, nargs="+", default=[0],
                       help="of --to (of the experiment itself the first alone)")
    bench.add_argument("--bfloat16", action="store_true",
                       help="with --to: the fast recipes in bfloat16, and for the "
                       "first seed in float32, too")  # fmt: skip

    for command in (list_, train, validate, evaluate, again, study_, bench, page_):
        command.add_argument(
            "--out", metavar="FOLDER",
            help="holds checkpoints, results and the states to go on from (default: "
            "data/mine; the book's own files are never written to)",
        )  # fmt: skip
    for command in (train, validate, evaluate, again, study_, bench):
        command.add_argument("--device", help="cpu or cuda (default: cuda if there)")
        command.add_argument("--threads", type=_between(1, MOST_THREADS),
                             help="CPU threads")  # fmt: skip
    for command in (train, validate, evaluate, bench):
        command.add_argument(
            "--profile", choices=("smoke", "full"), default="full",
            help="smoke: a few steps on a few images, kept apart in FOLDER/short",
        )  # fmt: skip
    return top


def device(asked: str | None) -> str:
    """The device to use; EquivaeError if what was asked for is not there."""
    if asked is None:
        return "cuda" if torch.cuda.is_available() else "cpu"
    kind, colon, number = asked.partition(":")
    numbered = number.isascii() and number.isdecimal() and len(number) < 4
    if kind not in ("cpu", "cuda") or bool(colon) != numbered:
        raise EquivaeError(f"--device {asked}: it must be cpu, cuda or cuda:N")
    if kind == "cuda" and int(number or 0) >= torch.cuda.device_count():
        raise EquivaeError(
            f"--device {asked}: this machine has {torch.cuda.device_count()} usable "
            "CUDA devices; leave --device out"
        )
    return asked


def run(arguments: argparse.Namespace) -> None:
    a = arguments
    if a.command == "list":
        listing.show(folders.of_reader(a.out))
        return
    if a.command == "download":
        print("the files are in", sources.download(a.data))
        return
    # What can be wrong is an error before any work.
    folder = folders.of_reader(a.out)
    if a.command == "compare":
        print(compare.compare(folder, a.experiments))
        return
    own_options.check(a)
    for name in getattr(a, "experiments", [getattr(a, "experiment", None)]):
        if name is not None:
            own.named(name, folder)
    if a.command == "page":
        print("open", page.write(a.experiment, a.seed, folder))
        return
    where = device(a.device)
    if a.threads:
        torch.set_num_threads(a.threads)
    if getattr(a, "data", None) is not None:
        own_options.make(a, folder, where)
    smoke = getattr(a, "profile", "full") == "smoke"
    if smoke and not os.environ.get("EQUIVAE_MAX_STEPS"):
        os.environ["EQUIVAE_MAX_STEPS"] = SMOKE_STEPS
    options = {"folder": folder}
    if smoke and a.command != "bench":
        options["limit"] = _smoke_images(own.named(a.experiment, folder))
    if a.command == "study":
        print(study.main(a.variant, a.seeds, where, a.bfloat16, folder))
    elif a.command == "reproduce":
        if a.jobs or a.scheduler:
            reproduce.side_by_side(
                a.experiments, a.seeds, folder, _of_each_run(a),
                jobs=a.jobs, scheduler=a.scheduler,
            )  # fmt: skip
        for name in a.experiments:
            print(reproduce.reproduce(
                name, a.seeds, folder, where, epochs=a.epochs, bfloat16=a.bfloat16
            ))  # fmt: skip
    elif a.command in ("train", "validate"):
        begin = pipeline.train if a.command == "train" else pipeline.validate
        print("its file is", begin(
            a.experiment, a.seed, where, epochs=a.epochs, bfloat16=a.bfloat16,
            **options,
        ))  # fmt: skip
    elif a.command == "evaluate":
        weighted = not a.no_importance_weighted and not smoke
        for path in pipeline.evaluate(
            a.experiment, a.seeds, where, importance_weighted=weighted, **options
        ):
            print("wrote", path)
    elif a.to is not None:
        from .bench import race

        race.main(
            a.experiment, where, a.to, a.seeds, a.bfloat16, smoke=smoke, folder=folder
        )
    else:
        _bench(a.experiment).main(a.experiment, where, smoke=smoke, folder=folder)


def _of_each_run(a: argparse.Namespace) -> dict:
    """What side by side every run is asked for; on a cluster its workers choose."""
    threads = machine.threads_for_each(a.jobs) if a.jobs else None
    return {"threads": a.threads or threads, "device": a.device, "epochs": a.epochs,
            "bfloat16": a.bfloat16}  # fmt: skip


def _smoke_images(e: Experiment) -> int:
    """Few, but enough of each class where half of them are held out."""
    return max(SMOKE_IMAGES, 4 * (e.labels or 0))


def _bench(name: str):
    """What there is to measure in an experiment: else, the steps of its schedule."""
    from .bench import label_sum, steps, supervised

    e = experiments.get(name)
    if e.arch.colours == 1 and e.generative and e.representation == "complementary":
        return label_sum if e.semi_supervised else supervised
    return steps


def main(argv: list[str] | None = None) -> int:
    """Run a command; 0, or 2 after an error in words, or 130 after Ctrl-C."""
    streams.prepare()
    arguments = parser().parse_args(argv)
    try:
        run(arguments)
        sys.stdout.flush()
        return 0
    except EquivaeError as error:
        return _ended(2, f"error: {error}")
    except KeyboardInterrupt:
        trains = arguments.command in ("train", "validate", "reproduce", "study")
        goes_on = "; the same command goes on from the last whole epoch, if one is kept"
        return _ended(130, "stopped" + goes_on * trains)
    except BrokenPipeError:  # whoever read the output has gone
        _silence(sys.stdout)
        return _ended(1, "stopped: nobody reads the output any more")
    except Exception as error:
        if os.environ.get("EQUIVAE_TRACEBACK"):
            traceback.print_exc()
        words = f"{type(error).__name__}: {error}".strip().splitlines()[0][:300]
        return _ended(3, (
            f"error: {words}. This is a case that equivae_lite does not name; "
            "EQUIVAE_TRACEBACK=1 shows where it happened"
        ))  # fmt: skip


def _ended(status: int, words: str) -> int:
    try:
        print(words, file=sys.stderr, flush=True)
    except OSError:
        _silence(sys.stderr)
    try:
        sys.stdout.flush()
    except OSError:  # a full device, a closed pipe
        _silence(sys.stdout)
    return status


def _silence(stream: io.TextIOBase) -> None:
    """So that Python's own last flush finds nothing to complain of."""
    try:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
    except (OSError, ValueError):
        pass

