"""The training loop: Adam on the bound, batches that double, and a safe resume.

All randomness of an epoch comes from (seed, epoch). A run that was killed goes
on from its last whole epoch and ends at the same weights as one that was not.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor
from tqdm.auto import tqdm

from . import bounds
from .checkpoints import build, load_state, save_state
from .data import ImageSet, Pixels, class_balanced_split
from .errors import TrainingError
from .experiments import Experiment
from .model import EquiVAE
from .sampling import ComplementaryPools, complementary_mean

CHECK_EVERY = 50  # steps between two looks at the loss (a look waits for the GPU)


class Batches:
    """What a training step draws from: images, D_lab and its pools, noise.

    `labelled` and `unlabelled` are indices into `images`. The pools work on
    positions within `labelled`.
    """

    def __init__(
        self, experiment: Experiment, data: ImageSet, pixels: Pixels, seed: int
    ) -> None:
        self.images, self.pixels = data.images, pixels
        device = data.images.device
        self.generator = torch.Generator(device)
        everything = torch.arange(len(data.labels), device=device)
        if experiment.semi_supervised:
            per_class = experiment.labels // data.classes
            lab, unlab = class_balanced_split(data.labels.cpu(), per_class, seed)
            self.labelled, self.unlabelled = lab.to(device), unlab.to(device)
        else:
            self.labelled, self.unlabelled = everything, everything[:0]
        self.y = data.labels[self.labelled]
        self.pools = ComplementaryPools(self.y, self.generator, data.classes)
        self.m_max = min(experiment.m_max, self.pools.largest_m)

    def x(self, indices: Tensor) -> Tensor:
        """Network input of images: (...,) -> (..., C, H, W)."""
        return self.pixels.forward(self.images[indices])

    def noise(self, *shape: int) -> Tensor:
        device = self.images.device
        return torch.randn(*shape, generator=self.generator, device=device)

    def draw_labelled(self, count: int) -> Tensor:
        """Random positions within the labelled set, (count,)."""
        device = self.images.device
        return torch.randint(
            len(self.labelled), (count,), generator=self.generator, device=device
        )

    def draw_ms(self, steps: int, seed: int, epoch: int) -> list[int]:
        """m of each step of an epoch, uniform on 1..m_max."""
        g = torch.Generator().manual_seed(seed * 10_007 + epoch)
        return torch.randint(1, self.m_max + 1, (steps,), generator=g).tolist()

    def seed(self, seed: int, epoch: int) -> None:
        """Start an epoch's random numbers; `torch.manual_seed` is for dropout."""
        self.generator.manual_seed(seed * 10_007 + epoch)
        torch.manual_seed(seed * 10_007 + epoch)


def pool_embeddings(model: EquiVAE, batches: Batches, m: int) -> tuple[Tensor, Tensor]:
    """Draw one pool a class and embed it: indices and f, (K, m + 1) and (K, m + 1, F).

    This is all that r_y costs in a step, whatever the batch size.
    """
    pool = batches.pools.draw(m)
    return pool, model.encoder.f(batches.x(batches.labelled[pool]))


def representations(
    model: EquiVAE, pool: Tensor, f: Tensor, out: Tensor, y: Tensor
) -> Tensor:
    """(2) from embedded pools: r of class `y` without pool member `out`."""
    return model.encoder.g(complementary_mean(f, y, out).to(f.dtype))


def labelled_bound(
    model: EquiVAE, batches: Batches, n: Tensor, m: int, kl_weight: float
) -> tuple[Tensor, dict[str, Tensor]]:
    """Mean over a batch of (4); `n` (B,) are positions in the labelled set."""
    y = batches.y[n]
    if model.representation == "complementary":
        pool, f = pool_embeddings(model, batches, m)
        r = representations(model, pool, f, batches.pools.left_out(pool, n, y), y)
    else:
        r = model.table(y) if model.representation == "table" else None
    x = batches.x(batches.labelled[n])
    terms = model.terms(x, r, batches.noise(len(n), model.arch.v_dim))
    value = bounds.labelled_bound(terms.log_lik, kl_weight * terms.kl).mean()
    log = {"log_lik": terms.log_lik, "kl": terms.kl}
    return value, {k: t.detach().mean() for k, t in log.items()}


