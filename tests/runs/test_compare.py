"""A reader's folder beside the shelf: how far apart, and what gets no verdict."""

import math

import pytest
from scipy.stats import ttest_ind

from equivae_lite import files
from equivae_lite.runs import command_line as cli
from equivae_lite.runs import compare
from equivae_lite.runs.folders import SHELF, Folder
from equivae_lite.training import checkpoints

NAME = "mnist-labels-alone"  # five seeds on the shelf
OTHER = "mnist-supervised"


def shelf(name):
    return files.read_json(SHELF.results / f"{name}.json", "")


def put(folder, name, like, seed, error=None, of_data=None, **card):
    """A run of the shelf under another seed, as `reproduce` would have left it."""
    book = shelf(name)
    evaluation = dict(book["seeds"][str(like)])
    if error is not None:
        evaluation["error"] = error
    if seed != like:
        evaluation["sha256"] = card["sha256"] = f"weights of seed {seed}"
    data = of_data or book["data"]
    folder.keep_result(name, seed, {"data": data, "evaluation": evaluation})
    whole = checkpoints.read_card(name, like) | card | {"seed": seed}
    files.write_json(checkpoints.paths(name, seed, folder.checkpoints)[1], whole)


def run(capsys, folder, *names):
    code = cli.main(["compare", str(folder.root), *names])
    return code, *capsys.readouterr()


@pytest.mark.parametrize("yours, ours", [
    ([1.0, 1.5, 0.7], [2.0, 2.4]), ([1.0, 1.1], [1.0, 1.2, 1.3, 1.05]),
])  # fmt: skip
def test_apart_is_students_difference(yours, ours):
    distance, limit = compare.apart(yours, ours)
    test = ttest_ind(yours, ours)
    assert distance == pytest.approx(test.statistic)
    assert (abs(distance) <= limit) == (test.pvalue >= 0.05)


def test_one_seed_is_judged_by_the_spread_of_the_others():
    distance, limit = compare.apart([3.0], [0.0, 1.0, 2.0])
    assert distance == pytest.approx(2 / math.sqrt(1 + 1 / 3))
    assert limit == pytest.approx(4.3027, abs=1e-4)
    assert compare.verdict([3.0], [0.0, 1.0, 2.0]) == ("+1.7 (chance: 4.3)", "agrees")
    assert compare.verdict([13.0], [0.0, 1.0, 2.0])[1] == "more than chance"
    assert compare.verdict([3.0], [2.0]) == ("–", "none: one seed each")
    assert compare.verdict([1.0, 1.0], [1.0])[1] == "agrees"
    assert compare.verdict([1.0, 1.0], [2.0]) == (
        "-inf (chance: 12.7)", "more than chance"
    )  # fmt: skip


def test_a_folder_beside_the_book(tmp_path, capsys):
    folder = Folder(tmp_path)
    errors = [one["error"] for one in shelf(NAME)["seeds"].values()]
    middle = sum(errors) / len(errors)
    put(folder, NAME, 0, 7, error=middle + 0.001)
    put(folder, NAME, 1, 8, error=middle - 0.001)
    put(folder, OTHER, 2, 2)
    code, out, _ = run(capsys, folder)
    assert code == 0
    lines = [[c.strip() for c in x.strip("|").split("|")] for x in out.splitlines()]
    row = lines[2]
    assert row[:2] == [NAME, "error in %"] and row[2].endswith("(5 seeds)")
    assert row[3] == f"{100 * middle:.2f} ± 0.10 (2 seeds)"
    assert row[4:] == ["+0.0 (chance: 2.6)", "agrees"]
    assert lines[3][:2] == [OTHER, "(4) in nats"] and "(1 seed)" in lines[3][3]
    assert f"{OTHER}: seed 2 of yours has the book's very weights" in out
    put(folder, NAME, 0, 9, error=0.9)
    put(folder, NAME, 0, 10, error=0.9)
    _, out, _ = run(capsys, folder, NAME)
    assert OTHER not in out and "(4 seeds)" in out
    for seed in (7, 8):
        folder.result(NAME, seed).unlink()
    assert "more than chance" in run(capsys, folder)[1]


@pytest.mark.parametrize("what, words", [
    ({"of_data": {"name": "mnist", "train": "other"}}, "data are not the book's mnist"),
    ({"complete": False}, "it was cut short"),
    ({"experiment": {"name": NAME}}, "its settings are not the book's"),
])  # fmt: skip
def test_what_gets_no_verdict(tmp_path, capsys, what, words):
    put(Folder(tmp_path), NAME, 0, 7, **what)
    code, out, _ = run(capsys, Folder(tmp_path))
    assert code == 0 and f"{NAME} seed 7 is left out: " in out and words in out
    assert "agrees" not in out and "chance:" not in out


def test_other_weights_and_an_experiment_that_the_book_has_not(tmp_path, capsys):
    folder = Folder(tmp_path)
    put(folder, NAME, 0, 7)
    path = checkpoints.paths(NAME, 7, folder.checkpoints)[1]
    files.write_json(path, files.read_json(path, "") | {"sha256": "newer"})
    folder.keep_result("svhn-supervised", 0, {"data": {}, "evaluation": {"error": 1}})
    folder.keep_result("mnist-semi-supervised-study-recipe", 0, {"run": {}})
    _, out, _ = run(capsys, folder)
    assert "evaluated with other weights than are there now" in out
    assert "| svhn-supervised |  | no run | seed 0 | – | none |" in out
    assert "study" not in out


def test_nothing_to_compare(tmp_path, capsys):
    code, _, err = run(capsys, Folder(tmp_path))
    assert code == 2 and "reproduce EXPERIMENT --out FOLDER" in err
    put(Folder(tmp_path).short, NAME, 0, 7)
    assert "short was cut short" in run(capsys, Folder(tmp_path))[2]
    assert f"has no evaluation of {OTHER}" in run(capsys, Folder(tmp_path), OTHER)[2]
