"""The command line: python -m equivae_lite COMMAND (see --help)."""

from __future__ import annotations

import argparse
import codecs
import io
import os
import sys
from collections.abc import Callable
from pathlib import Path

import torch

from . import __version__
from .data import sources
from .errors import EquivaeError
from .runs import pipeline, reproduce
from .training import checkpoints, experiments


def _at_least(lowest: int) -> Callable[[str], int]:
    """The type of an option that is a whole number of at least `lowest`."""

    def whole_number(text: str) -> int:
        if not text.isdecimal() or int(text) < lowest:
            raise argparse.ArgumentTypeError(
                f"{text!r} is not a whole number of at least {lowest}"
            )
        return int(text)

    return whole_number


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="python -m equivae_lite", description=__doc__)
    top.add_argument("--version", action="version", version=__version__)
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    commands.add_parser("list", help="the experiments and the data sets at hand")

    download = commands.add_parser("download", help="fetch a real data set")
    download.add_argument("data", help=" or ".join(sources.STAND_INS))

    train = commands.add_parser("train", help="train one seed of an experiment")
    train.add_argument("experiment")
    train.add_argument("--out", type=Path, default=checkpoints.FOLDER,
                       help="folder of checkpoint and card")  # fmt: skip

    validate = commands.add_parser(
        "validate", help="train without 5,000 training images and follow them"
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
    again.add_argument("--out", type=Path, metavar="FOLDER", default=reproduce.HOME,
                       help="holds checkpoints, results and the states to go on from "
                       "(default: the repository's data/)")  # fmt: skip
    for command in (train, validate):
        command.add_argument("--seed", type=_at_least(0), default=0)
    for command in (train, validate, again):
        command.add_argument("--epochs", type=int, help="cut or lengthen the schedule")
        command.add_argument("--bfloat16", action="store_true",
                             help="matrix products in bfloat16: faster where the "
                             "processor has it")  # fmt: skip

    evaluate = commands.add_parser("evaluate", help="evaluate checkpoints")
    evaluate.add_argument("experiment")
    evaluate.add_argument("--no-importance-weighted", action="store_true",
                          help="leave out the slowest part")  # fmt: skip

    study = commands.add_parser(
        "study", help="what each ingredient of the recipe of chapter 12 is worth"
    )
    study.add_argument("variant", nargs="?", help="one, or all; none: the table so far")
    study.add_argument("--bfloat16", action="store_true")

    for command, seeds in ((evaluate, [0]), (again, [0, 1, 2]), (study, [0])):
        command.add_argument("--seeds", type=_at_least(0), nargs="+", default=seeds)

    bench = commands.add_parser("bench", help="the cost of a training step")
    bench.add_argument("experiment", nargs="?", default="mnist-supervised")

    for command in (train, validate, evaluate, again, study, bench):
        command.add_argument("--device", help="cpu or cuda (default: cuda if there)")
        command.add_argument("--threads", type=_at_least(1), help="CPU threads")
    for command in (train, validate, evaluate, bench):
        command.add_argument(
            "--profile", choices=("smoke", "full"), default="full",
            help="smoke: a few steps on a few images, nothing shipped is touched",
        )  # fmt: skip
    return top


def device(asked: str | None) -> str:
    """The device to use; EquivaeError if what was asked for is not there."""
    if asked is None:
        return "cuda" if torch.cuda.is_available() else "cpu"
    kind, _, number = asked.partition(":")
    if kind not in ("cpu", "cuda") or (number and not number.isdecimal()):
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
        for name in sources.NAMES:
            here = (
                "stand-in"
                if name in sources.STAND_INS.values()
                else ("here" if sources.available(name) else "absent")
            )
            print(f"data        {name:32s} {here}")
        for name, e in experiments.PRESETS.items():
            seeds = checkpoints.shipped_seeds(name) or "none"
            print(f"experiment  {name:32s} {e.data}, checkpoint seeds {seeds}")
        return
    if a.command == "download":
        sources.download(a.data)
        return
    if a.threads:
        torch.set_num_threads(a.threads)
    if a.command == "study":
        from .runs import study

        print(study.main(a.variant, a.seeds, device(a.device), a.bfloat16))
        return
    # A wrong name is an error before anything else.
    for name in a.experiments if a.command == "reproduce" else [a.experiment]:
        experiments.get(name)
    where = device(a.device)
    if a.command == "reproduce":
        for name in a.experiments:
            print(reproduce.reproduce(
                name, a.seeds, a.out, where, epochs=a.epochs, bfloat16=a.bfloat16
            ))  # fmt: skip
        return
    smoke = a.profile == "smoke"
    if smoke:
        os.environ.setdefault("EQUIVAE_MAX_STEPS", "5")
    if a.command == "train":
        # A run cut short never takes the place of a shipped checkpoint.
        cut = os.environ.get("EQUIVAE_MAX_STEPS") and a.out == checkpoints.FOLDER
        out = pipeline.RUNS if cut else a.out
        card = pipeline.train(
            a.experiment, a.seed, where, out=out, epochs=a.epochs, bfloat16=a.bfloat16,
            limit=1000 if smoke else None,
        )  # fmt: skip
        print("wrote", card)
        print(checkpoints.read_card(a.experiment, a.seed, out)["metrics"])
    elif a.command == "validate":
        print("wrote", pipeline.validate(
            a.experiment, a.seed, where, epochs=a.epochs, bfloat16=a.bfloat16
        ))  # fmt: skip
    elif a.command == "evaluate":
        print("wrote", pipeline.evaluate(
            a.experiment, a.seeds, where,
            importance_weighted=not a.no_importance_weighted and not smoke,
            limit=1000 if smoke else None,
        ))  # fmt: skip
    else:
        from .runs.bench import label_sum, steps, supervised

        e = experiments.get(a.experiment)
        of_grey = label_sum if e.semi_supervised else supervised
        (steps if e.arch.colours == 3 else of_grey).main(
            a.experiment, where, smoke=smoke
        )


def _in_ascii(error: UnicodeError) -> tuple[str, int]:
    """What a terminal that knows ASCII alone is shown in place of other characters."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    there = error.object[error.start : error.end]
    return "".join(PLAIN.get(c, "?") for c in there), error.end


PLAIN = {"±": "+/-", "–": "-", "—": "-", "−": "-", "×": "x"}


def never_die_of_a_character() -> None:
    """A table after hours of work must not end at a ± that the terminal cannot show."""
    codecs.register_error("equivae-plain", _in_ascii)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="equivae-plain")


def main(argv: list[str] | None = None) -> int:
    never_die_of_a_character()
    arguments = parser().parse_args(argv)
    try:
        run(arguments)
    except EquivaeError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped; the same command goes on from the last whole epoch",
              file=sys.stderr)  # fmt: skip
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
