"""Images per second of a training step: shared pools against two plain ways.

    pools      tensors resident, one pool a class and step (what `training` does)
    resident   tensors resident, m complementary images drawn for every image
    loader     how one would write it first: a DataLoader over single images, each
               with m complementary images of its own, all of them PIL images
               through ToTensor as torchvision's datasets give them, and the
               model in its default memory layout

Each variant and batch size runs in a process of its own, so that its peak
memory is its own. Times are medians over steps.
"""

from __future__ import annotations

import itertools
import multiprocessing
import statistics
import time
from collections.abc import Iterator

import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms.functional import to_tensor

from ... import errors, files
from ...data import sets
from ...data.sets import ImageSet, Pixels
from ...model import bounds
from ...model.equivae import EquiVAE
from ...training import checkpoints, experiments, objectives
from ...training.sampling import draw_per_image
from ...training.settings import Experiment
from .. import machine, pipeline
from ..folders import MINE, Folder

VARIANTS = ("pools", "resident", "loader")
BATCHES = (32, 256, 1024)
MS = (1, 4, 7)  # a step's time is linear in m, so these average to m uniform on 1..7


def per_image_bound(model: EquiVAE, x: Tensor, others: Tensor, eps: Tensor) -> Tensor:
    """Mean of (4) with m complementary images for each x: others (B, m, C, H, W)."""
    terms = model.terms(x, model.encoder(others), eps)
    return bounds.labelled_bound(terms.log_lik, terms.kl).mean()


class _Singles(Dataset):
    """One image and m random others of its class at a time, as first written."""

    def __init__(self, images: ImageSet, m: int) -> None:
        self.images = images.images.squeeze(1).cpu().numpy()
        self.labels, self.m = images.labels.tolist(), m
        self.by_class = [rows.tolist() for rows in images.by_class()]

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, n: int) -> tuple[Tensor, Tensor]:
        members = self.by_class[self.labels[n]]
        others: list[int] = []
        while len(others) < self.m:
            i = members[int(torch.randint(len(members), ()))]
            if i != n and i not in others:
                others.append(i)
        return self._image(n), torch.stack([self._image(i) for i in others])

    def _image(self, i: int) -> Tensor:
        return to_tensor(Image.fromarray(self.images[i]))


def values(
    variant: str, model: EquiVAE, batches: objectives.Batches, images: ImageSet,
    batch: int, m: int,
) -> Iterator[Tensor]:  # fmt: skip
    """The objective of one step after another, each on a batch fetched for it."""
    device, v_dim = images.images.device, model.arch.v_dim
    if variant == "loader":
        for x, others in DataLoader(_Singles(images, m), batch, shuffle=True):
            eps = batches.noise(len(x), v_dim)
            yield per_image_bound(model, x.to(device), others.to(device), eps)
        return
    while True:
        n = torch.randint(
            len(images), (batch,), generator=batches.generator, device=device
        )
        if variant == "pools":
            yield objectives.labelled_bound(model, batches, n, m, 1.0)[0]
        else:
            others = draw_per_image(batches.y, n, m, batches.generator)
            eps = batches.noise(batch, v_dim)
            yield per_image_bound(model, batches.x(n), batches.x(others), eps)


def measure(
    variant: str, name: str, batch: int, device: str, steps: int, threads: int
) -> dict:
    """Seconds per step for each m, and peak memory, of one variant and batch size."""
    torch.set_num_threads(threads)
    experiment, images, pixels = _prepare(name, device)
    torch.manual_seed(0)
    model = checkpoints.build(experiment)
    model = model.to(device).train()
    if variant != "loader":
        model = model.to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(model.parameters())
    batches = objectives.Batches(experiment, images, pixels, 0)
    batches.seed(0, 0)
    seconds = {}
    for m in MS:
        stream = values(variant, model, batches, images, batch, m)
        times = []
        for _ in range(steps + 1):
            started = time.perf_counter()
            value = next(stream)
            optimizer.zero_grad(set_to_none=True)
            (-value).backward()
            optimizer.step()
            value.item()  # waits for the GPU
            times.append(time.perf_counter() - started)
        seconds[str(m)] = statistics.median(times[1:])  # the first one warms up
    held = machine.peak_megabytes(device)
    peak = held.get("gpu", held.get("process"))  # None: this system does not tell
    return {"seconds": seconds, "peak_mib": peak}


