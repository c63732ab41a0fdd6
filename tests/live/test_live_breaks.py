"""The live figures broken on purpose, one thing of each kind: their tests notice."""

from mimetypes import guess_type

import pytest
from playwright.sync_api import Error

from tests.live import test_live, test_live_hand, test_live_pen, test_live_scene
from tests.support.live_figure import Figure


@pytest.fixture
def broken(visit, live_site, tmp_path):
    """broken(file, old, new) is `opened`, with a file replaced."""
    empty = tmp_path / "empty.html"
    empty.write_text("<!doctype html><title>e</title>", encoding="utf-8")

    def plant(file, old, new):
        (path,) = live_site.glob(f"**/live/{file}")
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1
        text = text.replace(old, new)

        def open_figure(name, wait=True, **how):
            page = visit(empty.as_uri(), **how).page
            page.set_default_timeout(8_000)  # some 2 s when nothing is broken
            kind = guess_type(file)[0]
            spoilt = {"body": text, "content_type": kind}
            page.route(f"**/live/{file}*", lambda route: route.fulfill(**spoilt))
            page.goto((live_site / f"book/{name}.html").as_uri())
            return Figure(page, name, wait)

        return open_figure

    return plant


@pytest.mark.parametrize(
    ("test", "file", "old", "new"),
    [
        ("sliders_classes_and_buttons", "pad.js", "v[unit] = Number(", "Number("),
        ("sliders_classes_and_buttons", "pad.js", "go(home.v)", "go(v)"),
        ("the_pad_listens_to_keys", "pad.js", "ArrowUp: [x, y + size]", ""),
        ("the_pad_is_dragged", "pad.js", "=== finger) drag(event)", "=== finger) {}"),
        (
            "nothing_moves_for_a_reader_who_wants_little_motion",
            *("hero.js", ", moving = !calm.matches", ", moving = true"),
        ),
        ("the_moving_row_moves_and_stops", "hero.js", "moving = !moving; ask", "ask"),
        ("the_way_plays_and_pauses", "interpolation.js", "play(!playing)", "tell()"),
        ("a_wider_pen_draws_wider", "paper.js", "b, width);", "b, 30); width = 30;"),
        ("a_scene_is_chosen", "pad.js", "radios[home.y].checked = true", ""),
        ("a_scene_is_chosen", "scene.js", "Number(part.scenes.value)", "0"),
        ("a_scene_is_left_and_found_again", "pad.js", "home = to;", ""),
        ("a_hand_stops_the_walk_to_a_scene", "pad.js", "changed(midway)", "changed()"),
        ("a_scene_is_in_colour", "paint.js", "k + c % colours", "k"),
        ("a_scene_is_in_colour", "paint.js", "k += colours", "k++"),
    ],
)
def test_a_broken_figure_fails_its_test(broken, test, file, old, new):
    (check,) = (getattr(room, f"test_{test}")
                for room in (test_live, test_live_pen, test_live_scene)
                if hasattr(room, f"test_{test}"))  # fmt: skip
    opened = broken(file, old, new)
    with pytest.raises((AssertionError, Error)):
        check(opened)


def test_the_same_file_served_unbroken_passes(broken):
    same = "ArrowUp: [x, y + size]"
    test_live.test_the_pad_listens_to_keys(broken("pad.js", same, same))


# What the hand does, and what the page lets it do: test, what it is asked of, break.
HAND = [
    ("a_second_finger_draws_nothing", (), "paper.js",
     "if (event.pointerId !== going?.id) return;", ""),
    ("a_second_finger_draws_nothing", (), "paper.js",
     'if (event.pointerType !== "pen" || going.type === "pen") return;', ""),
    ("a_pen_is_worth_more_than_a_palm", (), "paper.js", 'undo();\n      }', "}"),
    ("a_tap_is_a_dot_and_can_be_taken_back", (), "paper.js",
     "pen.arc(...a, width / 2, 0, 2 * Math.PI);\n        pen.fill();", ""),
    ("a_tap_is_a_dot_and_can_be_taken_back", (), "paper.js", "now = past.pop()", "0"),
    ("clear_and_undo_are_safe_while_a_stroke_goes_on", ("clear",), "paper.js",
     "    function set(next) {\n      going = null;", "    function set(next) {"),
    ("keys_draw_a_digit", (), "keys.js", "event.preventDefault();\n    if", "if"),
    ("keys_draw_a_digit", (), "keys.js", "for (const key of held)",
     "for (const key of [[...held].at(-1)])"),
    ("keys_draw_a_digit", (), "keys.js", "if (hand.down()) hand.lift();\n    held",
     "held"),
    ("what_is_no_digit_is_said_to_be_none", (), "draw.js",
     "apart[first] > far.distance, odd = missed > far.missed", "false, odd = false"),
    ("what_is_no_digit_is_said_to_be_none", (), "live.css",
     "border-style: dashed;", ""),
    ("keys_of_a_slider_stay_in_the_pad", (), "pad.js", "event.preventDefault();", ""),
    ("keys_of_a_slider_stay_in_the_pad", (), "pad.js", ", End: [range, y]", ""),
    ("sliders_are_sorted_by_use_and_say_their_value", (), "pad.js",
     "kl[b] - kl[a]", "a - b"),
    ("sliders_are_sorted_by_use_and_say_their_value", (), "paint.js",
     'slider.setAttribute("aria-valuetext", text);', ""),
    ("sliders_of_other_figures_say_their_value", (), "interpolation.js",
     "    tellValue(part.t, words(t));", ""),
    ("the_way_rests_out_of_sight", (), "interpolation.js",
     "{ visible = seen; ask(); }", "{}"),
    ("sheet_and_answer_are_on_one_screen", (test_live_hand.ACROSS,), "live.css",
     "(max-height: 500px)", "(max-height: 5px)"),
    ("targets_are_as_large_as_a_finger", ("styles",), "live.css",
     "min-height: 44px;\n  padding", "min-height: 36px;\n  padding"),
    ("forced_colours_keep_what_colours_say", (), "live.css",
     "    border-color: Highlight;", "    border-color: Canvas;"),
    ("a_state_is_shared_by_its_address", ("styles",), "pad.js", "v.set(values);", ""),
    ("a_picture_is_saved", ("styles",), "keep.js",
     "pen.drawImage(one, left, top, width, height);", ""),
]  # fmt: skip


@pytest.mark.parametrize(("test", "asked", "file", "old", "new"), HAND)
def test_a_hand_that_is_not_served_fails_its_test(broken, test, asked, file, old, new):
    (check,) = (getattr(room, f"test_{test}")
                for room in (test_live_pen, test_live_hand)
                if hasattr(room, f"test_{test}"))  # fmt: skip
    with pytest.raises((AssertionError, Error, ValueError)):
        check(broken(file, old, new), *asked)
