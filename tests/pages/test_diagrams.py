"""The diagrams are those of the networks as they are now."""

from dataclasses import replace

from equivae_lite.chapters import anatomy
from equivae_lite.training import experiments
from tests.pages.test_draw import words
from tools.pages import diagrams, draw


def test_every_shape_of_every_layer_is_written():
    semi = {"label-posterior": "label_posterior"}
    parts = {
        "invariant-encoder": "encoder",
        "equivariant-posterior": "posterior",
        "generative-network": "decoder",
    } | semi
    for name, part in parts.items():
        found = diagrams.read("semi-supervised" if name in semi else "supervised")
        written = words(draw.IMAGES / f"network-{name}-light.svg")
        for pair in found.layers[part]:
            for layer in pair:
                if layer.kind != "number":
                    assert " × ".join(map(str, layer.output)) in written


def test_sizes_come_from_the_modules(tmp_path, monkeypatch):
    preset = experiments.get("mnist-supervised")
    narrow = replace(preset, arch=replace(preset.arch, hidden=(96, 48)))
    monkeypatch.setitem(experiments.PRESETS, "mnist-supervised", narrow)
    for name in ("invariant-encoder", "model"):
        written = " ".join(words(draw.draw(f"network-{name}", "light", tmp_path)))
        stored = " ".join(words(draw.IMAGES / f"network-{name}-light.svg"))
        assert "96" in written and "48" in written
        assert "96" not in stored


def test_one_drawing_for_each_network_and_one_for_all():
    assert len(diagrams.DRAWINGS) == len(anatomy.PARTS) + 1
