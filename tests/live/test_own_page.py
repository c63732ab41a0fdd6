"""`page NAME`: the written page draws what torch draws, by every control, offline."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from equivae_lite.data import own
from equivae_lite.data.gather import Gathered
from equivae_lite.errors import CheckpointError
from equivae_lite.model.equivae import EquiVAE
from equivae_lite.model.networks import Architecture
from equivae_lite.runs import pipeline
from equivae_lite.runs.folders import Folder
from equivae_lite.runs.page import packed, page
from equivae_lite.training import checkpoints
from equivae_lite.training.choice import choose
from tests.support.browser import opening

TOLERANCE = 2e-3  # weights in float16 here, in float32 there
NAMES = tuple(f"<b>{i} & Ä 🍁" for i in range(30))


def made(tmp_path, size, colours):
    """An untrained model of 30 classes, kept as a run keeps it, and its page."""
    random = np.random.default_rng(0)
    labels = np.repeat(np.arange(30), 4)
    images = random.integers(256, size=(120, colours, size, size), dtype=np.uint8)
    folder = Folder(tmp_path)
    sides = own.split(Gathered(images, labels, NAMES), "mine")
    e = choose("mine", "mine", size=size, colours=colours, classes=30, images=90,
               smallest=3)  # fmt: skip
    e = replace(e, arch=replace(e.arch, v_dim=7, r_dim=5))
    own.keep(sides, folder.sets / "mine.npz")
    pipeline.files.write_json(folder.sets / "mine.json", {
        "experiment": e.to_dict(), "asked": {}, "classes": list(NAMES), "notes": [],
        "data": {side: data.md5 for side, data in sides.items()},
    })  # fmt: skip
    torch.manual_seed(0)
    model = checkpoints.build(e).eval()
    model.class_r = torch.randn(30, 5)
    pixels = pipeline.pixels_for(e, sides["train"])
    card = {
        "experiment": e.to_dict(), "parameters": 1234, "seconds": 60.0, "data":
        {"name": "mine"}, "metrics": {"test_images": 30, "test_bound": -98.76,
                                      "test_bound_error": 1.0, "test_kl": 5.0},
    }  # fmt: skip
    checkpoints.save(model, pixels, card, 0, folder.checkpoints)
    return model, pixels, page.write("mine", 0, folder)


@pytest.mark.parametrize(("size", "colours"), [(21, 1), (48, 3)])
def test_every_control_draws_what_torch_draws(browser, tmp_path, size, colours):
    model, pixels, path = made(tmp_path, size, colours)
    with opening(browser, path.as_uri()) as seen:
        tab = seen.page

        def drawn():
            tab.wait_for_function("document.body.dataset.state === 'drawn'")
            v = torch.tensor(tab.evaluate("[...model.v]"))
            y = tab.evaluate("[...document.querySelectorAll('#classes button')]"
                             ".findIndex((b) => b.ariaPressed === 'true')")  # fmt: skip
            found = [
                torch.tensor(tab.evaluate(
                    f"[...model.decode(model.r.slice({5 * k}, {5 * k + 5}), model.v)]"
                )) for k in (y, 29)
            ]  # fmt: skip
            shown = tab.evaluate(
                "[...document.querySelector('#one').getContext('2d')"
                f".getImageData(0, 0, {size}, {size}).data]"
            )
            with torch.no_grad():
                right = pixels.inverse(model.mean_image(model.class_r[[y, 29]], v))
            for one, wanted in zip(found, right):
                wanted = wanted.movedim(0, -1).flatten()
                torch.testing.assert_close(one, wanted, rtol=0, atol=TOLERANCE)
            rgb = torch.tensor(shown).reshape(size, size, 4)[..., :3] / 255
            wanted = right[0].movedim(0, -1).expand(size, size, 3)
            torch.testing.assert_close(rgb, wanted, rtol=0, atol=TOLERANCE + 1 / 255)
            return y, v

        assert drawn()[0] == 0 and not drawn()[1].any()
        assert tab.locator("#classes button").count() == 30
        assert NAMES[7] in tab.locator("#classes button").nth(7).inner_text()
        tab.locator("#classes button").nth(7).click()
        assert drawn()[0] == 7
        tab.get_by_text("another style").click()
        v = drawn()[1]
        assert (v != 0).all()
        tab.get_by_text("the middle, v = 0").click()
        tab.locator("#units input").nth(2).fill("1.5")
        tab.locator("#pad").press("ArrowRight")
        v = drawn()[1]
        assert sorted(v[v != 0].tolist()) == pytest.approx([0.2, 1.5])
        tab.locator("#pad").click(position={"x": 5, "y": 5})
        assert (drawn()[1] != 0).sum() == 3
        text = tab.locator("body").inner_text()
        for words in ("-98.8 ± 1.0 nats", "1,234 weights", "and 4 more"):
            assert words in text, words
        assert tab.evaluate("[...document.images].every((i) => i.naturalWidth > 50)")
        assert tab.evaluate("scrollX") == 0 and seen.problems() == []


def test_what_has_no_page(tmp_path):
    e = choose("mine", "mine", size=28, colours=1, classes=3, images=90, smallest=3)
    model = EquiVAE(Architecture(classes=3))
    card = {"experiment": e.to_dict() | {"arch": e.to_dict()["arch"]}}
    folder = Folder(tmp_path)
    checkpoints.save(model, pipeline.Pixels.unit(), card, 0, folder.checkpoints)
    with pytest.raises(CheckpointError, match="no r_y of its classes"):
        page.write("mine", 0, folder)
    with pytest.raises(CheckpointError, match="there is no checkpoint of nobody"):
        page.write("nobody", 0, folder)
    with pytest.raises(CheckpointError, match="does not fit into float16"):
        packed.pack({"w": torch.tensor([1e6])}, {})
