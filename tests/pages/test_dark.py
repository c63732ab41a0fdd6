"""Stored figures on a dark page: plots turn dark, pictures stay what they are."""

import io
from types import SimpleNamespace

import numpy as np
import pytest
from docutils import nodes
from matplotlib import image

from tools.notebooks.book import ROOT
from tools.pages import dark

STYLE = (ROOT / "book/_static/equivae.css").read_text(encoding="utf-8")
PAGE = """<!doctype html><html lang=en data-theme={theme}><title>t</title>
<style>{style} body {{ margin: 0 }} img {{ display: block }}</style>
<div class=bd-content><div class=cell_output>
<img class=plot src=plot.png alt=a><img src=picture.png alt=b></div></div>"""


def white():
    return np.ones((100, 160, 3))


def lines():
    rgb = white()
    rgb[10:90, 20:22] = rgb[88:90, 20:140] = 0.1
    rgb[40:43, 20:140] = (0.8, 0.4, 0)
    return rgb


def bars():
    rgb = lines()
    rgb[50:88, 30:60] = (0, 0.45, 0.7)
    rgb[30:88, 80:110] = (0.8, 0.4, 0)
    return rgb


def digit():
    rgb = white()
    rgb[20:80, 40:100] = 0
    rgb[30:70, 65:72] = 1
    return rgb


def house():
    rgb = white()
    shades = np.random.default_rng(0).uniform(0.4, 0.9, (60, 60, 3))
    rgb[20:80, 40:100] = shades
    return rgb


@pytest.mark.parametrize(
    ("drawn", "plot"), [(white, 1), (lines, 1), (bars, 1), (digit, 0), (house, 0)]
)
def test_plots_are_told_from_pictures(drawn, plot):
    assert dark.is_plot(drawn()) == bool(plot)


def test_a_picture_smaller_than_a_block_is_no_error():
    assert dark.is_plot(np.ones((3, 3, 3)))


def test_outputs_of_chapters_are_marked_and_nothing_else(tmp_path):
    folder = tmp_path / "_build" / "jupyter_execute"
    folder.mkdir(parents=True)
    image.imsave(folder / "plot.png", bars())
    image.imsave(folder / "digit.png", digit())
    image.imsave(tmp_path / "other.png", bars())
    uris = ["_build/jupyter_execute/plot.png", "_build/jupyter_execute/digit.png",
            "other.png"]  # fmt: skip
    found = [nodes.image(uri=uri) for uri in uris]
    page = SimpleNamespace(findall=lambda kind: found)
    dark.mark(SimpleNamespace(srcdir=tmp_path), page, "page")
    assert [node["classes"] for node in found] == [["plot"], [], []]


@pytest.mark.parametrize(("theme", "plot", "picture"), [
    ("light", (255, 255), (255, 255)), ("dark", (0, 60), (100, 200)),
])  # fmt: skip
def test_no_white_sheet_lies_on_a_dark_page(visit, tmp_path, theme, plot, picture):
    for name in ("plot", "picture"):
        image.imsave(tmp_path / f"{name}.png", white())
    path = tmp_path / "page.html"
    path.write_text(PAGE.format(theme=theme, style=STYLE), encoding="utf-8")
    shot = visit(path.as_uri()).page.screenshot()
    levels = 255 * image.imread(io.BytesIO(shot), format="png")[..., :3]
    for (least, most), top in ((plot, 0), (picture, 100)):
        level = levels[top + 50, 80].mean()
        assert least <= round(level) <= most
