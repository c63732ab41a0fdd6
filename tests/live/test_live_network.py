"""The networks in the page against torch on the same weights, and their speed."""

import functools

import numpy as np
import pytest
import torch

from equivae_lite.data import sets, sources
from equivae_lite.training import checkpoints
from tests.support.browser import opening
from tests.support.live_page import run_again
from tools.live import export, start

TOLERANCE = 1e-4
FRAMES = 120
SETUP = """async () => {
  const live = EquivaeLive, folder = "../_static/live/";
  window.unpacked ??= await Promise.all(["decoder", "encoder", "scene"].map(
    async (part) => live.unpack(
      await live.weights.load(part, `${folder}${part}-weights.js`))));
  const [d, e, s] = window.unpacked;
  const drawing = ({ tensors }) => ({ r: tensors.class_r.values,
    decode: live.network.decoder(tensors), image: live.network.imageOf(tensors) });
  live.test = { decoder: drawing(d), scene: drawing(s),
    encode: live.encoder(e.tensors) };
}"""
each_decoder = pytest.mark.parametrize("part", ["decoder", "scene"])


@pytest.fixture(scope="module")
def shown():
    """By the name of its file of weights: in grey, and in colour."""
    return {"decoder": export.load(), "scene": export.load(export.SCENE)}


@pytest.fixture(scope="module")
def model(shown):
    return shown["decoder"].model


@pytest.fixture(scope="module")
def page(browser, live_site):
    """A page with all figures, opened from its folder; all weights are there."""
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


def decoder_apart(page, shown, part, v):
    """Largest difference of a pixel between page and torch, for all classes and v."""
    with torch.no_grad():
        pictures = shown[part].draw(shown[part].model.class_r, v[:, None])
    wanted = pictures.movedim(-3, -1).flatten(0, 1).flatten(1)  # channels last
    found = page.evaluate(
        """([styles, part]) => styles.flatMap((v) => [...Array(10).keys()].map((y) => {
          const { r, decode } = EquivaeLive.test[part];
          return [...decode(r.subarray(16 * y, 16 * y + 16), Float32Array.from(v))];
        }))""",
        [v.tolist(), part],
    )
    assert len(found) == 10 * len(v)
    return (torch.tensor(found) - wanted).abs().max().item()


@each_decoder
def test_decoder_agrees_with_torch(page, shown, part):
    v = styles()[:: 1 if part == "decoder" else 3]  # four times the numbers in colour
    difference = decoder_apart(page, shown, part, v)
    print(f"\n{part}: {10 * len(v)} images, largest difference {difference:.1e}")
    assert difference < TOLERANCE


@each_decoder
def test_class_representations_are_those_of_the_checkpoint(page, shown, part):
    r = torch.tensor(page.evaluate("(part) => [...EquivaeLive.test[part].r]", part))
    assert torch.equal(r.reshape(10, 16), shown[part].model.class_r)


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


@each_decoder
def test_what_rounding_the_weights_does_to_pixels(shown, part):
    exact = export.Shown(*checkpoints.load(export.PARTS[part].model)[:2])
    v = torch.randn(100, 1, 16, generator=torch.Generator().manual_seed(6))
    with torch.no_grad():
        apart = [m.draw(m.model.class_r, v) for m in (shown[part], exact)]
    apart = (apart[0] - apart[1]).abs()
    largest, mean = apart.max().item(), apart.mean().item()
    print(f"\n{part}, float16 weights, 1000 images: largest change of a pixel "
          f"{largest:.4f}, mean {mean:.6f}")  # fmt: skip
    assert 0 < largest < 0.02 and mean < 2e-4  # 0.004 is one grey level


