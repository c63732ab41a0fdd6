"""What `{live}` writes, where, and what it refuses. No browser is needed here."""

import base64
import json
import re
import shutil
import zlib
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from bs4 import BeautifulSoup
from sphinx.errors import ExtensionError

from equivae_lite import files
from equivae_lite.chapters import explorer as ask
from equivae_lite.data import sets, sources
from equivae_lite.errors import CheckpointError, EquivaeError
from equivae_lite.training import checkpoints
from tests.support.live_page import FIGURE, NAMES, build
from tools.live import digits, directive, export, pictures, start
from tools.notebooks import rules
from tools.notebooks.book import BOOK
from tools.pages import check_pages


def soup(path):
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


def scripts(path):
    found = [tag["src"] for tag in soup(path).find_all("script", src=True)]
    return [re.sub(r"\?.*", "", s.split("live/")[1]) for s in found if "live/" in s]


def test_only_pages_with_figures_load_scripts_and_only_theirs(live_site):
    common = ["weights.js", "network.js", "engine.js", "paint.js"]
    assert scripts(live_site / "book/hero.html") == [*common, "hero.js"]
    assert scripts(live_site / "book/draw.html") == [
        *common, "keep.js", "encoder.js", "handwriting.js", "keys.js", "paper.js",
        "draw.js",
    ]  # fmt: skip
    # What two figures share is loaded once.
    both = ["keep.js", "pad.js", "styles.js", "scene.js"]
    assert [s for s in scripts(live_site / "book/all.html") if s in both] == both
    for page in ("index.html", "book/plain.html"):
        assert scripts(live_site / page) == []
        assert "/live/" not in str(soup(live_site / page).find("head"))


def test_scripts_wait_for_the_page(live_site):
    for tag in soup(live_site / "book/all.html").find_all("script", src=True):
        if "live/" in tag["src"]:
            assert tag.has_attr("defer")
            assert "weights-" not in tag["src"] and "-weights" not in tag["src"]


def test_the_page_is_in_order(live_site):
    """Alt texts, captions, ids, and every file that the page names."""
    page = soup(live_site / "book/all.html")
    figures = page.find_all("figure")
    assert [f["id"] for f in figures] == [f"fig-{name}" for name in NAMES]
    for number, (figure, name) in enumerate(zip(figures, NAMES), 1):
        caption = figure.find("figcaption").get_text()
        assert f"Fig. {number}" in caption and f"The caption of {name}" in caption
        assert any(
            i["alt"].startswith("The ten digits") for i in figure.find_all("img")
        )
    assert page.select_one("a.reference[href='#fig-draw']").get_text() == "Fig. 4"
    ids = [tag["id"] for tag in page.find_all(id=True)]
    assert len(ids) == len(set(ids))
    for name in ("book/all.html", "book/hero.html", "book/draw.html"):
        assert check_pages.check_page(live_site / name, live_site) == []
    for figure in page.select(".live"):
        for part in export.PARTS:
            address = figure.get(f"data-{part}")
            assert (address is None) == (part not in export.NEEDS[figure["data-live"]])
            if address:
                assert (live_site / "book" / address.split("?")[0]).resolve().is_file()


def test_the_weights_are_the_checkpoint_in_float16(live_site):
    for name, parts in ((export.MNIST, ("decoder", "encoder")),
                        (export.SCENE, ("scene",))):  # fmt: skip
        model, pixels, _ = checkpoints.load(name)
        wanted = {"class_r": model.class_r, **model.state_dict()}
        if name == export.SCENE:  # nothing encodes there, nothing is drawn with noise
            drawn = [k for k in wanted if k.startswith("decoder") and "var" not in k]
            wanted = {k: wanted[k] for k in ("class_r", *drawn)}
            wanted |= {"pixels.mean": pixels.mean, "pixels.std": pixels.std}
        found = exported(live_site, parts)
        assert found.keys() == wanted.keys()
        for key, tensor in wanted.items():
            assert torch.equal(found[key], tensor.half()), key


def exported(live_site, parts):
    """The tensors in the files of weights, by name."""
    found = {}
    for part in parts:
        text = (live_site / f"_static/live/{part}-weights.js").read_text(
            encoding="utf-8"
        )
        packed = re.fullmatch(r'\S+receive\("\w+", "(.*)"\);\n', text)[1]
        line, planes = zlib.decompress(base64.b64decode(packed)).split(b"\n", 1)
        content = json.loads(line)
        high, low = np.frombuffer(planes, "u1").reshape(2, -1).astype("u2")
        flat = torch.from_numpy((high << 8 | low).view("f2"))
        sizes = [torch.Size(shape).numel() for _, shape in content["tensors"]]
        assert sum(sizes) == len(flat)
        for (name, shape), values in zip(content["tensors"], flat.split(sizes)):
            found[name] = values.reshape(shape)
    return found


