"""Tensors as text: float16, zlib, base64. `book/live/weights.js` unpacks it."""

from __future__ import annotations

import base64
import json
import zlib

import torch
from torch import Tensor

from ...errors import CheckpointError


def pack(tensors: dict[str, Tensor], start: dict) -> str:
    """All in one stream, whose checksum covers `start`, the figures' first states, too.

    Raises CheckpointError where float16 would lose a number.
    """
    chosen = {name: t.detach().cpu().half().contiguous() for name, t in tensors.items()}
    for name, tensor in chosen.items():
        if not torch.isfinite(tensor).all():
            raise CheckpointError(f"{name} does not fit into float16")
    flat = torch.cat([t.flatten() for t in chosen.values()])
    # High bytes first: signs and exponents pack well when they stand together.
    planes = flat.numpy().astype(">f2").view("u1").reshape(-1, 2).T.tobytes()
    header = {
        "start": start,
        "tensors": [[name, list(t.shape)] for name, t in chosen.items()],
    }
    content = zlib.compress(json.dumps(header).encode("ascii") + b"\n" + planes, 9)
    return base64.b64encode(content).decode("ascii")
