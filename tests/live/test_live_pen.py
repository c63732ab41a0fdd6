"""The sheet to draw on: pens, fingers and palms, what comes back, what is no digit."""

import json

import pytest

from tests.support.browser import PHONE
from tests.support.live_faults import NO_WORKER
from tests.support.live_figure import CIRCLE, SEVEN, STROKE, Figure

SCRIBBLE = [(0.2, 0.2), (0.8, 0.3), (0.2, 0.4), (0.8, 0.5), (0.2, 0.6), (0.8, 0.7),
            (0.25, 0.8), (0.3, 0.15), (0.5, 0.85), (0.7, 0.15)]  # fmt: skip
# A pointer event that no device has sent: kind, pointer, type, place in shares.
POINTER = """(paper, [kind, pointerId, pointerType, x, y]) => {
  const box = paper.getBoundingClientRect();
  paper.dispatchEvent(new PointerEvent(kind, {
    pointerId, pointerType, button: 0, bubbles: true,
    clientX: box.left + x * box.width, clientY: box.top + y * box.height }));
}"""
MOST = 30  # milliseconds from pen to ink
SLOWER = 6  # times slower than this processor


def glass(figure):
    """Gives touch(kind, fingers): a touch event with these, (id, x, y) in shares."""
    client = figure.page.context.new_cdp_session(figure.page)
    box = figure.box("paper")

    def touch(kind, *fingers):
        left, top, wide, high = (box[k] for k in ("x", "y", "width", "height"))
        points = [{"id": k, "x": left + x * wide, "y": top + y * high}
                  for k, x, y in fingers]  # fmt: skip
        client.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    return touch


def test_a_digit_is_drawn(opened):
    figure = opened("draw")
    start = figure.pixels()
    for digit, stroke in ((0, CIRCLE), (1, STROKE), (7, SEVEN)):
        figure.part("clear").click()
        assert figure.said() == "The sheet is blank."
        blank = figure.pixels()
        assert all(a != b for a, b in zip(blank, start))
        figure.drag("paper", stroke)
        text = figure.said()
        assert text.startswith(f"Nearest class: {digit}, at distance"), text
        assert figure.root.locator(".live-nearest").inner_text() == str(digit)
        assert all(a != b for a, b in zip(figure.pixels(), blank))
        figure.part("undo").click()
        figure.settle()
        assert figure.pixels() == blank


def test_a_taken_digit_gives_way_to_the_first_stroke(opened):
    figure = opened("draw")
    figure.drag("paper", STROKE)
    assert figure.said().startswith("Nearest class: 1,")
    alone = figure.pixels()
    figure.part("digit").click()
    figure.settle()
    assert figure.pixels() != alone
    figure.drag("paper", STROKE)
    figure.settle()
    assert figure.pixels() == alone


WHITE = """sheet => sheet.getContext("2d")
    .getImageData(0, 0, sheet.width, sheet.height)
    .data.filter((value, k) => k % 4 === 0 && value > 128).length"""


def test_a_wider_pen_draws_wider(opened):
    """On the sheet, and in what the model is given."""
    figure = opened("draw")
    figure.part("clear").click()
    figure.drag("paper", STROKE)
    figure.settle()
    thin, ink = figure.pixels(), figure.part("paper").evaluate(WHITE)
    figure.part("clear").click()
    figure.part("pen").focus()
    figure.page.keyboard.press("End")
    figure.drag("paper", STROKE)
    figure.settle()
    assert figure.pixels("again") != thin[2:3]
    assert figure.part("paper").evaluate(WHITE) > 1.2 * ink > 0


