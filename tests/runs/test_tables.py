"""Numbers in tables: means, standard errors, Markdown."""

import math

import pytest
from scipy import stats

from equivae_lite.runs import tables


def test_over_seeds():
    assert tables.over_seeds([-94.0]) == (-94.0, None)
    mean, error = tables.over_seeds([1.0, 2.0, 6.0])
    # Variance (4 + 1 + 9) / 2 = 7, divided by three seeds.
    assert mean == 3.0 and error == pytest.approx((7 / 3) ** 0.5)


@pytest.mark.parametrize(
    ("pair", "digits", "sign", "words"),
    [
        ((1.234, None), 2, "", "1.23"),
        ((1.234, None), 1, "+", "+1.2"),
        ((1.234, 0.056), 2, "", "1.23 ± 0.06"),
        ((1.234, 0.056), 1, "", "1.2 ± 0.1"),
        ((-1.234, 0.056), 2, "+", "-1.23 ± 0.06"),
        ((1.234, 0.0004), 2, "", "1.23 ± 4e-04"),
        ((1.234, 0.0), 2, "", "1.23 ± 0.00"),
        ((-0.001, 0.2), 2, "", "0.00 ± 0.20"),
    ],
)
def test_plus_minus(pair, digits, sign, words):
    assert tables.plus_minus(pair, digits, sign) == words


def test_the_interval_is_students():
    differences = [2.0, 2.0, 1.5]
    for share in (0.8, 0.95, 0.998):
        expected = stats.ttest_1samp(differences, 0).confidence_interval(share)
        assert tables.interval(differences, share) == pytest.approx(tuple(expected))
    # By hand: 11 / 6, and 4.303 standard errors of 1 / 6. Two would be 1.50 to 2.17.
    assert tables.with_interval(differences) == "+1.83 (+1.12 to +2.55)"
    assert tables.with_interval([-0.3, 0.1], 1) == "-0.1 (-2.6 to +2.4)"
    assert tables.interval([1.0]) == (-math.inf, math.inf)
    assert tables.with_interval([1.0]) == "+1.00 (one seed)"


def test_markdown():
    assert tables.markdown(["a", "b", "c"], [["x", 1, 2.5], ["", 3, None]], "lr") == (
        "| a | b | c |\n|:--|--:|---|\n| x | 1 | 2.5 |\n|  | 3 | None |"
    )
    assert tables.markdown(["a"], []) == "| a |\n|---|"


def test_tables_show_what_every_seed_has():
    evaluations = {
        0: {"bound": {"all": {"bound": -90.126}}, "bits_per_dimension": {"bits": 3.5}},
        2: {"bound": {"all": {"bound": -91.126}}},
    }
    cards = {0: {"seconds": 60}, 2: {"seconds": 120}}
    assert tables.of_seeds(evaluations, cards).splitlines() == [
        "| seed | (4) in nats | minutes of training |",
        "|---|---|---|",
        "| 0 | -90.13 | 1.0 |",
        "| 2 | -91.13 | 2.0 |",
        "| mean | -90.63 ± 0.50 | 1.5 ± 0.5 |",
    ]
    assert tables.title("a", "svhn") == "a, on the test images of svhn"
    title = tables.title("a", "street-glyphs")
    assert title.endswith("(a stand-in: no result on svhn or svhn-part)")
    part = tables.title("a", "svhn-part")
    assert part.endswith("svhn-part (real, an eighth of SVHN in our own split: "
                         "no benchmark)")  # fmt: skip
