"""The live figures broken on purpose, one thing of each kind: their tests notice."""

import pytest
from playwright.sync_api import Error

from tests.live import test_live, test_live_scene
from tests.support.live_figure import Figure


@pytest.fixture
def broken(visit, live_site, tmp_path):
    """broken(file, old, new) is `opened`, with a file replaced."""
    empty = tmp_path / "empty.html"
    empty.write_text("<!doctype html><title>e</title>", encoding="utf-8")

    def plant(file, old, new):
        (path,) = live_site.glob(f"**/{file}")
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1
        text = text.replace(old, new)

        def open_figure(name, wait=True, **how):
            page = visit(empty.as_uri(), **how).page
            page.set_default_timeout(8_000)  # some 2 s when nothing is broken
            page.route(f"**/{file}*", lambda route: route.fulfill(body=text))
            page.goto((live_site / f"book/{name}.html").as_uri())
            return Figure(page, name, wait)

        return open_figure

    return plant


@pytest.mark.parametrize(
    ("test", "file", "old", "new"),
    [
        ("sliders_classes_and_buttons", "pad.js", "v[unit] = Number(", "Number("),
        ("sliders_classes_and_buttons", "pad.js", "go(home.v)", "go(v)"),
        ("the_pad_listens_to_keys", "pad.js", "ArrowUp: [0, size]", ""),
        ("the_pad_is_dragged", "pad.js", "Id)) drag(event)", "Id)) {}"),
        (
            "nothing_moves_for_a_reader_who_wants_little_motion",
            *("hero.js", ", moving = !calm.matches", ", moving = true"),
        ),
        ("the_moving_row_moves_and_stops", "hero.js", "moving = !moving; ask", "ask"),
        ("the_way_plays_and_pauses", "interpolation.js", "play(!playing)", "tell()"),
        ("a_wider_pen_draws_wider", "draw.js", "pen.lineWidth = width", "0"),
        ("a_scene_is_chosen", "pad.js", "radios[home.y].checked = true", ""),
        ("a_scene_is_chosen", "scene.js", "Number(part.scenes.value)", "0"),
        ("a_scene_is_left_and_found_again", "pad.js", "home.v[across], h", "0, h"),
        ("a_scene_is_left_and_found_again", "pad.js", "home = to;", ""),
        ("a_hand_stops_the_walk_to_a_scene", "pad.js", "changed(midway)", "changed()"),
        ("a_scene_is_in_colour", "paint.js", "k + c % colours", "k"),
        ("a_scene_is_in_colour", "paint.js", "k += colours", "k++"),
    ],
)
def test_a_broken_figure_fails_its_test(broken, test, file, old, new):
    (check,) = (getattr(room, f"test_{test}")
                for room in (test_live, test_live_scene)
                if hasattr(room, f"test_{test}"))  # fmt: skip
    opened = broken(file, old, new)
    with pytest.raises((AssertionError, Error)):
        check(opened)


def test_the_same_file_served_unbroken_passes(broken):
    same = "ArrowUp: [0, size]"
    test_live.test_the_pad_listens_to_keys(broken("pad.js", same, same))