def semi_supervised_objective(
    model: EquiVAE,
    batches: Batches,
    n: Tensor,
    u: Tensor | None,
    m: int,
    kl_weight: float,
    experiment: Experiment,
) -> tuple[Tensor, dict[str, Tensor]]:
    """Minibatch estimate of (7), per image, plus alpha log q_y-post(y_n | x_n).

    `n` are positions in the labelled set and `u` in the unlabelled one (None
    during the labelled warm-up). With `labelled_weight` None the two means have
    the proportion of the two sums in (7).
    """
    value, log = labelled_bound(model, batches, n, m, kl_weight)
    log_q_lab = model.label_log_posterior(batches.x(batches.labelled[n]))
    log_q_true = log_q_lab.gather(1, batches.y[n][:, None]).mean()
    log["log_q_label"] = log_q_true.detach()
    if u is None:
        return value + experiment.alpha * log_q_true, log
    classes = model.arch.classes
    pool, f = pool_embeddings(model, batches, m)
    y = torch.arange(classes, device=u.device).expand(len(u), classes)
    r = representations(model, pool, f, batches.pools.left_out(pool, None, y), y)
    x = batches.x(batches.unlabelled[u])
    terms = model.terms_per_class(
        x, r, batches.noise(len(u), classes, model.arch.v_dim)
    )
    bound_y = bounds.labelled_bound(terms.log_lik, kl_weight * terms.kl)
    log_p = torch.full((classes,), -math.log(classes), device=u.device)
    log_q = model.label_log_posterior(x)
    unlabelled = bounds.unlabelled_bound(bound_y, log_q, log_p).mean()
    log["unlabelled_bound"] = unlabelled.detach()
    w = experiment.labelled_weight
    if w is None:
        n_lab, n_unlab = len(batches.labelled), len(batches.unlabelled)
        w = n_lab / (n_lab + n_unlab)
    return w * value + (1 - w) * unlabelled + experiment.alpha * log_q_true, log


