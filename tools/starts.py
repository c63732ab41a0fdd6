"""How the units of v come into use, step by step, from several starts.

    python -m tools.starts              every run that is not in the file yet
    python -m tools.starts --seeds 0    of these seeds only

Each run is the first 1,000 steps of (4) on MNIST, batch 32, about a minute of one core:
it says how training begins and not where it ends. The KL has its full weight from the
first step, so that runs differ in their starts alone. They are looked at on held-out
training images; no test image is read. Finished runs are kept in
data/results/mnist-starts.json and not made again; chapter 11 draws them.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import nn

from equivae_lite.data.sets import ImageSet, Pixels
from equivae_lite.evaluation.bound import Representations, bound_terms
from equivae_lite.evaluation.summaries import active_units, mean_and_error
from equivae_lite.model import bounds
from equivae_lite.model.equivae import EquiVAE
from equivae_lite.model.networks import KERNEL, initialise
from equivae_lite.runs.folders import SHELF
from equivae_lite.training import checkpoints, experiments
from equivae_lite.training.objectives import Batches, labelled_bound
from tools.studies import run_missing

PATH = SHELF.results / "mnist-starts.json"
COMMAND = "python -m tools.starts"
SEEDS = (0, 1, 2)
BASE = replace(
    experiments.get("mnist-supervised"), name="mnist-starts", schedule=((32, 1),),
    kl_epochs=0.0,
)  # fmt: skip
STEPS = 1000
LOOKS = (
    *(10, 20, 40, 60, 80, 100, 130, 160, 200, 250, 300, 350, 400, 450),
    *(500, 600, 700, 800, 900, 1000),
)
LOOKED_AT = 500  # held-out images, at every look


Change = Callable[[EquiVAE], None]
LAYERS = (nn.Conv2d, nn.Linear, nn.ConvTranspose2d)


def layers(model: EquiVAE) -> list[nn.Module]:
    return [layer for layer in model.modules() if isinstance(layer, LAYERS)]


def scale(model: EquiVAE, power: float = 1.0) -> None:
    """PyTorch's variance of a weight, 1 / (3 fan-in), becomes He's 2 / fan-in."""
    for layer in layers(model):
        layer.weight.mul_(math.sqrt(6) ** power)


def biases(model: EquiVAE) -> None:
    for layer in layers(model):
        if layer.bias is not None:
            layer.bias.zero_()


def taps(model: EquiVAE, power: float = 0.5) -> None:
    """A transposed convolution's fan-in: the taps that feed a pixel.

    PyTorch counts kernel x output channels. With power -0.5 the count is undone.
    """
    for layer in layers(model):
        if isinstance(layer, nn.ConvTranspose2d):
            counted = layer.weight[0].numel()
            fed = layer.in_channels * KERNEL**2 / layer.stride[0] ** 2
            layer.weight.mul_((counted / fed) ** power)


def heads(model: EquiVAE, power: float = 1.0) -> None:
    """The layers that give mu and log_var start small, or with power -1 do not."""
    model.posterior.mu[-1].weight.mul_(0.5**power)
    model.posterior.log_var[-1].weight.mul_(0.1**power)


def default_biases(model: EquiVAE) -> None:
    """Uniform within 1 / sqrt(fan-in) of 0, as PyTorch's layers begin."""
    for layer in layers(model):
        if layer.bias is not None:
            reach = layer.weight[0].numel() ** -0.5
            nn.init.uniform_(layer.bias, -reach, reach)


def decoder(model: EquiVAE) -> None:
    initialise(model.decoder, "he")


def encoders(model: EquiVAE) -> None:
    initialise(model.encoder, "he")
    initialise(model.posterior, "he")


@dataclass(frozen=True)
class Start:
    """The scheme of all networks, and what is then changed in some of them."""

    words: str
    init: str = "pytorch"
    change: Change = lambda model: None


STARTS = {
    "pytorch": Start("PyTorch's default"),
    "he": Start("He", "he"),
    "decoder": Start("He in the decoder only", change=decoder),
    "encoders": Start("He in f, g and q only", change=encoders),
    "xavier": Start("Xavier", "xavier"),
    "scale": Start("default, He's scale of weights", change=scale),
    "biases": Start("default, biases 0", change=biases),
    "taps": Start("default, taps counted", change=taps),
    "heads": Start("default, small heads", change=heads),
    "he-scale": Start("He, default's scale", "he", lambda m: scale(m, -1.0)),
    "he-biases": Start("He, default's biases", "he", default_biases),
    "he-taps": Start("He, taps not counted", "he", lambda m: taps(m, -0.5)),
    "he-heads": Start("He, heads not small", "he", lambda m: heads(m, -1.0)),
}


