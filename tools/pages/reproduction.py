"""Write the tables of chapter 17: python -m tools.pages.reproduction --write.

Its words are in book/17_reproduction.md. What stands there between a line
`<!-- begin NAME -->` and a line `<!-- end NAME -->` is written by the function of that
name in `BLOCKS`, from the presets, the cards and the evaluations on the shelf; what
others published, from book/neighbours.yml. A test writes it all again and compares.
"""

from __future__ import annotations

import json
import re
import statistics
import sys
from collections.abc import Callable
from functools import cache, partial

import yaml

from equivae_lite import files
from equivae_lite.data import sets, sources
from equivae_lite.runs import compare, pipeline, tables
from equivae_lite.runs.folders import SHELF
from equivae_lite.training import experiments
from equivae_lite.training.settings import Experiment
from tools.notebooks.book import BOOK
from tools.pages.status import cards, plain, show

PAGE, NEIGHBOURS = BOOK / "17_reproduction.md", BOOK / "neighbours.yml"
SEEDS = 3  # fewer are said to be missing
WHERE = {  # how the head of a table's first column says what its numbers are about
    "mnist": "MNIST", "svhn": "SVHN", "glyphs": "glyphs: drawn, not MNIST",
    "svhn-part": "svhn-part: an eighth of SVHN, no benchmark",
    "street-glyphs": "street glyphs: drawn, not SVHN",
    "characters": "characters: drawn digits and letters",
}  # fmt: skip
FAST = "mnist-supervised-fast"  # and its neighbours, whose runs a study keeps
FASTER = "mnist-supervised-faster"
WHY = {"svhn": "SVHN is not where this book is made"}
RUNS = 1000  # of the plan
NBSP = "\N{NO-BREAK SPACE}"


@cache
def _cards() -> dict[str, dict[int, dict]]:
    found: dict[str, dict[int, dict]] = {}
    for card in cards():
        found.setdefault(card["experiment"]["name"], {})[card["seed"]] = card
    return found


@cache
def evaluations(name: str) -> dict[int, dict]:
    """The shelf's evaluations of an experiment, by seed; none without a run."""
    path = SHELF.results / f"{name}.json"
    if not files.exists(path):
        return {}
    found = files.read_json(path, "restore it from git")["seeds"]
    return {int(seed): one for seed, one in found.items()}


def command(name: str) -> str:
    """What follows `python -m equivae_lite reproduce`: as many seeds as there are.

    Seeds of another precision than the first have a command of their own.
    """
    kept = _cards().get(name, {})
    seeds = sorted({*kept, *range(SEEDS)})
    quick = {s for s, c in kept.items() if c["precision"] == pipeline.precision(True)}
    if not quick or quick >= set(kept):
        groups = [(seeds, bool(quick))]
    else:
        groups = [(sorted(set(seeds) - quick), False), (sorted(quick), True)]
    return "; ".join(
        f"`{name} --seeds {' '.join(map(str, group))}{' --bfloat16' * bfloat16}`"
        for group, bfloat16 in groups
    )


def missing(e: Experiment) -> str:
    """Which of the seeds are there, why others are not, and which are out of date."""
    there = sorted(evaluations(e.name))
    if not there and e.name == FASTER:
        return "none here: measured by `python -m tools.fast`, chapter 10"
    if not there and e.name.startswith(FAST):
        return "none here: measured by `python -m tools.handwriting`, chapter 15"
    if not there:
        return f"none: {WHY.get(e.data, 'not run yet')}"
    absent = [str(s) for s in range(SEEDS) if s not in there]
    note = f"; {', '.join(absent)} not run yet" if absent else ""
    if other := unlike(e):
        note += f"; made with another {', '.join(other)} than the command's"
    return ", ".join(map(str, there)) + note


def unlike(e: Experiment) -> list[str]:
    """Settings that a preset has now, and its models on the shelf had not."""
    now = json.loads(json.dumps(e.to_dict()))  # as a card has it
    had = [card["experiment"] for card in _cards().get(e.name, {}).values()]
    return [key for key in now if any(now[key] != one.get(key) for one in had)]


def _values(name: str, place: str, unit: float) -> list[float]:
    found = [tables.look_up(one, place) for one in evaluations(name).values()]
    return [unit * value for value in found if value is not None]


