"""What is known of a picture, and what a code carries of it: chapters 13 and 14.

A stand-in's factors are known; of a photograph there is what its pixels say and, in
svhn-part, which digits stand beside it. A classifier says how far two clouds of codes
can be told apart.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import torch
from torch import Tensor

from ..data.sets import ImageSet


def facts(images: ImageSet) -> dict[str, Tensor]:
    """Facts about every image, one number each: words -> (N,) float64.

    The known factors of a stand-in, where they are numbers; of real images, which have
    none, what their pixels say and, where it is known, the photographs around them.
    """
    if not images.stand_in:
        return pixel_facts(images.images) | neighbours(images)
    f = images.factors
    digit, wall = f["ink"].double(), f["paper"].double()
    numbers = {
        "brightness of the wall": wall.mean(1),
        "brightness of the digit": digit.mean(1),
        "tint of the wall, red to blue": wall[:, 0] - wall[:, 2],
        "light, left to right": f["light_x"],
        "light, top to bottom": f["light_y"],
        "scale": f["scale"].double().log(),
        "stroke": f["stroke"],
        "rotation": f["rotation"],
        "shear": f["shear"],
        "shift, left to right": f["shift_x"],
        "shift, top to bottom": f["shift_y"],
        "a digit at the left": f["left"] >= 0,
        "a digit at the right": f["right"] >= 0,
        "blur": f["blur"],
        "noise": f["noise"],
    }
    return {words: value.double() for words, value in numbers.items()}


def pixel_facts(images: Tensor) -> dict[str, Tensor]:
    """Facts that can be computed from colour pictures (N, 3, H, W) uint8."""
    x = images.double() / 255
    grey, half = x.mean(1), x.shape[-1] // 2
    return {
        "brightness": grey.mean((1, 2)),
        "contrast": grey.std((1, 2)),
        "tint, red to blue": (x[:, 0] - x[:, 2]).mean((1, 2)),
        "light, left to right": grey[..., half:].mean((1, 2))
        - grey[..., :half].mean((1, 2)),
        "light, top to bottom": grey[:, half:].mean((1, 2))
        - grey[:, :half].mean((1, 2)),
    }


def statistics(images: Tensor) -> dict[str, float]:
    """What colour pictures (N, 3, H, W) uint8 are like, in numbers from 0 to 1.

    Contrast is the standard deviation within a picture and colour, step the difference
    of two pixels side by side; both are averaged over pictures.
    """
    x = images.double() / 255
    red, green, blue = x.unbind(1)

    def correlation(a: Tensor, b: Tensor) -> float:
        return torch.corrcoef(torch.stack((a.flatten(), b.flatten())))[0, 1].item()

    return {
        "mean": x.mean().item(),
        "standard deviation": x.std().item(),
        "contrast within a picture": x.std((2, 3)).mean().item(),
        "step from a pixel to the next": x.diff(dim=3).abs().mean().item(),
        "correlation of red and green": correlation(red, green),
        "correlation of red and blue": correlation(red, blue),
    }


def neighbours(images: ImageSet) -> dict[str, Tensor]:
    """Whether the photograph has a digit before or after; {} where nothing is known.

    SVHN's rows list the digits of a photograph from left to right, one after the other.
    """
    photographs = images.photographs
    if photographs is None:
        return {}
    row = images.factors["official_row"]
    split = images.factors["official_split"]
    place = {key: n for n, key in enumerate(zip(split.tolist(), row.tolist()))}

    def has(step: int) -> Tensor:
        keys = zip(split.tolist(), (row + step).tolist())
        other = torch.tensor([place.get(key, -1) for key in keys])
        same = photographs[other.clamp(min=0)] == photographs
        return ((other >= 0) & same).double()

    return {"a digit at the left": has(-1), "a digit at the right": has(1)}


def explained(
    inputs: Sequence[Tensor], targets: Sequence[Tensor],
    groups: Sequence[Tensor] | None = None,
) -> float:  # fmt: skip
    """Share of a number's variance that a linear map from a code explains.

    inputs: codes (N, D) to fit on and (M, D) to test on; targets: the number (N,) and
    (M,). Least squares with an intercept; 1 is all of it, 0 no more than the mean of
    the fit, and it can be negative. With `groups`, integers (N,) and (M,), every group
    has a map of its own. Raises ValueError for fewer than D + 2 to fit a map on.
    """
    fit, test = (x.double() for x in inputs)
    known, wanted = (y.double() for y in targets)
    if groups is None:
        groups = [torch.zeros(len(y), device=y.device) for y in targets]
    left = wanted - known.mean()
    total = left.square().sum()
    for group in groups[0].unique():
        here, there = (of == group for of in groups)
        left[there] = wanted[there] - _predicted(fit[here], known[here], test[there])
    return 1 - float(left.square().sum() / total)


def _predicted(fit: Tensor, known: Tensor, test: Tensor) -> Tensor:
    """Least squares with an intercept: codes, the number, other codes -> (M,)."""
    return known.mean() + (test - fit.mean(0)) @ slopes(fit, known)


def slopes(codes: Tensor, number: Tensor) -> Tensor:
    """The slopes (D,) of the linear map from codes (N, D) that fits a number (N,) best.

    Least squares with an intercept. Raises ValueError for fewer than D + 2 codes.
    """
    if len(codes) < codes.shape[1] + 2:
        raise ValueError(
            f"{len(codes)} codes of {codes.shape[1]} numbers are too few to fit on: "
            f"give at least {codes.shape[1] + 2}"
        )
    codes, number = codes.double(), number.double()
    return torch.linalg.lstsq(
        codes - codes.mean(0), (number - number.mean())[:, None], driver="gelsd"
    ).solution[:, 0]


def told_apart(
    first: Tensor, second: Tensor, seeds: Sequence[int] = (0, 1, 2)
) -> list[float]:
    """How often a classifier knows from which of two clouds a point is.

    Both (N, D). For each seed a small network learns from a random half of both clouds
    and is asked about the other half: a half right is guessing, 1 is always. Raises
    ValueError unless both have the same shape and at least 40 points.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    if first.shape != second.shape or first.ndim != 2 or len(first) < 40:
        raise ValueError(
            f"clouds of shapes {tuple(first.shape)} and {tuple(second.shape)}: both "
            "must be (N, D) with at least 40 points"
        )
    points = torch.cat([first, second]).double().cpu()
    points = (points - points.mean(0)) / points.std(0).clamp(min=1e-9)
    cloud = torch.arange(2).repeat_interleave(len(first))
    right = []
    for seed in seeds:
        g = torch.Generator().manual_seed(seed)
        fit, ask = torch.randperm(len(points), generator=g).tensor_split(2)
        judge = MLPClassifier((64, 64), alpha=0.01, max_iter=100, random_state=seed)
        with warnings.catch_warnings():  # it need not converge to be asked
            warnings.simplefilter("ignore", ConvergenceWarning)
            judge.fit(points[fit].numpy(), cloud[fit].numpy())
        right.append(float(judge.score(points[ask].numpy(), cloud[ask].numpy())))
    return right
