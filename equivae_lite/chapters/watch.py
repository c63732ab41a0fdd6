"""A training that one can watch: bound, samples and r(x), drawn as it goes."""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Callable, Mapping

import matplotlib.pyplot as plt
import torch
from matplotlib.figure import Figure
from torch import Tensor

from ..data.sets import ImageSet, Pixels
from ..model.equivae import EquiVAE
from . import figures

SHOWN = 300  # images whose r(x) are dots
MEMBERS = 7  # images of a class that make its r_y: those of the largest m


class Watch:
    """Give it to a training, and one figure in the notebook follows it.

    On the left the bound of single minibatches, in nats. In the middle what r_y alone
    draws, v = 0, and below it three draws of v that stay the same, one class in each
    column. On the right r(x) of 300 images in the plane of their two largest principal
    components, coloured by class.

    It is redrawn as often as `share` of the time allows, 3 % unless given, and draws no
    random number of the training's.
    """

    def __init__(
        self, images: ImageSet, pixels: Pixels, share: float = 0.03,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:  # fmt: skip
        """`images` are the training's, with some of each class."""
        self.pixels, self.share, self.clock = pixels, share, clock
        rows = [members[:MEMBERS] for members in images.by_class()]
        self.members = [pixels.forward(images.images[of]) for of in rows]
        self.some = pixels.forward(images.images[:SHOWN])
        self.labels = images.labels[:SHOWN].cpu()
        self.curve: list[tuple[int, float]] = []  # (steps, nats)
        self.started, self.spent, self.last = clock(), 0.0, 0.0
        self.shown = None

    def __call__(self, model: EquiVAE, step: int, terms: Mapping[str, float]) -> None:
        """After a step: note its bound, and draw if there is time for it.

        `terms` has the "bound", or "log_lik" and "kl" of (4); with neither, as in a
        warm-up, nothing is noted.
        """
        begun = self.clock()
        if "bound" in terms:
            self.curve.append((step, terms["bound"]))
        elif "kl" in terms:
            self.curve.append((step, terms["log_lik"] - terms["kl"]))
        if self.spent + self.last <= self.share * (begun - self.started):
            self.draw(model)
            self.last = self.clock() - begun
        self.spent += self.clock() - begun

    def draw(self, model: EquiVAE) -> None:
        """Draw now, whatever it takes; in a notebook in place of the last drawing."""
        with plt.rc_context({"figure.dpi": 110}):
            data = io.BytesIO()
            self.figure(model).savefig(data, format="png")
        shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else 0
        if not hasattr(shell, "kernel"):
            return
        from IPython.display import Image, display

        picture = Image(data.getvalue(), format="png", metadata={"alt": self.words()})
        if self.shown is None:
            self.shown = display(picture, display_id=True)
        else:
            self.shown.update(picture)

    def words(self) -> str:
        """The figure in a sentence, for those who do not see it."""
        if not self.curve:
            return "A training before its first step."
        return (
            f"A training after {self.curve[-1][0]:,} steps: the bound of its first "
            f"minibatch was {self.curve[0][1]:.0f} nats, that of its last is "
            f"{self.curve[-1][1]:.0f}."
        )

    @torch.no_grad()
    def figure(self, model: EquiVAE) -> Figure:
        """The three pictures of the model as it is; its mode is left as it was."""
        mode = model.training
        model.eval()
        samples, dots = self._samples(model), _plane(model.encoder(self.some[:, None]))
        model.train(mode)
        fig = Figure(figsize=(7.4, 2.4), layout="constrained")
        left, middle, right = fig.subplots(1, 3, width_ratios=(1, 1.6, 0.9))
        if self.curve:
            left.plot(*zip(*self.curve), lw=1)
            # What comes later lies near the end; the first steps are far below.
            end = [bound for _, bound in self.curve[len(self.curve) // 10 :]]
            left.set_ylim(min(end) - 1, max(end) + 0.05 * (max(end) - min(end)) + 1)
        left.set(xlabel="step", ylabel="bound of a minibatch, nats")
        figures.show_image(middle, samples)
        middle.set_xlabel("above v = 0, below three draws of v", fontsize=8)
        right.scatter(*dots.T, c=self.labels, cmap="tab10", s=5)
        right.set(xticks=[], yticks=[], xlabel="r(x), coloured by class")
        return fig

    def _samples(self, model: EquiVAE) -> Tensor:
        """(C, rows, columns): four rows of drawings, one class in each column."""
        r_y = torch.cat([model.encoder(x[None]) for x in self.members])
        v = torch.randn(
            3, model.arch.v_dim, generator=torch.Generator().manual_seed(0)
        )
        v = torch.cat([torch.zeros_like(v[:1]), v]).to(r_y.device)
        rows = [model.mean_image(r_y, one.expand(len(r_y), -1)) for one in v]
        rows = [torch.cat(list(self.pixels.inverse(row)), dim=-1) for row in rows]
        return torch.cat(rows, dim=-2)


def _plane(r: Tensor) -> Tensor:
    """Coordinates (N, 2) along the two largest principal components."""
    r = (r - r.mean(0)).double().cpu()
    return r @ torch.linalg.svd(r, full_matrices=False).Vh[:2].T
