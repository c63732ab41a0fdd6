"""The networks in the page against torch on the same weights, and their speed."""

from base64 import b64encode

import numpy as np
import pytest
import torch
from torchvision.transforms.functional import rotate

from equivae_lite.data import sets, sources
from equivae_lite.training import checkpoints
from tests.support.browser import opening
from tools.live import export, start
from tools.notebooks.book import ROOT

TOLERANCE = 1e-4
FRAMES = 120
SOURCES = ROOT / "book" / "live"
SETUP = """async () => {
  const live = EquivaeLive, folder = "../_static/live/";
  const [d, e] = await Promise.all(["decoder", "encoder"].map(
    (part) => live.weights.load(part, `${folder}${part}-weights.js`)));
  live.test = { r: d.tensors.class_r.values, start: d.start,
    decode: live.network.decoder(d.tensors), encode: live.encoder(e.tensors) };
}"""


@pytest.fixture(scope="module")
def model():
    return export.load()


@pytest.fixture(scope="module")
def page(browser, live_site):
    """A page with all figures, opened from its folder; both weights are there."""
    address = (live_site / "book/all.html").as_uri()
    with opening(browser, address, reduced_motion=True) as seen:
        seen.page.evaluate(SETUP)
        yield seen.page
        assert seen.problems() == []


def styles():
    """Values of v: the prior's middle, draws, and the corners that a pad can reach."""
    g = torch.Generator().manual_seed(3)
    corners = torch.where(torch.rand(6, 16, generator=g) < 0.5, -1.0, 1.0)
    return torch.cat(
        [
            torch.zeros(1, 16),
            torch.randn(20, 16, generator=g),
            start.RANGE * corners,
        ]
    )


def decoder_apart(page, model, v):
    """Largest difference of a pixel between page and torch, for all classes and v."""
    with torch.no_grad():
        wanted = model.mean_image(model.class_r, v[:, None]).reshape(-1, 784)
    found = page.evaluate(
        """(styles) => styles.flatMap((v) => [...Array(10).keys()].map((y) => {
          const { r, decode } = EquivaeLive.test;
          return [...decode(r.subarray(16 * y, 16 * y + 16), Float32Array.from(v))];
        }))""",
        v.tolist(),
    )
    assert len(found) == 10 * len(v)
    return (torch.tensor(found) - wanted).abs().max().item()


def test_decoder_agrees_with_torch(page, model):
    v = styles()
    difference = decoder_apart(page, model, v)
    print(f"\ndecoder: {10 * len(v)} images, largest difference {difference:.1e}")
    assert difference < TOLERANCE


def test_class_representations_are_those_of_the_checkpoint(page, model):
    r = page.evaluate("[...EquivaeLive.test.r]")
    assert torch.equal(torch.tensor(r).reshape(10, 16), model.class_r)


def drawings(model):
    """Images (N, 1, 28, 28) in [0, 1]: printed digits, decoded ones, noise, nothing."""
    g = torch.Generator().manual_seed(5)
    with torch.no_grad():
        decoded = model.mean_image(model.class_r, torch.randn(10, 16, generator=g))
    printed = sets.load("glyphs", "test", 20).images.float() / 255
    return torch.cat(
        [
            printed,
            decoded,
            torch.rand(3, 1, 28, 28, generator=g),
            torch.zeros(1, 1, 28, 28),
        ]
    )


def encoders_apart(page, model, x):
    """Largest differences of r, mu and log_var from those of torch, over images x."""
    with torch.no_grad():
        r = model.encoder(x[:, None])  # of each image alone, m = 1
        mu, log_var = model.posterior(r, x)
    found = page.evaluate(
        """(images) => images.map((image) => {
          const { encode } = EquivaeLive.test, x = Float32Array.from(image);
          const r = encode.invariant(x), { mu, logVar } = encode.posterior(r, x);
          return [[...r], [...mu], [...logVar]];
        })""",
        x.reshape(len(x), -1).tolist(),
    )
    apart = torch.tensor(found) - torch.stack([r, mu, log_var], dim=1)  # (N, 3, 16)
    return apart.abs().amax(dim=(0, 2)).tolist()


def test_encoders_agree_with_torch(page, model):
    x = drawings(model)
    if sources.available("mnist"):
        x = torch.cat([x, sets.load("mnist", "test", 20).images.float() / 255])
    differences = encoders_apart(page, model, x)
    for name, difference in zip(("r", "mu", "log_var"), differences):
        print(f"\n{name}: {len(x)} images, largest difference {difference:.1e}")
        assert difference < TOLERANCE


def test_what_rounding_the_weights_does_to_pixels(model):
    exact = checkpoints.load(export.NAME)[0]
    v = torch.randn(100, 1, 16, generator=torch.Generator().manual_seed(6))
    with torch.no_grad():
        apart = [m.mean_image(m.class_r, v) for m in (model, exact)]
    apart = (apart[0] - apart[1]).abs()
    largest, mean = apart.max().item(), apart.mean().item()
    print(f"\nfloat16 weights, 1000 images: largest change of a pixel {largest:.4f}, "
          f"mean {mean:.6f}")  # fmt: skip
    assert 0 < largest < 0.02 and mean < 2e-4  # 0.004 is one grey level


