"""The judges of chapter 06: each typical slip gets its own sentence."""

import pytest
import torch

from equivae_lite.chapters.exercises import ch06
from equivae_lite.model.networks import Architecture, InvariantEncoder


def sizes(formula):
    return lambda n, k, s, p: formula(n, k, s, p)


def field(kernel, strides, start=1, reach=1, own_first=False):
    size, jump = start, 1
    for stride in strides:
        jump = jump * stride if own_first else jump
        size += (kernel - reach) * jump
        jump = jump if own_first else jump * stride
    return size


def left_out(f, g):
    return g((f.sum(0) - f) / (len(f) - 1))


def spread(f, m, dof=1, replaced=False, power=1):
    n = len(f)
    s2 = (f - f.mean(0)).square().sum() / (n - dof)
    return (s2 / m**power * (1 if replaced else 1 - m / n)).sqrt()


def size(n, colours, hidden, r_dim):
    arch = Architecture(n, colours, hidden=hidden, r_dim=r_dim)
    return sum(p.numel() for p in InvariantEncoder(arch).parameters())


def no_bias(n, colours, hidden, r_dim):
    module = InvariantEncoder(Architecture(n, colours, hidden=hidden, r_dim=r_dim))
    return sum(p.numel() for k, p in module.named_parameters() if "weight" in k)


RIGHT = {
    ch06.check_output_size: sizes(lambda n, k, s, p: (n + 2 * p - k) // s + 1),
    ch06.check_receptive_field: field,
    ch06.check_each_left_out: left_out,
    ch06.check_spread: spread,
    ch06.check_encoder_size: size,
}
SLIPS = [
    (ch06.check_output_size, lambda n, k, s, p: (n + 2 * p - k) / s + 1, "round"),
    (ch06.check_output_size, lambda n, k, s, p: (n + 2 * p - k) // s, "add 1"),
    (ch06.check_output_size, lambda n, k, s, p: (n + p - k) // s + 1, "both sides"),
    (ch06.check_output_size, lambda n, k, s, p: (n - k) // s + 1, "padding"),
    (ch06.check_output_size, lambda n, k, s, p: n + 2 * p - k + 1, "stride"),
    (ch06.check_output_size, lambda n, k, s, p: -(-n // s), "padding 2 only"),
    (
        ch06.check_receptive_field,
        lambda k, s: field(k, s, own_first=True),
        "own stride",
    ),
    (ch06.check_receptive_field, lambda k, s: 1 + len(s) * (k - 1), "without strides"),
    (ch06.check_receptive_field, lambda k, s: field(k, s, reach=0), "4 steps"),
    (ch06.check_receptive_field, lambda k, s: field(k, s, start=0), "start at 1"),
    (ch06.check_receptive_field, lambda k, s: field(k, s[:-1]), "last layer"),
    (ch06.check_receptive_field, lambda k, s: field(k, s) ** 2, "side"),
    (ch06.check_receptive_field, lambda k, s: k ** len(s), "powers"),
    (ch06.check_each_left_out, lambda f, g: g((f.sum(0) - f) / len(f)), "N - 1"),
    (ch06.check_each_left_out, lambda f, g: g(f.mean(0)).expand(6, -1), "own mean"),
    (ch06.check_each_left_out, lambda f, g: g(f), "single images"),
    (ch06.check_each_left_out, lambda f, g: (f.sum(0) - f) / 5, "g comes after"),
    (
        ch06.check_each_left_out,
        lambda f, g: (g(f).sum(0) - g(f)) / 5,
        "the mean of g",
    ),
    (ch06.check_each_left_out, lambda f, g: g((f.sum(0) + f) / 7), "subtract"),
    (ch06.check_spread, lambda f, m: spread(f, m) ** 2, "root"),
    (ch06.check_spread, lambda f, m: spread(f, m, replaced=True), "m = N"),
    (ch06.check_spread, lambda f, m: spread(f, m, dof=0), "N - 1"),
    (ch06.check_spread, lambda f, m: spread(f, m, 0, replaced=True), "vanishes"),
    (ch06.check_spread, lambda f, m: spread(f, m, power=2), "1/m²"),
    (ch06.check_spread, lambda f, m: spread(f, m) / f.shape[1] ** 0.5, "Sum over"),
    (
        ch06.check_spread,
        lambda f, m: 2**0.5 * spread(f, m, replaced=True),
        "two disjoint",
    ),
    (ch06.check_spread, lambda f, m: spread(f, m, power=0), "m come in"),
    (ch06.check_encoder_size, no_bias, "bias"),
    (ch06.check_encoder_size, lambda n, c, h, r: size(28, 1, h, r), "3 colours"),
    (ch06.check_encoder_size, lambda n, c, h, r: size(n, c, h, r) - 65 * r, "linear"),
    (ch06.check_encoder_size, lambda *a: size(*a) - 257 * 128, "dense layer of f"),
    (ch06.check_encoder_size, lambda *a: size(*a) - 192 * 128, "2 × 2 pixels"),
    (ch06.check_encoder_size, lambda *a: size(*a) + 65_280 * 128, "strides"),
    (ch06.check_encoder_size, lambda *a: 10 * size(*a), "m of them"),
]
each_check = pytest.mark.parametrize("check", RIGHT, ids=lambda c: c.__name__)


@each_check
def test_the_right_answer(check, capsys):
    assert check(RIGHT[check])
    assert capsys.readouterr().out == "Right.\n"


@pytest.mark.parametrize("check, slip, words", SLIPS)
def test_each_slip_has_its_sentence(check, slip, words, capsys):
    assert not check(slip)
    said = capsys.readouterr().out
    assert said.startswith("Not yet. ") and words in said
    assert said.count("\n") == 1


@each_check
def test_empty_broken_and_of_another_shape(check, capsys):
    def broken(*_):
        raise KeyError("oops")

    for answer, words in (
        (lambda *_: None, "Not written yet"),
        (lambda *_: ..., "Not written yet"),
        (broken, "stopped with KeyError"),
    ):
        assert not check(answer)
        said = capsys.readouterr().out
        assert words in said and said.count("\n") == 1
    assert not check(lambda *_: torch.zeros(2, 2, 2))
    said = capsys.readouterr().out
    assert said.count("\n") == 1 and ("shape" in said or "stopped with" in said)


def test_the_empty_starter_prints_a_hint_and_no_more(capsys):
    for check in RIGHT:
        assert not check(lambda *_: None)
        assert "Not written yet. For a hint, give hint=1" in capsys.readouterr().out
