"""Where no scripts run, a live figure is a picture with its description."""

import pytest
from matplotlib import image

from tests.support.live_page import FIGURE, build
from tools.pages import check_pages

ALT = "The ten digits 0 to 9 in one handwriting"
PAGES = {"index.md": "# A page\n" + FIGURE.format(name="styles")}


@pytest.mark.parametrize(
    ("builder", "made", "says"),
    [
        ("singlehtml", "index.html", [f'alt="{ALT}', "The caption of styles"]),
        ("latex", "live.tex", ["sphinxincludegraphics", "The caption of styles"]),
        ("text", "index.txt", [ALT, "The caption of styles"]),
    ],
)
def test_other_builders_show_a_picture(tmp_path, builder, made, says):
    run = build(tmp_path, PAGES, "-b", builder)
    assert run.returncode == 0, run.stderr
    text = (tmp_path / "html" / made).read_text(encoding="utf-8")
    for words in says:
        assert words in text, words
    assert "live-controls" not in text and "live/decoder" not in text
    if builder == "text":
        return
    (picture,) = [p for p in (tmp_path / "html").rglob("styles*.png")
                  if ".doctrees" not in p.parts]  # fmt: skip
    height, width = image.imread(picture).shape[:2]
    assert width == 10 * height  # ten digits
    if builder == "singlehtml":
        page = check_pages.parsed(tmp_path / "html" / made)
        assert (tmp_path / "html" / page.select_one("figure img")["src"]).is_file()


def test_pages_keep_their_scripts(tmp_path):
    assert build(tmp_path, PAGES).returncode == 0
    page = check_pages.parsed(tmp_path / "html" / "index.html")
    assert page.select_one("figure .live[data-live=styles] canvas")
