"""Settings for images of one's own: those of a preset, fitted to what there is."""

import dataclasses

import pytest
import torch

from equivae_lite.errors import ExperimentError
from equivae_lite.model.networks import LARGEST, SMALLEST, Architecture
from equivae_lite.training import checkpoints, experiments
from equivae_lite.training.choice import choose, schedule

FACTS = dict(size=28, colours=1, classes=26, images=13_000, smallest=450)


@pytest.mark.parametrize("images", [4, 60, 700, 5_000, 13_000, 100_000, 800_000])
def test_schedules_double_and_use_every_epoch(images):
    for epochs in (8, 9, 50, 400):
        plan = schedule(images, epochs)
        batches = [batch for batch, _ in plan]
        assert batches == [32 * 2**i for i in range(len(batches))]
        assert sum(count for _, count in plan) == epochs
        assert all(count >= 1 for _, count in plan)
        assert len(plan) == 1 or images // batches[-1] >= 20
        assert [c for _, c in plan] == sorted(c for _, c in plan) or epochs < 12


def test_a_choice_is_a_preset_with_the_sizes_of_the_images():
    e = choose("mine", "mine", **FACTS)
    assert (e.name, e.data, e.arch.classes, e.m_max) == ("mine", "mine", 26, 7)
    assert not e.semi_supervised and e.arch == dataclasses.replace(
        experiments.get("mnist-supervised").arch, classes=26
    )
    colour = choose("mine", "mine", **FACTS | {"size": 48, "colours": 3})
    assert colour.arch.likelihood == "gaussian" and colour.arch.size == 48
    assert 1000 < colour.separation_steps <= 2000 and colour.separation_distortion == 1
    semi = choose("mine", "mine", labels=520, **FACTS | {"smallest": 20})
    recipe = experiments.get("mnist-semi-supervised")
    for name in ("alpha", "consistency", "distortion", "labelled_weight", "label_sum"):
        assert getattr(semi, name) == getattr(recipe, name)
    assert semi.labels == 520 and semi.arch.label_posterior and semi.m_max == 4


@pytest.mark.parametrize("images", [30, 400, 13_000, 500_000])
@pytest.mark.parametrize("labels", [None, 20])
@pytest.mark.parametrize("colours", [1, 3])
def test_the_bound_is_itself_in_the_end(images, labels, colours):
    facts = FACTS | dict(images=images, colours=colours, smallest=2)
    e = choose("mine", "mine", labels=labels, **facts)
    steps = sum(count * -(-images // batch) for batch, count in e.schedule)
    assert e.kl_weight(e.epochs - 1) == 1.0 and e.m_max == 1
    assert e.separation_steps <= steps // 3 and e.warmup_steps <= steps // 4
    assert e.epochs >= 8


def test_many_classes_make_small_pools():
    for classes, m_max in ((2, 7), (26, 7), (62, 3), (150, 1), (700, 1)):
        assert choose("m", "m", **FACTS | {"classes": classes}).m_max == m_max
    assert choose("m", "m", **FACTS | {"smallest": 4}).m_max == 3
    with pytest.raises(ExperimentError, match="label at least 2 of each"):
        choose("m", "m", **FACTS | {"smallest": 1})


@pytest.mark.parametrize("size", [SMALLEST, 17, 21, 27, 30, 33, 40, 51, LARGEST])
def test_networks_of_any_size_give_back_that_size(size):
    arch = Architecture(size=size, classes=3, label_posterior=True, r_dim=4, v_dim=5)
    e = dataclasses.replace(experiments.get("mnist-supervised"), arch=arch)
    model = checkpoints.build(e)
    assert arch.corner == -(-size // 16)
    x, r, v = torch.rand(2, 1, size, size), torch.randn(2, 4), torch.randn(2, 5)
    assert model.decoder(r, v).shape == x.shape
    assert model.label_log_posterior(x).shape == (2, 3)
    (-model.terms(x, r, v).bound.sum()).backward()
    assert all(p.grad.abs().sum() > 0 for p in model.decoder.parameters())
    last = [type(layer).__name__ for layer in model.decoder.convolutions][-2:]
    cut = 16 * arch.corner - size not in (0, 2, 4)
    assert (last == ["ZeroPad2d", "Conv2d"]) == cut


@pytest.mark.parametrize("name", experiments.PRESETS)
def test_the_presets_have_the_decoder_of_the_appendix(name):
    arch = experiments.get(name).arch
    decoder = checkpoints.build(experiments.get(name)).decoder
    kinds = [type(layer).__name__ for layer in decoder.convolutions]
    assert kinds == ["Unflatten", *["ConvTranspose2d", "ReLU"] * 4, "Conv2d"]
    assert decoder.dense.out_features == arch.hidden[0] and arch.corner == 2
    assert decoder.convolutions[-1].padding == {28: (0, 0), 32: (2, 2)}[arch.size]
