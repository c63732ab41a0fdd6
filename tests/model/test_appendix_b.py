"""Appendix B from end to end: what no test of a single module asserts.

Sizes, widths and preset fields are in test_networks.py and test_experiments.py. Here
the four experiments of the paper run as wholes: every network forward, the bounds (4)
and (6), and backward into every parameter; and the ledger at the end of chapter 09,
which maps the appendix to the code, holds every statement.
"""

import math
import re
from dataclasses import replace

import pytest
import torch
from torch import nn

from equivae_lite.chapters.anatomy import PAPER
from equivae_lite.data import sets
from equivae_lite.model import bounds, networks
from equivae_lite.runs import pipeline
from equivae_lite.training import checkpoints, experiments
from tools.notebooks.book import BOOK, read

each_experiment = pytest.mark.parametrize("name", PAPER)
SEMI = [name for name in PAPER if name.endswith("semi-supervised")]


def untrained(name, **changes):
    torch.manual_seed(0)
    experiment = experiments.get(name)
    arch = replace(experiment.arch, **changes)
    return checkpoints.build(replace(experiment, arch=arch)).double()


def pictures(model, *lead):
    a = model.arch
    g = torch.Generator().manual_seed(1)
    x = torch.rand(*lead, a.colours, a.size, a.size, generator=g)
    return x.double()


def representations(model, m=3):
    """r_y of ten classes from m random pictures each."""
    return model.encoder(pictures(model, 10, m))


def without_gradient(module):
    return [
        name
        for name, p in module.named_parameters()
        if p.grad is None or not torch.isfinite(p.grad).all() or not p.grad.any()
    ]


# --- end to end -----------------------------------------------------------------


@each_experiment
def test_labelled_bound_from_images_to_every_parameter(name):
    """(4): all networks but q_y-post run, and learn."""
    model = untrained(name)
    x, y = pictures(model, 4), torch.tensor([3, 1, 4, 1])
    assert x.shape[1:] == ((1, 28, 28) if "mnist" in name else (3, 32, 32))
    eps = torch.randn(4, model.arch.v_dim).double()
    terms = model.terms(x, representations(model)[y], eps)
    bound = bounds.labelled_bound(terms.log_lik, terms.kl)
    assert bound.shape == (4,) and torch.isfinite(bound).all()
    (-bound.mean()).backward()
    for network in (model.encoder, model.posterior, model.decoder):
        assert without_gradient(network) == []
    if model.arch.label_posterior:  # it has no part in (4)
        assert all(p.grad is None for p in model.label_posterior.parameters())


@pytest.mark.parametrize("name", SEMI)
def test_unlabelled_bound_from_images_to_every_parameter(name):
    """(6): one image under ten classes; every network learns."""
    model = untrained(name).eval()
    x = pictures(model, 3)
    eps = torch.randn(3, 10, model.arch.v_dim).double()
    terms = model.terms_per_class(x, representations(model), eps)
    log_q = model.label_log_posterior(x)
    log_p = torch.full((10,), -math.log(10))
    bound = bounds.unlabelled_bound(terms.bound, log_q, log_p)
    assert bound.shape == (3,) and torch.isfinite(bound).all()
    # By hand: a weighted mean of ten bounds, less the nats that the guess costs.
    q = log_q.double().exp()
    by_hand = (q * terms.bound).sum(1) - (q * (q.log() + math.log(10))).sum(1)
    # log_q is float32, and the ten bounds are hundreds of nats.
    torch.testing.assert_close(bound, by_hand, rtol=1e-5, atol=1e-3)
    # f learns from complementary images alone: the guess is a number to it.
    f = list(model.encoder.f.parameters())
    given = bounds.unlabelled_bound(terms.bound, log_q.detach(), log_p)
    found = torch.autograd.grad(bound.sum(), f, retain_graph=True)
    expected = torch.autograd.grad(given.sum(), f, retain_graph=True)
    assert all(torch.equal(a, b) for a, b in zip(found, expected))
    (-bound.mean()).backward()
    assert without_gradient(model) == []


@pytest.mark.parametrize("name", SEMI)
def test_the_label_posterior_itself_stops_the_gradient(name):
    """Whoever calls it, and however f(x) was made."""
    model = untrained(name).eval()
    x = pictures(model, 3)
    f_x = model.encoder.f(x)
    logits = model.label_posterior(x, f_x)
    assert torch.autograd.grad(logits.sum(), f_x, allow_unused=True) == (None,)


@each_experiment
def test_uint8_images_to_an_image_that_can_be_shown(name):
    """From a file's pixels through all networks and back to values in [0, 1]."""
    model = untrained(name).eval()
    experiment = experiments.get(name)
    raw = (255 * pictures(model, 20)).to(torch.uint8)
    train = sets.ImageSet(
        experiment.data, "train", raw, torch.arange(20) % 10, None, ""
    )
    pixels = pipeline.pixels_for(experiment, train)
    x = pixels.forward(raw).double()
    if experiment.data == "mnist":
        assert x.min() >= 0 and x.max() <= 1
    else:  # float32 means of 20 numbers
        assert x.mean(0).abs().max() < 1e-5
        assert (x.std(0, correction=0) - 1).abs().max() < 1e-4
    with torch.no_grad():
        r = model.encoder(x[None, :5])
        mu, _ = model.posterior(r, x[5:6])
        shown = pixels.inverse(model.mean_image(r, mu).float())
    assert shown.shape == raw[:1].shape
    assert shown.min() >= 0 and shown.max() <= 1


# --- wrong images -----------------------------------------------------------------