def build(start: Start, seed: int) -> EquiVAE:
    torch.manual_seed(seed)
    arch = replace(BASE.arch, init=start.init)
    model = checkpoints.build(replace(BASE, arch=arch))
    with torch.no_grad():
        start.change(model)
    return model.to(memory_format=torch.channels_last)


def run(start: Start, train: ImageSet, held_out: ImageSet, seed: int) -> dict:
    """Train from one start, look at it as it goes, and once more at the end."""
    started = time.process_time()
    model, pixels = build(start, seed), Pixels.unit()
    batches = Batches(BASE, train, pixels, seed)
    adam = torch.optim.Adam(model.parameters(), lr=BASE.learning_rate)
    some = held_out.subset(torch.arange(min(LOOKED_AT, len(held_out))))
    batches.seed(seed, 0)
    order = torch.randperm(len(train), generator=batches.generator)
    parts = order.split(BASE.schedule[0][0])[:STEPS]
    looks = [{"step": 0} | look(model, batches, some)]
    for step, (n, m) in enumerate(zip(parts, batches.draw_ms(STEPS, seed, 0)), 1):
        adam.zero_grad(set_to_none=True)
        value, _ = labelled_bound(model, batches, n, m, 1.0)
        (-value).backward()
        adam.step()
        if step in LOOKS:
            looks.append({"step": step} | look(model, batches, some))
    found = {"steps": len(parts), "looks": looks, **worth(model, train, held_out)}
    return found | {"cpu_seconds": round(time.process_time() - started)}


@torch.no_grad()
def look(model: EquiVAE, batches: Batches, images: ImageSet) -> dict:
    """The KL of each unit of v, in nats, and the reconstruction: means over images.

    r_y is that of the first m_max training images of a class, so that a look draws no
    random number of the training's.
    """
    first = torch.stack([rows[: batches.m_max] for rows in _rows_of(batches)])
    r = model.encoder(batches.x(batches.labelled[first]))[images.labels]
    x = batches.pixels.forward(images.images)
    mu, log_var = model.posterior(r, x)
    units = bounds.gaussian_kl(mu[..., None], log_var[..., None]).mean(0)
    terms = bound_terms(model, x, r, torch.arange(len(x)))
    return {
        "kl": [round(float(k), 4) for k in units],
        "log_lik": round(float(terms.log_lik.mean()), 2),
    }


def _rows_of(batches: Batches) -> list[torch.Tensor]:
    return [(batches.y == y).nonzero()[:, 0] for y in range(int(batches.y.max()) + 1)]


@torch.no_grad()
def worth(model: EquiVAE, train: ImageSet, held_out: ImageSet) -> dict:
    """On all held-out images, with r_y from all training images of a class.

    The variety is the variance of a drawn pixel within a class, summed over pixels, for
    64 draws of v from the prior.
    """
    table = Representations(model.eval(), Pixels.unit(), train).table()
    x, r = Pixels.unit().forward(held_out.images), table[held_out.labels]
    terms = bound_terms(model, x, r, torch.arange(len(x)))
    parts = zip(r.split(500), x.split(500))
    mu = torch.cat([model.posterior(*part)[0] for part in parts])
    bound, error = mean_and_error(terms.bound)
    found = {"bound": bound, "error": error, "kl": float(terms.kl.mean())}
    generator = torch.Generator().manual_seed(2)
    many_v = torch.randn(64, model.arch.v_dim, generator=generator)
    drawn = torch.stack([model.mean_image(r_y, many_v) for r_y in table])
    found["variety"] = float(drawn.var(dim=1).sum((1, 2, 3)).mean())
    found = {key: float(f"{value:.6g}") for key, value in found.items()}
    return found | {"active_units": active_units(mu)}


def run_all(seeds: tuple[int, ...] = SEEDS) -> dict:
    """Make every run that the file does not hold yet, see `studies.run_missing`."""
    return run_missing(PATH, COMMAND, BASE, "starts", STARTS, run, seeds)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", nargs="+", type=int, default=SEEDS)
    run_all(tuple(parser.parse_args(arguments).seeds))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
