"""The table of `tools.stop_gradient`: the stop kept or forgotten, and no f(x)."""

from __future__ import annotations

from ..runs import study
from ..runs.tables import markdown, over_seeds, plus_minus, with_interval

JUDGED = {
    "held_out_error": ("wrong by q, in %", 100),
    "held_out_generative_error": ("wrong by argmax L, in %", 100),
    "held_out_bound": ("(6), in nats", 1),
}


def variant_of(arm: str) -> str:
    """The variant of the study that an arm is of: "recipe" of "recipe-forgotten"."""
    return arm.split("-")[0]


def differences(content: dict, arm: str, key: str) -> list[float]:
    """An arm's number minus that of its variant as it is, by labelled set."""
    base = content["arms"].get(variant_of(arm), {"seeds": {}})["seeds"]
    own = content["arms"][arm]["seeds"]
    return [own[s][key] - base[s][key] for s in own if s in base]


def stop_table(content: dict) -> str:
    """Markdown: means ± standard errors over labelled sets, a row for each arm.

    The last columns are the arm's errors minus those of the same variant as it is, by
    labelled set, and the 95 % interval of this difference.
    """
    rows = []
    for arm, entry in content["arms"].items():
        seeds = entry["seeds"].values()
        row = [study.WORDS[variant_of(arm)], entry["words"], len(seeds)]
        for key, (_, unit) in JUDGED.items():
            row.append(plus_minus(over_seeds([unit * s[key] for s in seeds]), 1))
        for key in list(JUDGED)[:2]:
            apart = [100 * d for d in differences(content, arm, key)]
            other = apart and arm != variant_of(arm)
            row.append(with_interval(apart) if other else "–")
        rows.append(row)
    heads = ["trained by", "f(x)", "labelled sets", *(w for w, _ in JUDGED.values()),
             "by q, minus as it is (95 %)", "by argmax L, minus (95 %)"]  # fmt: skip
    return markdown(heads, rows)
