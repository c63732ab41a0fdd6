"""`page NAME`: the written page draws what torch draws, by every control, offline, and
reads a picture of the reader's as torch does."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from playwright.sync_api import Error

from equivae_lite.data import own
from equivae_lite.data.gather import Gathered
from equivae_lite.data.pictures import open_picture, square
from equivae_lite.errors import CheckpointError
from equivae_lite.model.equivae import EquiVAE
from equivae_lite.model.networks import Architecture
from equivae_lite.runs import own as own_run
from equivae_lite.runs import pipeline
from equivae_lite.runs.folders import Folder
from equivae_lite.runs.page import packed, page
from equivae_lite.training import checkpoints
from equivae_lite.training.choice import choose
from tests.support.browser import opening

TOLERANCE = 2e-3  # weights in float16 here, in float32 there
NAMES = tuple(f"<b>{i} & Ä 🍁" for i in range(62))


def made(tmp_path, size, colours, classes=30):
    """An untrained model, kept as a run keeps it, and its page."""
    random, names = np.random.default_rng(0), NAMES[:classes]
    labels = np.repeat(np.arange(classes), 4)
    images = random.integers(
        256, size=(4 * classes, colours, size, size), dtype=np.uint8)
    folder = Folder(tmp_path)
    sides = own.split(Gathered(images, labels, names), "mine")
    e = choose("mine", "mine", size=size, colours=colours, classes=classes,
               images=3 * classes, smallest=3)  # fmt: skip
    e = replace(e, arch=replace(e.arch, v_dim=7, r_dim=5))
    own.keep(sides, folder.sets / "mine.npz")
    pipeline.files.write_json(folder.sets / "mine.json", {
        "experiment": e.to_dict(), "asked": {}, "classes": list(names), "notes": [],
        "data": {side: data.md5 for side, data in sides.items()},
    })  # fmt: skip
    torch.manual_seed(0)
    model = checkpoints.build(e).eval()
    model.class_r = torch.randn(classes, 5)
    pixels = pipeline.pixels_for(e, sides["train"])
    card = {
        "experiment": e.to_dict(), "parameters": 1234, "seconds": 60.0, "data":
        {"name": "mine"}, "metrics": {"test_images": classes, "test_bound": -98.76,
                                      "test_bound_error": 1.0, "test_kl": 5.0},
    }  # fmt: skip
    checkpoints.save(model, pixels, card, 0, folder.checkpoints)
    return model, pixels, page.write("mine", 0, folder)


SIZES = pytest.mark.parametrize(
    ("size", "colours", "classes"), [(21, 1, 30), (48, 3, 62)]
)


@SIZES
def test_every_control_draws_what_torch_draws(
    browser, tmp_path, size, colours, classes
):
    model, pixels, path = made(tmp_path, size, colours, classes)
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
        assert tab.locator("#classes button").count() == classes
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
        for words in ("-98.8 ± 1.0 nats", "1,234 weights", f"and {classes - 26} more"):
            assert words in text, words
        assert tab.evaluate("[...document.images].every((i) => i.naturalWidth > 50)")
        assert tab.evaluate("scrollX") == 0 and seen.problems() == []


def read(tab, file, exchange=False):
    """Give the page a file; what it made of it, as arrays, and what it says."""
    tab.set_input_files("#file", file)
    tab.locator("#exchange").set_checked(exchange)
    tab.wait_for_function("document.body.dataset.read === 'done'")
    tab.wait_for_function("document.body.dataset.state === 'drawn'")
    found = {key: torch.tensor(tab.evaluate(f"[...(model.{key} ?? [])]"))
             for key in ("x", "own", "again", "apart", "v")}  # fmt: skip
    return found, tab.locator("#read").inner_text()


def smooth(height, width, colours):
    """A picture without fine detail: resampled by any means it is nearly the same."""
    y, x = np.mgrid[:height, :width] / max(height, width)
    waves = [127 + 90 * np.sin(4 * x + c) * np.cos(3 * y - c) for c in range(colours)]
    return Image.fromarray(np.stack(waves, -1).astype(np.uint8).squeeze())


@torch.no_grad()
def by_torch(model, pixels, x):
    """r, v, the picture drawn again, and distances, of x (C, H, W) in [0, 1]."""
    seen = (x - pixels.mean) / pixels.std if pixels.mean is not None else x
    r = model.encoder(seen[None, None])[0]
    v, _ = model.posterior(r[None], seen[None])
    again = pixels.inverse(model.mean_image(r, v[0]))
    return r, v[0], again, (r - model.class_r).norm(dim=1)


def pictures(tmp_path, size, colours):
    """Files of noise that has the size already, and of smooth pictures that do not."""
    random = np.random.default_rng(1)
    noise = random.integers(256, size=(size, size, colours), dtype=np.uint8)
    made = {"noise": Image.fromarray(noise.squeeze()),
            "wide": smooth(60, 3 * size + 1, colours),
            "high": smooth(300, 211, colours)}  # fmt: skip
    for name, picture in made.items():
        picture.save(tmp_path / f"{name}.png")
    return {name: tmp_path / f"{name}.png" for name in made}


def reads_as_torch(tab, model, pixels, file, exchange):
    """AssertionError unless the page makes of a picture file what torch makes of it."""
    size, colours = model.arch.size, model.arch.colours
    found, said = read(tab, file, exchange)
    x = found["x"].reshape(size, size, colours).movedim(-1, 0)
    wanted = square(open_picture(file)[0], size, colours) / 255
    wanted = torch.from_numpy(1 - wanted if exchange else wanted).float()
    # Of a picture that has the size already it is the same bytes; of others a mean here
    # and splines there, which differ most at the edge of what is filled up.
    atol = 1e-6 if file.stem == "noise" else 0.04
    assert (x - wanted).abs().max() < atol
    r, v, again, apart = by_torch(model, pixels, x)
    for key, value in {"own": r, "v": v, "apart": apart,
                       "again": again.movedim(0, -1).flatten()}.items():
        torch.testing.assert_close(found[key], value, rtol=TOLERANCE, atol=TOLERANCE)
    nearest = int(apart.argmin())
    assert said.startswith(f"Nearest class: {NAMES[nearest]}, at distance")
    pressed = tab.locator("#classes button[aria-pressed=true]")
    assert NAMES[nearest] in pressed.inner_text()


@SIZES
def test_a_picture_is_read_as_torch_reads_it(
    browser, tmp_path, size, colours, classes
):
    model, pixels, path = made(tmp_path, size, colours, classes)
    with opening(browser, path.as_uri()) as seen:
        for file in pictures(tmp_path, size, colours).values():
            for exchange in (False, True):
                reads_as_torch(seen.page, model, pixels, file, exchange)
        assert seen.problems() == []


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("noise", "(value - mean[k]) / std[k]", "value"),
        ("noise", "exchanged ? 1 - value : value", "value"),
        ("noise", "data[k + colour] / 255", "data[k] / 255"),
        ("noise", "of(`${name}.${2 * k}`), n,", "of(`${name}.${2 * k}`), 28,"),
        ("wide", "fill(middle(edge))", "fill(0)"),
        ("high", "sum / step ** 2", "sum"),
    ],
)
def test_a_broken_reading_is_noticed(browser, tmp_path, file, old, new):
    model, pixels, path = made(tmp_path, 48, 3)
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), encoding="utf-8")
    with opening(browser, path.as_uri()) as seen:
        seen.page.set_default_timeout(20_000)
        with pytest.raises((AssertionError, Error)):
            reads_as_torch(seen.page, model, pixels,
                           pictures(tmp_path, 48, 3)[file], True)  # fmt: skip


def test_what_is_far_is_said_and_what_is_no_picture(browser, tmp_path):
    model, pixels, path = made(tmp_path, 21, 1)
    folder = Folder(tmp_path)
    card = own_run.read("mine", folder)
    test = own.read(folder.sets / "mine.npz", "mine", "test", tuple(card["classes"]),
                    card["data"]["test"])  # fmt: skip
    limits = page.far(model, pixels, test)
    apart, missed = [], []
    for x in test.images / 255:
        _, _, again, distances = by_torch(model, pixels, x)
        apart.append(distances.min())
        missed.append((x - again).square().sum())
    for key, values in (("distance", apart), ("missed", missed)):
        exact = float(torch.stack(values).quantile(0.99))
        assert limits[key] == pytest.approx(exact, rel=1e-3)
    none = tmp_path / "none.png"
    none.write_text("no picture", encoding="utf-8")
    x = Image.fromarray(test.images[0, 0].numpy())
    x.save(tmp_path / "one.png")
    text = path.read_text(encoding="utf-8")
    with opening(browser, path.as_uri()) as seen:
        assert "no picture that a browser" in read(seen.page, none)[1]
        assert not seen.page.locator("#yours").is_visible()
        found, said = read(seen.page, tmp_path / "one.png")
        near, good = found["apart"].min(), (found["x"] - found["again"]).square().sum()
    for key, value, words in (("distance", near, "That is farther than 99 % of"),
                              ("missed", good, "less like itself than 99 % of")):
        for factor, expected in ((0.99, True), (1.01, False)):
            old = f'"{key}": {limits[key]}'
            assert text.count(old) == 1
            path.write_text(
                text.replace(old, f'"{key}": {float(value) * factor}'), "utf-8")
            with opening(browser, path.as_uri()) as seen:
                said = read(seen.page, tmp_path / "one.png")[1]
                assert (words in said) is expected, (key, factor)


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
