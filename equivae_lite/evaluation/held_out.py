"""The bound that choices are made by: on training images held out of the training."""

from __future__ import annotations

import torch

from ..data.sets import ImageSet, Pixels
from ..model.equivae import EquiVAE, Terms
from .bound import Representations, bound_terms


def held_out_terms(
    model: EquiVAE, pixels: Pixels, train: ImageSet, held_out: ImageSet, m_max: int
) -> Terms:
    """The terms of (4) for each held-out image, (N,), in nats.

    Its r_y is made from m of the training images of its class: `m_max`, or as many as
    the smallest class has. The same noise and the same images at every call.
    """
    m = min(m_max, min(map(len, train.by_class())))
    indices = torch.arange(len(held_out))
    r = Representations(model, pixels, train).of(held_out.labels, indices, m)
    return bound_terms(model, pixels.forward(held_out.images), r, indices)