def of_data(data: str, few_labels: bool) -> str:
    """A row for each experiment on a data set, with all labels or with few."""
    chosen = [e for e in experiments.PRESETS.values()
              if e.data == data and (e.labels is not None) == few_labels]  # fmt: skip
    columns = [
        c for c in tables.COLUMNS if any(_values(e.name, *c[1:3]) for e in chosen)
    ]
    rows = []
    for e in chosen:
        row = [command(e.name)]
        for _, place, unit, digits in columns:
            values = _values(e.name, place, unit)
            row.append(tables.plus_minus(tables.over_seeds(values), digits)
                       if values else "–")  # fmt: skip
        rows.append([*row, missing(e), time(e.name)])
    heads = [f"{WHERE[data]}: `reproduce …`", *(c[0] for c in columns),
             "seeds", "training of a seed"]  # fmt: skip
    return tables.markdown(heads, rows)


def time(name: str) -> str:
    """Minutes of a seed's training, from the fastest to the slowest, by machine."""
    minutes: dict[str, list[str]] = {}
    for card in _cards().get(name, {}).values():
        machine = plain(card["hardware"])
        minutes.setdefault(machine, []).append(f"{card['seconds'] / 60:.0f}")
    found = []
    for machine, values in sorted(minutes.items()):
        ends = dict.fromkeys((min(values, key=int), max(values, key=int)))
        found.append(f"{' to '.join(ends)} min, {machine}")
    return "; ".join(found) or "–"


def overview() -> str:
    """What there is of each data set, what is missing, and what it cost."""
    rows = []
    for data in WHERE:
        chosen = [e.name for e in experiments.PRESETS.values() if e.data == data]
        kept = [card for name in chosen for card in _cards().get(name, {}).values()]
        full = sum(len(evaluations(name)) >= SEEDS for name in chosen)
        some = sum(0 < len(evaluations(name)) < SEEDS for name in chosen)
        hours = {True: 0.0, False: 0.0}
        for card in kept:
            hours["NVIDIA" in card["hardware"]] += card["seconds"] / 3600
        none = len(chosen) - full - some
        rows.append([WHERE[data], len(chosen), full, some, none, len(kept),
                     f"{hours[False]:.1f}", f"{hours[True]:.1f}"])  # fmt: skip
    total = [sum(float(row[i]) for row in rows) for i in range(1, 8)]
    rows.append(["all", *(f"{t:.0f}" for t in total[:5]),
                 *(f"{t:.1f}" for t in total[5:])])  # fmt: skip
    heads = ["data", "experiments", f"{SEEDS} seeds or more", "fewer", "none",
             "models", "hours of a CPU core", "hours on a GPU"]  # fmt: skip
    return tables.markdown(heads, rows, "lrrrrrrr")


def measurements() -> str:
    """The files of results that are no experiment's, and the commands behind them."""
    rows = []
    for path in sorted(SHELF.results.glob("*.json")):
        content = json.loads(path.read_text(encoding="utf-8"))
        found = [content] + [v for v in content.values() if isinstance(v, dict)]
        commands = sorted({one["command"] for one in found if "command" in one})
        if path.stem not in experiments.PRESETS and commands:
            rows.append([path.name, ", ".join(f"`{c}`" for c in commands)])
    return tables.markdown(["file in data/results", "made by"], rows)


def neighbours(data: str, ours: list[str]) -> str:
    """Published errors on a benchmark below ours on the same; no other data here."""
    rows = []
    for name in ours:
        e = experiments.get(name)
        assert e.data == data, "a stand-in or a part is not beside a benchmark"
        errors = _values(name, "error", 100)
        shown = tables.plus_minus(tables.over_seeds(errors)) if errors else "no run"
        rows.append([f"this book, `{name}`", e.labels, shown, missing(e)])
    for one in yaml.safe_load(NEIGHBOURS.read_text(encoding="utf-8")):
        if one["data"] == data:
            rows.append([f"{one['model']} {{cite:p}}`{one['cite']}`", one["labels"],
                         one["error"], one["differs"]])  # fmt: skip
    return tables.markdown(["model", "labels", "test error in %",
                            "seeds, or what differs"], rows, "lrll")  # fmt: skip


def example() -> str:
    """Two seeds of the book as if they were a reader's, beside its first three."""
    lines = []
    for name in ("mnist-semi-supervised", "mnist-labels-alone"):
        found = evaluations(name)
        ours, yours = ({s: found[s] for s in seeds} for seeds in ((0, 1, 2), (3, 4)))
        lines += compare.rows(name, ours, yours)
    return tables.markdown(compare.HEADS, lines)


