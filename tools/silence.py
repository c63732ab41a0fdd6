"""How f falls silent on real house numbers, step by step, and what keeps it alive.

    python -m tools.silence              every run that is not in the file yet
    python -m tools.silence --table      the table so far

Each run is (4) on `svhn-part` with one departure, short (6 epochs of batch 64, about
one minute of one core), so it says whether f wakes and not where training ends. Runs
are judged on held-out training images, whole photographs; no test image is read. At
some steps a run writes down how f, r_y and the decoder are. Finished runs are kept in
data/results/svhn-part-silence.json and not made again.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn

from equivae_lite.chapters.colour import departures_table
from equivae_lite.data.sets import ImageSet, Pixels
from equivae_lite.evaluation.bound import (
    Representations,
    bound_terms,
    embed_all,
    mean_and_error,
)  # fmt: skip
from equivae_lite.model.equivae import EquiVAE
from equivae_lite.runs.folders import SHELF
from equivae_lite.training import checkpoints, experiments
from equivae_lite.training.objectives import (
    Batches,
    labelled_bound,
    pool_embeddings,
    representations,
    separation,
)  # fmt: skip
from equivae_lite.training.settings import Experiment
from tools.studies import run_missing, stored

PATH = SHELF.results / "svhn-part-silence.json"
COMMAND = "python -m tools.silence"
SEEDS = (0, 1, 2)
BASE = replace(
    experiments.get("svhn-part-supervised"), name="svhn-part-silence",
    schedule=((64, 6),), separation_steps=0, separation_distortion=0.0,
    decay_from=1.0, averaging=0.0,
)  # fmt: skip
LOOKS = (0, 10, 20, 40, 60, 80, 100, 150, 200, 300, 400, 600, 800)
LOOKED_AT, DRAWS = 500, 20  # pictures, and r_y of each class, at every look


class LeakyReLU(nn.LeakyReLU):
    """A tenth of what a ReLU cuts off goes on, and so does its gradient."""

    def __init__(self) -> None:
        super().__init__(0.1)


def leaky(model: EquiVAE) -> None:
    for place, layer in enumerate(model.encoder.f):
        if isinstance(layer, nn.ReLU):
            model.encoder.f[place] = LeakyReLU()


def silent_start(model: EquiVAE) -> None:
    """g ends in zeros: at first r_y is the same for every class, but f is whole."""
    nn.init.zeros_(model.encoder.g[-1].weight)


def normalised(model: EquiVAE) -> None:
    """Batch normalisation after each convolution of f: it cannot shrink."""
    f, layers = model.encoder.f, []
    for layer in f:
        layers.append(layer)
        if isinstance(layer, nn.Conv2d):
            layers.append(nn.BatchNorm2d(layer.out_channels))
    shape = f.image_shape
    nn.Sequential.__init__(f, *layers)
    f.image_shape = shape


@dataclass(frozen=True)
class Departure:
    """What one run does otherwise than (4) with the settings of `BASE`."""

    words: str
    fields: dict = field(default_factory=dict)  # of Experiment
    network: Callable[[EquiVAE], None] = lambda model: None
    first_m: tuple[int, int] = (0, 0)  # m, and for how many steps
    shut_steps: int = 0  # first steps in which v is shut
    encoder_rate: float = 1.0  # f's and g's share of the learning rate
    clip: float | None = None  # largest norm of the gradient of f and g
    always_the_same: bool = False  # one pool for each class, for ever
    mixed_up: bool = False  # pools of images of any class


def _init(how: str) -> dict:
    return {"arch": replace(BASE.arch, init=how)}


# (4) alone first, then what separates the causes, then what might wake f.
DEPARTURES = {
    "plain": Departure("(4) alone"),
    "same-images": Departure("r_y always from the same images", always_the_same=True),
    "mixed-up": Departure("r_y from images of any class", mixed_up=True),
    "no-kl": Departure("no KL in the objective", {"kl_start": 0.0, "kl_epochs": 1e9}),
    "xavier": Departure("Xavier initialisation", _init("xavier")),
    "pytorch": Departure("PyTorch initialisation", _init("pytorch")),
    "leaky": Departure("leaky rectifiers in f", network=leaky),
    "normalised": Departure("batch normalisation in f", network=normalised),
    "silent-start": Departure("g begins with zeros", network=silent_start),
    "slow": Departure("a tenth of the learning rate for f and g", encoder_rate=0.1),
    "clipped": Departure("gradients of f and g clipped at norm 1", clip=1.0),
    "kl-falls": Departure("KL weight from 4 to 1", {"kl_start": 4.0}),
    "shut": Departure("v shut for 200 steps", shut_steps=200),
    "large-m": Departure("m = 60 for 200 steps", first_m=(60, 200)),
    "table": Departure("learned vectors, no f", {"representation": "table"}),
    "separation-100": Departure("separation, 100 steps", {"separation_steps": 100}),
    "separation-300": Departure("separation, 300 steps", {"separation_steps": 300}),
    "separation-600": Departure("separation, 600 steps", {"separation_steps": 600}),
    "distorted-600": Departure(
        "separation of distorted images, 600 steps",
        {"separation_steps": 600, "separation_distortion": 1.0},
    ),
    "distorted-to-the-end": Departure(
        "separation of distorted images, to the end",
        {"separation_steps": 1_000_000, "separation_distortion": 1.0},
    ),
}  # fmt: skip


def run(departure: Departure, train: ImageSet, held_out: ImageSet, seed: int) -> dict:
    """Train one departure, look at it as it goes, judge it at the end."""
    e = replace(BASE, **departure.fields)
    started = time.process_time()
    torch.manual_seed(seed)
    pixels = Pixels.fit(train.images)
    model = checkpoints.build(e).to(memory_format=torch.channels_last)
    departure.network(model)
    batches = _batches(departure, e, train, pixels, seed)
    optimizer = torch.optim.Adam(_groups(departure, e, model))
    looks, done = [], 0
    for epoch in range(e.epochs):
        batches.seed(seed, epoch)
        parts = torch.randperm(len(train), generator=batches.generator).split(64)
        ms = batches.draw_ms(len(parts), seed, epoch)
        for step, (n, m) in enumerate(zip(parts, ms)):
            if done in LOOKS and model.representation == "complementary":
                looks.append({"step": done} | look(model, batches, pixels, train))
            if done < departure.first_m[1]:
                m = departure.first_m[0]
            optimizer.zero_grad(set_to_none=True)
            kl_weight = e.kl_weight(epoch + step / len(parts))
            value = _value(departure, e, model, batches, n, m, kl_weight, done)
            (-value).backward()
            if departure.clip:
                nn.utils.clip_grad_norm_(model.encoder.parameters(), departure.clip)
            optimizer.step()
            done += 1
    found = judge(model.eval(), pixels, train, held_out)
    found |= {"steps": done, "looks": looks}
    return found | {"cpu_seconds": round(time.process_time() - started)}


def _batches(
    departure: Departure, e: Experiment, train: ImageSet, pixels: Pixels, seed: int
) -> Batches:
    batches = Batches(e, train, pixels, seed)
    if departure.mixed_up:  # the classes that r_y is made from, not those of x_n
        g = torch.Generator().manual_seed(seed)
        order = torch.randperm(len(train), generator=g)
        mixed = replace(train, labels=train.labels[order])
        batches.pools = Batches(e, mixed, pixels, seed).pools
        batches.pools.left_out = lambda pool, n, y: torch.zeros_like(y)
    if departure.always_the_same:
        pool = batches.pools.draw(batches.m_max)
        batches.pools.draw = lambda m: pool
        batches.pools.left_out = lambda pool, n, y: torch.zeros_like(y)
    return batches


def _groups(departure: Departure, e: Experiment, model: EquiVAE) -> list[dict]:
    groups: list[dict] = [{"params": [], "lr": e.learning_rate}]
    groups.append({"params": [], "lr": e.learning_rate * departure.encoder_rate})
    for name, weight in model.named_parameters():
        groups[name.startswith("encoder.")]["params"].append(weight)
    return [group for group in groups if group["params"]]


def _value(
    departure: Departure, e: Experiment, model: EquiVAE, batches: Batches, n: Tensor,
    m: int, kl_weight: float, done: int,
) -> Tensor:  # fmt: skip
    """What a step maximises."""
    separate = done < e.separation_steps
    if separate:
        model.encoder.requires_grad_(False)
    if done < departure.shut_steps:
        value = _without_v(model, batches, n, m)
    else:
        value, _ = labelled_bound(model, batches, n, m, kl_weight)
    if separate:
        model.encoder.requires_grad_(True)
        value = value + separation(model, batches, n, m, e.separation_distortion)
    return value


def _r(model: EquiVAE, batches: Batches, n: Tensor, m: int) -> Tensor:
    """r_y of the images n, each from m others of its class."""
    y = batches.y[n]
    pool, f = pool_embeddings(model, batches, m)
    return representations(model, pool, f, batches.pools.left_out(pool, n, y), y)


def _without_v(model: EquiVAE, batches: Batches, n: Tensor, m: int) -> Tensor:
    r = _r(model, batches, n, m)
    out = model.decoder(r, r.new_zeros(len(r), model.arch.v_dim))
    return model.log_density(batches.x(n), out).mean()


def look(model: EquiVAE, batches: Batches, pixels: Pixels, train: ImageSet) -> dict:
    """f, r_y and what the decoder makes of them, without a trace in the training.

    Per layer of f the share of units that no picture wakes; how far f differs between
    pictures, in shares of its length; r_y's noise over draws of ten images and its
    spread over classes; the norm of the gradient that each term of (4) sends to f; and
    what the r_y of another class costs, in nats.
    """
    before = batches.generator.get_state()
    model.eval()  # there is no dropout here, but batch normalisation keeps a mean
    x = pixels.forward(train.images[:LOOKED_AT])
    dead, h = [], x
    with torch.no_grad():
        for layer in model.encoder.f:
            h = layer(h)
            if isinstance(layer, nn.ReLU | nn.LeakyReLU):
                dead.append(float((h <= 0).all(dim=0).double().mean()))
        apart, length = h.std(dim=0).norm(), h.mean(dim=0).norm()
        r = torch.stack([_every_r(model, batches) for _ in range(DRAWS)])
        noise = r.var(dim=0).mean().sqrt()
        between = r.mean(dim=0).var(dim=0).mean().sqrt()
    n, parts = torch.arange(64), {}
    r_n = _r(model, batches, n, batches.m_max)
    eps = batches.noise(1, len(n), model.arch.v_dim)
    terms = model.terms(batches.x(n), r_n, eps)
    weights = list(model.encoder.f.parameters())
    for name, term in (("log_lik", terms.log_lik), ("kl", terms.kl)):
        found = torch.autograd.grad(
            term.mean(), weights, retain_graph=True, allow_unused=True
        )
        parts[name] = float(torch.cat(
            [g.flatten() for g in found if g is not None]
        ).norm())  # fmt: skip
    with torch.no_grad():
        classes = _every_r(model, batches)
        y = batches.y[n]
        right, wrong = (
            model.terms(batches.x(n), classes[c], eps).bound.mean()
            for c in (y, (y + 5) % 10)
        )
    batches.generator.set_state(before)
    model.train()
    numbers: dict[str, Tensor | float] = {
        "apart": apart / length.clamp(min=1e-9), "noise": noise, "between": between,
        "gradient_log_lik": parts["log_lik"], "gradient_kl": parts["kl"],
        "wrong_class": right - wrong, "log_lik": terms.log_lik.detach().mean(),
    }  # fmt: skip
    return {k: float(f"{float(v):.4g}") for k, v in numbers.items()} | {
        "dead": [round(share, 4) for share in dead]
    }


def _every_r(model: EquiVAE, batches: Batches) -> Tensor:
    """One r_y for each class, from ten images: (classes, R)."""
    pool = batches.pools.draw(batches.m_max)[:, :-1]
    return model.encoder(batches.x(batches.labelled[pool]))


@torch.no_grad()
def judge(
    model: EquiVAE, pixels: Pixels, train: ImageSet, held_out: ImageSet
) -> dict[str, float]:
    """On held-out images, with r_y from all training images of a class."""
    x, indices = pixels.forward(held_out.images), torch.arange(len(held_out))
    own = model.representation == "complementary"
    r_y = Representations(model, pixels, train)
    table = r_y.table() if own else model.table.weight
    y = held_out.labels
    right = bound_terms(model, x, table[y], indices)
    wrong = bound_terms(model, x, table[(y + 5) % 10], indices)
    bound, error = mean_and_error(right.bound)
    found = {"bound": bound, "error": error, "kl": float(right.kl.mean()),
             "wrong_class": float((right.bound - wrong.bound).mean())}  # fmt: skip
    if own:
        f = embed_all(model, pixels, held_out.images)
        apart, length = f.std(dim=0).norm(), f.mean(dim=0).norm()
        nearest = torch.cdist(model.encoder.g(f), table).argmin(dim=1)
        found["nearest_class_error"] = float((nearest != y).double().mean())
        found["apart"] = float(apart / length.clamp(min=1e-9))  # all of f may be 0
    return {key: float(f"{value:.6g}") for key, value in found.items()}


def run_all(seeds: tuple[int, ...] = SEEDS) -> dict:
    """Make every run that the file does not hold yet, see `studies.run_missing`."""
    return run_missing(PATH, COMMAND, BASE, "departures", DEPARTURES, run, seeds)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__.split("\n")[0])
    parser.add_argument("--table", action="store_true", help="only print the table")
    if not parser.parse_args(arguments).table:
        run_all()
    print(departures_table(stored(PATH)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
