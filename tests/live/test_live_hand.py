"""Figures under any hand: keys, sliders, fingers, screens, addresses, pictures."""

import io

import numpy as np
import pytest
from matplotlib import image

from tests.support.browser import PHONE
from tests.support.live_figure import PARTS, SEVEN, Figure, number
from tools.live import digits

ACROSS = (PHONE[1], PHONE[0])
FINGER = 44  # CSS pixels that a target has at least, both ways
BAR = 48  # of the theme, at the top of a phone's screen
KEPT = ["styles", "interpolation", "draw", "scene"]


def test_keys_of_a_slider_stay_in_the_pad(opened):
    figure = opened("styles")
    figure.part("pad").focus()
    before = figure.page.evaluate("scrollY")

    def after(*keys):
        for key in keys:
            figure.page.keyboard.press(key)
        text = figure.said()
        return number(text, "unit 10"), number(text, "unit 8")

    assert after("End", "PageUp") == (3, 0.5)
    assert after("Home", "PageDown", "PageDown") == (-3, -0.5)
    assert figure.page.evaluate("scrollY") == before
    # On the rim the dot is whole: nothing cuts what lies beyond the map.
    panel = figure.root.locator(".live-pad")
    assert panel.evaluate("e => getComputedStyle(e).overflow") == "visible"


def test_sliders_are_sorted_by_use_and_say_their_value(opened):
    figure = opened("styles")
    figure.root.locator("summary").click()
    sliders = figure.root.locator(".live-sliders input")
    order = sliders.evaluate_all("all => all.map(s => Number(s.dataset.unit))")
    kl = digits.read()["kl"]
    assert order == sorted(range(16), key=lambda unit: -kl[unit]) != sorted(order)
    slider = figure.slider(order[-1])
    slider.focus()
    figure.page.keyboard.press("End")
    assert number(figure.said(), f"unit {order[-1]}") == 3
    assert slider.get_attribute("aria-valuetext") == "3.00"
    assert slider.locator("xpath=../output").inner_text() == "3.00"
    figure.drag("pad", [(0.5, 0.5), (0.25, 0.5)])
    figure.settle()
    moved = figure.slider(order[0]).get_attribute("aria-valuetext")
    assert moved.startswith("−1.5")


def test_sliders_of_other_figures_say_their_value(opened):
    way = opened("interpolation")
    way.part("t").press("End")
    way.settle()
    assert way.part("t").get_attribute("aria-valuetext") == "1.00"
    sheet = opened("draw")
    before = sheet.part("pen").get_attribute("aria-valuetext")
    assert before == f"{round(100 * 34 / 420)} % of the sheet"
    sheet.part("pen").press("End")
    assert sheet.part("pen").get_attribute("aria-valuetext") != before


def test_the_way_rests_out_of_sight(opened):
    figure = opened("interpolation")
    figure.page.add_style_tag(content="body { padding-bottom: 3000px }")
    figure.part("play").click()

    def place():
        return float(figure.part("t").evaluate("e => e.value"))

    def moves():
        before = place()
        for _ in range(100):
            figure.page.wait_for_timeout(100)
            if place() != before:
                return True
        return False

    assert moves()
    figure.page.evaluate("scrollTo(0, document.body.scrollHeight)")

    def rests(milliseconds):
        before = place()
        figure.page.wait_for_timeout(milliseconds)
        return place() == before

    assert any(rests(100) for _ in range(50))  # once the browser has seen the scroll
    assert rests(1000)
    figure.root.scroll_into_view_if_needed()
    assert moves()


@pytest.mark.parametrize("size", [PHONE, ACROSS], ids=["upright", "across"])
def test_sheet_and_answer_are_on_one_screen(opened, size):
    figure = opened("draw", size=size, touch=True)
    figure.root.locator(".live-sheet").evaluate("e => e.scrollIntoView()")
    for part in ("paper", "row", "classes"):
        box = figure.part(part).bounding_box()
        assert box["y"] >= BAR and box["y"] + box["height"] <= size[1], part
        assert box["x"] >= 0 and box["x"] + box["width"] <= size[0], part
    assert figure.part("paper").bounding_box()["width"] > 240


