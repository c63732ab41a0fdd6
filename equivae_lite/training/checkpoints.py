"""Checkpoints: weights in safetensors, beside them a JSON card that vouches for them.

Both are written to a temporary file first and then renamed, the card last, so
that a half-written checkpoint is never read: a card without matching weights
is an error, weights without a card are not a checkpoint.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import load as load_tensors
from safetensors.torch import save as dump_tensors
from torch import Tensor

from .. import ROOT
from ..data.sets import Pixels
from ..errors import CheckpointError
from ..model.equivae import EquiVAE
from ..model.networks import Architecture
from .experiments import Experiment

FOLDER = ROOT / "data" / "checkpoints"


def paths(name: str, seed: int, folder: Path | str = FOLDER) -> tuple[Path, Path]:
    """(weights, card) of a run."""
    stem = Path(folder) / f"{name}-seed{seed}"
    return stem.with_suffix(".safetensors"), stem.with_suffix(".json")


def write_atomically(path: Path, write: Callable[[str], None]) -> None:
    """Let `write(temporary_path)` finish before anything bears the name `path`."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".part")
        os.close(handle)
    except OSError as error:
        raise CheckpointError(
            f"cannot write to {path.parent} ({error.strerror}); "
            "make the folder writable or choose another with --out"
        ) from error
    try:
        write(temporary)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except OSError as error:
        raise CheckpointError(f"cannot write {path}: {error.strerror}") from error
    finally:
        if os.path.exists(temporary):
            os.unlink(temporary)


def demand_writable(folder: Path) -> None:
    """Fail before hours of training, not after, if `folder` cannot be written."""
    write_atomically(Path(folder) / ".writable", lambda p: None)
    (Path(folder) / ".writable").unlink()


def write_json(path: Path, content: dict) -> None:
    """Write JSON atomically, in a stable order and readable form."""
    text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    write_atomically(path, lambda p: Path(p).write_text(text, encoding="utf-8"))


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
    write_atomically(weights, lambda p: Path(p).write_bytes(blob))
    write_json(card_path, card | {"sha256": hashlib.sha256(blob).hexdigest()})
    return card_path


def read_card(name: str, seed: int = 0, folder: Path | str = FOLDER) -> dict:
    """The card of a run; CheckpointError if there is none or it is unreadable."""
    card_path = paths(name, seed, folder)[1]
    if not card_path.exists():
        raise CheckpointError(
            f"there is no checkpoint of {name} with seed {seed} in {folder}; make it "
            f"with: python -m equivae_lite train {name} --seed {seed}"
        )
    try:
        card = json.loads(card_path.read_text(encoding="utf-8"))
        if not isinstance(card, dict) or not {"experiment", "sha256"} <= card.keys():
            raise ValueError("it names no experiment or no sha256")
    except ValueError as error:
        raise CheckpointError(
            f"the card {card_path.name} is damaged ({error}); restore it from git or "
            f"train again: python -m equivae_lite train {name} --seed {seed}"
        ) from error
    return card


def load(
    name: str, seed: int = 0, folder: Path | str = FOLDER, device: str = "cpu"
) -> tuple[EquiVAE, Pixels, dict]:
    """Read a checkpoint whose sha256 agrees with its card.

    Returns the model in evaluation mode, its pixel preprocessing and the card.

    Raises:
        CheckpointError: missing, damaged or half-written; names the command
            that makes it anew.
    """
    card = read_card(name, seed, folder)
    weights = paths(name, seed, folder)[0]
    again = f"python -m equivae_lite train {name} --seed {seed}"
    if not weights.exists():
        raise CheckpointError(
            f"the weights {weights.name} are not in {weights.parent}: only the card "
            f"of this seed is shipped; make them with: {again}"
        )
    blob = weights.read_bytes()
    found = hashlib.sha256(blob).hexdigest()
    if found != card["sha256"]:
        raise CheckpointError(
            f"{weights.name} is damaged: its sha256 is {found[:12]}..., its card says "
            f"{card['sha256'][:12]}...; restore both from git or train again: {again}"
        )
    tensors = load_tensors(blob)
    pixel_state = {
        k.removeprefix("pixels."): tensors.pop(k)
        for k in list(tensors)
        if k.startswith("pixels.")
    }
    class_r = tensors.pop("class_r", None)
    try:
        model = build(card["experiment"])
        model.load_state_dict(tensors)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise CheckpointError(
            f"{weights.name} and its card do not describe a model of this version of "
            f"equivae_lite ({error}); train again: {again}"
        ) from error
    model.class_r = class_r
    return model.to(device).eval(), Pixels.from_state(pixel_state).to(device), card


def shipped_seeds(name: str, folder: Path | str = FOLDER) -> list[int]:
    """Seeds of an experiment whose weights are in `folder`."""
    found = Path(folder).glob(f"{name}-seed*.safetensors")
    return sorted(int(p.stem.removeprefix(f"{name}-seed")) for p in found)


def build(experiment: Experiment | dict) -> EquiVAE:
    """The untrained model of an experiment, or of a card's copy of one."""
    if isinstance(experiment, Experiment):
        return EquiVAE(experiment.arch, experiment.representation)
    arch = dict(experiment["arch"])
    arch["hidden"] = tuple(arch["hidden"])
    return EquiVAE(Architecture(**arch), experiment["representation"])


def save_state(path: Path, state: dict) -> None:
    """Write the resume state of a training run (weights, Adam, epoch, history)."""
    buffer = io.BytesIO()  # on a full disk torch.save raises no OSError, this does
    torch.save(state, buffer)
    write_atomically(path, lambda p: Path(p).write_bytes(buffer.getvalue()))


def load_state(path: Path) -> dict[str, Tensor | dict | int | list]:
    """Read a resume state; CheckpointError if it is damaged."""
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many types on a damaged file
        raise CheckpointError(
            f"the resume state {path} is damaged ({type(error).__name__}); "
            "delete it to start this run from its beginning"
        ) from error
