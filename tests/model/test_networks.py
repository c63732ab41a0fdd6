"""The networks of Appendix B: sizes, who sees what, and how they start."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from equivae_lite.model.equivae import EquiVAE
from equivae_lite.model.networks import (
    INITS,
    Architecture,
    Decoder,
    Embedding,
    EquivariantPosterior,
    InvariantEncoder,
    LabelPosterior,
    initialise,
)
from equivae_lite.training import experiments

WIDE, HALVED = (128, 64), (64, 32)
IMAGES = {"28x28x1": (28, 1, "bernoulli"), "32x32x3": (32, 3, "gaussian")}
PAPER = (
    "mnist-supervised",
    "mnist-semi-supervised",
    "svhn-supervised",
    "svhn-semi-supervised",
)


def architecture(images="28x28x1", hidden=WIDE, **changes):
    size, colours, likelihood = IMAGES[images]
    latents = hidden[0] // 8  # 16 of width 128, 8 of width 64
    settings = {"r_dim": latents, "v_dim": latents} | changes
    return Architecture(size, colours, hidden=hidden, likelihood=likelihood, **settings)


def picture(arch, *lead):
    return torch.rand(*lead, arch.colours, arch.size, arch.size)


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


both_sizes = pytest.mark.parametrize("images", IMAGES)
both_widths = pytest.mark.parametrize("hidden", [WIDE, HALVED])


# --- shapes ---------------------------------------------------------------------


@both_sizes
@both_widths
def test_shapes(images, hidden):
    arch = architecture(images, hidden)
    b, m = 3, 4
    x, r = picture(arch, b), torch.randn(b, arch.r_dim)
    v = torch.randn(b, arch.v_dim)
    encoder = InvariantEncoder(arch)
    assert encoder.f(x).shape == (b, hidden[0])
    assert encoder(picture(arch, b, m)).shape == (b, arch.r_dim)
    mu, log_var = EquivariantPosterior(arch)(r, x)
    assert mu.shape == log_var.shape == (b, arch.v_dim)
    assert Decoder(arch)(r, v).shape == x.shape
    assert LabelPosterior(arch)(x, encoder.f(x)).shape == (b, 10)


def sizes_inside(layers, x, kind):
    found = []
    for layer in layers:
        x = layer(x)
        if isinstance(layer, kind):
            found.append(tuple(x.shape[1:]))
    return found


@pytest.mark.parametrize(
    ("images", "sides"),
    [("28x28x1", (28, 14, 7, 4, 2)), ("32x32x3", (32, 16, 8, 4, 2))],
)
def test_encoder_convolutions(images, sides):
    arch = architecture(images)
    found = sizes_inside(Embedding(arch), picture(arch, 1), nn.Conv2d)
    assert found == [(c, s, s) for c, s in zip((8, 16, 32, 64, 64), sides)]


@both_sizes
@both_widths
def test_decoder_convolutions(images, hidden):
    arch = architecture(images, hidden)
    layers = Decoder(arch).convolutions
    h = torch.randn(1, hidden[0])
    assert layers[0](h).shape == (1, hidden[0] // 4, 2, 2)
    grown = sizes_inside(layers, h, nn.ConvTranspose2d)
    assert grown == [(64, 4, 4), (32, 8, 8), (16, 16, 16), (8, 32, 32)]
    last = sizes_inside(layers, h, nn.Conv2d)
    assert last == [(arch.colours, arch.size, arch.size)]
    assert isinstance(layers[-1], nn.Conv2d)  # no ReLU on logits and means


@both_widths
def test_widths_of_the_dense_layers(hidden):
    """The table of Appendix B, layer by layer: (in, out) of every dense layer."""
    arch = architecture(hidden=hidden, label_posterior=True)
    embed, narrow = hidden
    latents = embed // 8

    def dense(module):
        return [
            (k.in_features, k.out_features)
            for k in module.modules()
            if isinstance(k, nn.Linear)
        ]

    model = EquiVAE(arch)
    assert dense(model.encoder) == [(256, embed), (embed, narrow), (narrow, latents)]
    head = [(embed + narrow, narrow), (narrow, latents)]
    assert dense(model.posterior) == [(256, embed), (latents, narrow), *head, *head]
    assert dense(model.decoder) == [
        (latents, narrow),
        (latents, narrow),
        (2 * narrow, embed),
    ]
    assert dense(model.label_posterior) == [
        (256, embed),
        (2 * embed, embed),
        (embed, narrow),
        (narrow, 10),
    ]
    rates = [k.p for k in model.modules() if isinstance(k, nn.Dropout)]
    assert rates == [0.5, 0.5]


# --- parameter counts -------------------------------------------------------------


def count(colours, latents, embed, narrow, *, label_posterior, gaussian):
    """Parameters of a whole model, from the sizes of its layers alone."""

    def dense(n_in, n_out):
        return (n_in + 1) * n_out

    def convolution(n_in, n_out):
        return (25 * n_in + 1) * n_out

    embedding = (
        convolution(colours, 8)
        + convolution(8, 16)
        + convolution(16, 32)
        + convolution(32, 64)
        + convolution(64, 64)
        + dense(2 * 2 * 64, embed)
    )
    encoder = embedding + dense(embed, narrow) + dense(narrow, latents)
    head = dense(embed + narrow, narrow) + dense(narrow, latents)
    posterior = embedding + dense(latents, narrow) + 2 * head
    decoder = (
        2 * dense(latents, narrow)
        + dense(2 * narrow, embed)
        + convolution(embed // 4, 64)
        + convolution(64, 32)
        + convolution(32, 16)
        + convolution(16, 8)
        + convolution(8, colours)
        + gaussian * colours * 32 * 32  # a log-variance for each pixel and colour
    )
    labels = (
        embedding + dense(2 * embed, embed) + dense(embed, narrow) + dense(narrow, 10)
    )
    return encoder + posterior + decoder + label_posterior * labels


@pytest.mark.parametrize(
    ("name", "sizes", "total"),
    [
        ("mnist-supervised", (1, 16, 128, 64, False, False), 580_337),
        ("mnist-semi-supervised", (1, 8, 64, 32, True, False), 677_187),
        ("svhn-supervised", (3, 16, 128, 64, False, True), 584_611),
        ("svhn-semi-supervised", (3, 16, 128, 64, True, True), 829_693),
    ],
)
def test_parameter_counts_of_the_paper(name, sizes, total):
    *sizes, label_posterior, gaussian = sizes
    expected = count(*sizes, label_posterior=label_posterior, gaussian=gaussian)
    model = EquiVAE(experiments.get(name).arch)
    assert model.parameter_count() == expected == total < 1_000_000


def test_plain_vae_has_about_as_many_parameters():
    """The ablation is no smaller model: no encoder, but as wide a way for v."""
    full = EquiVAE(experiments.get("mnist-supervised").arch)
    plain = EquiVAE(experiments.get("mnist-supervised-plain-vae").arch, "none")

    def decoder_size(model):
        return sum(p.numel() for p in model.decoder.parameters())

    # One dense layer 32 -> 128 in place of two 16 -> 64.
    assert decoder_size(plain) - decoder_size(full) == (32 + 1) * 128 - 2 * 17 * 64


# --- wrong input ------------------------------------------------------------------


@both_sizes
@pytest.mark.parametrize("wrong", ["size", "colours", "flat", "grey without axis"])
def test_wrong_images_are_a_clear_error(images, wrong):
    arch = architecture(images, label_posterior=True)
    shape = {
        "size": (arch.colours, 30, 30),
        "colours": (4 - arch.colours, arch.size, arch.size),
        "flat": (arch.colours * arch.size**2,),
        "grey without axis": (arch.size, arch.size),
    }[wrong]
    x = torch.rand(2, *shape)
    r, f_x = torch.zeros(2, arch.r_dim), torch.zeros(2, 128)
    expected = f"({arch.colours}, {arch.size}, {arch.size})"
    for call in (
        lambda: InvariantEncoder(arch)(x),
        lambda: EquivariantPosterior(arch)(r, x),
        lambda: LabelPosterior(arch)(x, f_x),
    ):
        with pytest.raises(ValueError, match="takes images of") as caught:
            call()
        assert expected in str(caught.value)
        assert str(tuple(x.shape)) in str(caught.value)
        assert "resize the images" in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"size": 15}, "16 to 64 pixels wide, not 15"),
        ({"size": 65}, "16 to 64 pixels wide, not 65"),
        ({"likelihood": "poisson"}, "'bernoulli' or 'gaussian', not 'poisson'"),
        ({"init": "kaiming"}, "'he', 'xavier', 'pytorch'.*not 'kaiming'"),
    ],
)
def test_unknown_settings(changes, message):
    with pytest.raises(ValueError, match=message):
        Architecture(**changes)


# --- who sees what ----------------------------------------------------------------


@both_sizes
def test_r_is_the_same_in_every_order_of_the_images(images):
    arch = architecture(images)
    encoder = InvariantEncoder(arch).double()
    x = picture(arch, 2, 5).double()
    r = encoder(x)
    for order in ([4, 3, 2, 1, 0], [2, 0, 4, 1, 3]):
        torch.testing.assert_close(encoder(x[:, order]), r, rtol=1e-12, atol=1e-12)
    # And it does look at them: one other image is another r_y.
    x[:, 0] = picture(arch, 2).double()
    assert (encoder(x) - r).abs().min() > 1e-6


def test_r_of_copies_is_that_of_one_image():
    """A mean and not a sum: m copies say no more than one."""
    arch = architecture()
    encoder = InvariantEncoder(arch).double()
    x = picture(arch, 2, 1).double()
    copies = encoder(x.expand(-1, 7, -1, -1, -1))
    torch.testing.assert_close(copies, encoder(x), rtol=1e-12, atol=1e-12)


@both_sizes
def test_leading_axes_change_nothing(images):
    arch = architecture(images)
    x = picture(arch, 3, 4).double()
    f = Embedding(arch).double()
    one_by_one = torch.stack([torch.stack([f(i[None])[0] for i in row]) for row in x])
    torch.testing.assert_close(f(x), one_by_one, rtol=1e-12, atol=1e-12)
    encoder = InvariantEncoder(arch).double()
    rows = torch.stack([encoder(row) for row in x])  # (m, C, H, W) -> (R,)
    torch.testing.assert_close(encoder(x), rows, rtol=1e-12, atol=1e-12)


@both_sizes
def test_decoder_broadcasts_ten_r_against_one_v(images):
    arch = architecture(images)
    decoder = Decoder(arch).double()
    r, v = torch.randn(10, arch.r_dim).double(), torch.randn(3, arch.v_dim).double()
    together = decoder(r, v[:, None])
    assert together.shape == (3, 10, arch.colours, arch.size, arch.size)
    for i in range(3):
        for y in range(10):
            torch.testing.assert_close(
                together[i, y], decoder(r[y], v[i]), rtol=1e-12, atol=1e-12
            )
    # Both doors are open: each class and each v gives its own image.
    assert (together[:, 0] - together[:, 1]).abs().amax((-3, -2, -1)).min() > 1e-6
    assert (together[0] - together[1]).abs().amax((-3, -2, -1)).min() > 1e-6


def test_posterior_broadcasts_one_x_against_ten_r():
    arch = architecture()
    q = EquivariantPosterior(arch).double()
    x, r = picture(arch, 3).double(), torch.randn(10, arch.r_dim).double()
    mu, log_var = q.heads(q.embed(x)[:, None], r)
    assert mu.shape == log_var.shape == (3, 10, arch.v_dim)
    for i in range(3):
        for y in range(10):
            one = q(r[None, y], x[None, i])
            torch.testing.assert_close(mu[i, y], one[0][0], rtol=1e-12, atol=1e-12)
            torch.testing.assert_close(log_var[i, y], one[1][0], rtol=1e-12, atol=1e-12)


def test_mu_and_log_var_have_their_own_layers():
    q = EquivariantPosterior(architecture())
    mu, log_var = q(torch.randn(2, 16), picture(architecture(), 2))
    of_mu = torch.autograd.grad(
        mu.sum(), list(q.log_var.parameters()), allow_unused=True, retain_graph=True
    )
    of_log_var = torch.autograd.grad(
        log_var.sum(), list(q.mu.parameters()), allow_unused=True
    )
    assert of_mu == (None,) * 4 and of_log_var == (None,) * 4


def test_label_posterior_teaches_f_nothing():
    model = EquiVAE(architecture(hidden=HALVED, label_posterior=True)).eval()
    x = picture(model.arch, 4)
    log_q = model.label_log_posterior(x)
    torch.testing.assert_close(log_q.exp().sum(1), torch.ones(4))
    log_q[:, 3].sum().backward()
    assert [p.grad for p in model.encoder.parameters()] == [None] * 16
    learnt = [p.grad for p in model.label_posterior.parameters()]
    assert all(g is not None and g.abs().sum() > 0 for g in learnt)
    # It reads f(x) all the same: without it the answer is another.
    with torch.no_grad():
        blind = model.label_posterior(x, torch.zeros(4, 64)).log_softmax(1)
    assert (blind - log_q).abs().max() > 1e-4


def test_dropout_only_while_training():
    arch = architecture(hidden=HALVED)
    q = LabelPosterior(arch)
    x, f_x = picture(arch, 2), torch.rand(2, 64)
    assert not torch.equal(q(x, f_x), q(x, f_x))
    q.eval()
    assert torch.equal(q(x, f_x), q(x, f_x))


def test_dropout_rate_is_that_of_the_architecture():
    q = LabelPosterior(architecture(dropout=0.2))
    assert [k.p for k in q.modules() if isinstance(k, nn.Dropout)] == [0.2, 0.2]
    x, f_x = picture(architecture(), 2), torch.rand(2, 128)
    without = LabelPosterior(architecture(dropout=0.0))
    assert torch.equal(without(x, f_x), without(x, f_x))


def test_gaussian_decoder_learns_one_log_variance():
    assert Decoder(architecture("28x28x1")).log_var is None
    log_var = Decoder(architecture("32x32x3")).log_var
    assert isinstance(log_var, nn.Parameter) and log_var.shape == ()
    assert log_var.item() == 0.0


# --- initialisation ---------------------------------------------------------------


def variances(models, path):
    """Empirical variance of the weight `path` over the models, and its size."""
    weights = torch.stack([m.get_parameter(path).detach() for m in models]).double()
    return float(weights.square().mean()), weights.numel()


# Fan-in of a pixel: 25 taps a channel in a convolution; 25/4 in a transposed one
# of stride 2, where four output pixels share the 25 taps of each input pixel.
FAN_IN = {
    "encoder.f.0.weight": 25 * 1,
    "encoder.f.2.weight": 25 * 8,
    "encoder.f.8.weight": 25 * 64,
    "encoder.f.11.weight": 256,
    "encoder.g.0.weight": 128,
    "encoder.g.2.weight": 64,
    "posterior.embed.4.weight": 25 * 16,
    "posterior.dense_r.weight": 16,
    "posterior.mu.0.weight": 128 + 64,
    "posterior.log_var.0.weight": 128 + 64,
    "decoder.dense_v.weight": 16,
    "decoder.dense.weight": 128,
    "decoder.convolutions.1.weight": 25 / 4 * 32,
    "decoder.convolutions.3.weight": 25 / 4 * 64,
    "decoder.convolutions.7.weight": 25 / 4 * 16,
    "decoder.convolutions.9.weight": 25 * 8,
    "label_posterior.dense.0.weight": 256,
}
HEADS = {"posterior.mu.2.weight": 0.5, "posterior.log_var.2.weight": 0.1}


def assert_variance(found, expected, n):
    # The mean of n squares of a normal has relative standard deviation sqrt(2 / n).
    assert abs(found / expected - 1) < 5 * (2 / n) ** 0.5, (found, expected)


def test_he_initialisation():
    arch = architecture(label_posterior=True)
    models = [EquiVAE(arch) for _ in range(8)]
    for path, fan_in in FAN_IN.items():
        found, n = variances(models, path)
        assert_variance(found, 2 / fan_in, n)
    for path, scale in HEADS.items():
        found, n = variances(models, path)
        assert_variance(found, scale**2 * 2 / 64, n)
    for name, p in models[0].named_parameters():
        if name.endswith("bias"):
            assert (p == 0).all(), name


def test_he_keeps_the_size_of_the_signal_through_transposed_convolutions():
    """The reason for 25/4: by a fan-in of 25 every layer would lose a factor of 4."""
    layers = nn.Sequential(*(nn.ConvTranspose2d(64, 64, 5, 2, 2, 1) for _ in range(3)))

    def gain():
        x = torch.randn(16, 64, 8, 8)
        with torch.no_grad():
            for layer in layers:
                x = torch.relu(layer(x))
        return float(x.square().mean())  # it was 1 at the start

    initialise(layers, "he")
    assert 0.5 < gain() < 1.5  # pixels at the border are fed by fewer taps
    for layer in layers:
        layer.weight.data /= 2
    assert gain() < 1.5 / 4**3


def test_xavier_initialisation():
    models = [EquiVAE(architecture(init="xavier")) for _ in range(4)]
    for path, fans in {
        "encoder.f.2.weight": 25 * 8 + 25 * 16,
        "encoder.g.0.weight": 128 + 64,
        "posterior.mu.2.weight": 64 + 16,  # no smaller heads here
    }.items():
        found, n = variances(models, path)
        assert_variance(found, 2 / fans, n)
    assert (models[0].posterior.mu[2].bias == 0).all()


def test_pytorch_initialisation_is_left_alone():
    layers = nn.Sequential(nn.Linear(4, 4), nn.Conv2d(2, 2, 3))
    before = [p.clone() for p in layers.parameters()]
    initialise(layers, "pytorch")
    assert all(torch.equal(a, b) for a, b in zip(before, layers.parameters()))
    initialise(layers, "he")
    assert not any(torch.equal(a, b) for a, b in zip(before, layers.parameters()))
    # Uniform with variance 1 / (3 fan-in): that is what PyTorch's defaults give.
    arch = replace(architecture(), init="pytorch")
    found, n = variances([EquiVAE(arch)], "encoder.f.11.weight")
    assert abs(found * 3 * 256 - 1) < 0.05
    assert (EquiVAE(arch).encoder.g[0].bias != 0).any()


def test_every_scheme_that_is_allowed_makes_a_model():
    for init in INITS:
        model = EquiVAE(architecture(init=init))
        assert all(torch.isfinite(p).all() for p in model.parameters())


@pytest.mark.parametrize("name", PAPER)
def test_presets_of_the_paper_start_with_he(name):
    assert experiments.get(name).arch.init == "he"