def gradient_noise(
    variant: str, model: EquiVAE, batches: objectives.Batches, images: ImageSet,
    batch: int, m: int, repeats: int,
) -> dict[str, float]:  # fmt: skip
    """Bound and gradient over `repeats` random batches of one way of drawing.

    Returns the mean bound with its standard error, the squared norm of the mean
    gradient and the trace of the gradient's covariance, in nats squared.
    """
    parameters = [p for p in model.parameters() if p.requires_grad]
    found, total, squares = [], None, 0.0
    stream = values(variant, model, batches, images, batch, m)
    for value in itertools.islice(stream, repeats):
        gradients = torch.autograd.grad(value, parameters)
        flat = torch.cat([g.flatten() for g in gradients]).double()
        found.append(value.item())
        total = flat if total is None else total + flat
        squares += float(flat.square().sum())
    mean_square = float((total / repeats).square().sum())
    variance = (squares / repeats - mean_square) * repeats / (repeats - 1)
    bound = torch.tensor(found, dtype=torch.float64)
    return {
        "bound": float(bound.mean()),
        "bound_error": float(bound.std() / repeats**0.5),
        "gradient_norm_squared": mean_square - variance / repeats,
        "gradient_variance": variance,
    }


def main(
    name: str, device: str, smoke: bool = False, folder: Folder = MINE
) -> dict:
    """Run all of it, print a table, write bench.json (not in smoke)."""
    threads = torch.get_num_threads()
    batch_sizes = BATCHES[:1] if smoke else BATCHES
    experiment, images, pixels = _prepare(name, device)
    timings: dict = {v: {} for v in VARIANTS}
    for batch in batch_sizes:
        steps = 2 if smoke else max(3, 2048 // batch)
        for variant in VARIANTS:
            settings = (variant, name, batch, device, steps, threads)
            found = measure(*settings) if smoke else apart(*settings)
            timings[variant][str(batch)] = found
    print(f"{images.name}, {threads} thread(s), {machine.hardware(device)}")
    print("batch  variant    images/s at m = 1, 4, 7     mean step  speed-up  peak MiB")
    for batch in batch_sizes:
        pool_time = _mean(timings["pools"][str(batch)]["seconds"])
        for variant in VARIANTS:
            t = timings[variant][str(batch)]
            rates = " ".join(f"{batch / s:8.0f}" for s in t["seconds"].values())
            mean = _mean(t["seconds"])
            print(
                f"{batch:5d}  {variant:9s} {rates}   {1000 * mean:9.1f} ms "
                f"{mean / pool_time:8.2f}x {t['peak_mib'] or '?':>9.0f}"
            )
    noise = {}
    if device == "cpu":
        torch.manual_seed(0)
        model = checkpoints.build(experiment).to(memory_format=torch.channels_last)
        batches = objectives.Batches(experiment, images, pixels, 0)
        batch, repeats = (32, 8) if smoke else (256, 100)
        for variant in VARIANTS[:2]:
            batches.seed(0, 0)
            noise[variant] = gradient_noise(
                variant, model, batches, images, batch, 4, repeats
            )
        print(f"batch {batch}, m = 4, {repeats} random batches, untrained networks:")
        for variant, result in noise.items():
            print(f"  {variant:9s}", {k: round(x, 3) for k, x in result.items()})
    result = {
        "experiment": name,
        "data": images.name,
        **machine.origin(f"bench {name}", device),
        "timings": timings,
        "noise": noise,
    }
    if not smoke:
        files.write_json(folder.results / "bench.json", result)
    return result


def apart(*settings: object) -> dict:
    """`measure` in a fresh process: its peak memory is its own."""
    with multiprocessing.get_context("spawn").Pool(1) as one:
        return one.apply(measure, settings)


def _prepare(name: str, device: str) -> tuple[Experiment, ImageSet, Pixels]:
    experiment = experiments.get(name)
    if experiment.semi_supervised or experiment.arch.colours != 1:
        raise errors.ExperimentError(
            f"bench measures supervised experiments on grey images, not {name}: "
            "choose mnist-supervised or glyphs-supervised"
        )
    images = sets.load(experiment.data, "train", device=device)
    return experiment, images, pipeline.pixels_for(experiment, images)


def _mean(seconds: dict[str, float]) -> float:
    return statistics.mean(seconds.values())
