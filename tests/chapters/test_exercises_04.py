"""The judges of chapter 04 know the right answer and name each typical slip."""

import math

import pytest
import torch

from equivae_lite.chapters.exercises import ch04


def one_hot_gradient(k, a, L, log_p, b, part):
    log_q = a.log_softmax(-1)
    A = L - log_q + log_p
    score = torch.eye(len(a), dtype=a.dtype)[k] - log_q.exp()
    return part(k, A, score, log_q.exp(), b, L, log_q)


def gradient(part):
    return lambda *arguments: one_hot_gradient(*arguments, part)


def autograd_not_detached(k, logits, L, log_p, b):
    """The slip of a user of PyTorch: U_k has a gradient, too."""
    a = logits.clone().requires_grad_()
    log_q = a.log_softmax(-1)
    U_k = L[k] - log_q[k] + log_p[k]
    (g,) = torch.autograd.grad((U_k - b) * log_q[k], a)
    return g


def mean_under(q, L, log_p):
    """(6) written out, with 0 log 0 left to the computer."""
    return (q * (L + log_p - q.log())).sum(-1)


def ruled_out(t, allowed):
    return t.masked_fill(~allowed, -math.inf)


CASES = {
    ch04.check_partial_label: [
        (lambda L, p, a: torch.where(a, L + p, -math.inf).logsumexp(-1), "Right."),
        (lambda L, p, a: (L + p).logsumexp(-1), "may be of any class"),
        (lambda L, p, a: (a * p.exp() * L.exp()).sum(-1).log(), "exp(-900) is 0"),
        (lambda L, p, a: ((L + p) * a).logsumexp(-1), "the weight 1"),
        (lambda L, p, a: ruled_out(L + p, a).amax(-1), "best certain class"),
        (lambda L, p, a: ruled_out(L, a).logsumexp(-1), "Where is log p(y)"),
        (
            lambda L, p, a: (
                L + ruled_out(p.expand_as(L), a).log_softmax(-1)
            ).logsumexp(-1),
            "probability of the set",
        ),
        (lambda L, p, a: ruled_out(L + p, ~a).logsumexp(-1), "that are allowed"),
        (lambda L, p, a: mean_under(ruled_out(L + p, a).softmax(-1), L, p), "0 * -inf"),
        (
            lambda L, p, a: (ruled_out(L + p, a).softmax(-1) * (L + p)).sum(-1),
            "The entropy of q(y) is missing",
        ),
    ],
    ch04.check_certainty: [
        (lambda L, p: -(L + p).softmax(-1).amax(-1).log(), "Right."),
        (lambda L, p: (L + p).softmax(-1).amax(-1).log(), "positive number"),
        (lambda L, p: 1 - (L + p).softmax(-1).amax(-1), "probability of the other"),
        (lambda L, p: -(L + p).softmax(-1).amax(-1).log2(), "These are bits"),
        (lambda L, p: L.logsumexp(-1) - L.amax(-1), "it does not cancel"),
        (
            lambda L, p: torch.special.entr((L + p).softmax(-1)).sum(-1),
            "entropy of q*",
        ),
        (lambda L, p: -p[(L + p).argmax(-1)], "only a part"),
        (lambda L, p: (L + p).logsumexp(-1) - L.amax(-1), "in its bound, too"),
        (lambda L, p: (L + p).logsumexp(-1) - (L + p).amin(-1), "worst certain"),
        (lambda L, p: -(p.exp() * L.exp()).amax(-1).log(), "Infinite"),
        (
            lambda L, p: (p.exp() * L.exp()).sum(-1).log() - (L + p).amax(-1),
            "Infinite",
        ),
    ],
    ch04.check_one_class_gradient: [
        (gradient(lambda k, A, s, q, b, L, lq: (A[k] - b) * s), "Right."),
        (gradient(lambda k, A, s, q, b, L, lq: A[k] * s), "Where is the baseline"),
        (gradient(lambda k, A, s, q, b, L, lq: (A[k] - b) * (s + q)), "two parts"),
        (gradient(lambda k, A, s, q, b, L, lq: q[k] * (A[k] - b) * s), "count twice"),
        (gradient(lambda k, A, s, q, b, L, lq: (L[k] - b) * s), "more than L(x, k)"),
        (
            gradient(lambda k, A, s, q, b, L, lq: (L[k] - lq[k] - b) * s),
            "Where is log p(k)",
        ),
        (gradient(lambda k, A, s, q, b, L, lq: (b - A[k]) * s), "The sign: the bound"),
        (autograd_not_detached, "`.detach()` it"),
        (
            gradient(
                lambda k, A, s, q, b, L, lq: (2 * L[k] - A[k] - b) * s
            ),
            "sign inside U_k",
        ),
        (gradient(lambda k, A, s, q, b, L, lq: (A - b) * s), "one number U_k"),
    ],
    ch04.check_sum_first: [
        (
            lambda w, p: (p.exp() * w.exp()).sum(-1).mean().log(),
            "Right.",
        ),
        (lambda w, p: (w + p).logsumexp(-1).mean(), "before the mean"),
        (
            lambda w, p: (p.exp() * w.exp().mean(0).log()).sum(),
            "averaged logarithms",
        ),
        (lambda w, p: (w + p).logsumexp((0, 1)), "subtract log k"),
        (lambda w, p: (w + p).exp().mean().log(), "k samples only"),
        (lambda w, p: w.exp().sum(-1).mean().log(), "Where is p(y)"),
        (lambda w, p: (w.mean(0) + p).logsumexp(0), "log w of each class"),
    ],
}
SHAPES = {
    ch04.check_partial_label: "(3,)",
    ch04.check_certainty: "(3,)",
    ch04.check_one_class_gradient: "(4,)",
    ch04.check_sum_first: "()",
}
each_judge = pytest.mark.parametrize("check", CASES, ids=lambda c: c.__name__)