def test_a_site_without_figures_gets_no_weights(tmp_path):
    run = build(tmp_path, {"index.md": "# Index\n\nNo figure.\n"})
    assert run.returncode == 0, run.stderr
    assert not (tmp_path / "html/_static/live").exists()


def test_mistakes_in_a_page_are_named(tmp_path):
    good = FIGURE.format(name="hero")
    pages = {
        "index.md": "# Index\n\n```{toctree}\n:glob:\n*\n```\n",
        "a.md": "# A\n" + good.replace("} hero", "} heron"),
        "b.md": "# B\n" + re.sub(":alt:.*", ":alt: digits", good),
        "c.md": "# C\n" + re.sub(":alt:.*\n", "", good),
        "d.md": "# D\n" + re.sub("\n\n.*```", "\n```", good, flags=re.S),
    }
    run = build(tmp_path, pages)
    assert run.returncode != 0
    errors = {line.split(":")[0][-4:]: line for line in run.stderr.splitlines()
              if "ERROR" in line}  # fmt: skip
    assert "no live figure 'heron': it is one of ['hero', " in errors["a.md"]
    assert "its alt text is 'digits'; say in 40 characters" in errors["b.md"]
    assert "its alt text is ''" in errors["c.md"]
    assert "must begin with a caption" in errors["d.md"]


@pytest.fixture
def copies(tmp_path):
    """A folder with a copy of the MNIST checkpoint, to be broken."""
    for path in checkpoints.paths(export.MNIST, 0):
        shutil.copy(path, tmp_path)
    return tmp_path


def test_a_damaged_checkpoint_fails_the_build(copies):
    weights = checkpoints.paths(export.MNIST, 0, copies)[0]
    blob = bytearray(weights.read_bytes())
    blob[-1] ^= 1
    weights.write_bytes(blob)
    pages = {"index.md": "# Index\n" + FIGURE.format(name="hero")}
    run = build(copies, pages, "-D", f"live_checkpoints={copies}")
    assert run.returncode != 0
    assert "the live figures cannot be built: mnist-supervised-seed0.safetensors is " \
           "damaged: its sha256 is" in run.stderr  # fmt: skip
    assert "python -m equivae_lite train mnist-supervised --seed 0" in run.stderr


def test_weights_that_float16_cannot_hold_are_refused():
    shown = export.load()
    with torch.no_grad():
        shown.model.decoder.dense.weight[0, 0] = 1e6
    with pytest.raises(CheckpointError, match="decoder.dense.weight of a .* float16"):
        export.rounded(shown, "a")


def test_a_model_that_is_not_there_is_named(copies):
    """Its checkpoint first, then the numbers that are made with it."""
    pages = {"index.md": "# Index\n" + FIGURE.format(name="scene")}
    run = build(copies, pages, "-D", f"live_checkpoints={copies}")
    assert run.returncode != 0
    assert "the live figures cannot be built: there is no checkpoint of " \
           "svhn-part-supervised with seed 0" in run.stderr  # fmt: skip
    assert "python -m equivae_lite train svhn-part-supervised --seed 0" in run.stderr
    assert [*(copies / "html").glob("**/*-weights.js")] == []


def test_other_figures_do_not_wait_for_the_scenes(monkeypatch, copies):
    """A book without the model of house numbers has its MNIST figures."""
    nowhere = replace(digits.SCENES, model="svhn-part-absent", path=copies / "no.json")
    monkeypatch.setattr(digits, "SCENES", nowhere)
    start.start.cache_clear()
    export.write(copies, {"hero", "styles", "interpolation"})
    assert (copies / "decoder-weights.js").is_file()
    with pytest.raises(CheckpointError, match="no checkpoint of svhn-part-absent"):
        start.start("scene")


def test_another_architecture_is_refused(copies):
    card_path = checkpoints.paths(export.MNIST, 0, copies)[1]
    card = files.read_json(card_path, "")
    weights = checkpoints.paths("mnist-supervised-class-table", 0)[0]
    table = checkpoints.read_card("mnist-supervised-class-table", 0)
    experiment = table["experiment"] | {"name": export.MNIST}
    card |= {"experiment": experiment, "sha256": table["sha256"]}
    files.write_json(card_path, card)
    shutil.copy(weights, checkpoints.paths(export.MNIST, 0, copies)[0])
    with pytest.raises(CheckpointError, match="the live figures draw no other"):
        export.load(folder=copies)


