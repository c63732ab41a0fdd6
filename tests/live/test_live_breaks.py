"""The live figures broken on purpose, one thing of each kind: their tests notice."""

import pytest
from playwright.sync_api import Error

from tests.live import test_live


@pytest.fixture
def broken(visit, live_site, tmp_path):
    """broken(file, old, new) is `opened` of test_live, with a file replaced."""
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
            return test_live.Figure(page, name, wait)

        return open_figure

    return plant


@pytest.mark.parametrize(
    ("test", "file", "old", "new"),
    [
        ("sliders_classes_and_buttons", "styles.js", "v[unit] = Number(", "Number("),
        ("sliders_classes_and_buttons", "styles.js", "go(start.styles.v)", "go(v)"),
        ("the_pad_listens_to_keys", "styles.js", "ArrowUp: [0, size]", ""),
        ("the_pad_is_dragged", "styles.js", "Id)) drag(event)", "Id)) {}"),
        (
            "nothing_moves_for_a_reader_who_wants_little_motion",
            *("hero.js", ", moving = !calm.matches", ", moving = true"),
        ),
        ("the_moving_row_moves_and_stops", "hero.js", "moving = !moving; ask", "ask"),
        ("the_way_plays_and_pauses", "interpolation.js", "play(!playing)", "tell()"),
        ("a_wider_pen_draws_wider", "draw.js", "pen.lineWidth = width", "0"),
    ],
)
def test_a_broken_figure_fails_its_test(broken, test, file, old, new):
    check = getattr(test_live, f"test_{test}")
    opened = broken(file, old, new)
    with pytest.raises((AssertionError, Error)):
        check(opened)


def test_the_same_file_served_unbroken_passes(broken):
    same = "ArrowUp: [0, size]"
    test_live.test_the_pad_listens_to_keys(broken("styles.js", same, same))