def test_a_second_finger_draws_nothing(opened):
    figure = opened("draw", size=PHONE, touch=True)
    figure.part("clear").click()
    touch = glass(figure)
    touch("touchStart", (1, 0.5, 0.2))
    touch("touchMove", (1, 0.5, 0.5))
    figure.page.wait_for_timeout(100)  # a browser hands moves on once a frame
    alone = figure.pixels("paper")
    touch("touchStart", (1, 0.5, 0.5), (2, 0.2, 0.2))
    touch("touchMove", (1, 0.5, 0.5), (2, 0.2, 0.8))
    figure.page.wait_for_timeout(100)
    assert figure.pixels("paper") == alone
    touch("touchMove", (1, 0.5, 0.8), (2, 0.2, 0.9))
    figure.page.wait_for_timeout(100)
    assert figure.pixels("paper") != alone  # the first goes on
    touch("touchEnd")
    figure.says("Nearest class: 1,")


def test_a_pen_is_worth_more_than_a_palm(opened):
    figure = opened("draw")
    figure.part("clear").click()
    blank = figure.pixels("paper")

    def send(*event):
        figure.part("paper").evaluate(POINTER, list(event))

    send("pointerdown", 7, "touch", 0.8, 0.8)
    assert figure.pixels("paper") != blank
    send("pointerdown", 8, "pen", 0.5, 0.2)
    send("pointermove", 7, "touch", 0.2, 0.8)
    send("pointermove", 8, "pen", 0.5, 0.8)
    send("pointerup", 8, "pen", 0.5, 0.8)
    figure.says("Nearest class: 1,")
    figure.part("undo").click()
    assert figure.pixels("paper") == blank  # nothing is left of the palm


def test_a_tap_is_a_dot_and_can_be_taken_back(opened):
    figure = opened("draw")
    start = figure.pixels()
    box = figure.box("paper")
    figure.page.mouse.click(box["x"] + 100, box["y"] + 100)
    figure.settle()
    (levels,) = figure.pixels("paper")
    assert (levels.levels > 128).sum() > 100  # of every third pixel in both directions
    assert figure.said().startswith("Nearest class:")
    figure.part("undo").click()
    figure.settle()
    assert figure.pixels() == start
    assert figure.part("undo").get_attribute("aria-disabled") == "true"
    figure.part("clear").click()
    figure.part("undo").click()
    figure.settle()
    assert figure.pixels() == start


@pytest.mark.parametrize("key", ["clear", "undo"])
def test_clear_and_undo_are_safe_while_a_stroke_goes_on(opened, key):
    figure = opened("draw")
    figure.part("clear").click()
    blank = figure.pixels("paper")
    box, mouse = figure.box("paper"), figure.page.mouse
    mouse.move(box["x"] + 50, box["y"] + 50)
    mouse.down()
    mouse.move(box["x"] + 150, box["y"] + 50, steps=3)
    assert figure.pixels("paper") != blank
    figure.part(key).focus()
    figure.page.keyboard.press("Space")
    mouse.move(box["x"] + 150, box["y"] + 150, steps=3)
    assert figure.pixels("paper") == blank
    mouse.up()
    figure.drag("paper", STROKE)
    figure.says("Nearest class: 1,")


def test_keys_draw_a_digit(opened):
    figure = opened("draw")
    figure.part("clear").click()
    keys, hand, cursor = (
        figure.page.keyboard, figure.part("hand"), figure.part("cursor")
    )  # fmt: skip
    blank, at = figure.pixels("paper"), figure.page.evaluate("scrollY")
    keys.press("Shift+Tab")
    assert figure.part("paper").evaluate("e => e === document.activeElement")
    assert cursor.is_visible()
    hand.get_by_text("Arrows move the pen, Space puts it down or up.").wait_for()
    for key in ("Shift+ArrowUp", "Shift+ArrowUp", "ArrowLeft", "ArrowLeft"):
        keys.press(key)
    hand.get_by_text("Pen up, 12 across and 6 down of 28.").wait_for()
    assert figure.pixels("paper") == blank
    keys.press("Space")
    for key in [*["ArrowRight"] * 3, *["ArrowDown"] * 16]:
        keys.press(key)
    hand.get_by_text("Pen down, 15 across and 22 down of 28.").wait_for()
    figure.says("Nearest class: ")
    drawn = figure.pixels("paper")
    keys.press("Enter")
    for key in ("ArrowLeft", "ArrowUp"):  # two together move it aslant
        keys.down(key)
    hand.get_by_text("Pen up, 13 across and 21 down of 28.").wait_for()
    for key in ("ArrowLeft", "ArrowUp"):
        keys.up(key)
    assert figure.pixels("paper") == drawn != blank
    assert figure.page.evaluate("scrollY") == at
    for key in ("Space", "Tab", "Shift+Tab", "ArrowDown"):
        keys.press(key)  # whoever leaves lifts the pen
    hand.get_by_text("Pen up, 13 across and 22 down of 28.").wait_for()
    keys.press("Tab")
    assert cursor.is_hidden()
    hand.get_by_text("draw here").wait_for()
    for _ in range(2):
        figure.part("undo").click()
    assert figure.pixels("paper") == blank
    figure.drag("paper", STROKE)  # a mouse leaves the keys to the page
    assert cursor.is_hidden()
    figure.says("Nearest class: 1,")


