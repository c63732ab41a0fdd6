"""The sum over labels: every label decoded against the estimate of `label_sum`.

Steps of a trained model, the two ways in turn, each on the same images with the same
random numbers of its own. A step's cost is the processor time of all threads (on a
GPU, wall-clock time), so that other work on the machine does not count.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import replace

import torch
from torch import Tensor

from ... import files
from ...data import sets
from ...model.equivae import EquiVAE
from ...model.label_sum import proposal
from ...training import checkpoints, experiments, objectives
from ...training.objectives import Batches
from .. import machine, pipeline
from ..folders import MINE, Folder

KINDS = ("exact", "sampled")
BATCH = 128
M, KL_WEIGHT = 2, 1.0


def main(
    name: str, device: str, smoke: bool = False, folder: Folder = MINE
) -> dict:
    """Time both sums on the shipped model; write bench-labels.json.

    In `smoke` an untrained model is used and nothing is written.
    """
    experiment = experiments.get(name)
    images = sets.load(experiment.data, "train", 2000 if smoke else None, device)
    if smoke:
        model, pixels = (
            checkpoints.build(experiment),
            pipeline.pixels_for(experiment, images),
        )
    else:
        model, pixels, _ = checkpoints.load(name, device=device)
    model = model.to(device, memory_format=torch.channels_last).train()
    batches = Batches(experiment, images, pixels, 0)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.0)  # the model stays
    clock = time.perf_counter if device.startswith("cuda") else time.process_time
    seconds: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for step in range(2 if smoke else 21):
        for kind in KINDS:
            settings = replace(experiment, label_sum=kind)
            batches.seed(0, step)
            n = batches.draw_labelled(experiment.labelled_batch)
            u = _some(batches)
            started = clock()
            value, _ = objectives.semi_supervised_objective(
                model, batches, n, u, M, KL_WEIGHT, settings
            )
            optimizer.zero_grad(set_to_none=True)
            (-value).backward()
            optimizer.step()
            value.item()  # waits for the GPU
            seconds[kind].append(clock() - started)
    medians = {kind: statistics.median(times[1:]) for kind, times in seconds.items()}
    u = _some(batches)
    x = batches.x(batches.unlabelled[u])
    with torch.no_grad():
        kept = proposal(model.label_log_posterior(x))[1]
    result = {
        "experiment": name,
        "data": images.name,
        **machine.origin(f"bench {name}", device),
        "batch": BATCH,
        "seconds": medians,
        "times_faster": medians["exact"] / medians["sampled"],
        "decodings_per_image": 1 + float(kept.mean()),
        "gradient_variance": {
            kind: logit_gradient_variance(model, batches, x, kind, 4 if smoke else 200)
            for kind in KINDS
        },
    }
    for kind in KINDS:
        print(f"{kind:8s} {1000 * medians[kind]:8.1f} ms a step of {BATCH}, gradient "
              f"variance {result['gradient_variance'][kind]:.3g}")  # fmt: skip
    print(f"{result['times_faster']:.2f} times faster, "
          f"{result['decodings_per_image']:.2f} decodings an image")  # fmt: skip
    if not smoke:
        files.write_json(folder.results / "bench-labels.json", result)
    return result


def logit_gradient_variance(
    model: EquiVAE, batches: Batches, x: Tensor, kind: str, draws: int
) -> float:
    """Variance over draws of the gradient to the logits of q, summed over classes.

    Mean over the images x (B, C, H, W), in nats squared: the noise of v and of the
    pools of r_y for the exact sum, that of the drawn labels besides for the other.
    """
    log_lik = (
        objectives.exact_log_lik if kind == "exact" else objectives.sampled_log_lik
    )
    with torch.no_grad():
        logits = model.label_log_posterior(x)
    found = []
    for i in range(draws):
        batches.seed(i, 0)
        a = logits.clone().requires_grad_()
        expected, _ = log_lik(model, batches, x, a.log_softmax(dim=1), M, 1)
        found.append(torch.autograd.grad(expected.sum(), a)[0])
    return float(torch.stack(found).double().var(dim=0).sum(dim=1).mean())


def _some(batches: Batches) -> Tensor:
    """Positions of a random unlabelled batch."""
    count = min(BATCH, len(batches.unlabelled))
    return torch.randint(
        len(batches.unlabelled), (count,), generator=batches.generator,
        device=batches.images.device,
    )  # fmt: skip
