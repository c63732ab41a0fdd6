"""What chapters 13 and 14 share: which data, and tables that fill themselves.

Both chapters are about SVHN. Where it is absent they run on a part of it, and where
that is absent, too, on its stand-in. Their tables have rows for all three: a row is
filled from data/results if its file is there, and otherwise names the command that
makes it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from scipy import stats

from ..data import sources
from ..data.sets import ImageSet, Pixels
from ..data.sources import STAND_INS
from ..evaluation.bound import embed_all
from ..model.equivae import EquiVAE
from ..runs.tables import Pair, interval, markdown, over_seeds, plus_minus
from .session import Session, has_model, profile, setup

WANTED = "svhn"
STAND_IN = STAND_INS[WANTED]
# The best first. One may not be taken for another.
NAMES = {
    WANTED: "SVHN",
    "svhn-part": "svhn-part (real, our split: no benchmark)",
    STAND_IN: f"{STAND_IN} (stand-in)",
}
SEEDS = (0, 1, 2)  # of the command that fills a row
Pick = Callable[[dict], float]  # one number from what `evaluate` says of a seed


def start(*kinds: str) -> Session:
    """`session.setup` for a chapter that shows models svhn-`kind` of these kinds.

    The first of `NAMES` is used whose data are there and, unless the profile is `full`,
    models of all these kinds; what was passed over for want of a model is said.
    """
    missing: list[str] = []
    for data in NAMES:
        lacks = [f"{data}-{kind}" for kind in kinds]
        lacks = [n for n in lacks if not has_model(n)]
        if sources.available(data):
            if not lacks or profile() == "full" or data == STAND_IN:
                break
            missing += lacks
    session = setup(WANTED, use=data)
    if missing:
        print(f"*** {' and '.join(missing)} would be shown if trained:")
        for name in missing:
            print(f"***   {command(name)}")
    return session


def command(*experiments: str) -> str:
    """The command that trains and evaluates experiments and writes their results."""
    seeds = " ".join(map(str, SEEDS))
    return f"python -m equivae_lite reproduce {' '.join(experiments)} --seeds {seeds}"


def seeds_of(session: Session, experiment: str) -> dict[str, dict] | None:
    """What `evaluate` found for every seed; None without a file of results."""
    if not session.has_results(experiment):
        return None
    return session.results(experiment)["seeds"]


def numbers(session: Session, experiment: str, pick: Pick) -> list[float] | None:
    """One number of each seed, in the order of the seeds; None without results."""
    seeds = seeds_of(session, experiment)
    return None if seeds is None else [pick(seeds[key]) for key in sorted(seeds)]


def pair(session: Session, experiment: str, pick: Pick) -> Pair | None:
    """Mean over seeds of one number and its standard error; None without results."""
    found = numbers(session, experiment, pick)
    return None if found is None else over_seeds(found)


def verdict(
    ours: Sequence[float], theirs: Sequence[float], digits: int = 1,
    paired: bool = False,
) -> str:  # fmt: skip
    """The difference of two means over seeds, its 95 % interval, and what that shows.

    One number for each seed, larger is better. The interval is Student's t: Welch's
    for two independent samples, or that of the differences where the numbers are
    `paired` (the same labelled images). A single seed has none, and claims nothing.
    """
    gain = over_seeds(ours)[0] - over_seeds(theirs)[0]
    if min(len(ours), len(theirs)) < 2:
        return f"{gain:+.{digits}f} (a single seed has no interval: no claim)"
    if paired:
        low, high = interval([a - b for a, b in zip(ours, theirs, strict=True)])
    else:
        test = stats.ttest_ind(ours, theirs, equal_var=False)
        low, high = test.confidence_interval(0.95)
    words = "so few seeds show no difference"
    if low > 0 or high < 0:
        words = "better" if gain > 0 else "worse"
    seeds = f"{len(ours)} pairs" if paired else f"{len(ours)} and {len(theirs)} seeds"
    return (
        f"{gain:+.{digits}f}, 95 % interval {low:+.{digits}f} to {high:+.{digits}f} "
        f"({seeds}): {words}"
    )


def results_table(
    session: Session,
    models: dict[str, str],
    columns: dict[str, tuple[Pick, int]],
) -> str:
    """Markdown: for each data set a row for each model, for each column mean ± error.

    models: words -> name of the experiment without that of its data; columns: heading
    -> (what to pick, digits). A number that an evaluation lacks is a dash. Experiments
    without results have no row: they are named below the table, with the command that
    makes them.
    """
    rows, missing = [], {}
    for data, words in NAMES.items():
        for model, kind in models.items():
            name = f"{data}-{kind}"
            seeds = seeds_of(session, name)
            if seeds is None:
                missing.setdefault(words, {})[model] = name
                continue
            cells = [_cell(seeds, *column) for column in columns.values()]
            rows.append([words, model, str(len(seeds)), *cells])
    table = markdown(["data", "model", "seeds", *columns], rows)
    for words, names in missing.items():
        table += (
            f"\n\n**Not run on {words}:** {'; '.join(names)}. To make "
            f"{'it' if len(names) == 1 else 'them'}: `{command(*names.values())}`"
        )
    return table


JUDGED = {  # heading -> (where a run of `tools.silence` has it, its unit, digits)
    "bound (4), nats": ("bound", 1, 0),
    "KL of $v$, nats": ("kl", 1, 1),
    "a wrong class costs, nats": ("wrong_class", 1, 2),
    "class from $r(x)$, error %": ("nearest_class_error", 100, 0),
    "$f$ differs by": ("apart", 1, 4),
}


def departures_table(content: dict) -> str:
    """Markdown of what `tools.silence` found: a row for each departure from (4).

    Means over seeds ± standard errors, on held-out training images.
    """
    rows = []
    for entry in content["departures"].values():
        seeds = list(entry["seeds"].values())
        cells = [
            plus_minus(over_seeds([unit * s[key] for s in seeds]), digits)
            if key in seeds[0] else "–"
            for key, unit, digits in JUDGED.values()
        ]  # fmt: skip
        rows.append([entry["words"], len(seeds), *cells])
    return markdown(["departure", "seeds", *JUDGED], rows)


def arms_table(content: dict) -> str:
    """Markdown of what `tools.by_heart` found: a row for each arm, at its last epoch.

    Means over seeds ± standard errors of (4), in nats. The last columns are mean
    differences within a seed and their 95 % intervals: of the averaged weights to the
    last ones, and of the arm to the first arm.
    """
    of_arms = {
        entry["words"]: {
            seed: found["history"][-1] for seed, found in entry["seeds"].items()
        }
        for entry in content["arms"].values()
    }
    first, rows = next(iter(of_arms)), []
    for words, seeds in of_arms.items():
        seen, unseen = (
            [last[f"{part}_bound"] for last in seeds.values()]
            for part in ("training", "held_out")
        )
        gap = [a - b for a, b in zip(seen, unseen)]
        both = [seed for seed in seeds if seed in of_arms[first]]
        against = [
            [of_arms[arm][seed]["held_out_bound"] for seed in both]
            for arm in (words, first)
        ]
        last_weights = [last["last_weights_bound"] for last in seeds.values()]
        rows.append([
            words, len(seeds),
            *(plus_minus(over_seeds(x), 0) for x in (seen, unseen, gap)),
            verdict(unseen, last_weights, digits=0, paired=True),
            "–" if words == first else verdict(*against, digits=0, paired=True),
        ])  # fmt: skip
    heads = ["arm", "seeds", "training images", "held-out images", "difference",
             "held out, averaged weights against the last",
             "held out, against the first row"]  # fmt: skip
    return markdown(heads, rows)


def _cell(seeds: dict[str, dict], pick: Pick, digits: int) -> str:
    try:
        return plus_minus(over_seeds([pick(s) for s in seeds.values()]), digits)
    except KeyError:  # a model without bounds has none to show
        return "–"


def drawable(kind: str) -> list[str]:
    """Experiments of a kind whose seed 0 is there to draw with, that of SVHN first.

    Drawing needs no data: r_y of all classes lie in the checkpoint.
    """
    names = (f"{data}-{kind}" for data in NAMES)
    return [name for name in names if has_model(name)]


@torch.no_grad()
def mistaken(
    model: EquiVAE, pixels: Pixels, images: ImageSet, m: int, draws: int = 50
) -> float:
    """How often an r_y from m images of a class looks like another class's.

    r_y of every class is made from the first half of its images; `draws` times a class
    one more is made from m random images of the other half. Share of these that lie
    nearest to the r_y of a wrong class; guessing makes it 0.9.
    """
    f = embed_all(model, pixels, images.images)
    halves = [rows.tensor_split(2) for rows in images.by_class()]
    table = model.encoder.g(torch.stack([f[first].mean(0) for first, _ in halves]))
    g = torch.Generator().manual_seed(0)
    wrong = []
    for y, (_, second) in enumerate(halves):
        pick = torch.randint(len(second), (draws, m), generator=g)
        r = model.encoder.g(f[second[pick.to(second.device)]].mean(1))
        wrong.append(torch.cdist(r, table).argmin(dim=1) != y)
    return float(torch.cat(wrong).double().mean())
