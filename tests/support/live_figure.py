"""A live figure on an open page, and what its canvases show."""

import base64
import re

import numpy as np
import pytest

from tests.support.looking import TWO_FRAMES

# The canvases of each figure, in the order of the page.
PARTS = {
    "hero": ["row"],
    "styles": ["map", "one", "row"],
    "interpolation": ["a", "both-now", "r-now", "v-now", "b", "both", "r", "v"],
    "draw": ["paper", "seen", "again", "row"],
    "scene": ["map", "one", "row"],
}
# What is drawn on the sheet, in shares of its sides.
CIRCLE = [(0.5, 0.2), (0.33, 0.3), (0.28, 0.5), (0.35, 0.72), (0.5, 0.8), (0.66, 0.7),
          (0.72, 0.5), (0.66, 0.3), (0.5, 0.2)]  # fmt: skip
STROKE = [(0.55, 0.2), (0.45, 0.8)]
SEVEN = [(0.28, 0.25), (0.72, 0.25), (0.45, 0.85)]
# Red, green and blue of every third pixel in both directions, a byte each.
LEVELS = """(canvas) => {
  const { width, height } = canvas, levels = [];
  const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
  for (let y = 1; y < height; y += 3)
    for (let x = 1; x < width; x += 3)
      for (let c = 0; c < 3; c++)
        levels.push(String.fromCharCode(data[4 * (y * width + x) + c]));
  return btoa(levels.join(""));
}"""
# Wait until the model has nothing to do and no canvas changes in four frames. A figure
# draws when the model has answered, its map a row at a time. What moves by itself is
# given one chance; at rest it is waited for like all others.
SETTLE = """async (figure) => {
  const canvases = [...figure.querySelectorAll("canvas")];
  const see = () => canvases.map((c) =>
    new Uint32Array(c.getContext("2d").getImageData(0, 0, c.width, c.height)
      .data.buffer));
  const same = (a, b) => a.every(
    (one, k) => one.every((pixel, i) => pixel === b[k][i]));
  const frame = () => new Promise((done) => requestAnimationFrame(done));
  const moves = figure.querySelector("[data-do=pause], [data-part=pause]")
    ?.textContent === "Pause";
  for (let before, now = see(); !before || !same(before, now);) {
    for (let left = 4; left; left--) await frame();
    while (figure.working && !moves) await frame();
    if (before && moves) return;
    [before, now] = [now, see()];
  }
}"""


class Picture:
    """What a canvas shows; equal up to the level that enlarging may round."""

    def __init__(self, levels):
        self.levels = np.frombuffer(base64.b64decode(levels), np.uint8).astype(int)

    def __eq__(self, other):
        assert len(self.levels) == len(other.levels)
        return np.abs(self.levels - other.levels).max() < 2


class Figure:
    """One live figure on an open page."""

    def __init__(self, page, name, wait=True):
        self.page, self.name = page, name
        self.root = page.locator(f"[data-live={name}]")
        self.root.scroll_into_view_if_needed()
        if wait:
            self.root.and_(page.locator("[data-state=live]")).wait_for()
            self.settle()

    def part(self, name):
        return self.root.locator(f"[data-part={name}], [data-do={name}]")

    def pixels(self, *parts):
        """What each canvas shows now."""
        wanted = parts or PARTS[self.name]
        return tuple(Picture(self.part(p).evaluate(LEVELS)) for p in wanted)

    def settle(self):
        """Wait until no canvas of the figure changes any more."""
        self.root.evaluate(SETTLE)

    def hears(self):
        """Wait until the page has handled what the browser hands on once a frame."""
        self.page.evaluate(TWO_FRAMES)

    def moves(self, *parts, since=None):
        """Wait until a picture is another than it was."""
        before = since or self.pixels(*parts)
        for _ in range(100):
            if self.pixels(*parts) != before:
                return True
            self.page.wait_for_timeout(100)
        return False

    def rests(self, *parts):
        """Whether a picture stays as it is for half a second."""
        before = self.pixels(*parts)
        self.page.wait_for_timeout(500)
        return self.pixels(*parts) == before

    def said(self):
        """The line under the figure, once it has caught up."""
        self.settle()
        # It waits for 250 ms of silence, by the clock of the page, whose timers are
        # served in the order in which they are due.
        self.page.evaluate("() => new Promise((done) => setTimeout(done, 300))")
        return self.root.locator(".live-said").inner_text()

    def says(self, text):
        """Wait until the line under the figure begins like this."""
        line = self.root.locator(".live-said", has_text=re.compile(f"^{text}"))
        line.wait_for()
        return line.inner_text()

    def slider(self, unit):
        """The slider of a unit of v."""
        return self.root.locator(f"[data-unit='{unit}']")

    def box(self, part):
        self.part(part).scroll_into_view_if_needed()
        return self.part(part).bounding_box()

    def drag(self, part, points):
        """Press at the first point of a part, move through the others, let go.

        Points are shares of its width and height.
        """
        box, mouse = self.box(part), self.page.mouse
        places = [(box["x"] + x * box["width"], box["y"] + y * box["height"])
                  for x, y in points]  # fmt: skip
        mouse.move(*places[0])
        mouse.down()
        for place in places[1:]:
            mouse.move(*place, steps=4)
        mouse.up()


@pytest.fixture
def opened(visit, live_site):
    """opened(name, …) visits the page with this figure alone and gives it."""
    visits = []

    def open_figure(name, wait=True, **how):
        visits.append(visit((live_site / f"book/{name}.html").as_uri(), **how))
        return Figure(visits[-1].page, name, wait)

    yield open_figure
    assert [p for seen in visits for p in seen.problems()] == []


def number(text, name):
    """The number that follows `name` in a sentence of a figure."""
    return float(re.search(rf"{name} is (−?[\d.]+\d)", text)[1].replace("−", "-"))
