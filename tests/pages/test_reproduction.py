"""Chapter 17 says what is stored: every experiment once, each on its own data."""

import re
from dataclasses import replace

import numpy as np
import pytest
import yaml

from equivae_lite.runs import command_line as cli
from equivae_lite.training import experiments
from tools.pages import reproduction
from tools.pages.reproduction import BLOCKS, PAGE


@pytest.fixture(scope="module")
def text():
    return PAGE.read_text(encoding="utf-8")


def rows(table):
    lines = [line.strip("|").split("|") for line in table.splitlines()]
    head, _, *body = [[cell.strip() for cell in line] for line in lines]
    return [dict(zip(head, cells, strict=True)) for cells in body]


def test_the_page_is_current(text):
    assert reproduction.page(text) == text, (
        "run `python -m tools.pages.reproduction --write`"
    )


def test_every_experiment_has_one_row_in_a_table_of_its_data(text):
    seen = {}
    for data in reproduction.WHERE:
        for name in {f"{data}-all", f"{data}-few"} & set(BLOCKS):
            for row in rows(BLOCKS[name][1]()):
                (head, commands), *_ = row.items()
                assert head.startswith(reproduction.WHERE[data])
                for line in re.findall(r"`(.+?)`", commands):
                    asked = cli.parser().parse_args(["reproduce", *line.split()])
                    (name,) = asked.experiments
                    assert experiments.get(name).data == data
                    assert seen.setdefault(name, row) is row, "two rows"
    assert list(seen) and seen.keys() == experiments.PRESETS.keys()
    # Nothing measured stands under SVHN's name.
    for name, row in seen.items():
        if name.startswith("svhn-") and not name.startswith("svhn-part"):
            assert [*row.values()][1:] == [
                "none: SVHN is not where this book is made", "–"
            ]  # fmt: skip
    ours = seen["mnist-semi-supervised"]
    found = reproduction.evaluations("mnist-semi-supervised").values()
    errors = [100 * one["error"] for one in found]
    spread = np.std(errors, ddof=1) / np.sqrt(len(errors))
    assert ours["error in %"] == f"{np.mean(errors):.2f} ± {spread:.2f}"
    assert "--bfloat16" in next(iter(seen["mnist-supervised"].values()))
    assert seen["mnist-init-he"]["seeds"] == "0; 1, 2 not run yet"


def test_models_of_a_preset_that_changed_since_are_said_to_be():
    e = experiments.get("mnist-supervised")
    assert reproduction.missing(e) == "0, 1, 2"
    note = "0, 1, 2; made with another m_max than the command's"
    assert reproduction.missing(replace(e, m_max=3)) == note


def test_neighbours_stand_beside_the_benchmark_alone():
    listed = yaml.safe_load(reproduction.NEIGHBOURS.read_text(encoding="utf-8"))
    assert {one["data"] for one in listed} == {"mnist", "svhn"}
    assert all(one["read"].startswith("https://") for one in listed)
    table = rows(reproduction.neighbours("svhn", ["svhn-semi-supervised"]))
    assert table[0]["test error in %"] == "no run" and len(table) == 4
    with pytest.raises(AssertionError, match="not beside a benchmark"):
        reproduction.neighbours("svhn", ["svhn-part-semi-supervised"])


def test_the_plan_is_made_of_the_cards():
    row = rows(reproduction.plan())[1]
    cards = reproduction._cards()["mnist-semi-supervised"].values()
    seconds = np.median([card["seconds"] for card in cards])
    assert row["for minutes"] == f"{seconds / 60:.0f}"
    weights = 4 * next(iter(cards))["parameters"]
    # Weights; two states of weights, Adam's two moments and the average.
    assert row["GB kept"] == f"{1000 * 9 * weights / 1e9:.0f}"
    assert row["GB of images read"] == f"{1000 * 70_000 * 784 / 1e9:.0f}"


def test_blocks_that_do_not_fit_are_named(text, capsys):
    with pytest.raises(ValueError, match="overview"):
        reproduction.page(text.replace("<!-- begin overview -->", ""))
    with pytest.raises(ValueError, match="odd"):
        reproduction.page(text + "\n<!-- begin odd -->\n")
    assert reproduction.main(["--what"]) == 2