def test_what_is_no_digit_is_said_to_be_none(opened):
    figure = opened("draw")
    figure.part("clear").click()
    figure.drag("paper", SCRIBBLE)
    text = figure.said()
    assert "99 % of the test digits" in text and "Perhaps it is no digit" in text
    near = figure.root.locator(".live-nearest")
    assert near.evaluate("e => getComputedStyle(e).borderStyle") == "dashed"
    for digit, stroke in ((0, CIRCLE), (7, SEVEN)):
        figure.part("clear").click()
        figure.drag("paper", stroke)
        text = figure.said()
        assert text.startswith(f"Nearest class: {digit},") and "test digits" not in text
        assert near.evaluate("e => getComputedStyle(e).borderStyle") == "solid"


def draw_slowly(figure):
    """Draw with a throttled processor: how long the page's thread is busy with each of
    its tasks, in milliseconds, by its own clock: other processes do not enter.

    Ink waits for the task that is going on when the pen moves, and for its own.
    """
    page = figure.page
    client = page.context.new_cdp_session(page)
    figure.drag("paper", CIRCLE)  # compiled by now
    figure.part("clear").click()
    figure.settle()
    client.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
    page.context.browser.start_tracing(page=page, categories=["toplevel", "__metadata"])
    figure.drag("paper", CIRCLE)
    trace = json.loads(page.context.browser.stop_tracing())["traceEvents"]
    client.send("Emulation.setCPUThrottlingRate", {"rate": 1})
    client.detach()
    figure.settle()
    main = {(e["pid"], e["tid"]) for e in trace if e["name"] == "thread_name"
            and e["args"]["name"] == "CrRendererMain"}  # fmt: skip
    tasks = [e["tdur"] / 1000 for e in trace if (e["pid"], e["tid"]) in main
             and e["name"].endswith("RunTask") and "tdur" in e]  # fmt: skip
    assert len(tasks) > 30
    return sorted(tasks)


@pytest.mark.parametrize("first", ["", NO_WORKER], ids=["beside", "in the page"])
def test_ink_does_not_wait_for_the_model(spoiled, first):
    figure = Figure(spoiled("draw", first).page, "draw")
    assert figure.page.evaluate("EquivaeLive.engine.beside()") == (first == "")
    tasks = draw_slowly(figure)
    most, long = tasks[-1], tasks[int(0.99 * len(tasks))]
    print(f"\n{first or 'a worker'}: {len(tasks)} tasks, {SLOWER} times slower: 99 % "
          f"are done in {long:.1f} ms, all in {most:.1f} ms")  # fmt: skip
    assert long < MOST and most < 3 * MOST  # a busy machine may lose one task


def test_a_model_that_takes_no_pause_is_noticed(spoiled):
    broken = {"engine": lambda text: text.replace("await pause();", "")}
    figure = Figure(spoiled("draw", NO_WORKER, **broken).page, "draw")
    tasks = draw_slowly(figure)
    print(f"\nno pause: 99 % in {tasks[int(0.99 * len(tasks))]:.1f} ms")
    assert tasks[int(0.99 * len(tasks))] > MOST
