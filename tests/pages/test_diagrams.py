"""The diagrams are those of the networks as they are now."""

import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from equivae_lite.chapters import anatomy
from equivae_lite.training import experiments
from tests.support.pins import with_pinned_matplotlib
from tools.pages import diagrams
from tools.pages.canvas import THEMES

BOTH = [(name, theme) for name in diagrams.DRAWINGS for theme in THEMES]
each_file = pytest.mark.parametrize("name, theme", BOTH)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """Everything drawn once more, into a folder that is made for it."""
    folder = tmp_path_factory.mktemp("drawn") / "images"
    return {path.name: path for path in diagrams.main(folder)}


def words(path):
    """All letters of a drawing: they are text, not outlines."""
    texts = ET.parse(path).iter("{http://www.w3.org/2000/svg}text")
    return ["".join(t.itertext()) for t in texts]


@with_pinned_matplotlib
@each_file
def test_drawn_again_it_is_the_same_file(name, theme, drawn):
    stored = diagrams.IMAGES / f"network-{name}-{theme}.svg"
    assert drawn[stored.name].read_bytes() == stored.read_bytes(), (
        "run `python -m tools.pages.diagrams` and look at the drawings"
    )


@each_file
def test_no_date_no_outside_address_and_no_background(name, theme):
    text = (diagrams.IMAGES / f"network-{name}-{theme}.svg").read_text(encoding="utf-8")
    assert not re.search(r"\b20\d\d-\d\d", text)
    hosts = set(re.findall(r"https?://([^/\"]+)", text))
    assert hosts <= {"www.w3.org", "purl.org", "creativecommons.org"}
    background = re.search(r'id="patch_1".*?</g>', text, re.S)[0]
    assert "fill: none" in background or "opacity: 0" in background


def test_every_shape_of_every_layer_is_written():
    semi = {"label-posterior": "label_posterior"}
    parts = {
        "invariant-encoder": "encoder",
        "equivariant-posterior": "posterior",
        "generative-network": "decoder",
    } | semi
    for name, part in parts.items():
        found = diagrams.read("semi-supervised" if name in semi else "supervised")
        written = words(diagrams.IMAGES / f"network-{name}-light.svg")
        for pair in found.layers[part]:
            for layer in pair:
                if layer.kind != "number":
                    assert " × ".join(map(str, layer.output)) in written


def test_sizes_come_from_the_modules(tmp_path, monkeypatch):
    preset = experiments.get("mnist-supervised")
    narrow = replace(preset, arch=replace(preset.arch, hidden=(96, 48)))
    monkeypatch.setitem(experiments.PRESETS, "mnist-supervised", narrow)
    for name in ("invariant-encoder", "model"):
        written = " ".join(words(diagrams.draw(name, "light", tmp_path)))
        stored = " ".join(words(diagrams.IMAGES / f"network-{name}-light.svg"))
        assert "96" in written and "48" in written
        assert "96" not in stored


@pytest.mark.parametrize("name", diagrams.DRAWINGS)
def test_light_and_dark_differ_in_colour_only(name, drawn):
    light, dark = (
        re.sub(
            "#[0-9a-f]{6}",
            "",
            drawn[f"network-{name}-{t}.svg"].read_text(encoding="utf-8"),
        )
        for t in THEMES
    )
    assert light == dark


def luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [
        p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a, b):
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_letters_stand_out(theme):
    for shade, face, edge in theme.boxes.values():
        for letters, ground in (
            (theme.ink, shade), (theme.faint, shade), (edge, shade), (theme.ink, face),
        ):  # fmt: skip
            assert contrast(letters, ground) >= 4.5, (letters, ground)


def test_one_drawing_for_each_network_and_one_for_all(drawn):
    assert sorted(drawn) == sorted(p.name for p in diagrams.IMAGES.glob("network-*"))
    assert len(diagrams.DRAWINGS) == len(anatomy.PARTS) + 1
