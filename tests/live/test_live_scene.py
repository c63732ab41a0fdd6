"""The figure in colour as a reader meets it: scenes, the pad, and the way back."""

import pytest

from tests.support.browser import PHONE
from tests.support.live_figure import number
from tools.live import start

# A scene is chosen; half of the way to it has passed when a key moves the dot.
STOP_HALFWAY = """async (figure, scene) => {
  const select = figure.querySelector("select"), now = performance.now;
  performance.now = () => now.call(performance) - 250;
  select.value = scene;
  select.dispatchEvent(new Event("change"));
  performance.now = now;
  for (let left = 2; left; left--)
    await new Promise((done) => requestAnimationFrame(done));
  const key = new KeyboardEvent("keydown", { key: "ArrowRight" });
  figure.querySelector("[data-part=pad]").dispatchEvent(key);
}"""
# An image of three colours, 0 to 7 in steps of a level, on a canvas of its size.
COLOURS = """() => {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 32;
  const sheet = EquivaeLive.paint.sheet(canvas, 1, 1, { colours: 3, size: 32 });
  sheet.put(Float32Array.from({ length: 3072 }, (_, k) => (k % 251) / 255));
  sheet.show();
  return [...canvas.getContext("2d").getImageData(0, 0, 32, 32).data];
}"""


def begin():
    return start.start("scene")


def label(y):
    (scene,) = (s for s in begin()["scenes"] if s["y"] == y)
    return f"{y} (test image {scene['index']})", scene["v"]


def units(figure):
    """Where the dot is, by the line under the figure: across, up."""
    text = figure.said()
    return [number(text, f"unit {unit}") for unit in begin()["units"]]


def choose(figure, y):
    """Choose the scene of a class; gives where its dot belongs."""
    text, v = label(y)
    figure.part("scenes").select_option(label=text)
    return pytest.approx([v[unit] for unit in begin()["units"]], abs=0.006)


def test_a_scene_is_in_colour(opened):
    found = opened("scene").page.evaluate(COLOURS)
    colours = [level for k, level in enumerate(found) if k % 4 < 3]
    assert colours == [k % 251 for k in range(3072)]
    assert set(found[3::4]) == {255}


def test_a_scene_is_chosen(opened):
    figure = opened("scene")
    first = begin()["y"]
    before = figure.pixels()
    assert figure.said().startswith(f"Class {first};")
    other = (first + 5) % 10
    place = choose(figure, other)
    assert units(figure) == place
    assert figure.said().startswith(f"Class {other};")
    assert figure.root.locator("input:checked").get_attribute("value") == str(other)
    assert all(a != b for a, b in zip(figure.pixels(), before))
    place = choose(figure, first)
    assert units(figure) == place
    assert figure.pixels() == before


def test_a_scene_is_left_and_found_again(opened):
    figure = opened("scene", reduced_motion=True)
    first = figure.pixels()
    place = choose(figure, (begin()["y"] + 5) % 10)
    assert units(figure) == place
    scene = figure.pixels()
    figure.drag("pad", [(0.5, 0.5), (0.75, 0.25)])
    half = begin()["range"] / 2
    assert units(figure) == pytest.approx([half, half], abs=0.05)
    moved = figure.pixels()
    assert moved[0] == scene[0]  # the pad shows these two units already
    assert moved[1] != scene[1] and moved[2] != scene[2]
    figure.part("pad").focus()
    figure.page.keyboard.press("Shift+ArrowLeft")
    figure.page.keyboard.press("ArrowDown")
    assert units(figure) == pytest.approx([half - 0.5, half - 0.1], abs=0.05)
    figure.part("reset").click()
    assert units(figure) == place
    assert figure.pixels() == scene != first
    figure.root.locator("summary").click()
    free = next(u for u in range(16) if u not in begin()["units"])
    figure.slider(free).focus()
    figure.page.keyboard.press("PageUp")
    figure.root.locator(".live-classes label").nth(begin()["y"]).click()
    figure.settle()
    assert all(a != b for a, b in zip(figure.pixels(), scene))
    figure.part("reset").click()
    figure.settle()
    assert figure.pixels() == scene


def test_a_hand_stops_the_walk_to_a_scene(opened):
    """The pad's map is then that of the v where it stopped."""
    figure = opened("scene")
    before = figure.pixels("map")
    figure.root.evaluate(STOP_HALFWAY, str((begin()["scene"] + 5) % 10))
    figure.settle()
    assert figure.pixels("map") != before


def test_the_scene_under_a_finger(opened):
    figure = opened("scene", size=PHONE, touch=True)
    before = figure.pixels("one", "row")
    box = figure.box("pad")
    x, y = box["x"] + 0.1 * box["width"], box["y"] + 0.8 * box["height"]
    figure.page.touchscreen.tap(x, y)
    places = [begin()["range"] * share for share in (-0.8, -0.6)]
    assert units(figure) == pytest.approx(places, abs=0.06)
    assert figure.pixels("one", "row") != before
    outline = figure.box("scenes")
    assert outline["x"] >= 0 and outline["x"] + outline["width"] <= PHONE[0]