@pytest.mark.parametrize(
    ("check", "answer", "sentence"),
    [(check, *case) for check, cases in CASES.items() for case in cases],
)
def test_answers(check, answer, sentence, capsys):
    assert check(answer) is (sentence == "Right.")
    printed = capsys.readouterr().out
    assert sentence in printed and printed.count("\n") == 1


@each_judge
def test_no_two_slips_give_one_number(check, capsys):
    """Else a slip would be called by another's name."""
    said = []
    for answer, _ in CASES[check]:
        check(answer)
        said.append(capsys.readouterr().out)
    assert len(set(said)) == len({sentence for _, sentence in CASES[check]})


@each_judge
@pytest.mark.parametrize("nothing", [None, ...])
def test_not_written_yet(check, nothing, capsys):
    """The untouched starter gives nothing away; each level of hints says more."""
    said = []
    for level in range(4):
        assert check(lambda *arguments: nothing, hint=level) is False
        said.append(capsys.readouterr().out.strip())
    assert said[0] == (
        "Not written yet. For a hint, give hint=1 in the call (up to 3)."
    )
    for less, more in zip(said[1:], said[2:]):
        assert more.startswith(less) and len(more) > len(less)


@each_judge
def test_code_that_stops(check, capsys):
    assert check(lambda *arguments: 1 / 0) is False
    assert "Your code stopped with ZeroDivisionError" in capsys.readouterr().out


@each_judge
def test_wrong_shape(check, capsys):
    assert check(lambda *arguments: torch.zeros(7)) is False
    assert f"Expected shape {SHAPES[check]}" in capsys.readouterr().out


@each_judge
def test_unknown_number(check, capsys):
    right = CASES[check][0][0]
    assert check(lambda *arguments: right(*arguments) + 0.01) is False
    assert "off by up to 0.010000." in capsys.readouterr().out


def single(right):
    """The right answer in float32 throughout."""
    return lambda *given: right(
        *(g.float() if torch.is_tensor(g) and g.is_floating_point() else g
          for g in given)
    )  # fmt: skip


@each_judge
@pytest.mark.parametrize(
    "change",
    [single, lambda right: lambda *given: right(*given).numpy(),
     lambda right: lambda *given: right(*given).tolist()],
    ids=["float32", "numpy", "list"],
)  # fmt: skip
def test_right_in_another_dress(check, change, capsys):
    assert check(change(CASES[check][0][0])) is True
    assert capsys.readouterr().out.startswith("Right.")


@each_judge
def test_an_axis_too_many(check, capsys):
    """A number may be of shape (1,); of a vector (3, 1) is told."""
    right = CASES[check][0][0]
    scalar = SHAPES[check] == "()"
    assert check(lambda *given: right(*given)[..., None]) is scalar
    assert ("Right." if scalar else "drop the axis") in capsys.readouterr().out


@each_judge
def test_right_by_luck_for_the_first_numbers(check, capsys):
    """A function that holds the first numbers' answer does not pass."""
    kept = []

    def first(*given):
        kept.append(CASES[check][0][0](*given))
        return kept[0]

    assert check(first) is False
    assert "Right for the first numbers" in capsys.readouterr().out


def test_a_baseline_that_is_off_by_one_is_right_too(capsys):
    answer = gradient(lambda k, A, s, q, b, L, lq: (A[k] - 1 - b) * s)
    first = []

    def once(*given):  # the second numbers are judged by the exact estimate
        first.append(given)
        right = CASES[ch04.check_one_class_gradient][0][0]
        return (answer if len(first) == 1 else right)(*given)

    assert ch04.check_one_class_gradient(once) is True
    assert "Right. (The -1 is a constant" in capsys.readouterr().out