ALL = pytest.mark.parametrize("kept", digits.ALL.values(), ids=digits.ALL)


@ALL
def test_stored_numbers_belong_to_the_shipped_weights(kept, tmp_path):
    content = digits.read(kept)
    assert [d["y"] for d in content["digits"]] == sorted([*range(10)] * kept.each)
    assert all(len(d["v"]) == len(content["kl"]) == 16 for d in content["digits"])
    card = checkpoints.read_card(kept.model, 0)
    assert content["data"]["md5"] == card["data"]["test"]
    assert sum(content["kl"]) == pytest.approx(card["metrics"]["test_kl"], abs=0.01)
    content["checkpoint"]["sha256"] = "0"
    files.write_json(tmp_path / "other.json", content)
    again = re.escape(kept.command) + "$"
    with pytest.raises(EquivaeError, match=f"with other weights .* again: {again}"):
        digits.read(kept, tmp_path / "other.json")
    with pytest.raises(EquivaeError, match=f"none.json is missing.*: {again}"):
        digits.read(kept, tmp_path / "none.json")


@pytest.mark.parametrize(
    ("figure", "kept"), [("styles", digits.DIGITS), ("scene", digits.SCENES)]
)
def test_a_pad_holds_the_two_most_used_units(figure, kept):
    begin, kl = start.start(figure), digits.read(kept)["kl"]
    across, up = begin["units"]
    assert across != up and min(kl[across], kl[up]) >= sorted(kl)[-2]
    assert max(map(abs, begin["v"])) <= begin["range"]


def test_chapter_16_says_what_its_figures_do():
    """In words, beside the figure in the page and the sliders of a notebook."""
    text = " ".join(rules.page_text(BOOK / "16_explorer.ipynb").split())
    begin = start.start("styles")
    assert len(begin["units"]) == 2
    assert "Drag the dot in the pad, or open the list of all units." in text
    assert len(begin["kl"]) == 16
    assert "sorted by use" in text and f"At $\\pm {ask.MOST_V:g}$ many" in text


def test_no_scene_lies_beyond_its_pad(monkeypatch):
    """An image may be further out than v is from its prior."""
    content = digits.read(digits.SCENES)
    content["digits"][3]["v"][5] = -4.2
    monkeypatch.setattr(digits, "read", lambda kept: content)
    assert start.STARTS["scene"]()["range"] == 5
    for scene in content["digits"]:
        scene["v"] = [0.1] * 16
    assert start.STARTS["scene"]()["range"] == start.RANGE


@ALL
def test_stored_numbers_are_made_again_from_their_test_set(kept):
    name = checkpoints.read_card(kept.model, 0)["data"]["name"]
    if not sources.available(name):
        pytest.skip(f"needs {name} (EQUIVAE_DATA)")
    stored, made = digits.read(kept), digits.encode(sets.load(name, "test"), kept)
    for before, after in zip(stored["digits"], made["digits"], strict=True):
        assert (before["index"], before["y"]) == (after["index"], after["y"])
        assert before["v"] == pytest.approx(after["v"], abs=2e-3)
    assert stored["kl"] == pytest.approx(made["kl"], abs=2e-3)
    measured = ("digits", "kl", "far")
    assert stored.get("far", {}) == pytest.approx(made.get("far", {}), rel=1e-3)
    assert {k: v for k, v in stored.items() if k not in measured} == {
        k: v for k, v in made.items() if k not in measured
    }


def test_every_figure_knows_how_it_begins(monkeypatch, tmp_path):
    tables = (start.STARTS, pictures.FIGURES, export.NEEDS)
    assert all(directive.SCRIPTS.keys() == table.keys() for table in tables)
    # What a figure starts from comes with the first weights that it asks for.
    for figure, needs in export.NEEDS.items():
        assert figure in export.PARTS[needs[0]].starts
    env = SimpleNamespace(live_figures={"page": {"new"}})
    app = SimpleNamespace(builder=SimpleNamespace(name="html"), outdir=tmp_path)
    for table, name in zip(tables, ("start", "pictures", "export")):
        error = f"figure new: tools/live/{name}.py does not know it"
        with pytest.raises(ExtensionError, match=error):
            directive.write_assets(app, env)
        monkeypatch.setitem(table, "new", {})
    assert [*tmp_path.iterdir()] == []