def plan() -> str:
    """What 1,000 runs of an experiment take, by its cards."""
    rows = []
    for name in ("mnist-supervised", "mnist-semi-supervised", "svhn-part-supervised",
                 "svhn-part-semi-supervised", "street-glyphs-supervised",
                 "street-glyphs-semi-supervised"):  # fmt: skip
        kept = list(_cards()[name].values())
        made, e = kept[0]["experiment"], experiments.get(name)
        epochs = sum(count for _, count in made["schedule"])
        seconds = statistics.median(card["seconds"] for card in kept)
        gpu = "NVIDIA" in kept[0]["hardware"]
        weights = 4e-6 * kept[0]["parameters"]  # MB
        # A state: weights, two moments of Adam, the averaged weights if there are any.
        state = weights * (4 if made["averaging"] else 3)
        pixels = e.arch.colours * e.arch.size**2
        data = 1e-6 * sum(sets.SIZES[e.data].values()) * pixels
        drawn = e.data in sources.STAND_INS.values()
        rows.append([
            f"`{name}`", "GPU" if gpu else "CPU core", f"{seconds / 60:.0f}",
            f"{RUNS * seconds / 3600:,.0f}",
            f"{RUNS * (weights + 2 * state) / 1e3:.0f}",
            f"{RUNS * state * epochs / seconds:.0f}",
            "drawn" if drawn else f"{RUNS * data / 1e3:.0f}",
            f"{seconds / RUNS:.1f}",
        ])  # fmt: skip
    heads = [
        f"{RUNS:,} runs of", "one takes a", "for minutes", "hours, all", "GB kept",
        "MB/s of states, all at once", "GB of images read", "seconds from end to end",
    ]  # fmt: skip
    return tables.markdown(heads, rows, "llrrrrrr")


def memory() -> str:
    """The most memory that a run took, as far as cards say it."""
    rows = []
    for data in WHERE:
        kept = [card for named in _cards().values() for card in named.values()]
        peaks = [card["peak_megabytes"] for card in kept
                 if card["data"]["name"] == data and "peak_megabytes" in card
                 ]  # fmt: skip
        process = [p["process"] for p in peaks if "process" in p]
        gpu = [p["gpu"] for p in peaks if "gpu" in p]
        if process:
            rows.append([WHERE[data], len(peaks), f"{max(process) / 1024:.1f}",
                         f"{max(gpu) / 1024:.1f}" if gpu else "–",
                         int(80 * 1024 / max(gpu)) if gpu else "–"])  # fmt: skip
    heads = ["data", "cards that say it", "GiB of the process, at most",
             "GiB on the GPU, at most", "as many fill 80 GiB"]  # fmt: skip
    return tables.markdown(heads, rows, "lrrrr")


# Name: what the table's caption says, and who writes the table.
BLOCKS: dict[str, tuple[str, Callable[[], str]]] = {
    "overview": ("Experiments and models, by data.", overview),
    **{
        f"{data}-{'few' if few else 'all'}": (
            f"{where}. {'Few' if few else 'All'} training images have labels.",
            partial(of_data, data, few),
        )
        for data, where in WHERE.items() for few in (False, True)
        if any(e.data == data and few == e.semi_supervised
               for e in experiments.PRESETS.values())
    },
    "measurements": ("Other results, and what makes them again.", measurements),
    "neighbours-mnist": (
        "MNIST with 100 labels: this book, and what others published.",
        partial(neighbours, "mnist", [
            "mnist-semi-supervised", "mnist-semi-supervised-long", "mnist-labels-alone",
        ]),
    ),
    "neighbours-svhn": (
        "SVHN with 1,000 labels: no run of ours, and what others published.",
        partial(neighbours, "svhn", ["svhn-semi-supervised"]),
    ),
    "example": ("Two seeds of the book, as if they were yours.", example),
    "plan": ("A thousand runs, by the cards.", plan),
    "memory": ("Memory, by the cards that say it.", memory),
}  # fmt: skip


def page(text: str) -> str:
    """The page with every block written anew. Raises ValueError for a wrong set."""
    found = re.findall(r"^<!-- begin (\S+) -->$", text, re.M)
    if sorted(found) != sorted(BLOCKS):
        odd = sorted(set(found) ^ set(BLOCKS)) or "one of them twice"
        raise ValueError(f"{PAGE.name}: blocks that do not fit: {odd}")
    for name, (caption, block) in BLOCKS.items():
        begin, end = f"<!-- begin {name} -->\n", f"<!-- end {name} -->"
        head, rest = text.split(begin)
        together = block().replace(" ± ", f"{NBSP}±{NBSP}")  # no line ends there
        table = f":::{{table}} {caption}\n:name: table-{name}\n{together}\n:::"
        text = f"{head}{begin}\n{table}\n\n{end}{rest.partition(end)[2]}"
    return text


def main(arguments: list[str]) -> int:
    def text() -> str:
        return page(PAGE.read_text(encoding="utf-8"))

    return show("reproduction", PAGE, text, arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
