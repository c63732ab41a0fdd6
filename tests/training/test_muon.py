"""Muon: what its steps are, and which parameters take them."""

import copy
from dataclasses import replace

import pytest
import torch
from torch import nn

from equivae_lite.data import sets
from equivae_lite.data.sets import Pixels
from equivae_lite.training import experiments, loop
from equivae_lite.training.checkpoints import build
from equivae_lite.training.muon import MOMENTUM, Muon, optimizer_of, orthogonal

FAST = replace(
    experiments.get("glyphs-supervised"), schedule=((100, 2),), muon_rate=0.02
)


def polar(matrix):
    u, _, vt = torch.linalg.svd(matrix, full_matrices=False)
    return u @ vt


@pytest.mark.parametrize("shape", [(16, 200), (64, 16), (1, 200), (10, 10)])
def test_singular_values_become_about_one_and_the_vectors_stay(shape):
    g = torch.Generator().manual_seed(0)
    matrix = torch.randn(shape, generator=g) + torch.ones(shape)  # one is far larger
    made = orthogonal(matrix)
    assert made.shape == matrix.shape
    values = torch.linalg.svdvals(made)
    assert values.min() > 0.6 and values.max() < 1.25
    # U^T X V of the given vectors stays diagonal.
    u, _, vt = torch.linalg.svd(matrix, full_matrices=False)
    inside = u.T @ made @ vt.T
    torch.testing.assert_close(inside, torch.diag(inside.diagonal()), atol=2e-3, rtol=0)
    assert inside.diagonal().min() > 0  # no direction is turned round


def test_the_length_of_a_gradient_does_not_matter():
    matrix = torch.randn(8, 30, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(
        orthogonal(matrix), orthogonal(1e-4 * matrix), atol=1e-2, rtol=0
    )
    assert torch.equal(orthogonal(torch.zeros(3, 4)), torch.zeros(3, 4))


def test_it_is_newton_and_schulz_step_by_step():
    x = torch.randn(5, 9, generator=torch.Generator().manual_seed(2)).double()
    made = orthogonal(x)
    x = x / x.norm()
    for _ in range(5):
        square = x @ x.T
        x = 3.4445 * x - 4.7750 * square @ x + 2.0315 * square @ square @ x
    torch.testing.assert_close(made, x, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("representation", ["complementary", "table"])
def test_weights_of_layers_step_by_muon_and_all_else_by_adam(representation):
    e = replace(FAST, representation=representation)
    torch.manual_seed(0)
    model = build(e)
    before, other = copy.deepcopy(model), copy.deepcopy(model)
    optimizer = optimizer_of(e, model)
    adam = torch.optim.Adam(other.parameters(), lr=e.learning_rate)
    slopes = [[torch.randn_like(p) for p in model.parameters()] for _ in range(2)]
    for slope in slopes:
        for each in (model, other):
            for p, s in zip(each.parameters(), slope):
                p.grad = s.clone()
        optimizer.step()
        adam.step()
    weights = {
        f"{name}.weight"
        for name, layer in model.named_modules()
        if isinstance(layer, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d))
    }
    assert len(weights) == (27 if representation == "complementary" else 19)
    for i, (name, p) in enumerate(model.named_parameters()):
        old, by_adam = before.get_parameter(name), other.get_parameter(name)
        if name not in weights:
            assert torch.equal(p, by_adam), name
            continue
        moved = torch.zeros_like(p)
        momentum = torch.zeros_like(p)
        for slope in slopes:
            momentum = MOMENTUM * momentum + (1 - MOMENTUM) * slope[i]
            ahead = (MOMENTUM * momentum + (1 - MOMENTUM) * slope[i]).flatten(1)
            longer = max(1, ahead.shape[0] / ahead.shape[1]) ** 0.5
            moved -= 0.02 * longer * orthogonal(ahead).view_as(p)
        torch.testing.assert_close(p - old, moved, atol=1e-5, rtol=0)


@pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="PyTorch before 2.9")
@pytest.mark.parametrize(("inputs", "outputs"), [(40, 12), (12, 40)])
def test_a_dense_layer_steps_as_with_pytorchs_own(inputs, outputs):
    """Which multiplies in bfloat16, so their steps agree to two digits or so."""
    torch.manual_seed(0)
    ours = nn.Linear(inputs, outputs, bias=False)
    theirs = copy.deepcopy(ours)
    first = Muon(ours, rate=0.02, adam_rate=1e-3)
    second = torch.optim.Muon(theirs.parameters(), lr=0.02, weight_decay=0.0)
    start = ours.weight.detach().clone()
    for _ in range(4):
        slope = torch.randn(outputs, inputs)
        ours.weight.grad, theirs.weight.grad = slope.clone(), slope.clone()
        first.step()
        second.step()
    a, b = (layer.weight.detach() - start for layer in (ours, theirs))
    assert (a - b).norm() < 0.02 * b.norm()


def test_without_a_rate_it_is_adam():
    e = replace(FAST, muon_rate=0.0)
    assert type(optimizer_of(e, build(e))) is torch.optim.Adam
    assert type(optimizer_of(FAST, build(FAST))) is Muon


def test_a_held_weight_stays():
    model = build(FAST)
    optimizer = optimizer_of(FAST, model)
    held = copy.deepcopy(model.encoder.state_dict())
    model.decoder.dense.weight.grad = torch.ones_like(model.decoder.dense.weight)
    optimizer.step()
    assert all(torch.equal(held[k], t) for k, t in model.encoder.state_dict().items())


def test_a_stopped_run_goes_on_to_the_same_weights(tmp_path):
    data = sets.load("glyphs", "train").subset(torch.arange(400))
    one = {"progress": False}
    whole, _ = loop.fit(FAST, data, Pixels.unit(), **one)
    state = tmp_path / "state.pt"
    cut = {**one, "state_path": state}
    loop.fit(FAST, data, Pixels.unit(), max_steps=5, **cut)  # of an epoch's four
    resumed, history = loop.fit(FAST, data, Pixels.unit(), **cut)
    assert len(history) == 2
    for a, b in zip(whole.parameters(), resumed.parameters()):
        assert torch.equal(a, b)


def test_the_momentum_of_a_dead_unit_never_becomes_subnormal():
    """With such numbers a step took twice as long on an Intel processor."""
    layer = nn.Linear(6, 4)
    rule = Muon(layer, rate=0.02, adam_rate=1e-3)
    g = torch.Generator().manual_seed(0)
    for step in range(2500):
        gradient = torch.randn(4, 6, generator=g)
        if step:
            gradient[1] = 0.0  # dead from the second step on
        layer.weight.grad = gradient
        rule.step()
        momentum = rule.state[layer.weight]["momentum"].abs()
        small = momentum[momentum > 0].min()
        assert small > torch.finfo(torch.float32).tiny, f"subnormal in step {step}"
    assert (momentum[1] == 0).all() and (momentum[[0, 2, 3]] > 0).all()
