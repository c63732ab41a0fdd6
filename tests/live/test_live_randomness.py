"""Random numbers of the live figures: how large, how alike, by themselves in a page.

The figures' scripts run without Sphinx and without weights: `paint.js` in an empty
page, `pad.js` and `styles.js` with a model that draws nothing. Math.random is
replaced by a generator with a seed, so that a test draws the same numbers every time.
"""

import re

import pytest
import torch

from tools.live.directive import SOURCES, template

DRAWS = 40_000
PREPARE = """
  window.EquivaeLive = {
    network: { SIZE: 28 }, arrived() {}, fail(figure, error) { throw error; },
  };
  let state = 12345;  // mulberry32
  Math.random = () => {
    state = (state + 0x6D2B79F5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
"""
START_STYLES = """
  EquivaeLive.paint.whenNear = (kind, needs, start) => {
    const styles = { kl: Array(16).fill(1), units: [0, 1], range: RANGE, map: 1, y: 4,
                     v: Array(16).fill(0) };
    start(document.querySelector(".live"), {
      start: { styles }, image: { colours: 1, size: 28 }, r: () => new Float32Array(16),
      decode: async (pairs) => pairs.map(() => new Float32Array(784)),
    });
  };
"""
WALK = """async (frames) => {
  const seen = [], asked = [];
  window.requestAnimationFrame = (draw) => asked.push(draw);
  EquivaeLive.paint.sheet = () => ({ put() {}, show() {} });
  EquivaeLive.paint.whenNear = (kind, needs, start) => {
    const phases = Array.from({ length: 16 }, (_, k) => 0.4 * k);
    start(document.querySelector(".live"), {
      start: { hero: { phases } }, r: () => null,
      decode: async (pairs) => { seen.push([...pairs[0][1]]); return []; },
    });
  };
  WALKER
  document.querySelector("[data-do=pause]").click();  // on: it was still
  for (let k = 0; k < frames; k++) await asked.shift()(100 * k);
  return seen;
}"""
CLICKS = """async (times) => {
  const frame = () => new Promise((done) => requestAnimationFrame(done));
  const seen = [];
  for (let i = 0; i < times; i++) {
    document.querySelector("[data-do=random]").click();
    for (let left = 3; left; left--) await frame();
    seen.push([...document.querySelectorAll("input[type=range]")].map(
      (slider) => Number(slider.value)));
  }
  return seen;
}"""


def script(name):
    return (SOURCES / name).read_text(encoding="utf-8")


def within(found, expected, error, errors=5):
    assert abs(float(found) - expected) < errors * error, (float(found), expected)


def figure(browser, name):
    """A page with the figure's HTML and `paint.js`; its own script is still to run."""
    page = browser.new_page(reduced_motion="reduce")  # a walk takes one frame
    body = re.sub(r"\$\{?\w+\}?", "", template(name))
    body = re.sub(r"<img[^>]*>| inert", "", body)
    radios = '<input type="radio" name="y" value="4" checked>'
    page.set_content(body.replace("<legend>", f"{radios}<legend>"))
    page.evaluate(f"() => {{ {PREPARE} }}")
    page.add_script_tag(content=script("paint.js"))
    return page


@pytest.fixture
def page(browser):
    page = figure(browser, "styles")
    yield page
    page.close()


def test_normal_numbers_of_the_browser_are_standard_normal(page):
    found = page.evaluate(
        f"Array.from({{ length: {DRAWS} }}, EquivaeLive.paint.normal)"
    )
    x = torch.tensor(found).double()
    assert x.isfinite().all()
    within(x.mean(), 0, DRAWS**-0.5)
    within(x.square().mean(), 1, (2 / DRAWS) ** 0.5)
    within(x.pow(3).mean(), 0, (15 / DRAWS) ** 0.5)
    within(x.pow(4).mean(), 3, (96 / DRAWS) ** 0.5)
    within((x[1:] * x[:-1]).mean(), 0, DRAWS**-0.5)
    beyond = (x.abs() > 2).double().mean()  # 4.55 % of a normal
    within(beyond, 0.0455, (0.0455 * 0.9545 / DRAWS) ** 0.5)


def test_zero_as_a_random_number_is_no_infinite_style(page):
    page.evaluate("() => { Math.random = () => 0; }")
    assert page.evaluate("EquivaeLive.paint.normal()") == 0


def test_a_random_style_draws_every_unit_by_itself(page):
    times = 150
    page.evaluate(f"() => {{ {START_STYLES.replace('RANGE', '3')} }}")
    for name in ("pad.js", "styles.js"):
        page.add_script_tag(content=script(name))
    v = torch.tensor(page.evaluate(CLICKS, times)).double()
    assert v.shape == (times, 16) and v.abs().max() <= 3
    n = v.numel()
    within(v.mean(), 0, n**-0.5)
    # Cut off at ±3 and on a grid of 0.05 a normal has variance 0.995.
    within(v.square().mean(), 0.995, (2 / n) ** 0.5)
    for a, b in ((0, 1), (2, 9), (14, 15)):
        within((v[:, a] * v[:, b]).mean(), 0, times**-0.5)
    within((v[1:] * v[:-1]).mean(), 0, n**-0.5)  # nor does a click know the last


def test_the_moving_style_has_the_mean_and_variance_of_the_prior(browser):
    """Over a long time, in every unit; a frame is a tenth of a second."""
    page = figure(browser, "hero")
    v = page.evaluate(WALK.replace("WALKER", script("hero.js")), 5_000)
    page.close()
    v = torch.tensor(v).double()
    assert v.shape[1] == 16 and len(v) > 4_900
    # sin and sin^2 over 500 seconds at a quarter of a radian a second and more.
    assert v.mean(0).abs().max() < 0.05
    assert (v.square().mean(0) - 1).abs().max() < 0.05
    together = (v.T @ v / len(v)).fill_diagonal_(0)
    assert together.abs().max() < 0.2
