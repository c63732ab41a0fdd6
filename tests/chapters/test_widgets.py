"""The explorer's functions over the whole range of their sliders, and the sliders."""

import itertools
import math
import sys

import matplotlib.pyplot as plt
import pytest
import torch
from torch.distributions import Normal, kl_divergence

from equivae_lite.chapters import explorer, widgets
from equivae_lite.chapters.explorer import Explorer
from equivae_lite.errors import EquivaeError
from equivae_lite.evaluation.bound import noise_of
from equivae_lite.training import checkpoints
from tests.support.small import PLAIN, images, model, pixels

close = torch.testing.assert_close


@pytest.fixture(scope="module")
def digits():
    """The shipped model of the stand-in, with few images."""
    trained, scale, _ = checkpoints.load("glyphs-supervised")
    test = images("glyphs", "test", 50)
    # All of them: the smallest class has more than the 100 that m goes up to.
    return Explorer(trained, scale, images("glyphs", "train", 1500), test)


@pytest.fixture(autouse=True)
def no_gradients_and_no_open_figures():
    with torch.no_grad():
        yield
    plt.close("all")


BUILDERS = {
    "styles": lambda d: widgets.explore_styles(d),
    "interpolation": lambda d: widgets.explore_interpolation(d, 0, 1),
    "encoding": lambda d: widgets.explore_encoding(d, 0),
    "settling": lambda d: widgets.explore_settling(d),
    "samples": lambda d: widgets.explore_samples(d),
    "bounds": lambda d: widgets.explore_bounds(d, 0),
}
# What a figure shows is a function of the settings of its sliders, by name.
ANSWERS = {
    "styles": lambda d, y, **v: explorer.ten_digits(d, list(v.values()))[[y]],
    "interpolation": explorer.between,
    "encoding": lambda d, index, right, down, turn: (
        explorer.encode(
            d,
            explorer.distort(explorer.test_image(d, index), right, down, turn),
        ).redrawn
    ),
    "settling": lambda d, y, m, seed: explorer.settling(d, y, seed, m)[-1],
    "samples": lambda d, y, temperature, seed: explorer.samples(
        d, y, temperature, seed
    ),
    "bounds": lambda d, index, right, down, turn: explorer.class_bounds(
        d, explorer.distort(explorer.test_image(d, index), right, down, turn), draws=1
    ),
}
SHAPES = {
    "styles": (1, 1, 28, 28),
    "interpolation": (1, 28, 28),
    "encoding": (10, 1, 28, 28),
    "settling": (16,),
    "samples": (12, 1, 28, 28),
    "bounds": (10,),
}


def sliders(box):
    """The sliders of an interactive by the names that the callback knows."""
    return {child._kwarg: child for child in box.children[:-1]}


def values(slider):
    """Everything that a slider can be set to."""
    count = round((slider.max - slider.min) / slider.step)
    return [slider.min + i * slider.step for i in range(count)] + [slider.max]


def same(a, b):
    return a.shape == b.shape and torch.allclose(a, b, atol=1e-6, rtol=0)


@pytest.mark.parametrize("name", BUILDERS)
def test_every_value_and_every_corner(name, digits):
    found = sliders(BUILDERS[name](digits))
    start = {key: slider.value for key, slider in found.items()}
    answer, shape = ANSWERS[name], SHAPES[name]
    first = answer(digits, **start)
    for key, slider in found.items():
        seen = [answer(digits, **start | {key: v}) for v in values(slider)]
        for value, a in zip(values(slider), seen):
            assert a.shape == shape and torch.isfinite(a).all(), (key, value)
        assert not all(same(a, first) for a in seen), f"{key} changes nothing"
        back = answer(digits, **start)
        close(back, first, atol=0, rtol=0)  # nothing is remembered
    ends = [(slider.min, slider.max) for slider in found.values()]
    for corner in itertools.product(*ends):
        a = answer(digits, **dict(zip(found, corner)))
        assert a.shape == shape and torch.isfinite(a).all(), corner


def drawn(figure):
    """All numbers and words that a figure shows."""
    content = [figure.get_suptitle()]
    for ax in figure.axes:
        content += [t.get_text() for t in (ax.title, ax.xaxis.label)]
        content += [image.get_array().tolist() for image in ax.images]
        content += [line.get_xydata().tolist() for line in ax.lines]
        content += [bar.get_height() for bar in ax.patches]
    return content


@pytest.mark.parametrize("name", BUILDERS)
def test_sliders_redraw(name, digits):
    box = BUILDERS[name](digits)
    assert box.result is not None
    count = len(box.children) - 1
    for i in range(count):
        slider = box.children[i]
        assert slider.description and not slider.continuous_update
        start, before = slider.value, drawn(box.result)
        for value in (slider.min, slider.max):
            if value == start:
                continue
            figure = box.result
            box.children[i].value = value
            assert box.result is not figure, f"{slider.description}: not drawn again"
            assert drawn(box.result) != before, f"{slider.description}: no change"
        box.children[i].value = start
        assert drawn(box.result) == before
        plt.close("all")