def test_frames_per_second(page):
    """Ten digits decoded and painted, over and over, as the moving row does it.

    A frame's cost is the time that the page's only thread works for it, as the browser
    counts it: other processes on the machine do not enter. Idle time does not either.
    """
    client = page.context.new_cdp_session(page)
    client.send("Performance.enable", {"timeDomain": "threadTicks"})

    def busy():
        metrics = client.send("Performance.getMetrics")["metrics"]
        return next(m["value"] for m in metrics if m["name"] == "TaskDuration")

    page.evaluate(
        """() => {
          const { r, decode } = EquivaeLive.test, v = new Float32Array(16);
          const canvas = document.querySelector("[data-live=hero] canvas");
          const row = EquivaeLive.paint.sheet(canvas, 10);
          let t = 0;
          EquivaeLive.test.frames = (count) => new Promise((resolve) => {
            const work = [];
            requestAnimationFrame(function frame() {
              const begun = performance.now();
              t += 0.05;
              for (let k = 0; k < 16; k++) v[k] = Math.SQRT2 * Math.sin(t + k * k);
              for (let y = 0; y < 10; y++)
                row.put(decode(r.subarray(16 * y, 16 * y + 16), v), y);
              row.show();
              work.push(performance.now() - begun);
              if (work.length < count) requestAnimationFrame(frame);
              else resolve(work);
            });
          });
        }"""
    )
    # Nothing else moves: the browser asks for little motion.
    page.evaluate("EquivaeLive.test.frames(30)")  # compiled by now
    before = busy()
    work = page.evaluate("(n) => EquivaeLive.test.frames(n)", FRAMES)
    milliseconds = 1000 * (busy() - before) / FRAMES
    print(
        f"\nten digits: {milliseconds:.1f} ms of one core a frame, so "
        f"{1000 / milliseconds:.0f} frames a second; by the clock, on a machine that "
        f"does other things too, {np.median(work):.1f} ms (median of {FRAMES})"
    )
    assert milliseconds > 1  # something was measured
    assert 1000 / milliseconds > 30


# --- a drawing made like an MNIST image ----------------------------------------------


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


def decoder_fails(page, model):
    return decoder_apart(page, model, styles()[:2]) > TOLERANCE


def encoders_fail(page, model):
    return max(encoders_apart(page, model, drawings(model)[:2])) > TOLERANCE


def drawing_fails(page, model):
    sheets = [an_l(0, (40, 40)), an_l(20, (97, 31))]
    apart = torch.stack([normalise(page, s) - reference(s) for s in sheets])
    return apart.abs().max() > 1e-5


@pytest.fixture
def planted(page):
    """Runs the scripts again with one thing replaced; the right ones at the end."""

    def run(name="", old="", new=""):
        for file in ("network.js", "encoder.js", "handwriting.js"):
            text = (SOURCES / file).read_text(encoding="utf-8")
            if file == name:
                assert text.count(old) == 1
                text = text.replace(old, new)
            page.evaluate(text)
        page.evaluate(SETUP)

    yield run
    run()


@pytest.mark.parametrize(
    ("fails", "name", "old", "new"),
    [
        (decoder_fails, "network.js", "rectify && sum < 0 ? 0 :", ""),
        (decoder_fails, "network.js", "= s5 > 0 ? s5 : 0", "= s5"),
        (decoder_fails, "network.js", "(p + PADDING - a) / 2", "(p + 1 - a) / 2"),
        (decoder_fails, "network.js", "dense(denseR, r,", "dense(denseR, v,"),
        (decoder_fails, "network.js", "dense(denseV, v,", "dense(denseV, r,"),
        (decoder_fails, "network.js", "flat[c * 4 + p]", "flat[p * channels + c]"),
        (decoder_fails, "network.js", "let s0 = bias, s1", "let s0 = 0, s1"),
        (encoders_fail, "network.js", "stride * p + a - PADDING", "stride * p + a - 1"),
        (encoders_fail, "encoder.js", "[1, 2, 2, 2, 2]", "[2, 1, 2, 2, 2]"),
        (encoders_fail, "encoder.js", "(denseR, r, joint", "(denseR, x, joint"),
        (encoders_fail, "encoder.js", "hidden), r, false)", "hidden), r)"),
        (drawing_fails, "handwriting.js", "CENTRE = 14", "CENTRE = 13"),
        (drawing_fails, "handwriting.js", "BOX = 20", "BOX = 22"),
        (drawing_fails, "handwriting.js", "massX / mass", "width / 2"),
        (drawing_fails, "handwriting.js", "* partY * partX", "* partX"),
    ],
)
def test_a_planted_error_is_seen(page, model, planted, fails, name, old, new):
    assert not fails(page, model)
    planted(name, old, new)
    assert fails(page, model)
