"""The parts of chapter 11's models: made once, of the weights that are shipped."""

import json
import math

import pytest
import torch

from equivae_lite import files
from equivae_lite.data.sets import Pixels
from equivae_lite.evaluation.bound import bound_terms
from equivae_lite.training import checkpoints
from tests.support.small import PLAIN, SUPERVISED, TABLE, images, model
from tools import dissect

NETS = {e.name: e for e in (SUPERVISED, TABLE, PLAIN)}


@pytest.fixture(params=NETS.values(), ids=NETS)
def net(request):
    found = model(request.param)
    found.class_r = torch.randn(10, 16, generator=torch.Generator().manual_seed(0))
    return found


def test_the_bound_of_each_image(net):
    test = images(limit=12)
    gap = dissect.gap(net, test, images=4, ks=(1, 5))
    assert [len(b) for b in gap.values()] == [4] * 4
    table = dissect.table_of(net)
    assert (table is None) == (net.representation == "none")
    r = None if table is None else table[test.labels[:4]]
    x = Pixels.unit().forward(test.images[:4])
    expected = bound_terms(net, x, r, torch.arange(4), dissect.DRAWS).bound
    assert gap["amortised"] == pytest.approx(expected.tolist(), abs=0.02)
    # Two hundred steps of an untrained model's own Gaussian: no image loses.
    assert all(b > a - 1 for a, b in zip(gap["amortised"], gap["fitted"]))
    assert sum(gap["fitted"]) > sum(gap["amortised"])


def test_the_largest_bound_by_draws(net):
    test = images(limit=12)
    found = dissect.argmax(net, test, images=12, counts=(1, 3))
    if net.representation == "none":
        assert found is None
        return
    x, y = Pixels.unit().forward(test.images), test.labels
    table, total = dissect.table_of(net), 0
    for seed in range(3):
        eps = dissect.noise_of(torch.arange(12), 10, 16, seed=seed)
        with torch.no_grad():
            total = total + net.terms_per_class(x, table, eps).bound
        if seed in (0, 2):
            right = float((total.argmax(1) != y).double().mean())
            assert found[str(seed + 1)] == pytest.approx(right)


def test_a_part_is_made_once_and_of_no_other_weights(tmp_path, monkeypatch):
    made, test = [], images(limit=12)
    for part in ("class_in_v", "gap", "argmax"):
        monkeypatch.setattr(
            dissect, part, lambda *_, part=part: made.append(part) or {"made": part}
        )
    path = tmp_path / "dissection.json"
    name = dissect.MODELS[0]
    for _ in range(2):
        content = dissect.run_all((name,), test, test, path)
        assert sorted(made) == ["argmax", "class_in_v", "gap"]
    assert content == files.read_json(path, "")
    content["models"][name]["sha256"] = "of others"
    files.write_json(path, content)
    with pytest.raises(ValueError, match="other weights"):
        dissect.run_all((name,), test, test, path)
    with pytest.raises(SystemExit):
        dissect.main(["mnist-of-nothing"])


@pytest.fixture(scope="module")
def stored():
    return json.loads(dissect.PATH.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", dissect.MODELS)
def test_the_stored_parts_are_of_the_shipped_weights(name, stored):
    entry = stored["models"][name]
    card = checkpoints.read_card(name, 0)
    assert entry["sha256"] == card["sha256"]
    assert stored["data"]["test"] == card["data"]["test"]
    kinds = [*dissect.PROBES, "MLP, sample, shuffled classes"]
    assert list(entry["class_in_v"]) == kinds
    for pairs in entry["class_in_v"].values():
        assert len(pairs) == len(dissect.SEEDS)
        assert all(0 <= e <= 1 and -0.1 < n < math.log(10) for e, n in pairs)
    if name not in dissect.WHOLE:
        return
    gap = entry["gap"]
    assert {len(values) for values in gap.values()} == {stored["images"]}
    means = [sum(values) / len(values) for values in gap.values()]
    order = ["amortised", "fitted", *(f"fitted, k = {k}" for k in dissect.KS)]
    assert list(gap) == order
    # Each is a better bound than the one before; k = 1 is the bound in one draw.
    assert means[0] < means[1] and means[2:] == sorted(means[2:])
    assert abs(means[1] - means[2]) < 0.7
    assert (entry["argmax"] is None) == (name == dissect.WHOLE[2])