@pytest.mark.parametrize("name", KEPT)
def test_targets_are_as_large_as_a_finger(opened, name):
    figure = opened(name, size=PHONE, touch=True)
    for summary in figure.root.locator("summary").all():
        summary.click()
    small = figure.root.evaluate(
        """(figure, least) => [...figure.querySelectorAll(
          "button, select, summary, input[type=range], .live-classes > label")]
          .map((e) => [e, e.getBoundingClientRect()])
          .filter(([, box]) => box.width < least || box.height < least)
          .map(([e, box]) => [e.outerHTML.slice(0, 60), box.width, box.height])""",
        FINGER,
    )
    assert small == []


def test_forced_colours_keep_what_colours_say(opened):
    figure = opened("draw")
    page = figure.page
    page.emulate_media(forced_colors="active")
    try:
        colours = figure.root.locator(".live-classes > span").evaluate_all(
            "all => all.map((e) => getComputedStyle(e).borderTopColor)"
        )
        near = figure.root.locator(".live-nearest").inner_text()
        (one,) = {c for c in colours if colours.count(c) == 1}
        assert colours.index(one) == int(near)
    finally:
        page.emulate_media(forced_colors="none")
    pad = opened("styles")
    pad.page.emulate_media(forced_colors="active")
    try:
        dot = pad.root.locator(".live-dot")
        ground = dot.evaluate("e => getComputedStyle(e).backgroundColor")
        assert ground == "rgb(213, 94, 0)"
    finally:
        pad.page.emulate_media(forced_colors="none")


def change(figure):
    """Make the figure another than it begins."""
    if figure.name == "draw":
        figure.drag("paper", SEVEN)
    elif figure.name == "interpolation":
        figure.part("swap").click()
        figure.part("t").press("End")
    else:
        figure.root.locator(".live-classes label").nth(3).click()
        figure.drag("pad", [(0.5, 0.5), (0.7, 0.2)])
    figure.settle()


@pytest.mark.parametrize("name", KEPT)
def test_a_state_is_shared_by_its_address(opened, name):
    figure = opened(name)
    begin = figure.pixels()
    change(figure)
    state = figure.pixels()
    assert state != begin
    figure.part("link").click()
    page = figure.page
    page.wait_for_function(f"location.hash.startsWith('#live={name}&')")
    address = page.url
    said = figure.part("kept").inner_text()
    assert said.startswith("The address of this page leads to what you see now")
    page.goto("about:blank")
    page.goto(address)
    again = Figure(page, name)
    # Of a drawing few points are kept; of v two decimals, so that a level may differ.
    for one, other in zip(again.pixels(), state):
        assert np.abs(one.levels - other.levels).mean() < 2
    assert again.pixels() != begin
    page.evaluate(f"location.hash = '#live={name}&y=12&v=1&ink=no&from=99&scene=x'")
    again.part("kept").get_by_text("no state that this figure knows").wait_for()
    assert again.root.get_attribute("data-state") == "live"


@pytest.mark.parametrize("name", KEPT)
def test_a_picture_is_saved(opened, name):
    figure = opened(name)
    change(figure)
    with figure.page.expect_download() as download:
        figure.part("save").click()
    assert download.value.suggested_filename == f"equivae-{name}.png"
    with open(download.value.path(), "rb") as file:
        saved = image.imread(io.BytesIO(file.read()), format="png")
    frame = figure.root.bounding_box()
    assert saved.shape[1] == round(2 * frame["width"])
    for part, shown in zip(PARTS[name], figure.pixels(), strict=True):
        box = figure.part(part).bounding_box()
        left, top = (round(2 * (box[k] - frame[k])) for k in "xy")
        high, wide = (round(2 * box[k]) for k in ("height", "width"))
        cut = saved[top : top + high, left : left + wide, :3]
        assert 255 * cut.mean() == pytest.approx(shown.levels.mean(), abs=2)
