"""What `{live}` writes, where, and what it refuses. No browser is needed here."""

import base64
import json
import re
import shutil
import zlib
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from bs4 import BeautifulSoup
from sphinx.errors import ExtensionError

from equivae_lite import files
from equivae_lite.data import sets, sources
from equivae_lite.errors import CheckpointError, EquivaeError
from equivae_lite.training import checkpoints
from tests.support.live_page import FIGURE, NAMES, build
from tools.live import digits, directive, export, pictures, start
from tools.pages import check_pages


def soup(path):
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


def scripts(path):
    found = [tag["src"] for tag in soup(path).find_all("script", src=True)]
    return [re.sub(r"\?.*", "", s.split("live/")[1]) for s in found if "live/" in s]


def test_only_pages_with_figures_load_scripts_and_only_theirs(live_site):
    common = ["weights.js", "network.js", "paint.js"]
    assert scripts(live_site / "book/hero.html") == [*common, "hero.js"]
    assert scripts(live_site / "book/draw.html") == [
        *common, "encoder.js", "handwriting.js", "draw.js"
    ]  # fmt: skip
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
        for part in ("decoder", "encoder"):
            address = figure.get(f"data-{part}")
            assert (address is None) == (
                part == "encoder" and figure["data-live"] != "draw"
            )
            if address:
                assert (live_site / "book" / address.split("?")[0]).resolve().is_file()


def test_the_weights_are_the_checkpoint_in_float16(live_site):
    model = checkpoints.load(export.NAME)[0]
    wanted = {"class_r": model.class_r, **model.state_dict()}
    found = {}
    for part in ("decoder", "encoder"):
        text = (live_site / f"_static/live/{part}-weights.js").read_text(
            encoding="utf-8"
        )
        content = json.loads(text[text.index("{") : text.rindex("}") + 1])
        planes = zlib.decompress(base64.b64decode(content["data"]))
        high, low = np.frombuffer(planes, "u1").reshape(2, -1).astype("u2")
        flat = torch.from_numpy((high << 8 | low).view("f2"))
        sizes = [torch.Size(shape).numel() for _, shape in content["tensors"]]
        assert sum(sizes) == len(flat)
        for (name, shape), values in zip(content["tensors"], flat.split(sizes)):
            found[name] = values.reshape(shape)
    assert found.keys() == wanted.keys()
    for name, tensor in wanted.items():
        assert torch.equal(found[name], tensor.half()), name


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
    """A folder with a copy of the checkpoint, to be broken."""
    for path in checkpoints.paths(export.NAME, 0):
        shutil.copy(path, tmp_path)
    return tmp_path


def test_a_damaged_checkpoint_fails_the_build(copies):
    weights = checkpoints.paths(export.NAME, 0, copies)[0]
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
    model = checkpoints.load(export.NAME)[0]
    with torch.no_grad():
        model.decoder.dense.weight[0, 0] = 1e6
    with pytest.raises(CheckpointError, match="decoder.dense.weight .* float16"):
        export.rounded(model)


def test_another_architecture_is_refused(copies):
    card_path = checkpoints.paths(export.NAME, 0, copies)[1]
    card = files.read_json(card_path, "")
    weights = checkpoints.paths("mnist-supervised-class-table", 0)[0]
    table = checkpoints.read_card("mnist-supervised-class-table", 0)
    experiment = table["experiment"] | {"name": export.NAME}
    card |= {"experiment": experiment, "sha256": table["sha256"]}
    files.write_json(card_path, card)
    shutil.copy(weights, checkpoints.paths(export.NAME, 0, copies)[0])
    with pytest.raises(CheckpointError, match="the live figures draw no other"):
        export.load(copies)


def test_stored_numbers_belong_to_the_shipped_weights(tmp_path):
    content = digits.read()
    assert [d["y"] for d in content["digits"]] == sorted([*range(10)] * digits.EACH)
    assert all(len(d["v"]) == len(content["kl"]) == 16 for d in content["digits"])
    card = checkpoints.read_card(digits.NAME, 0)
    assert content["data"]["md5"] == card["data"]["test"]
    assert sum(content["kl"]) == pytest.approx(card["metrics"]["test_kl"], abs=0.01)
    units = start.start()["styles"]["units"]
    assert min(content["kl"][u] for u in units) >= sorted(content["kl"])[-2]
    content["checkpoint"]["sha256"] = "0"
    files.write_json(tmp_path / "other.json", content)
    with pytest.raises(
        EquivaeError, match="with other weights .* make it again: python"
    ):
        digits.read(tmp_path / "other.json")
    with pytest.raises(EquivaeError, match="none.json is missing"):
        digits.read(tmp_path / "none.json")


@pytest.mark.skipif(not sources.available("mnist"), reason="needs MNIST (EQUIVAE_DATA)")
def test_stored_numbers_are_made_again_from_mnist():
    stored, made = digits.read(), digits.encode(sets.load("mnist", "test"))
    for before, after in zip(stored["digits"], made["digits"], strict=True):
        assert (before["index"], before["y"]) == (after["index"], after["y"])
        assert before["v"] == pytest.approx(after["v"], abs=2e-3)
    assert stored["kl"] == pytest.approx(made["kl"], abs=2e-3)
    assert {k: v for k, v in stored.items() if k not in ("digits", "kl")} == {
        k: v for k, v in made.items() if k not in ("digits", "kl")
    }


def test_every_figure_knows_how_it_begins(monkeypatch, tmp_path):
    assert directive.SCRIPTS.keys() == start.start().keys() == pictures.FIGURES.keys()
    env = SimpleNamespace(live_figures={"page": {"new"}})
    app = SimpleNamespace(builder=SimpleNamespace(format="html"), outdir=tmp_path)
    with pytest.raises(ExtensionError, match="figure new: tools/live/start.py does"):
        directive.write_assets(app, env)
    monkeypatch.setitem(start.start(), "new", {})
    with pytest.raises(ExtensionError, match="figure new: tools/live/pictures.py does"):
        directive.write_assets(app, env)
    assert [*tmp_path.iterdir()] == []
