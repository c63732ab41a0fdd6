"""Checkpoints: weights in safetensors, beside them a JSON card that vouches for them.

Each is written whole or not at all, the card last, so that a half-written checkpoint
is never read: a card without matching weights is an error, weights without a card are
not a checkpoint. Beside them the states from which a stopped training goes on.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as dump_tensors
from torch import Tensor

from .. import ROOT, files
from ..data.sets import Pixels
from ..errors import CheckpointError
from ..model.equivae import EquiVAE
from ..model.networks import Architecture
from .settings import Experiment

FOLDER = ROOT / "data" / "checkpoints"  # those that the book shows
PREVIOUS = ".previous"  # the end of the name of the state before the last


def paths(name: str, seed: int, folder: Path | str = FOLDER) -> tuple[Path, Path]:
    """(weights, card) of a run."""
    stem = Path(folder) / f"{name}-seed{seed}"
    return stem.with_suffix(".safetensors"), stem.with_suffix(".json")


def save(
    model: EquiVAE, pixels: Pixels, card: dict, seed: int, folder: Path | str = FOLDER
) -> Path:
    """Write weights and card of a trained model; returns the card's path."""
    weights, card_path = paths(card["experiment"]["name"], seed, folder)
    tensors = {k: t.detach().cpu().contiguous() for k, t in model.state_dict().items()}
    if model.class_r is not None:
        tensors["class_r"] = model.class_r.cpu().contiguous()
    tensors |= {f"pixels.{k}": t.cpu() for k, t in pixels.state().items()}
    blob = dump_tensors(tensors)
    files.write(weights, blob)
    digest = hashlib.sha256(blob).hexdigest()
    files.write_json(card_path, card | {"seed": seed, "sha256": digest})
    return card_path


def read_card(name: str, seed: int = 0, folder: Path | str = FOLDER) -> dict:
    """The card of a run; CheckpointError if there is none, or it is another run's."""
    card_path = paths(name, seed, folder)[1]
    again = f"python -m equivae_lite train {name} --seed {seed}"
    if not files.exists(card_path):
        raise CheckpointError(
            f"there is no checkpoint of {name} with seed {seed} in {folder}; make it "
            f"with: {again}"
        )
    card = files.read_json(card_path, f"restore it from git or train again: {again}")
    try:
        said = card["experiment"]["name"], card["seed"]
        whole = isinstance(card["sha256"], str)
    except (KeyError, TypeError):
        said, whole = None, False
    if not whole:
        raise CheckpointError(
            f"the card {card_path.name} is damaged (it names no experiment, no seed or "
            f"no sha256); restore it from git or train again: {again}"
        )
    if said != (name, seed):
        raise CheckpointError(
            f"{card_path} is the card of {said[0]} with seed {said[1]}: files were "
            f"renamed; give it its own name, and train again: {again}"
        )
    return card


def load(
    name: str, seed: int = 0, folder: Path | str = FOLDER, device: str = "cpu"
) -> tuple[EquiVAE, Pixels, dict]:
    """Read a checkpoint whose sha256 agrees with its card.

    Returns the model in evaluation mode, its pixel preprocessing and the card.

    Raises:
        CheckpointError: missing, damaged, half-written, of another run or not finite;
            names the command that makes it anew.
    """
    card = read_card(name, seed, folder)
    weights = paths(name, seed, folder)[0]
    again = f"python -m equivae_lite train {name} --seed {seed}"
    if not files.exists(weights):
        raise CheckpointError(
            f"the weights {weights.name} are not in {weights.parent}: only the card "
            f"of this seed is shipped; make them with: {again}"
        )
    blob = files.read(weights, f"make it readable or train again: {again}")
    found = hashlib.sha256(blob).hexdigest()
    if found != card["sha256"]:
        raise CheckpointError(
            f"{weights.name} is damaged: its sha256 is {found[:12]}..., its card says "
            f"{card['sha256'][:12]}...; restore both from git or train again: {again}"
        )
    try:
        tensors = load_tensors(blob)
        pixel_state = {
            k.removeprefix("pixels."): tensors.pop(k)
            for k in list(tensors)
            if k.startswith("pixels.")
        }
        class_r = tensors.pop("class_r", None)
        model = build(card["experiment"])
        model.load_state_dict(tensors)
        demand_finite([*tensors.values(), *pixel_state.values()])
        if class_r is not None:
            demand_finite([class_r])
            shape = (model.arch.classes, model.arch.r_dim)
            if class_r.shape != shape:
                raise ValueError(f"class_r is {tuple(class_r.shape)}, not {shape}")
        pixels = Pixels.from_state(pixel_state).to(device)
    except (KeyError, TypeError, ValueError, RuntimeError, SafetensorError) as error:
        raise CheckpointError(
            f"{weights.name} and its card do not describe a model of this version of "
            f"equivae_lite ({error}); train again: {again}"
        ) from error
    model.class_r = class_r
    return model.to(device).eval(), pixels, card