@pytest.mark.parametrize("name", SEMI)
@pytest.mark.parametrize("wrong", ["other experiment", "one pixel short", "colours"])
def test_a_whole_model_refuses_wrong_images(name, wrong):
    model = untrained(name)
    a = model.arch
    shape = {
        "other experiment": (3, 32, 32) if a.size == 28 else (1, 28, 28),
        "one pixel short": (a.colours, a.size, a.size - 1),
        "colours": (4 - a.colours, a.size, a.size),
    }[wrong]
    x, r = torch.zeros(2, *shape).double(), torch.zeros(2, a.r_dim).double()
    eps = torch.zeros(2, a.v_dim).double()
    calls = (
        lambda: model.encoder(x),
        lambda: model.terms(x, r, eps),
        lambda: model.terms_per_class(x, r, eps[:, None]),
        lambda: model.label_log_posterior(x),
    )
    for call in calls:
        with pytest.raises(ValueError, match="choose the experiment") as caught:
            call()
        assert f"{(a.colours, a.size, a.size)}" in str(caught.value)
        assert f"{tuple(x.shape)}" in str(caught.value)


# --- activations, and what is read in one sitting -----------------------------------


@each_experiment
def test_relu_after_every_hidden_layer_and_nowhere_else(name):
    """ "All activation functions that are not fixed by model outputs" are ReLU.

    A layer's output is not negative exactly if it is hidden.
    """
    model = untrained(name).eval()
    seen = {}

    def note(layer, inputs, output):
        # What reaches a layer with weights has passed a ReLU, or is x, r_y or v.
        seen[layer] = inputs[0].min() >= 0

    kinds = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)
    layers = {k: n for n, k in model.named_modules() if isinstance(k, kinds)}
    for layer in layers:
        layer.register_forward_hook(note)
    x = pictures(model, 2) - 0.5  # negative pixels too, so that inputs can be told
    with torch.no_grad():
        r = model.encoder(x[None])
        # Not `terms`: a Bernoulli has no number for a negative pixel.
        model.posterior(r, x)
        model.decoder(r, torch.randn(2, model.arch.v_dim).double())
        if model.arch.label_posterior:
            model.label_log_posterior(x)
    takes_raw = {n for layer, n in layers.items() if not seen[layer]}
    doors = {"posterior.dense_r", "decoder.dense_r", "decoder.dense_v"}  # r_y and v
    first = {f"{net}.0" for net in ("encoder.f", "posterior.embed")}
    if model.arch.label_posterior:
        first |= {"label_posterior.embed.0"}
    assert takes_raw == doors | first
    used = {type(k).__name__ for k in model.modules() if not list(k.children())}
    assert used & set(dir(nn.modules.activation)) == {"ReLU"}


def test_the_networks_are_one_short_file():
    source = networks.__file__
    with open(source, encoding="utf-8") as file:
        assert len(file.readlines()) < 300
    for name in PAPER:
        own = [
            k for k in untrained(name).modules() if "torch" not in type(k).__module__
        ]
        homes = {type(k).__module__ for k in own}
        assert homes == {"equivae_lite.model.networks", "equivae_lite.model.equivae"}


# --- the ledger of chapter 09 ---------------------------------------------------------

# Each of its statements by words that the ledger must hold, in the appendix's order.
STATEMENTS = """
relatively standard | 1 million parameters | five convolutions | 5 × 5
(8, 16, 32, 64, 64) | dense hidden layer | mean of the $m$ | final linear layer
16 latents | 8 latents | diagonal covariance | identical convolutions
single dense layer of $r_y$ | dense hidden layer for each | Bernoulli for MNIST
conditionally independent | each through one dense layer | mirrors the encoder
transposed convolutions as in DCGAN | stride 1 | accommodate different image sizes
in semi-supervised experiments | (5-CNN, 1-dense) | stop_grad | dropout network
random at each training step | 7 for MNIST, 10 for SVHN | 4 for MNIST, 10 for SVHN
between 0 and 1 | zero mean and unit standard deviation | activations are ReLU
Adam with default | 32 at the beginning | doubled successively
"""
NOT_CHECKED = ("Tesla K80", "hyperparameter tuning", "$y = 6$")


def ledger_rows():
    notebook = read(BOOK / "09_label_posterior.ipynb")
    tables = [
        output.data["text/markdown"]
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if "| Appendix B says |" in output.get("data", {}).get("text/markdown", "")
    ]
    return [row for table in tables for row in table.splitlines()[2:]]


def test_the_ledger_holds_every_statement_in_order():
    statements = [s.strip() for s in re.split(r"[|\n]", STATEMENTS) if s.strip()]
    rows = ledger_rows()
    assert len(rows) == len(statements)
    for statement, row in zip(statements, rows):
        assert statement in row.split(" | ")[0]
    text = "\n".join(
        c.source
        for c in read(BOOK / "09_label_posterior.ipynb").cells
        if c.cell_type == "markdown"
    )
    assert all(words in text for words in NOT_CHECKED)


def test_every_row_of_the_ledger_names_code_or_a_field_and_what_was_found():
    for row in ledger_rows():
        says, where, found = (c.strip() for c in row.strip("| ").split(" | "))
        field = re.fullmatch(r"preset field `([\w.]+)`", where)
        code = re.fullmatch(r"\[[\w.]+\]\(\S+/(equivae_lite/[\w/]+\.py)\): `.+`", where)
        assert (field is None) != (code is None), where
        if code:
            assert (BOOK.parent / code[1]).is_file()
        assert says and found