# --- equal to the model called by hand ------------------------------------------------


def test_units_are_sorted_by_what_they_say(digits):
    x = digits.test.images / 255
    mu, log_var = digits.model.posterior(digits.model.class_r[digits.test.labels], x)
    close(digits.posterior[0], mu, atol=1e-5, rtol=0)
    q = Normal(mu, (log_var / 2).exp())
    use = kl_divergence(q, Normal(0.0, 1.0)).mean(dim=0)[list(digits.units)]
    assert (use[:-1] >= use[1:]).all() and sorted(digits.units) == list(range(16))


def test_ten_digits(digits):
    v = torch.zeros(16)
    v[digits.units[0]], v[digits.units[1]] = 1.5, -2.0
    close(explorer.style(digits, [1.5, -2.0]), v)
    for y, picture in enumerate(explorer.ten_digits(digits, [1.5, -2.0])):
        logits = digits.model.decoder(digits.model.class_r[y], v)
        # Ten at a time are summed in another order than one: up to 1,600 products of
        # float32 in a layer, and 1.13e-6 seen on a processor with AVX-512 and AMX.
        close(picture, torch.sigmoid(logits), atol=1e-5, rtol=0)


@pytest.mark.parametrize(("at_v", "at_r"), [(0, 0), (1, 0), (0, 1), (1, 1), (0.3, 0.6)])
def test_between(digits, at_v, at_r):
    first, second = 3, 8
    ends = []
    for i in (first, second):
        r = digits.model.class_r[digits.test.labels[i]]
        v, _ = digits.model.posterior(r[None], digits.test.images[i][None] / 255)
        ends.append((r, v[0]))
    (r_a, v_a), (r_b, v_b) = ends
    by_hand = digits.model.mean_image(
        (1 - at_r) * r_a + at_r * r_b, (1 - at_v) * v_a + at_v * v_b
    )
    found = explorer.between(digits, first, second, at_v, at_r)
    close(found, by_hand, atol=1e-5, rtol=0)


def test_encode(digits):
    for i in range(10):
        image = digits.test.images[i]
        found = explorer.encode(digits, image)
        r = digits.model.encoder(image[None] / 255)  # a set of one image
        close(found.r, r, atol=1e-5, rtol=0)
        distances = torch.stack([(r - one).norm() for one in digits.model.class_r])
        close(found.distances, distances, atol=1e-5, rtol=0)
        assert found.nearest == int(distances.argmin())
        v, _ = digits.model.posterior(r[None], image[None] / 255)
        close(found.v, v[0], atol=1e-5, rtol=0)
        redrawn = digits.model.mean_image(digits.model.class_r, v[0])
        close(found.redrawn, redrawn, atol=1e-5, rtol=0)
    all_at_once = explorer.nearest_classes(digits, digits.test.images[:10])
    one_by_one = [explorer.encode(digits, x).nearest for x in digits.test.images[:10]]
    assert all_at_once.tolist() == one_by_one


def test_settling(digits):
    r = explorer.settling(digits, 4, seed=3, most=20)
    members = (digits.train.labels == 4).nonzero().flatten()
    order = torch.randperm(len(members), generator=torch.Generator().manual_seed(3))
    chosen = digits.train.images[members[order[:20]]] / 255
    for m in range(1, 21):
        close(r[m - 1], digits.model.encoder(chosen[:m]), atol=1e-5, rtol=1e-5)
    everything = explorer.settling(digits, 4, seed=3, most=len(members))
    again = explorer.settling(digits, 4, seed=4, most=len(members))
    close(everything[-1], again[-1], atol=1e-4, rtol=1e-4)  # all: in any order
    assert not torch.allclose(everything[0], again[0], atol=1e-3)


def test_samples(digits):
    eps = torch.randn(12, 16, generator=torch.Generator().manual_seed(6))
    for temperature in (0.0, 0.5, 1.0, 4.0):
        by_hand = digits.model.mean_image(
            digits.model.class_r[2], math.sqrt(temperature) * eps
        )
        close(explorer.samples(digits, 2, temperature, seed=6), by_hand)


def test_class_bounds(digits):
    image = digits.test.images[7]
    eps = noise_of(torch.arange(4), 10, 16)
    by_hand = []
    for y in range(10):
        r = digits.model.class_r[y].expand(4, -1)
        x = (image / 255).expand(4, -1, -1, -1)
        by_hand.append(digits.model.terms(x, r, eps[:, y]).bound.mean())
    found = explorer.class_bounds(digits, image, draws=4)
    close(found, torch.stack(by_hand), atol=1e-2, rtol=0)  # sums of 784 float32 terms
    q = explorer.best_q(found)
    weights = (found.double() - found.max()).exp()
    close(q, weights / weights.sum(), atol=1e-12, rtol=0)


