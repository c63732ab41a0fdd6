"""A run of the loop that is watched: what reaches Adam, the bounds and the networks.

`watch` trains a tiny model and writes down, step by step, what each part was given.
Weights of terms are not those that someone passes on but those that arrive: slopes of
the loss, read off the gradients when Adam makes its step.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
import torch

from equivae_lite.data.sets import ImageSet, Pixels
from equivae_lite.model.equivae import EquiVAE
from equivae_lite.model.networks import Architecture
from equivae_lite.training import loop, objectives, targets
from equivae_lite.training.settings import Experiment

ARCH = Architecture(r_dim=3, v_dim=2, hidden=(16, 4))
# On `made_up(40)` 5 steps and 3: (8, 8, 8, 8, 8), (16, 16, 8).
SUPERVISED = Experiment(
    "wired-supervised", "glyphs", ARCH, m_max=3, schedule=((8, 1), (16, 1)),
    kl_start=0.1, kl_epochs=1.0, decay_from=0.5,
)  # fmt: skip
# On `made_up(80)`, 30 of them labelled, 4 steps and 2: (16, 16, 16, 2), (32, 18).
SEMI = Experiment(
    "wired-semi-supervised", "glyphs",
    replace(ARCH, label_posterior=True, dropout=0.25), m_max=2, labels=30,
    schedule=((16, 1), (32, 1)), kl_start=0.1, kl_epochs=1.0, labelled_batch=5,
    alpha=2.0, warmup_steps=1, distortion=0.5, consistency=3.0, averaging=0.5,
)  # fmt: skip


def made_up(n, size=28, colours=1, split="train", seed=0):
    """Noise with labels 0, 1, …, 9, 0, …: nothing to draw, and every image another."""
    g = torch.Generator().manual_seed(seed)
    shape = (n, colours, size, size)
    images = torch.randint(0, 256, shape, generator=g, dtype=torch.uint8)
    labels = torch.arange(n) % 10
    md5 = f"made up {n} {split} {seed}"
    return ImageSet("glyphs", split, images, labels, None, md5)


def data_of(experiment, n=None):
    n = n or (80 if experiment.semi_supervised else 40)
    return made_up(n, experiment.arch.size, experiment.arch.colours)


def names_of(images, among):
    """The place of each image within `among`: found by its pixels, each once."""
    known = {bytes(x.flatten().tolist()): i for i, x in enumerate(among)}
    return [known[bytes(x.flatten().tolist())] for x in images]


def weights_of(model):
    """One word for all weights."""
    parts = (t.detach().cpu().contiguous() for t in model.state_dict().values())
    numbers = torch.cat([t.float().flatten() for t in parts])
    return hashlib.sha256(numbers.numpy().tobytes()).hexdigest()[:12]


def slope(*tensors):
    """Sum of the gradients that tensors got: the weight of a mean over a batch."""
    grads = [t.grad for t in tensors if t is not None and t.grad is not None]
    return sum(float(g.double().sum()) for g in grads)


def watch(experiment, data=None, pixels=None, seed=0, **settings):
    """Train and tell, {observable: what was seen}; lists have one entry a step."""
    data = data_of(experiment) if data is None else data
    pixels = Pixels.unit() if pixels is None else pixels
    seen = {name: [] for name in STEPWISE}
    step: dict = {}  # what was seen since the last step of Adam
    kept: dict = {"adams": [], "events": []}
    with pytest.MonkeyPatch.context() as patch:
        _watch_parts(patch, step, kept)
        _watch_adam(patch, step, kept, seen)
        model, history = loop.fit(
            experiment, data, pixels, seed,
            **({"progress": False} | settings),
        )  # fmt: skip
    batches, (trained,) = kept["batches"], kept["built"]
    (adam,) = kept["adams"]
    group = adam.param_groups[0]
    stepping = [p for each in adam.param_groups for p in each["params"]]
    assert sorted(map(id, stepping)) == sorted(map(id, trained.parameters()))
    return seen | {
        "start": kept["start"],
        "weights at the end": weights_of(model),
        "order of events": _runs(kept["events"]),
        "kept": "last weights" if model is trained else "average",
        "decay of the average": kept["average"].decay,
        "kept in training mode": model.training,
        "Adam's other numbers": (group["betas"], group["eps"], group["weight_decay"]),
        "labelled set": batches.labelled.tolist(),
        "unlabelled set": batches.unlabelled.tolist(),
        "dropout rates": [
            m.p for m in trained.modules() if isinstance(m, torch.nn.Dropout)
        ],
        "latents": (trained.arch.r_dim, trained.arch.v_dim),
        "epochs": [(h["epoch"], h["batch"], h["steps"]) for h in history],
        "history": sorted(history[-1].keys() - {"seconds"}),
    }


STEPWISE = (
    "learning rate", "learning rate of Muon", "batch", "labelled batch", "order", "m",
    "pools",
    "training mode", "encoder held", "without unlabelled images", "v shut",
    "weight of log p, labelled", "weight of KL, labelled",
    "weight of log p, unlabelled", "weight of KL, unlabelled",
    "weight of separation", "weight of log q_y", "weight of consistency",
    "weight of KL of q_y", "weight of balance", "weight of contrast", "aligned", "sure",
    "second reading", "draws of v", "sum over labels",
    "distorted", "distorted by", "the bounds read", "q_y-post reads", "teacher",
    "averaged", "products", "device", "input", "seeds",
)  # fmt: skip


def _runs(events):
    """Events without repetitions of the same pair."""
    pairs = {tuple(events[i : i + 2]) for i in range(0, len(events), 2)}
    return sorted(pairs)


def _watch_parts(patch, step, kept):
    """Wrap what a step calls; each wrapper passes on whatever it was given."""

    def wrap(owner, name, before=None, after=None):
        original = getattr(owner, name)

        def wrapped(*arguments, **named):
            if before:
                before(*arguments, **named)
            result = original(*arguments, **named)
            if after:
                after(result, *arguments, **named)
            return result

        patch.setattr(owner, name, wrapped)

    def retained(key, tensor):
        if tensor.requires_grad:
            tensor.retain_grad()
        step.setdefault(key, []).append(tensor)

    def built(model, *_):
        kept.setdefault("built", []).append(model)
        kept["start"] = weights_of(model)

    wrap(loop, "build", after=built)

    class Batches(loop.Batches):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            kept["batches"] = self

        def noise(self, *shape):
            step["draws"] = (*step.get("draws", ()), shape[0])
            return super().noise(*shape)

    patch.setattr(loop, "Batches", Batches)
    wrap(objectives.ComplementaryPools, "draw", before=lambda self, m: step.setdefault(
        "pools", []).append(m))  # fmt: skip

    def of_average(average, *_):
        kept["events"].append("average")
        kept["average"] = average

    wrap(loop.WeightAverage, "update", before=of_average)

    def labelled(model, batches, n, m, *_):
        step["training mode"] = model.training
        step["m"] = m
        step["n"] = n
        step["inside"] = True
        if model.representation == "complementary":
            step["held"] = not any(p.requires_grad for p in model.encoder.parameters())

    def labelled_done(*_):
        step["inside"] = False

    for owner in (loop, objectives):
        wrap(owner, "labelled_bound", labelled, labelled_done)

    def semi(
        model, batches, n, u, m, kl_weight, experiment, teacher=None, shut=False,
        second=False,
    ):  # fmt: skip
        step.update(n=n, u=u, m=m, shut=shut, semi=True, given_teacher=teacher)
        step["training mode"] = model.training
        step["held"] = not any(p.requires_grad for p in model.encoder.parameters())

    wrap(loop, "semi_supervised_objective", semi)

    def terms(found, model, x, r, eps):
        if step.get("inside"):
            retained("log p", found.log_lik)
            retained("KL", found.kl)
            step.setdefault("read by bounds", []).append(x)

    wrap(EquiVAE, "terms", after=terms)

    def summed(name):
        def after(found, model, batches, x, *_):
            retained("unlabelled log p", found[0])
            retained("unlabelled KL", found[1])
            step["sum"] = name
            step.setdefault("read by bounds", []).append(x)

        return after

    for name in ("exact", "sampled"):
        wrap(objectives, f"{name}_log_lik", after=summed(name))

    def templates(found, model, batches, x, x_lab, m):
        retained("unlabelled log p", found[0])
        retained("log p", found[1])
        step["sum"] = "templates"
        step["read by bounds"] = [x, x_lab]

    wrap(objectives, "template_log_lik", after=templates)

    def read(found, model, x):
        if found.requires_grad:
            found.retain_grad()
        step.setdefault("q_y", []).append((model, model.training, x, found))

    wrap(EquiVAE, "label_log_posterior", after=read)

    def density(found, model, x, out):
        step["products"], step["device"] = out.dtype, x.device.type

    wrap(EquiVAE, "log_density", after=density)

    def distorted(found, x, strength, generator=None):
        step.setdefault("strengths", []).append((len(x), strength))
        if strength:
            step.setdefault("distorted", []).append(found)
        step["generator"] = generator

    wrap(objectives, "distort", after=distorted)

    def categorical(found, log_q, log_p):
        if log_q.requires_grad:  # the other one is `apart`
            retained("KL of q_y", found)

    wrap(objectives.bounds, "categorical_kl", after=categorical)

    def apart(found, target, log_q, sure):
        retained("apart", found)
        step["sure"] = sure

    wrap(targets, "apart", after=apart)
    wrap(targets, "aligned", before=lambda *_: step.update(aligned=True))
    wrap(targets, "second_reading", before=lambda *_: step.update(second=True))
    wrap(targets, "contrast", after=lambda found, *_: retained("contrast", found))
    wrap(targets, "imbalance", after=lambda found, *_: retained("balance", found))
    wrap(loop, "separation", after=lambda found, *_: retained("separation", found))


def _watch_adam(patch, step, kept, seen):
    original_init, original_step = torch.optim.Adam.__init__, torch.optim.Adam.step

    def init(adam, *arguments, **named):
        original_init(adam, *arguments, **named)
        kept["adams"].append(adam)

    def watched(adam, *arguments, **named):
        kept["events"].append("step")
        _write_down(adam, step, kept, seen)
        result = original_step(adam, *arguments, **named)
        average = kept.get("average")
        seen["averaged"].append(None if average is None else average.steps)
        step.clear()
        return result

    patch.setattr(torch.optim.Adam, "__init__", init)
    patch.setattr(torch.optim.Adam, "step", watched)


def _write_down(adam, step, kept, seen):
    batches = kept["batches"]
    u, n = step.get("u"), step["n"]
    ours = kept["built"][0]
    semi = step.get("semi", False)
    part = u if semi else n
    distorted = step.get("distorted", [])

    def kind(x):
        return "distorted" if any(x is d for d in distorted) else "plain"

    calls = step.get("q_y", [])
    teachers = [
        (
            "itself" if model is ours else "the average",
            "in training mode" if training else "in evaluation mode",
            kind(x),
            torch.equal(x, batches.x(batches.unlabelled[u])),
        )
        for model, training, x, found in calls
        if not found.requires_grad
    ]
    found = {
        "learning rate": float(adam.param_groups[0]["lr"]),
        "learning rate of Muon": sum(
            g["lr"] for g in adam.param_groups if g.get("muon")
        ),
        "batch": None if part is None else len(part),
        "labelled batch": len(n) if semi else None,
        "order": None if part is None else (
            batches.unlabelled if semi else batches.labelled)[part].tolist(),
        "m": step["m"],
        "pools": step.get("pools", []),
        "training mode": step["training mode"],
        "encoder held": step.get("held"),
        "without unlabelled images": semi and u is None,
        "v shut": bool(step.get("shut")) and u is not None,
        "weight of log p, labelled": -slope(*step.get("log p", [])),
        "weight of KL, labelled": slope(*step.get("KL", [])),
        "weight of log p, unlabelled": -slope(*step.get("unlabelled log p", [])),
        "weight of KL, unlabelled": slope(*step.get("unlabelled KL", [])),
        "weight of separation": -slope(*step.get("separation", [])),
        "weight of log q_y": -slope(calls[0][3]) if calls else 0.0,
        "weight of consistency": slope(*step.get("apart", [])),
        "weight of KL of q_y": slope(*step.get("KL of q_y", [])),
        "weight of balance": slope(*step.get("balance", [])),
        "weight of contrast": -slope(*step.get("contrast", [])),
        "aligned": step.get("aligned", False),
        "sure": step.get("sure"),
        "second reading": step.get("second", False),
        "draws of v": step.get("draws", ()),  # for each kind of images
        "sum over labels": step.get("sum"),
        "distorted": step.get("strengths", []),
        "distorted by": step.get("generator", batches.generator)
        is batches.generator,
        "the bounds read": sorted({kind(x) for x in step.get("read by bounds", [])}),
        "q_y-post reads": [kind(x) for *_, x, f in calls if f.requires_grad],
        "teacher": teachers,
        "products": step.get("products"),
        "device": step.get("device"),
        # Mean of the labelled images as the networks see them.
        "input": float(batches.x(batches.labelled).double().mean()),
        # Of dropout, and of all else.
        "seeds": (torch.initial_seed(), batches.generator.initial_seed()),
    }  # fmt: skip
    for name, value in found.items():
        seen[name].append(value)