@each_decoder
def test_frames_per_second(page, part):
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
        """(part) => {
          const { r, decode, image } = EquivaeLive.test[part], v = new Float32Array(16);
          const canvas = document.querySelector("[data-live=hero] canvas");
          const row = EquivaeLive.paint.sheet(canvas, 10, 1, image);
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
        }""",
        part,
    )
    # Nothing else moves: the browser asks for little motion.
    page.evaluate("EquivaeLive.test.frames(30)")  # compiled by now
    before = busy()
    work = page.evaluate("(n) => EquivaeLive.test.frames(n)", FRAMES)
    milliseconds = 1000 * (busy() - before) / FRAMES
    print(
        f"\n{part}, ten digits: {milliseconds:.1f} ms of one core a frame, so "
        f"{1000 / milliseconds:.0f} frames a second; by the clock, on a machine that "
        f"does other things too, {np.median(work):.1f} ms (median of {FRAMES})"
    )
    assert milliseconds > 1  # something was measured
    # The row of the first page moves by itself; in colour a hand moves the dot.
    assert 1000 / milliseconds > (30 if part == "decoder" else 20)


# --- what would go wrong is noticed --------------------------------------------------


def decoder_fails(page, shown):
    return not decoder_apart(page, shown, "decoder", styles()[:2]) < TOLERANCE


def colour_fails(page, shown):
    return not decoder_apart(page, shown, "scene", styles()[-2:]) < TOLERANCE


def encoders_fail(page, shown):
    model = shown["decoder"].model
    return max(encoders_apart(page, model, drawings(model)[:2])) > TOLERANCE


@pytest.fixture(scope="module")
def right(page, shown):
    """Whether what fails with an error does not without; asked once of each."""
    return functools.cache(lambda fails: not fails(page, shown))


@pytest.fixture
def planted(page):
    """Runs the scripts again with one thing replaced; the right ones at the end."""

    def run(*replaced):
        run_again(page, ("network.js", "encoder.js"), *replaced)
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
        (decoder_fails, "network.js", "flat[c * area + p]", "flat[p * channels + c]"),
        (decoder_fails, "network.js", "let s0 = bias[o], s1", "let s0 = 0, s1"),
        (decoder_fails, "network.js", "let s0 = bias.values[c]", "let s0 = 0"),
        (decoder_fails, "network.js", "1 / (1 + Math.exp(-x))", "x"),
        (colour_fails, "network.js", "let s0 = bias.values[c]", "let s0 = 0"),
        (colour_fails, "network.js", "(size - n + KERNEL - 1) / 2", "0"),
        (colour_fails, "network.js", "Math.min(left + KERNEL, n)", "left + KERNEL"),
        (colour_fails, "network.js", "* KERNEL + from - left)", "* KERNEL)"),
        (colour_fails, "network.js", "a = Math.max(0, -top)", "a = 0"),
        (colour_fails, "network.js", "(c * each, (c + 1) * each)", "(0, each)"),
        (colour_fails, "network.js", "let w = ((c * KERNEL", "let w = ((0 * KERNEL"),
        (colour_fails, "network.js", "(k % colours) * area + ", "0 * area + "),
        (colour_fails, "network.js", "std[k] * x + mean[k]", "std[k] * x"),
        (colour_fails, "network.js", "std[k] * x + mean[k]", "x + mean[k]"),
        (colour_fails, "network.js", "Math.max(0, Math.min(1,", "Math.max(0, (0,"),
        (colour_fails, "network.js", "Math.max(0, Math.min(1,", "(Math.min(1,"),
        (encoders_fail, "network.js", "stride * p + a - PADDING", "stride * p + a - 1"),
        (encoders_fail, "encoder.js", "[1, 2, 2, 2, 2]", "[2, 1, 2, 2, 2]"),
        (encoders_fail, "encoder.js", "(denseR, r, joint", "(denseR, x, joint"),
        (encoders_fail, "encoder.js", "hidden), r, false)", "hidden), r)"),
    ],
)
def test_a_planted_error_is_seen(page, shown, right, planted, fails, name, old, new):
    assert right(fails)
    planted(name, old, new)
    assert fails(page, shown)
