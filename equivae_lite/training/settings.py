"""Everything that a training run depends on besides its seed and the machine.

A field that Appendix B leaves open carries a sentence on why it has its value. The
presets, which have the values of each experiment, are in experiments.py.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field

from ..errors import ExperimentError
from ..model.networks import Architecture

LABEL_SUMS = ("exact", "sampled")
# Fields that cards and results do not name where they are off: these are older.
LATER = (
    "separation_distortion", "muon_rate", "aligned", "sure", "contrast", "second_after",
)  # fmt: skip


@dataclass(frozen=True)
class Experiment:
    """Everything that a training run depends on besides its seed and the machine."""

    name: str
    data: str
    arch: Architecture = field(default_factory=Architecture)
    representation: str = "complementary"  # where r_y comes from, see EquiVAE
    m_max: int = 7  # m is uniform on 1..m_max at every step
    labels: int | None = None  # labelled images in all; None: every image

    # Batches double successively, from 32: (batch size, epochs). The appendix
    # does not say when; small batches first for speed of progress, most epochs
    # at the large end, where the noise of Adam's fixed step is averaged out.
    schedule: tuple[tuple[int, int], ...] = (
        (32, 1), (64, 2), (128, 3), (256, 6), (512, 8), (1024, 10), (2048, 6),
    )  # fmt: skip
    learning_rate: float = 1e-3  # Adam's defaults, as in the appendix
    # Weight of the KL in (4), rising linearly to 1: our departure, without which
    # v starts collapsed (chapter 11 measures it). 1.0 or 0 epochs: off.
    kl_start: float = 0.1
    kl_epochs: float = 4.0
    # Departures from Adam's fixed step, off by default: after this share of the
    # epochs the learning rate falls along a cosine to 2 % of itself (1: never), and
    # the weights that are kept are a running average over about 1 / (1 - averaging)
    # steps (0: the last ones).
    decay_from: float = 1.0
    averaging: float = 0.0
    # Step of Muon, which then trains the weights of layers (muon.py); it falls as the
    # learning rate does, with which Adam trains the rest. 0: Adam trains all.
    muon_rate: float = 0.0
    v_samples: int = 1  # draws of v for each image and step; Appendix B names none
    # First steps in which f and g learn from `separation` alone, and all else from the
    # bounds: ours, for data where r_y says nothing of the class at first (chapter 13).
    separation_steps: int = 0
    # In those steps f reads its images distorted with this strength: ours, for a set so
    # small that f learns it by heart.
    separation_distortion: float = 0.0

    # Semi-supervised only. All but the first two are ours, and off at these values.
    labelled_batch: int = 32  # labelled images beside each unlabelled batch
    labelled_weight: float | None = None  # share of the labelled mean; None: (7)'s own
    alpha: float = 0.0  # weight of log q_y-post(y_n | x_n), which (7) does not have
    warmup_steps: int = 0  # first steps: q_y-post alone, on the labelled images
    shut_steps: int = 0  # next steps: v shut, so that r_y alone has to draw the class
    distortion: float = 0.0  # q_y-post reads images distorted with this strength
    # Weight of -KL from the averaged model's q(y | x), which reads x undistorted.
    consistency: float = 0.0
    aligned: bool = False  # its readings are made to have the prior for their mean
    # Where it gives a label at least this much, that is the target; elsewhere nothing.
    sure: float = 0.0
    balance: float = 0.0  # weight of -KL[q(y) || p(y)] for the mean q(y)
    # Weight of log sigmoid(lead / 10 nats), the lead being that of the bound with the
    # label read over the bound with another one.
    contrast: float = 0.0
    # After so many steps with unlabelled images (0: never) these two bounds change what
    # the averaged model reads, too.
    second_after: int = 0
    generative: bool = True  # False: no bound at all, q_y-post by itself (a baseline)
    # The sum over labels in (6): "exact", or "sampled" from about one decoding an
    # image with the same mean (see label_sum).
    label_sum: str = "exact"

    def __post_init__(self) -> None:
        if self.label_sum not in LABEL_SUMS:
            raise ExperimentError(
                f"label_sum must be one of {LABEL_SUMS}, not {self.label_sum!r}"
            )
        if self.separation_steps and self.representation != "complementary":
            raise ExperimentError(
                f"separation_steps trains the encoder of r_y, and {self.name} has none "
                f"(representation {self.representation!r}): leave it at 0"
            )
        for name, needs, there in (
            ("aligned", "consistency or contrast", self.consistency or self.contrast),
            ("sure", "consistency", self.consistency),
            ("contrast", "generative", self.generative),
            ("second_after", "consistency and contrast",
             self.consistency and self.contrast),
        ):  # fmt: skip
            if getattr(self, name) and not there:
                raise ExperimentError(
                    f"{self.name}: {name} does nothing without {needs}: "
                    f"leave it off, or turn {needs} on"
                )

    @property
    def epochs(self) -> int:
        return sum(epochs for _, epochs in self.schedule)

    @property
    def semi_supervised(self) -> bool:
        return self.labels is not None

    def batch_size(self, epoch: int) -> int:
        """Batch size of an epoch, counted from 0."""
        for size, epochs in self.schedule:
            if epoch < epochs:
                return size
            epoch -= epochs
        raise ExperimentError(f"{self.name} has only {self.epochs} epochs")

    def kl_weight(self, progress: float) -> float:
        """Weight of the KL after `progress` epochs (a fraction within one)."""
        if self.kl_epochs == 0 or progress >= self.kl_epochs:
            return 1.0
        return self.kl_start + (1 - self.kl_start) * progress / self.kl_epochs

    def decay(self, progress: float) -> float:
        """What is left of the learning rate after `progress` epochs (a fraction)."""
        start = self.decay_from * self.epochs
        if progress <= start:
            return 1.0
        done = (progress - start) / (self.epochs - start)
        return 0.02 + 0.98 * (1 + math.cos(math.pi * done)) / 2

    def to_dict(self) -> dict:
        settings = asdict(self)
        if self.arch.likelihood == "bernoulli":
            del settings["arch"]["variance"]  # it has none
        for name in LATER:
            if not settings[name]:  # cards of before this field lack it
                del settings[name]
        return settings