def demand_finite(tensors: list[Tensor]) -> None:
    """Raise ValueError if a number is NaN or infinite."""
    if not all(bool(torch.isfinite(t).all()) for t in tensors):
        raise ValueError("a number is NaN or infinite")


def shipped_seeds(name: str, folder: Path | str = FOLDER) -> list[int]:
    """Seeds of an experiment whose weights are in `folder`; other files are ignored."""
    pattern = re.compile(re.escape(name) + r"-seed(\d+)\.safetensors")
    found = (pattern.fullmatch(p.name) for p in Path(folder).glob("*.safetensors"))
    return sorted(int(match[1]) for match in found if match)


def build(experiment: Experiment | dict) -> EquiVAE:
    """The untrained model of an experiment, or of a card's copy of one."""
    if isinstance(experiment, Experiment):
        return EquiVAE(experiment.arch, experiment.representation)
    arch = dict(experiment["arch"])
    arch["hidden"] = tuple(arch["hidden"])
    return EquiVAE(Architecture(**arch), experiment["representation"])


def save_state(path: Path, state: dict) -> None:
    """Write the resume state of a training run (weights, Adam, epoch, history).

    The state before it is kept, too, until the next one.
    """
    buffer = io.BytesIO()  # on a full disk torch.save raises no OSError, this does
    torch.save(state, buffer)
    blob = buffer.getvalue()
    if path.exists():
        _keep_previous(path)
    files.write(path, hashlib.sha256(blob).hexdigest().encode() + blob)


def previous(path: Path) -> Path:
    """Where the state before the last one of a run lies."""
    return path.with_name(path.name + PREVIOUS)


def _keep_previous(path: Path) -> None:
    """A second name for the same file, so that at no moment there is none."""
    again = path.with_name(path.name + files.PART)
    try:
        again.unlink(missing_ok=True)
        os.link(path, again)
        os.replace(again, previous(path))
    except OSError:  # no hard links here: a copy
        files.write(previous(path), files.read(path, "make it readable"))


def load_state(path: Path) -> dict[str, Tensor | dict | int | list]:
    """Read a resume state, the last one or, if that is damaged, the one before it.

    Raises CheckpointError if both are damaged, or the last is and there is no other.
    """
    try:
        return _read_state(path)
    except CheckpointError as error:
        if not previous(path).exists():
            raise
        state = _read_state(previous(path))
        print(f"{error}; the state before it is whole, and this run goes on from there",
              flush=True)  # fmt: skip
        return state


def _read_state(path: Path) -> dict[str, Tensor | dict | int | list]:
    remedy = "delete it to start this run from its beginning"
    blob = files.read(path, remedy)
    digest, content = blob[:64], blob[64:]
    try:
        if hashlib.sha256(content).hexdigest().encode() != digest:
            raise ValueError("its checksum is that of another content")
        return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many types
        raise CheckpointError(
            f"the resume state {path} is damaged ({error}); {remedy}"
        ) from error
