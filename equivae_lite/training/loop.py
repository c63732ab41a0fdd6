"""The training loop: Adam on the bound, batches that double, and a safe resume.

All randomness of an epoch comes from (seed, epoch). A run that was killed goes
on from its last whole epoch and ends at the same weights as one that was not.
"""

from __future__ import annotations

import copy
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from .. import files
from ..data.sets import ImageSet, Pixels
from ..errors import CheckpointError, TrainingError
from ..model.equivae import EquiVAE
from .checkpoints import build, demand_finite, load_state, save_state
from .muon import optimizer_of
from .objectives import Batches, labelled_bound, semi_supervised_objective, separation
from .settings import Experiment

CHECK_EVERY = 50  # steps between two looks at the loss (a look waits for the GPU)
Watcher = Callable[[EquiVAE, int, dict[str, float]], None]


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
    part: dict[str, object] | None = None,
    watch: Watcher | None = None,
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
        part: threads, hardware and so on of this process, kept in the state: a run
            that was stopped has several parts.
        watch: called every 50 steps with the model that would be kept, the number of
            the step and its terms; it must draw no random number of PyTorch's own.

    Raises:
        TrainingError: the loss is not finite (the state of the last whole epoch is
            kept), or the state belongs to a run with other settings.
        CheckpointError: the state is damaged, or does not fit this experiment.
    """
    device = data.images.device
    torch.manual_seed(seed)
    model = build(experiment).to(device, memory_format=torch.channels_last)
    optimizer = optimizer_of(experiment, model)
    average = WeightAverage(model, experiment.averaging)
    batches = Batches(experiment, data, pixels, seed)
    if batches.m_max < experiment.m_max:
        print(
            f"m_max lowered from {experiment.m_max} to {batches.m_max}: the smallest "
            f"class has {batches.m_max + 1} labelled images"
        )
    history: list[dict[str, float]] = []
    settings = {"experiment": repr(experiment), "seed": seed, "bfloat16": bfloat16}
    settings["data"] = data.md5
    parts = {"model": model, "optimizer": optimizer, "average": average}
    processes: list[dict[str, object]] = []
    if state_path is not None and files.exists(state_path):
        history, processes = _resumed(state_path, settings, parts, experiment.epochs)
    if part is not None and len(history) < experiment.epochs:
        _say_other_threads(processes, part)
        processes = [*processes, {"from_epoch": len(history) + 1, **part}]

    for epoch in range(len(history), experiment.epochs):
        entry = train_epoch(
            experiment, model, optimizer, average, batches, seed, epoch,
            steps_done=sum(int(h["steps"]) for h in history),
            bfloat16=bfloat16, max_steps=max_steps, progress=progress, watch=watch,
            kept=f"the last whole epoch is kept in {state_path}" if state_path else
            "nothing was written, since no state_path was given",
        )  # fmt: skip
        if entry is None:
            break
        if validate is not None:
            entry |= validate(average.of(model).eval())
        history.append(entry)
        # An epoch that max_steps cut short is no whole epoch to go on from.
        cut = max_steps is not None and sum(h["steps"] for h in history) >= max_steps
        if state_path is not None and not cut:
            state = {name: p.state_dict() for name, p in parts.items()}
            state |= {"settings": settings, "history": history, "parts": processes}
            save_state(state_path, state)
        if progress:
            words = [
                f"{k} {v:.2f}" for k, v in entry.items() if k not in ("epoch", "steps")
            ]
            tqdm.write(f"epoch {epoch + 1}/{experiment.epochs} " + " ".join(words))
    return average.of(model).eval(), history


def _resumed(
    path: Path, settings: dict, parts: dict, epochs: int
) -> tuple[list[dict[str, float]], list[dict[str, object]]]:
    """Load a state into the parts of a run; its history, and what ran it so far."""
    state = load_state(path)
    try:
        if state["settings"] != settings:
            raise TrainingError(
                f"{path} belongs to a run with other settings; delete it, and this run "
                "starts from its beginning"
            )
        for name, target in parts.items():
            target.load_state_dict(state[name])
        done = [entry["epoch"] for entry in state["history"]]
        if done != list(range(1, len(done) + 1)) or len(done) > epochs:
            raise ValueError(f"its history has the epochs {done} of {epochs}")
        demand_finite(list(parts["model"].parameters()))
        return list(state["history"]), list(state["parts"])
    except (KeyError, TypeError, ValueError, RuntimeError, AttributeError) as error:
        raise CheckpointError(
            f"the resume state {path} does not fit this run ({error}); delete it to "
            "start this run from its beginning"
        ) from error


def _say_other_threads(before: list[dict[str, object]], now: dict[str, object]) -> None:
    """Sums in another order: the weights will not be those of an unstopped run."""
    for key in ("threads", "hardware"):
        others = {str(p[key]) for p in before if key in p} - {str(now.get(key))}
        if others:
            print(f"goes on with {key} {now.get(key)}, not {', '.join(sorted(others))}:"
                  " its weights will differ in their last bits from those of a run "
                  "that was not stopped", flush=True)  # fmt: skip


def with_bar(progress: bool) -> bool:
    """Whether a bar is drawn: on a terminal and in a notebook, not into a log file."""
    in_notebook = hasattr(sys.modules.get("IPython"), "get_ipython") and hasattr(
        sys.modules["IPython"].get_ipython(), "kernel"
    )
    return progress and (in_notebook or sys.stderr.isatty())


class WeightAverage:
    """Running mean of a model's weights with factor `decay` (0: nothing is kept).

    The factor rises with the number of steps, so that early weights are forgotten.
    The averaged model is always in evaluation mode: as a teacher it has no dropout.
    """

    def __init__(self, model: EquiVAE, decay: float) -> None:
        self.decay, self.steps = decay, 0
        self.model = copy.deepcopy(model).eval() if decay else None

    @torch.no_grad()
    def update(self, model: EquiVAE) -> None:
        if self.model is None:
            return
        self.steps += 1
        decay = min(self.decay, self.steps / (self.steps + 10))
        for mean, weight in zip(self.model.parameters(), model.parameters()):
            mean.lerp_(weight, 1 - decay)

    def of(self, model: EquiVAE) -> EquiVAE:
        """The averaged model, or `model` itself where nothing is averaged."""
        return model if self.model is None else self.model

    def state_dict(self) -> dict:
        weights = None if self.model is None else self.model.state_dict()
        return {"steps": self.steps, "model": weights}

    def load_state_dict(self, state: dict) -> None:
        self.steps = state["steps"]
        if self.model is not None:
            self.model.load_state_dict(state["model"])


def train_epoch(
    experiment: Experiment, model: EquiVAE, optimizer: torch.optim.Optimizer,
    average: WeightAverage, batches: Batches, seed: int, epoch: int, *,
    steps_done: int, bfloat16: bool, max_steps: int | None, progress: bool, kept: str,
    watch: Watcher | None = None,
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
        disable=not with_bar(progress),
        leave=False,
    )
    model.train()
    for step, (part, m) in enumerate(bar):
        kl_weight = experiment.kl_weight(epoch + step / steps)
        separate = steps_done + step < experiment.separation_steps
        for group in optimizer.param_groups:
            muon = group.get("muon", False)
            rate = experiment.muon_rate if muon else experiment.learning_rate
            group["lr"] = rate * experiment.decay(epoch + step / steps)
        with torch.autocast(device.type, torch.bfloat16, enabled=bfloat16):
            n = batches.draw_labelled(experiment.labelled_batch) if semi else part
            with held(model.encoder) if separate else nullcontext():
                if semi:
                    after_warmup = steps_done + step - experiment.warmup_steps
                    value, log = semi_supervised_objective(
                        model, batches, n, part if after_warmup >= 0 else None, m,
                        kl_weight, experiment, teacher=average.of(model),
                        shut=after_warmup < experiment.shut_steps,
                        second=0 < experiment.second_after <= after_warmup,
                    )  # fmt: skip
                else:
                    value, log = labelled_bound(
                        model, batches, n, m, kl_weight, experiment.v_samples
                    )
            if separate:
                strength = experiment.separation_distortion
                told_apart = separation(model, batches, n, m, strength)
                value, log["log_r_label"] = value + told_apart, told_apart.detach()
        optimizer.zero_grad(set_to_none=True)
        (-value).backward()
        if step % CHECK_EVERY == 0:
            _demand_finite([value], experiment, epoch, step, kept)
            now = {k: float(t) for k, t in log.items()}
            bar.set_postfix({k: f"{t:.1f}" for k, t in now.items()})
        optimizer.step()
        average.update(model)
        if watch is not None and step % CHECK_EVERY == 0:
            watch(average.of(model), steps_done + step + 1, now)
        for k, t in log.items():
            sums[k], counts[k] = sums.get(k, 0) + t, counts.get(k, 0) + 1
    # Before the epoch counts: neither its terms nor the weights it leaves may be NaN.
    everything = [value, *sums.values(), *model.parameters()]
    _demand_finite(everything, experiment, epoch, step, kept)
    entry = {"epoch": epoch + 1, "batch": size, "steps": len(parts)}
    entry |= {k: float(t) / counts[k] for k, t in sums.items()}
    return entry | {"seconds": round(time.perf_counter() - started, 1)}


@contextmanager
def held(module: nn.Module) -> Iterator[None]:
    """What is computed here has no gradient to the module's weights."""
    module.requires_grad_(False)
    try:
        yield
    finally:
        module.requires_grad_(True)


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
