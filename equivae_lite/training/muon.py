"""Muon (Jordan et al. 2024): a layer's weights step along their momentum, made
orthogonal. The appendix trains with Adam; this is for the recipe that is meant to be
fast, and chapter 10 measures what it is worth. (`torch.optim.Muon`, of PyTorch 2.9 and
later, takes no convolutions.)
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .settings import Experiment

LAYERS = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)
MOMENTUM = 0.95
# a s + b s^3 + c s^5, applied five times, takes every s of [0.002, 1] to 0.68 .. 1.21:
# the numbers of the authors, who gave up exact ones for speed.
POLYNOMIAL = (3.4445, -4.7750, 2.0315)
TIMES = 5
# Less than this is nothing. The momentum of a unit that has died shrinks by a twentieth
# a step and in 1,700 steps is a subnormal number, with which many processors reckon a
# hundred times more slowly: by the end a step took twice as long (chapter 10).
NOTHING = 1e-15


def optimizer_of(experiment: Experiment, model: nn.Module) -> torch.optim.Adam:
    """Adam on all parameters, or `Muon` where the experiment has a `muon_rate`."""
    if experiment.muon_rate:
        return Muon(model, experiment.muon_rate, experiment.learning_rate)
    return torch.optim.Adam(model.parameters(), lr=experiment.learning_rate)


class Muon(torch.optim.Adam):
    """Muon for the weights of `LAYERS` with step `rate`, Adam for all the rest.

    Adam scales each number by itself, so that a step is often one direction many times
    over. As a matrix, outputs x inputs, the step that is made here has singular values
    near 1: it moves the layer's output in all directions by as much.
    """

    def __init__(self, model: nn.Module, rate: float, adam_rate: float) -> None:
        weights = [m.weight for m in model.modules() if isinstance(m, LAYERS)]
        ours = {id(w) for w in weights}
        rest = [p for p in model.parameters() if id(p) not in ours]
        super().__init__([{"params": rest}], lr=adam_rate)
        self.add_param_group({"params": weights, "lr": rate, "muon": True})

    @torch.no_grad()
    def step(self) -> None:
        for group in self.param_groups:
            for w in group["params"] if group.get("muon") else ():
                if w.grad is not None:
                    self._step_along(w, group["lr"])
        super().step()

    def _step_along(self, w: Tensor, rate: float) -> None:
        """One step of a weight; its gradient is used up, so that Adam leaves it."""
        state = self.state[w]
        if not state:  # Adam looks for `step` when it loads a state
            state |= {"step": torch.zeros(()), "momentum": torch.zeros_like(w)}
        state["step"] += 1
        momentum = state["momentum"].lerp_(w.grad, 1 - MOMENTUM)
        momentum.masked_fill_(momentum.abs() < NOTHING, 0.0)
        ahead = w.grad.lerp(momentum, MOMENTUM).flatten(1)  # Nesterov's
        outputs, inputs = ahead.shape
        longer = max(1.0, outputs / inputs) ** 0.5
        w.sub_(rate * longer * orthogonal(ahead).view_as(w))
        w.grad = None


def orthogonal(matrix: Tensor) -> Tensor:
    """U H^T, roughly, of a matrix U D H^T; of the same shape.

    By Newton and Schulz's iteration X <- (a + b X X^T + c (X X^T)^2) X. All of its
    steps are polynomials in the first X X^T, so they are multiplied up on that small
    square matrix, and X comes in once.
    """
    if matrix.shape[0] > matrix.shape[1]:
        return orthogonal(matrix.T).T
    x = matrix / (matrix.norm() + 1e-7)  # no singular value above 1
    a, b, c = POLYNOMIAL
    square = x @ x.T
    one = torch.eye(len(square), dtype=x.dtype, device=x.device)
    product = one
    for _ in range(TIMES):
        step = a * one + b * square + c * square @ square
        product = step @ product
        square = step @ square @ step
    return product @ x