def fit(
    experiment: Experiment,
    data: ImageSet,
    pixels: Pixels,
    seed: int = 0,
    *,
    state_path: Path | None = None,
    validate: Callable[[EquiVAE], dict[str, float]] | None = None,
    bfloat16: bool = False,
    max_steps: int | None = None,
    progress: bool = True,
) -> tuple[EquiVAE, list[dict[str, float]]]:
    """Train an experiment on `data` (on its device) and return model and history.

    Args:
        state_path: where the state after each epoch is kept; if it exists, the
            run goes on from there. None: nothing is kept.
        validate: called with the model after each epoch; its numbers enter the
            history.
        bfloat16: multiply matrices in bfloat16 (weights, densities and Adam
            stay in float32). Faster on recent CPUs and GPUs.
        max_steps: stop after that many steps in all (for tests).

    Raises:
        TrainingError: the loss is not finite. The state of the last whole
            epoch is kept.
    """
    device = data.images.device
    torch.manual_seed(seed)
    model = build(experiment).to(device, memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(model.parameters(), lr=experiment.learning_rate)
    batches = Batches(experiment, data, pixels, seed)
    if batches.m_max < experiment.m_max:
        print(
            f"m_max lowered from {experiment.m_max} to {batches.m_max}: the smallest "
            f"class has {batches.m_max + 1} labelled images"
        )
    history: list[dict[str, float]] = []
    settings = {"experiment": repr(experiment), "seed": seed, "bfloat16": bfloat16}
    if state_path is not None and state_path.exists():
        state = load_state(state_path)
        if state["settings"] != settings:
            raise TrainingError(
                f"{state_path} belongs to a run with other settings; delete it, and "
                "this run starts from its beginning"
            )
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        history = state["history"]

    for epoch in range(len(history), experiment.epochs):
        entry = train_epoch(
            experiment, model, optimizer, batches, seed, epoch,
            steps_done=sum(int(h["steps"]) for h in history),
            bfloat16=bfloat16, max_steps=max_steps, progress=progress,
            kept=f"the last whole epoch is kept in {state_path}" if state_path else
            "nothing was written, since no state_path was given",
        )  # fmt: skip
        if entry is None:
            break
        if validate is not None:
            model.eval()
            entry |= validate(model)
        history.append(entry)
        # An epoch that max_steps cut short is no whole epoch to go on from.
        cut = max_steps is not None and sum(h["steps"] for h in history) >= max_steps
        if state_path is not None and not cut:
            state = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
            save_state(state_path, state | {"settings": settings, "history": history})
        if progress:
            words = [
                f"{k} {v:.2f}" for k, v in entry.items() if k not in ("epoch", "steps")
            ]
            tqdm.write(f"epoch {epoch + 1}/{experiment.epochs} " + " ".join(words))
    return model.eval(), history


def train_epoch(
    experiment: Experiment, model: EquiVAE, optimizer: torch.optim.Optimizer,
    batches: Batches, seed: int, epoch: int, *, steps_done: int, bfloat16: bool,
    max_steps: int | None, progress: bool, kept: str,
) -> dict[str, float] | None:  # fmt: skip
    """One pass over the images; returns the epoch's means (None: no step was left).

    `kept` says in an error what of the run is safe.
    """
    batches.seed(seed, epoch)
    device, started = batches.images.device, time.perf_counter()
    semi = experiment.semi_supervised
    population = batches.unlabelled if semi else batches.labelled
    size = experiment.batch_size(epoch)
    order = torch.randperm(len(population), generator=batches.generator, device=device)
    parts = order.split(size)
    ms = batches.draw_ms(len(parts), seed, epoch)
    steps = len(parts)
    if max_steps is not None:
        parts = parts[: max(0, max_steps - steps_done)]
    if not parts:
        return None
    sums: dict[str, Tensor] = {}
    counts: dict[str, int] = {}  # the warm-up has no unlabelled bound to average
    bar = tqdm(
        list(zip(parts, ms)),
        desc=f"epoch {epoch + 1}/{experiment.epochs}, batch {size}",
        disable=not progress,
        leave=False,
    )
    model.train()
    for step, (part, m) in enumerate(bar):
        kl_weight = experiment.kl_weight(epoch + step / steps)
        with torch.autocast(device.type, torch.bfloat16, enabled=bfloat16):
            if semi:
                n = batches.draw_labelled(experiment.labelled_batch)
                warm = steps_done + step >= experiment.warmup_steps
                value, log = semi_supervised_objective(
                    model, batches, n, part if warm else None, m, kl_weight, experiment
                )
            else:
                value, log = labelled_bound(model, batches, part, m, kl_weight)
        optimizer.zero_grad(set_to_none=True)
        (-value).backward()
        if step % CHECK_EVERY == 0:
            _demand_finite([value], experiment, epoch, step, kept)
            bar.set_postfix({k: f"{float(t):.1f}" for k, t in log.items()})
        optimizer.step()
        for k, t in log.items():
            sums[k], counts[k] = sums.get(k, 0) + t, counts.get(k, 0) + 1
    # Before the epoch counts: neither its terms nor the weights it leaves may be NaN.
    everything = [value, *sums.values(), *model.parameters()]
    _demand_finite(everything, experiment, epoch, step, kept)
    entry = {"epoch": epoch + 1, "batch": size, "steps": len(parts)}
    entry |= {k: float(t) / counts[k] for k, t in sums.items()}
    return entry | {"seconds": round(time.perf_counter() - started, 1)}


def max_steps_from_environment() -> int | None:
    """EQUIVAE_MAX_STEPS, with which tests walk the whole path in a few steps."""
    value = os.environ.get("EQUIVAE_MAX_STEPS")
    if not value:
        return None
    if not value.isdecimal() or int(value) < 1:
        raise TrainingError(
            f"EQUIVAE_MAX_STEPS is {value!r}; it must be a whole number of at least 1"
        )
    return int(value)


def _demand_finite(
    tensors: list[Tensor], experiment: Experiment, epoch: int, step: int, kept: str
) -> None:
    if all(bool(torch.isfinite(t).all()) for t in tensors):
        return
    raise TrainingError(
        f"{experiment.name}: the objective or a weight is no longer finite (NaN or "
        f"infinite) in epoch {epoch + 1}, step {step + 1}; {kept}. Try a smaller "
        "learning_rate, another seed, float32 instead of bfloat16, or look for "
        "damaged images"
    )
