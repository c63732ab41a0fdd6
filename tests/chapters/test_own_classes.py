"""What chapter 18 does to folders: it writes what it is given, and learns all of it."""

import pytest
import torch

from equivae_lite.chapters import own_classes
from equivae_lite.data import sets
from equivae_lite.data.gather import from_folder
from equivae_lite.errors import DataError
from equivae_lite.evaluation.bound import noise_of


@pytest.fixture(scope="module")
def learnt(tmp_path_factory):
    """A model of three letters after two steps."""
    folder = tmp_path_factory.mktemp("own") / "three"
    data = own_classes.letters("train", "AXM", [6, 5, 7])
    return own_classes.learn(own_classes.write_folder(folder, data), 2, size=16)


def test_letters_are_the_first_of_each_in_the_order_asked_for():
    found = own_classes.letters("test", "XA", [3, 2])
    whole = sets.load("letters", "test", 1000)
    assert found.names == ("X", "A") and found.labels.tolist() == [0, 0, 0, 1, 1]
    for letter, rows in ((23, slice(0, 3)), (0, slice(3, 5))):
        first = whole.images[whole.labels == letter][: rows.stop - rows.start]
        assert torch.equal(found.images[rows], first)
    with pytest.raises(DataError, match="ask for less"):
        own_classes.letters("test", "A", 10_000)


def test_a_ground_is_that_of_the_border_and_white_stays_white():
    data = own_classes.letters("train", "AX", 20)
    low, high = torch.tensor([0.0, 0.5]), torch.tensor([0.3, 0.7])
    found = own_classes.on_ground(data, low, high, seed=3)
    ground = found.factors["ground"]
    assert ((ground >= low[data.labels]) & (ground <= high[data.labels])).all()
    border = own_classes.border(found.images / 255)
    assert (border - ground).abs().max() < 0.05  # a letter may touch it
    assert (found.images[data.images == 255] == 255).all()
    edge = torch.ones(28, 28, dtype=torch.bool)
    edge[1:-1, 1:-1] = False
    naive = (found.images[:, 0] / 255)[:, edge].mean(dim=1)
    torch.testing.assert_close(border, naive, atol=1e-4, rtol=0)


def test_a_folder_holds_what_was_written_into_it(tmp_path):
    data = own_classes.letters("train", "AX", 4)
    own_classes.write_folder(tmp_path / "x", data)
    own_classes.write_folder(tmp_path / "x", data.subset([0]), start=100)  # twice there
    found = from_folder(tmp_path / "x", progress=False)
    assert found.names == ("A", "X") and found.images.shape == (8, 1, 28, 28)
    assert torch.equal(torch.from_numpy(found.images), data.images)
    assert any("there twice" in note for note in found.notes)


def test_learn_takes_as_many_steps_as_it_is_told(learnt):
    assert learnt.experiment.learning_rate == 2e-3
    assert learnt.r_y.shape == (3, learnt.model.arch.r_dim)
    assert len(learnt.train) + len(learnt.test) == 18
    assert learnt.notes and learnt.seconds > 0 and learnt.classes == 3


def test_the_looks_are_what_they_say(learnt):
    held = own_classes.shrunk(own_classes.letters("test", "AMX", 5), learnt)
    bounds = own_classes.every_bound(learnt, held)
    y, model = held.labels, learnt.model
    eps = noise_of(torch.arange(15), 3, model.arch.v_dim)
    with torch.no_grad():
        for k in range(3):
            r, x = learnt.r_y[k].expand(15, -1), learnt.pixels.forward(held.images)
            naive = model.terms(x, r, eps[:, k]).bound
            torch.testing.assert_close(bounds[:, k], naive, atol=1e-3, rtol=0)
    cost = own_classes.wrong_class_cost(bounds, y)
    for n in range(15):
        others = [float(bounds[n, k]) for k in range(3) if k != y[n]]
        naive = float(bounds[n, y[n]]) - sum(others) / 2
        assert float(cost[n]) == pytest.approx(naive, abs=1e-3)
    found = own_classes.looks(learnt, held)
    assert found.held_out == pytest.approx(
        float(own_classes.bounds_of(learnt, held).mean()), abs=1e-3)
    assert found.cost == pytest.approx(float(cost.mean()), abs=1e-3)
    r = own_classes.read(learnt, held.images)
    misread = sum(int((r[n] - learnt.r_y).norm(dim=1).argmin() != y[n])
                  for n in range(15))  # fmt: skip
    assert found.misread == pytest.approx(misread / 15)
    table = own_classes.looks_table({"these": found})
    assert table.count("\n") == 2 and f"{found.cost:.1f} ± " in table


def test_a_sheet_begins_with_the_images(learnt):
    held = own_classes.shrunk(own_classes.letters("test", "AMX", 2), learnt)
    sheet = own_classes.exchange_sheet(learnt, held)
    assert sheet.shape == (6, 4, 1, 16, 16)
    assert torch.equal(sheet[:, 0], held.images / 255)
    x, r = learnt.pixels.forward(held.images), learnt.r_y
    with torch.no_grad():
        v, _ = learnt.model.posterior(r[held.labels], x)
        naive = learnt.model.mean_image(r[2], v[3])
    torch.testing.assert_close(sheet[3, 3], naive[0] if naive.ndim == 4 else naive)
