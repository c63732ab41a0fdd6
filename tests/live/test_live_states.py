"""A live figure is loading, live or failed, and says which and why."""

import pytest

from tests.support.live_faults import (
    DYING_WORKER,
    NO_CANVAS,
    NO_UNPACKING,
    NO_WORKER,
    NOISY_CANVAS,
)
from tests.support.live_figure import SEVEN, Figure
from tools.live import export


def half(text):
    return text[: len(text) // 2]


def another_digit(text):
    """One character of the base64 is another."""
    k = len(text) // 2
    return text[:k] + ("A" if text[k] != "A" else "B") + text[k + 1 :]


def no_digit(text):
    k = len(text) // 2
    return text[:k] + "!" + text[k + 1 :]


def another_name(text):
    return text.replace("weights.receive", "weights.recieve")


def reason(page, name):
    """Why a figure failed; it shows its pictures and nothing that does nothing."""
    root = page.locator(f"[data-live={name}]")
    root.scroll_into_view_if_needed()
    root.and_(page.locator("[data-state=failed]")).wait_for()
    assert all(image.is_visible() for image in root.locator("img").all())
    for other in root.locator("canvas, .live-controls").all():
        assert not other.is_visible()
    (button,) = [b for b in root.locator("button").all() if b.is_visible()]
    assert button.inner_text() == "Load the page again"
    text = root.locator(".live-failed").inner_text()
    assert text.startswith("This figure stands still: ")
    assert "the picture that it begins with" in text
    return text


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (None, "the model's weights could not be loaded"),
        (half, "the model's weights did not arrive whole"),
        (another_name, "the model's weights did not arrive whole"),
        (another_digit, "the model's weights are damaged"),
        (no_digit, "the model's weights are damaged"),
    ],
)
def test_weights_that_fail_are_named(spoiled, change, says):
    page = spoiled("styles", decoder=change).page
    assert says in reason(page, "styles")


@pytest.mark.parametrize("file", ["weights", "engine", "paint", "draw"])
@pytest.mark.parametrize("change", [None, half])
def test_scripts_that_fail_are_named(spoiled, file, change):
    page = spoiled("draw", **{file: change}).page
    assert "its script" in reason(page, "draw")
    if file in ("weights", "draw"):  # others need what the first ones make
        assert f"its script {file}.js did not arrive whole" in reason(page, "draw")


@pytest.mark.parametrize(
    ("first", "says"),
    [
        (NO_CANVAS, "this browser lets no script draw a picture"),
        (NO_UNPACKING, "this browser cannot unpack the model's weights"),
    ],
)
def test_browsers_that_cannot_are_told(spoiled, first, says):
    for name in ("hero", "draw"):
        seen = spoiled(name, first)
        assert says in reason(seen.page, name)
        assert seen.problems() == []


def test_a_handler_that_goes_wrong_leaves_no_stale_figure(spoiled):
    page = spoiled("styles").page
    figure = Figure(page, "styles")
    page.evaluate("() => { Math.random = () => { throw Error('x'); }; }")
    figure.part("random").click()
    assert "stands still: x." in reason(page, "styles")


@pytest.mark.parametrize("first", [NO_WORKER, DYING_WORKER, NOISY_CANVAS])
def test_what_can_be_done_without_is_done_without(spoiled, first):
    """No worker, one that dies, a canvas that answers with noise: a 7 is read."""
    seen = spoiled("draw", first)
    figure = Figure(seen.page, "draw", wait=False)
    figure.says("Nearest class: 2,")
    assert seen.page.evaluate("EquivaeLive.engine.beside()") == (first == NOISY_CANVAS)
    figure.drag("paper", SEVEN)
    figure.says("Nearest class: 7,")
    assert seen.problems() == []


def test_a_slow_network_shows_a_sheet_that_takes_ink(spoiled, live_site):
    held = []
    seen = spoiled("draw", held=held)
    figure, page = Figure(seen.page, "draw", wait=False), seen.page
    figure.part("undo").scroll_into_view_if_needed()
    page.wait_for_function("!document.querySelector('.live-tools').inert")
    assert figure.root.get_attribute("data-state") == "loading"
    size = export.megabytes(live_site / "_static/live", "draw")
    text = figure.root.locator(".live-said").inner_text()
    assert text == f"Loading the model: {size} MB. You can draw already."
    weights = [live_site / f"_static/live/{p}-weights.js" for p in export.NEEDS["draw"]]
    assert float(size) == round(sum(p.stat().st_size for p in weights) / 1e6, 1)
    assert figure.root.locator("[inert]").count() >= 2  # what would do nothing yet
    start = figure.pixels("paper")
    figure.drag("paper", [(0.2, 0.2), (0.3, 0.9)])
    inked = figure.pixels("paper")
    assert inked != start
    figure.part("undo").click()
    assert figure.pixels("paper") == start
    figure.drag("paper", SEVEN)
    drawn = figure.pixels("paper")
    for route in held:
        route.continue_()
    figure.says("Nearest class: 7,")
    assert figure.pixels("paper") == drawn
    assert figure.root.locator("[inert]").count() == 0
    figure.part("undo").click()  # back to the digit that has come meanwhile
    figure.says("Nearest class: 2,")
    assert seen.problems() == []
