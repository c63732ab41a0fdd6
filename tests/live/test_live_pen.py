"""The sheet to draw on: pens, fingers and palms, what comes back, what is no digit."""

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
    blank = figure.pixels("paper")
    touch = glass(figure)
    touch("touchStart", (1, 0.5, 0.2))
    figure.hears()
    dot = figure.pixels("paper")
    assert dot != blank
    touch("touchMove", (1, 0.5, 0.5))
    assert figure.moves("paper", since=dot)
    figure.hears()
    alone = figure.pixels("paper")
    touch("touchStart", (1, 0.5, 0.5), (2, 0.2, 0.2))
    touch("touchMove", (1, 0.5, 0.5), (2, 0.2, 0.8))
    figure.hears()
    assert figure.pixels("paper") == alone
    touch("touchMove", (1, 0.5, 0.8), (2, 0.2, 0.9))
    assert figure.moves("paper", since=alone)  # the first goes on
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
    ring = figure.part("paper").evaluate(
        "e => [getComputedStyle(e).outlineStyle, getComputedStyle(e).outlineOffset]"
    )
    assert ring == ["solid", "-3px"]  # what is outside the sheet is cut off
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


# Counts what keeps the page from the pen: `most`, how many pictures the model reads or
# makes between two chances for an event; and for each move of the pen in how many
# places it has been, how many lines were painted, and what was asked of the model then.
COUNT = """(figure) => {
  const { desk } = EquivaeLive, pen = CanvasRenderingContext2D.prototype;
  const paper = figure.querySelector("[data-part=paper]");
  const seen = window.seen = { most: 0, moves: [], jobs: {} };
  let turn = 0, lines = 0, jobs = 0;
  EquivaeLive.desk = (job) => {
    if (!turn) setTimeout(() => { turn = 0; });
    turn += job.pairs?.length ?? 1;
    jobs += 1;
    seen.most = Math.max(seen.most, turn);
    seen.jobs[job.kind] = job;
    return desk(job);
  };
  for (const name of ["stroke", "fill"]) {
    const paint = pen[name];
    pen[name] = function () {
      lines += this.canvas === paper;
      return paint.call(this);
    };
  }
  addEventListener("pointermove", () => { lines = jobs = 0; }, true);
  addEventListener("pointermove", (event) => {
    if (event.buttons)
      seen.moves.push([event.getCoalescedEvents().length, lines, jobs]);
  });
}"""
# How long a job of each kind takes where nothing disturbs it, in milliseconds.
SHORTEST = """() => Object.entries(seen.jobs).map(([kind, job]) => {
  const times = Array.from({ length: 40 }, () => {
    const begun = performance.now();
    EquivaeLive.desk(job);
    return performance.now() - begun;
  });
  return [kind, Math.min(...times)];
})"""


def watched(figure):
    """What COUNT counts while a circle is drawn and read."""
    figure.part("clear").click()
    figure.settle()
    figure.root.evaluate(COUNT)
    figure.drag("paper", CIRCLE)
    figure.settle()
    seen = figure.page.evaluate("({ most: seen.most, moves: seen.moves })")
    assert len(seen["moves"]) > 10
    return seen


@pytest.mark.parametrize("first", ["", NO_WORKER], ids=["beside", "in the page"])
def test_ink_does_not_wait_for_the_model(spoiled, first):
    """It is there when the event has been heard, and the event is heard after one job.

    A busy machine changes no count, nor the shortest of many times.
    """
    figure = Figure(spoiled("draw", first).page, "draw")
    assert figure.page.evaluate("EquivaeLive.engine.beside()") == (first == "")
    seen = watched(figure)
    assert seen["most"] == (1 if first else 0)
    assert [m for m in seen["moves"] if m != [m[0], m[0], 0]] == []
    times = dict(figure.page.evaluate(SHORTEST))
    print(f"\n{first or 'a worker'}: jobs of {times} ms, {len(seen['moves'])} moves")
    assert sorted(times) == (["decode", "read"] if first else [])
    assert all(SLOWER * spent < MOST for spent in times.values())


def test_what_keeps_the_pen_waiting_is_noticed(spoiled):
    """A model that takes no pause, and a sheet that is painted anew with each move."""
    broken = {
        "engine": lambda text: text.replace("await pause();", ""),
        "paper": lambda text: text.replace("link(stroke, from);", "paint();"),
    }
    seen = watched(Figure(spoiled("draw", NO_WORKER, **broken).page, "draw"))
    assert seen["most"] > 1
    assert any(lines > places for places, lines, _ in seen["moves"])
