"""Layer tables: every number against a second way to come by it."""

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from equivae_lite.chapters import anatomy
from equivae_lite.errors import ExperimentError
from equivae_lite.model.equivae import EquiVAE
from equivae_lite.training import experiments

BOTH = ("mnist-semi-supervised", "svhn-semi-supervised")


def network_and_inputs(preset, part, b=2, m=3):
    arch = experiments.get(preset).arch
    torch.manual_seed(0)
    x = torch.rand(b, arch.colours, arch.size, arch.size)
    r, v = torch.randn(b, arch.r_dim), torch.randn(b, arch.v_dim)
    inputs = {
        "encoder": (x[:, None].expand(-1, m, -1, -1, -1),),
        "posterior": (r, x),
        "decoder": (r, v),
        "label_posterior": (x, torch.rand(b, arch.hidden[0])),
    }
    return getattr(EquiVAE(arch), part), inputs[part]


each_network = pytest.mark.parametrize("part", anatomy.PARTS.values())
each_preset = pytest.mark.parametrize("preset", BOTH)


@each_preset
@each_network
def test_parameters_add_up_to_the_module(preset, part):
    module, inputs = network_and_inputs(preset, part)
    total = sum(p.numel() for p in module.parameters())
    assert sum(x.parameters for x in anatomy.layers(module, *inputs)) == total


@each_preset
@each_network
def test_multiply_adds_against_torch(preset, part):
    module, inputs = network_and_inputs(preset, part)
    with FlopCounterMode(display=False) as counter:
        module.eval()(*inputs)
    # torch counts two operations for one multiply-add
    work = sum(x.multiply_adds for x in anatomy.layers(module, *inputs))
    assert 2 * work == counter.get_total_flops()


def test_shapes_and_times():
    module, inputs = network_and_inputs("svhn-semi-supervised", "encoder", b=2, m=3)
    found = {x.name: x for x in anatomy.layers(module, *inputs)}
    assert found["f.4"].output == (32, 8, 8) and found["f.4"].times == 6
    assert found["f.11"].output == (128,) and found["f.11"].times == 6
    assert found["g.2"].output == (16,) and found["g.2"].times == 2
    assert list(found) == ["f.0", "f.2", "f.4", "f.6", "f.8", "f.11", "g.0", "g.2"]


def test_a_free_parameter_has_a_row_of_its_own():
    module, inputs = network_and_inputs("svhn-semi-supervised", "decoder")
    last = anatomy.layers(module, *inputs)[-1]
    assert (last.name, last.kind, last.parameters) == (
        "log_var",
        "number",
        3 * 32 * 32,
    )
    assert last.multiply_adds == 0


def test_a_layer_that_runs_twice_counts_twice_but_has_its_weights_once():
    layer = nn.Linear(3, 3)
    (found,) = anatomy.layers(nn.Sequential(layer, layer), torch.rand(1, 3))
    assert (found.parameters, found.times, found.multiply_adds) == (12, 2, 18)


def test_a_single_layer():
    (found,) = anatomy.layers(nn.Conv2d(1, 2, 3), torch.rand(1, 1, 5, 5))
    assert found.output == (2, 3, 3) and found.parameters == 20
    assert found.multiply_adds == 2 * 9 * 9


def test_the_module_is_left_as_it_was():
    module, inputs = network_and_inputs("mnist-semi-supervised", "label_posterior")
    module.dense[2].eval()
    modes = [part.training for part in module.modules()]
    state = torch.random.get_rng_state()
    anatomy.layers(module, *inputs)
    assert [part.training for part in module.modules()] == modes
    assert torch.equal(torch.random.get_rng_state(), state)  # no dropout was drawn
    assert not any(part._forward_hooks for part in module.modules())


def test_hooks_are_removed_after_an_error():
    module, _ = network_and_inputs("mnist-semi-supervised", "encoder")
    with pytest.raises(ValueError, match="takes images of"):
        anatomy.layers(module, torch.rand(1, 3, 32, 32))
    assert not any(part._forward_hooks for part in module.modules())
    assert module.training


def test_what_it_cannot_count_is_refused():
    normal = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    with pytest.raises(ValueError, match="1 is a BatchNorm2d"):
        anatomy.layers(normal, torch.rand(1, 1, 5, 5))
    module, _ = network_and_inputs("mnist-semi-supervised", "encoder")
    x = torch.rand(1, 2, 1, 28, 28)

    class Half(nn.Module):
        def __init__(self):
            super().__init__()
            self.f, self.spare = module.f, nn.Linear(2, 2)

        def forward(self, x):
            return self.f(x)

    with pytest.raises(ValueError, match="do not reach spare"):
        anatomy.layers(Half(), x)


def test_table():
    module, inputs = network_and_inputs("mnist-semi-supervised", "encoder", b=1, m=7)
    lines = anatomy.layer_table(module, *inputs).split("\n")
    found = anatomy.layers(module, *inputs)
    assert len(lines) == len(found) + 3
    assert len({line.count("|") for line in lines}) == 1
    assert "| 7 of 8 × 28 × 28 | 208 | 1,097,600 |" in lines[2]
    assert f"**{sum(x.parameters for x in found):,}**" in lines[-1]


def test_totals_of_the_four_presets_are_well_under_a_million():
    totals = anatomy.parameter_totals()
    assert list(totals) == list(anatomy.PAPER)
    for name, parts in totals.items():
        assert sum(parts.values()) == 2 * parts["together"] < 2 * 850_000
        semi = experiments.get(name).semi_supervised
        assert ("q_y-post" in parts) == semi
    with pytest.raises(ExperimentError, match="no experiment"):
        anatomy.parameter_totals(["mnist"])
