"""A training that is watched is the same training, and takes hardly longer."""

from dataclasses import replace

import pytest
import torch

from equivae_lite.chapters import watch
from equivae_lite.chapters.watch import Watch
from equivae_lite.data.sets import ImageSet, Pixels
from equivae_lite.training import checkpoints, experiments, loop

E = replace(
    experiments.get("mnist-supervised"), name="watched", schedule=((4, 2),), m_max=2
)


def noise(n=40):
    g = torch.Generator().manual_seed(0)
    images = torch.randint(256, (n, 1, 28, 28), generator=g, dtype=torch.uint8)
    return ImageSet("mnist", "train", images, torch.arange(n) % 10, None, "noise")


def test_a_watched_training_ends_at_the_same_weights(monkeypatch):
    monkeypatch.setattr(loop, "CHECK_EVERY", 4)
    seen, one = [], Watch(noise(), Pixels.unit(), share=1e9)

    def both(model, step, terms):
        seen.append((step, set(terms), model.training))
        one(model, step, terms)
        assert model.training == seen[-1][2]

    for averaging in (0.0, 0.9):
        seen.clear()
        e = replace(E, averaging=averaging)
        run = dict(seed=3, progress=False, max_steps=13)
        plain, _ = loop.fit(e, noise(), Pixels.unit(), **run)
        watched, _ = loop.fit(e, noise(), Pixels.unit(), watch=both, **run)
        for a, b in zip(plain.parameters(), watched.parameters(), strict=True):
            assert torch.equal(a, b)
        # The first step, then every fourth, of each epoch of ten.
        assert [step for step, *_ in seen] == [1, 5, 9, 11]
        # What would be kept: an average never trains.
        assert {training for *_, training in seen} == {averaging == 0.0}
        assert all({"log_lik", "kl"} <= terms for _, terms, _ in seen)
    assert [step for step, _ in one.curve] == 2 * [1, 5, 9, 11]


@pytest.mark.parametrize("share", [0.03, 0.2])
def test_drawing_takes_no_more_than_its_share(share, monkeypatch):
    now, drawn = [0.0], []

    def draw(self, model):
        drawn.append(now[0])
        now[0] += 0.7

    monkeypatch.setattr(Watch, "draw", draw)
    one = Watch(noise(40), Pixels.unit(), share, clock=lambda: now[0])
    for step in range(2000):
        now[0] += 0.1
        one(None, step, {"bound": -100.0})
    assert drawn[0] == pytest.approx(0.1)  # at once, so that there is something to see
    assert one.spent == pytest.approx(0.7 * len(drawn))
    assert one.spent <= share * now[0] + 1e-9 and one.spent > 0.9 * share * now[0]
    assert len(one.curve) == 2000


def test_the_figure_shows_bound_samples_and_classes():
    torch.manual_seed(0)
    model, images = checkpoints.build(E).train(), noise(100)
    one = Watch(images, Pixels.unit())
    assert "before its first step" in one.words()
    one.curve = [(1, -500.0), (51, -200.0), (101, -150.5)]
    before = torch.get_rng_state()
    figure = one.figure(model)
    assert torch.equal(before, torch.get_rng_state()) and model.training
    left, middle, right = figure.axes
    assert left.lines[0].get_xydata().tolist() == [list(p) for p in one.curve]
    picture = torch.from_numpy(middle.images[0].get_array())
    assert picture.shape == (4 * 28, 10 * 28)
    model.eval()
    with torch.no_grad():  # class 3: the first row is what its r_y draws by itself
        of_three = (images.images[3::10][: watch.MEMBERS] / 255)[None]
        r_3 = model.encoder(of_three)
        by_hand = model.mean_image(r_3, torch.zeros(1, 16))[0, 0]
    torch.testing.assert_close(picture[:28, 3 * 28 : 4 * 28], by_hand)
    assert not torch.equal(picture[28:56], picture[56:84])  # other draws of v
    assert len(right.collections[0].get_offsets()) == 100
    assert right.collections[0].get_array().tolist() == images.labels.tolist()
    assert "101 steps" in one.words() and "-150" in one.words()


def test_a_warm_up_has_no_bound_to_note():
    one = Watch(noise(40), Pixels.unit(), share=0.0)
    one.last = 1.0  # no time to draw
    one(None, 1, {"log_q_label": -2.3})
    assert one.curve == []
    one(None, 2, {"log_lik": -100.0, "kl": 20.0})
    assert one.curve == [(2, -120.0)]