def test_distort(digits):
    image = digits.test.images[0]
    close(explorer.distort(image, 0, 0, 0.0), image)
    shifted = torch.zeros_like(image)
    shifted[:, 2:, :-3] = image[:, :-2, 3:]
    close(explorer.distort(image, -3, 2, 0.0), shifted)
    # A quarter turn clockwise, and half a turn: no interpolation, no rounding.
    quarter = explorer.distort(image, 0, 0, 90.0)
    close(quarter, image.rot90(-1, dims=(1, 2)))
    close(explorer.distort(image, 0, 0, 180.0), image.flip(1, 2))
    both = explorer.distort(image, -3, 2, 90.0)  # turned first, then shifted
    close(both, explorer.distort(quarter, -3, 2, 0.0))
    batch = explorer.distort(digits.test.images[:5], 1, 1, 30.0)
    close(batch[0], explorer.distort(image, 1, 1, 30.0))


def test_as_image_is_what_a_file_would_hold(digits):
    image = digits.test.images[0]
    close(explorer.as_image(image / 255), image)
    assert explorer.as_image(torch.tensor([0.0, 1.0])).tolist() == [0, 255]


def test_sheet():
    pictures = torch.rand(7, 3, 4, 6)
    found = widgets.sheet(pictures, columns=3)
    assert found.shape == (3, 3 * 5 - 1, 3 * 7 - 1)
    close(found[:, 5:9, 14:20], pictures[5])
    close(found[:, 10:14, 7:20], torch.ones(3, 4, 13))  # no eighth, no ninth
    assert (found[:, 4] == 1).all()


def test_only_the_prior_is_called_a_sample(digits):
    def title(temperature):
        figure = widgets.samples_figure(digits, 3, temperature, 0)
        return figure.axes[0].get_title()

    assert "samples" in title(1.0)
    for temperature in (0.0, 0.99, 2.0):
        assert "samples" not in title(temperature)
        assert "not p(v)" in title(temperature)


def test_figures_name_the_stand_in(digits):
    for figure in (
        widgets.style_figure(digits, 3, [0.0]),
        widgets.encoding_figure(digits, 0, 0, 0, 0.0),
    ):
        assert "stand-in glyphs" in figure.get_suptitle()


# --- bad values -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda d: explorer.style(d, []), "0 values of v given: expected from 1 to 16"),
        (lambda d: explorer.style(d, [0.0] * 17), "17 values of v given"),
        (lambda d: explorer.style(d, [6.1]), r"unit \d+ of v is 6.1: .* -6.0 to 6.0"),
        (lambda d: explorer.style(d, [math.nan]), "of v is nan"),
        (lambda d: widgets.style_figure(d, 10, [0.0]), "class is 10: .* 0 to 9"),
        (lambda d: explorer.between(d, 0, 50, 0, 0), "image is 50: .* from 0 to 49"),
        (lambda d: explorer.between(d, -1, 0, 0, 0), "image is -1"),
        (lambda d: explorer.between(d, 0, 1, 1.1, 0), "way in v is 1.1: .* 0 to 1"),
        (lambda d: explorer.between(d, 0, 1, 0, -0.1), "way in r is -0.1"),
        (
            lambda d: explorer.distort(d.test.images[0], 9, 0, 0.0),
            "shift to the right is 9: .* -8 to 8",
        ),
        (
            lambda d: explorer.distort(d.test.images[0], 0, -9, 0.0),
            "shift down is -9",
        ),
        (
            lambda d: explorer.distort(d.test.images[0], 0, 0, 181.0),
            "turn is 181.0: .* -180.0 to 180.0",
        ),
        (lambda d: explorer.settling(d, 3, 0, 0), "m is 0: choose one from 1 to "),
        (lambda d: explorer.settling(d, 3, 0, 2001), "m is 2001"),
        (lambda d: explorer.settling(d, 11, 0, 1), "class is 11"),
        (lambda d: widgets.settling_figure(d, 3, 101, 0), "m is 101: .* 1 to 100"),
        (lambda d: explorer.samples(d, 3, -1.0, 0), "temperature is -1.0: .* 0 to 9"),
        (lambda d: explorer.samples(d, -1, 1.0, 0), "class is -1"),
        (lambda d: widgets.bounds_figure(d, 99, 0, 0, 0.0), "image is 99"),
    ],
)
def test_bad_values(digits, call, message):
    with pytest.raises(EquivaeError, match=message):
        call(digits)


def test_a_model_without_a_table_or_an_encoder(digits):
    for other in (model(PLAIN), digits.model):
        table, other.class_r = other.class_r, None
        with pytest.raises(EquivaeError, match="needs an EquiVAE that was trained"):
            Explorer(other, pixels(PLAIN), digits.train, digits.test)
        other.class_r = table


def test_without_ipywidgets(digits, monkeypatch):
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    with pytest.raises(EquivaeError, match="pip install ipywidgets"):
        widgets.explore_styles(digits)
    assert widgets.style_figure(digits, 3, [1.0]) is not None
