"""The networks of Appendix B: f and g (r_y), q_cov (v), p (x), q_y-post (y).

Every network has its own five convolutions. All activations are ReLU. Shapes
are written (B, ...) for a batch; `F` is the width of the embedding that the
dense layer after the convolutions gives, `R` and `V` those of r_y and v. Numbers of
another precision are taken to that of the weights. InputError: what does not fit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..errors import ExperimentError, InputError
from . import checks

FILTERS = (8, 16, 32, 64, 64)  # encoder, from the image inwards
STRIDES = (1, 2, 2, 2, 2)
KERNEL, PADDING = 5, 2
CORNER = 2  # 28 and 32 pixels end, and the decoder starts, at 2 x 2 of them
SMALLEST, LARGEST = 16, 64  # images, in pixels a side
INITS = ("he", "xavier", "pytorch")
VARIANCES = ("unit", "shared", "pixel")


@dataclass(frozen=True)
class Architecture:
    """The sizes that differ between the experiments of Appendix B.

    `hidden` is (128, 64) for 16 latents and half of that for 8. `r_dim` is 0
    only in the plain-VAE ablation, whose networks have no door for r_y.
    `init` is not in the appendix: chapter 11 shows how much of v is used with
    each. `variance` is that of a Gaussian pixel in standardised space:
    "unit" is fixed at 1, "shared" is one learned number for all pixels, "pixel" is
    one for each pixel and colour. The appendix does not say which. `size` is 28 or 32
    in the appendix; here it is anything from 16 to 64. ExperimentError if a size is
    impossible.
    """

    size: int = 28
    colours: int = 1
    r_dim: int = 16
    v_dim: int = 16
    hidden: tuple[int, int] = (128, 64)
    classes: int = 10
    likelihood: str = "bernoulli"  # or "gaussian"
    label_posterior: bool = False
    dropout: float = 0.5
    init: str = "he"
    variance: str = "shared"  # of a Gaussian; a Bernoulli has none of its own

    def __post_init__(self) -> None:
        for name in ("colours", "v_dim", "classes"):
            checks.integer(name, getattr(self, name), 1, ExperimentError)
        checks.integer("r_dim", self.r_dim, 0, ExperimentError)
        hidden = self.hidden if isinstance(self.hidden, tuple | list) else ()
        for width in hidden:
            checks.integer("hidden", width, 1, ExperimentError)
        if len(hidden) != 2 or hidden[0] % CORNER**2:
            raise ExperimentError(
                f"hidden is {self.hidden}, but must be two widths, the first of them a "
                f"multiple of {CORNER**2}: it becomes {CORNER} x {CORNER} pixels")
        if not isinstance(self.dropout, float | int) or not 0 <= self.dropout < 1:
            raise ExperimentError(f"dropout is {self.dropout}: choose from [0, 1)")
        size = checks.integer("size", self.size, -math.inf, ExperimentError)
        if not SMALLEST <= size <= LARGEST:
            raise ExperimentError(f"images must be {SMALLEST} to {LARGEST} pixels "
                                  f"wide, not {size}")
        if self.likelihood not in ("bernoulli", "gaussian"):
            raise ExperimentError("likelihood must be 'bernoulli' or 'gaussian', not "
                                  f"{self.likelihood!r}")
        if self.init not in INITS:
            raise ExperimentError(f"init must be one of {INITS}, not {self.init!r}")
        if self.variance not in VARIANCES:
            raise ExperimentError(f"variance must be one of {VARIANCES}, not "
                                  f"{self.variance!r}")
        if self.likelihood == "bernoulli" and self.variance != "shared":
            raise ExperimentError(
                f"variance is {self.variance!r}, but a Bernoulli has no variance to "
                "choose: leave it out, or take likelihood='gaussian'")

    @property
    def corner(self) -> int:
        """Pixels a side where the convolutions end: 2 of 28 or 32, 4 of 64."""
        return math.ceil(self.size / math.prod(STRIDES))


class Embedding(nn.Sequential):
    """Five convolutions and one dense layer: x (B, C, H, W) -> (B, F)."""

    def __init__(self, arch: Architecture) -> None:
        layers: list[nn.Module] = []
        channels, size = arch.colours, arch.size
        for filters, stride in zip(FILTERS, STRIDES):
            layers += [nn.Conv2d(channels, filters, KERNEL, stride, PADDING), nn.ReLU()]
            channels, size = filters, math.ceil(size / stride)
        layers += [nn.Flatten(), nn.Linear(channels * size * size, arch.hidden[0]),
                   nn.ReLU()]
        super().__init__(*layers)
        self.image_shape = (arch.colours, arch.size, arch.size)

    def forward(self, x: Tensor) -> Tensor:
        checks.real(x=x)
        if tuple(x.shape[-3:]) != self.image_shape:
            raise InputError(
                "this network takes images of (colours, height, width) = "
                f"{self.image_shape}, but got a tensor of shape {tuple(x.shape)}: "
                "choose the experiment that fits the data, or resize the images")
        if not x.is_floating_point():
            raise InputError(
                f"this network takes images as numbers that Pixels.forward makes of "
                f"grey levels, but got {x.dtype}")
        x = checks.precision(x, self[0].weight)
        lead = x.shape[:-3]  # any leading axes: a batch, or classes x members
        f = super().forward(x.reshape(-1, *self.image_shape))
        return f.reshape(*lead, f.shape[-1])


class InvariantEncoder(nn.Module):
    """Equation (2): r_y = g(mean_i f(x_i)) over m complementary images of a class."""

    def __init__(self, arch: Architecture) -> None:
        super().__init__()
        embed, narrow = arch.hidden
        self.image_shape = (arch.colours, arch.size, arch.size)
        self.f = Embedding(arch)
        self.g = nn.Sequential(nn.Linear(embed, narrow), nn.ReLU(),
                               nn.Linear(narrow, arch.r_dim))

    def forward(self, x: Tensor) -> Tensor:
        """Complementary images (..., m, C, H, W) -> r_y (..., R); m is at least 1."""
        checks.real(x=x)
        if x.shape[-3:] == self.image_shape and x.shape[:-3][-1:] in ((), (0,)):
            raise InputError(
                f"r_y is made of at least one image, (..., m, C, H, W), but got a "
                f"tensor of shape {tuple(x.shape)}")
        return self.g(self.f(x).mean(dim=-2))


class EquivariantPosterior(nn.Module):
    """Equation (3): q_cov(v | r_y, x) = N(mu, exp(log_var)), diagonal."""

    def __init__(self, arch: Architecture) -> None:
        super().__init__()
        embed, narrow = arch.hidden
        self.embed = Embedding(arch)
        self.dense_r = nn.Linear(arch.r_dim, narrow) if arch.r_dim else None
        width = embed + (narrow if arch.r_dim else 0)

        def head() -> nn.Sequential:
            return nn.Sequential(nn.Linear(width, narrow), nn.ReLU(),
                                 nn.Linear(narrow, arch.v_dim))

        self.mu, self.log_var = head(), head()

    def heads(self, embedding: Tensor, r: Tensor | None) -> tuple[Tensor, Tensor]:
        """Embedding of x (..., F) and r_y (..., R) -> mu, log_var, each (..., V).

        The leading axes broadcast: one x against K r_y costs one embedding.
        """
        others = self.dense_r.out_features if self.dense_r is not None else 0
        checks.width("embedding", embedding, self.mu[0].in_features - others)
        h = checks.precision(embedding, self.mu[0].weight)
        if self.dense_r is not None:
            checks.width("r", r, self.dense_r.in_features)
            lead = checks.common_shape(embedding=h[..., 0], r=r[..., 0])
            r = checks.precision(r, self.dense_r.weight)
            d = torch.relu(self.dense_r(r))
            h = torch.cat([h.expand(*lead, -1), d.expand(*lead, -1)], dim=-1)
        return self.mu(h), self.log_var(h)

    def forward(self, r: Tensor | None, x: Tensor) -> tuple[Tensor, Tensor]:
        """r_y (B, R) and x (B, C, H, W) -> mu, log_var, each (B, V).

        One r_y serves several x, and one x several r_y.
        """
        e = self.embed(x)
        if self.dense_r is not None:
            checks.width("r", r, self.dense_r.in_features)
            checks.one_shape(x=e[..., 0], r=r[..., 0])
        return self.heads(e, r)


class Decoder(nn.Module):
    """p(x | r_y, v): Bernoulli logits or Gaussian means, (..., C, H, W).

    r_y and v enter by separate dense layers; four transposed convolutions take 2 x 2
    to 32 x 32; the last, stride-1 layer pads by 2 for 32 pixels and by 0 for 28
    (32 - 4 = 28). Other sizes do the same from their own `corner`; where no padding is
    little enough, the border is cut off before it. A Gaussian has a log-variance
    beside its means: fixed at 0, learned and shared, or one a pixel (`arch.variance`).
    """

    def __init__(self, arch: Architecture) -> None:
        super().__init__()
        embed, narrow = arch.hidden
        self.image_shape = (arch.colours, arch.size, arch.size)
        self.dense_r = nn.Linear(arch.r_dim, narrow) if arch.r_dim else None
        self.dense_v = nn.Linear(arch.v_dim, narrow if arch.r_dim else 2 * narrow)
        channels, corner = embed // CORNER**2, arch.corner
        self.dense = nn.Linear(2 * narrow, channels * corner**2)
        layers: list[nn.Module] = [nn.Unflatten(1, (channels, corner, corner))]
        for filters in FILTERS[3::-1]:  # 64, 32, 16, 8
            layers += [
                nn.ConvTranspose2d(channels, filters, KERNEL, 2, PADDING, 1),
                nn.ReLU(),
            ]
            channels = filters
        # Rows and columns that the last layer lacks: 4 for 32 pixels, none for 28.
        lack = arch.size + KERNEL - 1 - corner * math.prod(STRIDES)
        if lack < 0 or lack % 2:
            sides = lack // 2, lack - lack // 2
            layers.append(nn.ZeroPad2d(sides + sides))  # below 0 it cuts off
            lack = 0
        layers.append(nn.Conv2d(channels, arch.colours, KERNEL, 1, lack // 2))
        self.convolutions = nn.Sequential(*layers)
        if arch.likelihood == "bernoulli":
            self.log_var = None
        elif arch.variance == "unit":
            # Not learned and not stored, but moved to a device with the model.
            self.register_buffer("log_var", torch.zeros(()), persistent=False)
        else:
            shape = self.image_shape if arch.variance == "pixel" else ()
            self.log_var = nn.Parameter(torch.zeros(shape))

    def forward(self, r: Tensor | None, v: Tensor) -> Tensor:
        """r_y (..., R) and v (..., V), leading axes broadcast -> (..., C, H, W)."""
        checks.width("v", v, self.dense_v.in_features)
        h = torch.relu(self.dense_v(checks.precision(v, self.dense_v.weight)))
        if self.dense_r is not None:
            checks.width("r", r, self.dense_r.in_features)
            lead = checks.common_shape(r=r[..., 0], v=v[..., 0])
            r = checks.precision(r, self.dense_r.weight)
            d = torch.relu(self.dense_r(r))
            h = torch.cat([d.expand(*lead, -1), h.expand(*lead, -1)], dim=-1)
        h = torch.relu(self.dense(h))
        x = self.convolutions(h.reshape(-1, h.shape[-1]))
        return x.reshape(*h.shape[:-1], *self.image_shape)


class LabelPosterior(nn.Module):
    """q_y-post(y | x) from x and stop_grad(f(x)): logits (B, classes)."""

    def __init__(self, arch: Architecture) -> None:
        super().__init__()
        embed, narrow = arch.hidden
        self.embed = Embedding(arch)
        self.dense = nn.Sequential(
            nn.Linear(2 * embed, embed), nn.ReLU(), nn.Dropout(arch.dropout),
            nn.Linear(embed, narrow), nn.ReLU(), nn.Dropout(arch.dropout),
            nn.Linear(narrow, arch.classes),
        )  # fmt: skip

    def forward(self, x: Tensor, f_x: Tensor) -> Tensor:
        """x (B, C, H, W) and f(x) (B, F); no gradient flows back into f."""
        e = self.embed(x)
        checks.width("f_x", f_x, e.shape[-1])
        if f_x.shape != e.shape:
            raise InputError(f"f(x) {tuple(f_x.shape)} must be of the images x, "
                             f"{tuple(e.shape)}")
        return self.dense(torch.cat([e, f_x.detach().to(e.dtype)], dim=-1))


def initialise(module: nn.Module, scheme: str) -> None:
    """Set all weights by `scheme`, biases to zero ('pytorch' leaves the defaults).

    'he': normal with variance 2 / fan-in, so that ReLU layers keep the size of
    the signal; a pixel of a transposed convolution with stride s is fed by
    25 / s^2 taps per channel, not 25. The layers that give mu and log_var
    start small (0.5 and 0.1), so that q_cov starts near the prior. ExperimentError
    for another scheme.
    """
    if scheme not in INITS:
        raise ExperimentError(f"init must be one of {INITS}, not {scheme!r}")
    if scheme == "pytorch":
        return
    for layer in module.modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear, nn.ConvTranspose2d)):
            if scheme == "xavier":
                nn.init.xavier_uniform_(layer.weight)
            else:
                fan_in = layer.weight[0].numel()
                if isinstance(layer, nn.ConvTranspose2d):
                    taps = KERNEL**2 / layer.stride[0] ** 2
                    fan_in = layer.in_channels * taps
                nn.init.normal_(layer.weight, std=math.sqrt(2 / fan_in))
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    if scheme == "he":
        for layer in module.modules():
            if isinstance(layer, EquivariantPosterior):
                with torch.no_grad():
                    layer.mu[-1].weight.mul_(0.5)
                    layer.log_var[-1].weight.mul_(0.1)
