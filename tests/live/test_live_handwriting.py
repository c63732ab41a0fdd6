"""A drawing made like an MNIST image: what the page makes of it, by another road."""

from base64 import b64encode

import pytest
import torch
from torchvision.transforms.functional import rotate

from equivae_lite.data import sets, sources
from tests.support.browser import opening
from tests.support.live_page import run_again


@pytest.fixture(scope="module")
def page(browser, live_site):
    """The page with the sheet to draw on, opened from its folder."""
    with opening(browser, (live_site / "book/draw.html").as_uri()) as seen:
        yield seen.page
        assert seen.problems() == []


def normalise(page, ink):
    """handwriting.js on an ink (n, n) in [0, 1] -> (28, 28), or None."""
    found = page.evaluate(
        """([ink, n]) => {
          const bytes = Uint8Array.from(atob(ink), (c) => c.charCodeAt(0));
          const { normalise } = EquivaeLive.handwriting;
          const image = normalise(new Float32Array(bytes.buffer), n);
          return image && [...image];
        }""",
        # As bytes: a list of a hundred thousand numbers takes a second on its way.
        [b64encode(ink.float().numpy().tobytes()).decode(), len(ink)],
    )
    return None if found is None else torch.tensor(found).reshape(28, 28)


def shrink(ink, size, dim):
    """Mean of `ink` over `size` equal parts of an axis: every pixel repeated `size`
    times, then as many together as there were pixels."""
    parts = ink.repeat_interleave(size, dim).unflatten(dim, (size, ink.shape[dim]))
    return parts.mean(dim=dim + 1)


def reference(ink):
    """What MNIST's description says, by another road than handwriting.js."""
    rows, columns = (torch.nonzero(ink.amax(dim=d) > 0).flatten() for d in (1, 0))
    cut = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    height, width = (max(1, round(20 * side / max(cut.shape))) for side in cut.shape)
    small = shrink(shrink(cut.double(), height, 0), width, 1)
    at = torch.stack(torch.meshgrid(*map(torch.arange, small.shape), indexing="ij"))
    centre = (at * small).sum(dim=(1, 2)) / small.sum()
    top, left = (16 + round(14 - c) for c in centre.tolist())
    image = torch.zeros(60, 60)
    image[top : top + height, left : left + width] = small
    return image[16:44, 16:44]


def an_l(angle, size):
    """A sheet (150, 150) with an L of two greys, stretched and turned."""
    ink = torch.zeros(*size)
    ink[:, : size[1] // 3] = 0.8
    ink[-size[0] // 4 :] = 1.0
    sheet = torch.zeros(1, 150, 150)
    sheet[0, 27 : 27 + size[0], 41 : 41 + size[1]] = ink
    return rotate(sheet, angle)[0]


@pytest.mark.parametrize("angle", [0, 20, 75])
@pytest.mark.parametrize("size", [(40, 40), (97, 31), (13, 61)])
def test_a_drawing_is_scaled_and_centred(page, angle, size):
    sheet = an_l(angle, size)
    found, wanted = normalise(page, sheet), reference(sheet)
    assert found.max() > 0.5
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=0)


def test_a_blank_sheet_is_no_drawing(page):
    assert normalise(page, torch.zeros(40, 40)) is None


def test_a_dot_is_a_drawing(page):
    ink = torch.zeros(40, 40)
    ink[30, 3] = 1
    assert normalise(page, ink).sum() == 400  # one pixel, enlarged to 20 x 20


@pytest.mark.skipif(not sources.available("mnist"), reason="needs MNIST (EQUIVAE_DATA)")
def test_mnist_digits_come_out_as_they_are(page):
    """Enlarged ten times and put elsewhere, a test image is normalised to itself."""
    images = sets.load("mnist", "test", 60).images[:, 0].float() / 255
    exact = 0
    for image in images:
        sheet = torch.zeros(320, 320)
        enlarged = image.repeat_interleave(10, 0).repeat_interleave(10, 1)
        sheet[37:317, 11:291] = enlarged
        found = normalise(page, sheet)
        # MNIST rounds a centre that lies between two pixels to either of them.
        shifts = [(a, b) for a in (-1, 0, 1) for b in (-1, 0, 1)]
        apart = {s: (found.roll(s, (0, 1)) - image).abs().max().item() for s in shifts}
        assert min(apart.values()) < 1e-4
        exact += apart[0, 0] < 1e-4
    print(f"\nMNIST: {exact} of {len(images)} test images come back exactly")
    assert exact > 0.9 * len(images)


# --- what would go wrong is noticed --------------------------------------------------


def drawing_fails(page):
    sheets = [an_l(0, (40, 40)), an_l(20, (97, 31))]
    apart = torch.stack([normalise(page, s) - reference(s) for s in sheets])
    return apart.abs().max() > 1e-5


@pytest.fixture
def planted(page):
    """Runs the script again with one thing replaced; the right one at the end."""

    def run(*replaced):
        run_again(page, ("handwriting.js",), "handwriting.js", *replaced)

    yield run
    run("", "")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("CENTRE = 14", "CENTRE = 13"),
        ("BOX = 20", "BOX = 22"),
        ("massX / mass", "width / 2"),
        ("* partY * partX", "* partX"),
    ],
)
def test_a_planted_error_is_seen(page, planted, old, new):
    assert not drawing_fails(page)
    planted(old, new)
    assert drawing_fails(page)
