"""The live figures as a reader meets them: by mouse, finger, keys, or as pictures."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.support.browser import PHONE, serving, site_file
from tests.support.live_figure import PARTS, Figure, number
from tests.support.live_page import NAMES
from tests.support.looking import COLOURS, turn

MEGABYTE = 1_000_000


@pytest.mark.parametrize("scheme", ["file", "http"])
def test_all_figures_come_to_life(visit, live_site, scheme):
    with serving(live_site) as served:
        seen = visit(
            (live_site / "book/all.html").as_uri()
            if scheme == "file"
            else f"{served}book/all.html"
        )
        for name in NAMES:
            Figure(seen.page, name)
        assert seen.problems() == []
        added = seen.page.evaluate("Object.keys(window)")
        seen.page.goto(seen.page.url.replace("all.html", "plain.html"))
        plain = seen.page.evaluate("Object.keys(window)")
    # oldScroll is the theme's, once a page has been scrolled.
    assert set(added) - set(plain) - {"oldScroll"} == {"EquivaeLive"}


def test_pages_without_scripts_show_the_pictures(visit, live_site):
    page = visit((live_site / "book/all.html").as_uri(), scripts=False).page
    for name in NAMES:
        figure = Figure(page, name, wait=False)
        images = figure.root.locator("img").all()
        assert len(images) == len(PARTS[name])
        assert all(image.is_visible() for image in images)
        for control in figure.root.locator("button, input, select, .live-dot").all():
            assert not control.is_visible()


@pytest.mark.parametrize("name", NAMES)
def test_the_script_draws_over_the_picture_what_the_picture_shows(
    visit, live_site, name
):
    """In every panel: the mean difference of levels, after torch and after JS."""
    with serving(live_site) as served:  # pixels of a picture in a file are kept secret
        page = visit(f"{served}book/{name}.html", reduced_motion=True).page
        figure = Figure(page, name)
        found = figure.root.locator(".live-panel").evaluate_all(
            """panels => panels.map((panel) => {
              const size = 112, levels = (source) => {
                const canvas = document.createElement("canvas");
                canvas.width = canvas.height = size;
                const pen = canvas.getContext("2d");
                pen.drawImage(source, 0, 0, size, size);
                return pen.getImageData(0, 0, size, size).data;
              };
              const a = levels(panel.querySelector("canvas"));
              const b = levels(panel.querySelector("img"));
              let sum = 0, ink = 0;
              for (let k = 0; k < a.length; k++) {
                if (k % 4 === 3) continue; // how opaque it is
                sum += Math.abs(a[k] - b[k]) / 3;
                ink += b[k] / 3;
              }
              return [sum / size ** 2, ink / size ** 2];
            })"""
        )
        assert len(found) == len(PARTS[name])
        for part, (apart, ink) in zip(PARTS[name], found):
            # Torch and the browser enlarge by different cubics (about 0.07).
            assert ink > 5 and apart < 0.1 * ink, (name, part, apart, ink)


def test_the_moving_row_moves_and_stops(opened):
    figure = opened("hero")
    assert figure.moves()
    figure.part("pause").click()
    assert figure.part("pause").inner_text() == "Play"
    figure.settle()
    assert figure.rests()
    figure.part("pause").press("Enter")
    assert figure.moves()


def test_nothing_moves_for_a_reader_who_wants_little_motion(opened):
    figure = opened("hero", reduced_motion=True)
    assert figure.rests()
    figure.part("pause").click()  # but on demand
    assert figure.moves()


def test_the_pad_is_dragged(opened):
    figure = opened("styles")
    before = figure.pixels("one", "row")
    figure.drag("pad", [(0.5, 0.5), (0.75, 0.25)])
    text = figure.said()
    assert number(text, "unit 10") == pytest.approx(1.5, abs=0.05)
    assert number(text, "unit 8") == pytest.approx(1.5, abs=0.05)
    after = figure.pixels("one", "row")
    assert after[0] != before[0] and after[1] != before[1]
    figure.drag("pad", [(0.5, 0.5), (1.4, 0.5)])  # beyond its edge
    assert number(figure.said(), "unit 10") == 3


def test_the_pad_listens_to_keys(opened):
    figure = opened("styles")
    before = figure.pixels("one", "row")
    figure.part("pad").focus()
    outline = figure.part("pad").evaluate("e => getComputedStyle(e).outlineStyle")
    for key in ("ArrowRight", "ArrowRight", "Shift+ArrowUp", "ArrowDown", "ArrowLeft"):
        figure.page.keyboard.press(key)
    text = figure.said()
    assert number(text, "unit 10") == pytest.approx(0.1)
    assert number(text, "unit 8") == pytest.approx(0.4)
    assert figure.pixels("one", "row") != before
    assert outline != "none"


def test_sliders_classes_and_buttons(opened):
    figure = opened("styles", reduced_motion=True)
    start = figure.pixels()
    figure.root.locator("summary").click()
    sliders = figure.root.locator("input[type=range]")
    assert sliders.count() == 16
    figure.slider(10).focus()
    figure.page.keyboard.press("ArrowRight")
    assert number(figure.said(), "unit 10") == pytest.approx(0.05)
    moved = figure.pixels()
    assert moved[0] == start[0]  # the pad shows these two units already
    assert moved[1] != start[1] and moved[2] != start[2]
    figure.slider(0).focus()
    figure.page.keyboard.press("End")
    assert number(figure.said(), "unit 0") == 3
    assert figure.pixels()[0] != start[0]  # another unit: the pad's map changes
    figure.root.locator("label", has_text="7").first.click()
    assert figure.said().startswith("Class 7;")
    figure.page.keyboard.press("ArrowRight")
    assert figure.said().startswith("Class 8;")
    figure.part("random").click()
    figure.settle()
    assert figure.pixels("row")[0] not in (start[2], moved[2])
    figure.part("reset").click()
    figure.settle()
    assert figure.pixels() == start


def test_the_pad_under_a_finger(opened):
    figure = opened("styles", size=PHONE, touch=True)
    before = figure.pixels("one", "row")
    box = figure.box("pad")
    figure.page.touchscreen.tap(box["x"] + 0.1 * box["width"], box["y"] + 5)
    assert number(figure.said(), "unit 10") == pytest.approx(-2.4, abs=0.05)
    assert figure.pixels("one", "row") != before


def test_the_way_between_two_digits(opened):
    figure = opened("interpolation")
    ends, strips, now = ["a", "b"], ["both", "r", "v"], ["both-now", "r-now", "v-now"]
    start = figure.pixels(*ends, *strips)
    middle = figure.pixels(*now)
    figure.part("t").focus()
    figure.page.keyboard.press("Home")
    assert number(figure.said(), "t") == 0
    # At t = 0 all three ways are at the first digit, at t = 1 `both` is at the other.
    assert all(picture == start[0] for picture in figure.pixels(*now))
    figure.page.keyboard.press("End")
    figure.settle()
    assert figure.pixels("both-now") == figure.pixels("b")
    both, r_only, v_only = figure.pixels(*now)
    assert both != r_only and r_only != v_only and v_only != both
    assert (both, r_only, v_only) != middle
    assert figure.pixels(*ends, *strips) == start
    figure.part("swap").click()
    figure.settle()
    assert figure.pixels("a", "b") == (start[1], start[0])
    figure.part("to").select_option(label="8 (test image 61)")
    assert "to the 8 of test image 61" in figure.said()
    assert figure.pixels("b")[0] not in start[:2]
    figure.part("reset").click()
    assert "From the 4 of test image 4 to the 0 of test image 3" in figure.said()
    assert figure.pixels(*ends, *strips, *now) == start + middle
    figure.part("random").click()
    figure.settle()
    assert figure.pixels("both") != (start[2],)


def test_the_way_plays_and_pauses(opened):
    figure = opened("interpolation")
    before = figure.pixels("both-now")
    figure.part("play").click()
    assert figure.moves("both-now", since=before)
    figure.part("play").click()
    assert figure.part("play").inner_text() == "Play"
    figure.settle()
    assert figure.rests("both-now")


# --- what a page costs, and what it waits for ----------------------------------------


def test_first_paint_waits_for_no_weights(visit, live_site):
    """Weights that never come: the page is painted, whole, and keeps its shape."""
    held = []
    page = visit((live_site / "book/plain.html").as_uri()).page
    page.route("**/*-weights.js*", lambda route: held.append(route))
    # Not "load": a script that was asked for before it and never comes delays it.
    page.goto((live_site / "book/all.html").as_uri(), wait_until="domcontentloaded")
    page.wait_for_function("performance.getEntriesByName('first-contentful-paint')[0]")
    figures = page.locator(".live")

    def heights():
        return [figures.nth(k).bounding_box()["height"] for k in range(len(NAMES))]

    for name in NAMES:
        Figure(page, name, wait=False)
        page.wait_for_timeout(100)
    for _ in range(100):
        if len(held) == 3:
            break
        page.wait_for_timeout(100)
    before = heights()
    assert len(held) == 3
    assert page.locator("[data-state=loading]").count() == len(NAMES)
    assert all(image.is_visible() for image in figures.locator("img").all())
    for route in held:
        route.continue_()
    for name in NAMES:
        Figure(page, name)
    assert heights() == before  # nothing has moved


def test_a_figure_loads_its_own_weights_alone(visit, live_site):
    sizes = {}
    needed = {"hero": {"decoder"}, "draw": {"decoder", "encoder"}, "scene": {"scene"}}
    needed["all"] = {"decoder", "encoder", "scene"}
    for name in needed:
        seen = visit((live_site / f"book/{name}.html").as_uri())
        for figure in NAMES if name == "all" else [name]:
            Figure(seen.page, figure)
        files = {site_file(url, live_site) for url in seen.loaded}
        own = {f for f in files if f.parent.name == "live"}
        sizes[name] = {f.name: f.stat().st_size for f in own}
        weights = {n for n in sizes[name] if n.endswith("-weights.js")}
        assert weights == {f"{part}-weights.js" for part in needed[name]}
        # A page's text and pictures are its own, and have a limit of their own.
        shared = sum(
            f.stat().st_size for f in files if f.suffix not in (".html", ".png")
        )
        print(
            f"\n{name}: figures {sum(sizes[name].values()):,} bytes (weights "
            f"{sum(sizes[name][w] for w in weights):,}); all that is shared {shared:,}"
        )
        # MathJax is most of it. No page of the book has all figures.
        assert name == "all" or shared < 5 * MEGABYTE
    assert sum(sizes["hero"].values()) < 0.5 * MEGABYTE
    assert sum(sizes["scene"].values()) < 1 * MEGABYTE
    assert sum(sizes["all"].values()) < 3 * MEGABYTE


# --- for every reader ----------------------------------------------------------------


def test_nothing_that_axe_finds(visit, live_site):
    """Asked by all its rules in light; the colours again in dark."""
    page = visit((live_site / "book/all.html").as_uri()).page
    for name in NAMES:
        Figure(page, name)
    for summary in page.locator(".live summary").all():
        summary.click()
    page.add_style_tag(content="* { transition: none !important }")
    colours = {"runOnly": {"type": "rule", "values": COLOURS}}
    for theme, options, least in (("light", None, 11), ("dark", colours, 1)):
        turn(page, theme)
        found = Axe().run(page, context=".live", options=options).response
        assert len(found["passes"]) >= least
        assert [
            (v["id"], [n["html"] for n in v["nodes"]]) for v in found["violations"]
        ] == []


def test_a_phone_is_wide_enough(visit, live_site):
    page = visit((live_site / "book/all.html").as_uri(), size=PHONE, touch=True).page
    for name in NAMES:
        box = Figure(page, name).root.bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= PHONE[0]
    for summary in page.locator(".live summary").all():
        summary.click()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
    assert Figure(page, "draw").box("paper")["width"] > 180  # room for a finger
