"""Is v equivariant? Images x and Tx, a rule from v(x) to v(Tx), and poses read off ink.

    v(T x) = M_T v(x)

is the definition of chapter 01. Here M_T is affine, a matrix and an offset, fitted by
least squares on images of some classes and tried on images of another one. A move T is
a kind and an amount; amounts of a kind add up.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ..data.stand_ins.faces import DIGITS
from ..data.stand_ins.factors import BLOCK, draw_factors
from ..data.stand_ins.glyphs import GLYPH_RANGES, draw_glyphs
from ..errors import DataError

# kind -> the factor of a glyph, the amount that is measured, and the words for it.
# Amounts: radians to the left, shear to the right, pixels, a logarithm, pixels.
KINDS = {
    "turn": ("rotation", 0.2, "turned left by 11.5 degrees"),
    "slant": ("shear", 0.2, "slanted right by 0.2"),
    "right": ("shift_x", 1.5, "moved right by 1.5 pixels"),
    "down": ("shift_y", 1.5, "moved down by 1.5 pixels"),
    "size": ("scale", math.log(1.15), "made larger by 15 %"),
    "stroke": ("stroke", 0.5, "strokes wider by 0.5 pixels"),
}


def affine_map(kind: str, amount: float) -> tuple[Tensor, Tensor]:
    """A (2, 2) and b (2,): the move carries the ink at p to A p + b, y down.

    p counts from the middle of the image, or of the digit: see `Pose.moved`. Raises
    DataError for a kind that is no such map, as "stroke".
    """
    c, s = math.cos(amount), math.sin(amount)
    maps = {
        "turn": ([[c, s], [-s, c]], [0, 0]),
        "slant": ([[1, -amount], [0, 1]], [0, 0]),
        "right": ([[1, 0], [0, 1]], [amount, 0]),
        "down": ([[1, 0], [0, 1]], [0, amount]),
        "size": ([[math.exp(amount), 0], [0, math.exp(amount)]], [0, 0]),
    }
    if kind not in maps:
        raise DataError(f"{kind!r} is no affine map: choose from {', '.join(maps)}.")
    return tuple(torch.tensor(part, dtype=torch.float64) for part in maps[kind])


def in_frame(A: Tensor, rotation: Tensor) -> Tensor:
    """A as it acts within digits that are turned by `rotation` (N,): (N, 2, 2)."""
    c, s = rotation.double().cos(), rotation.double().sin()
    R = torch.stack([torch.stack([c, s], -1), torch.stack([-s, c], -1)], -2)
    return R @ A @ R.mT


class Drawn(NamedTuple):
    """The same images under several amounts of one move."""

    images: list[Tensor]  # for each amount, (N, 1, 28, 28) uint8
    labels: Tensor  # (N,)
    factors: dict[str, Tensor]  # at amount 0

    def map_of(self, kind: str, amount: float) -> tuple[Tensor, Tensor, Tensor]:
        """A (N, 2, 2), b (2,) and the points (N, 2) about which the digits move."""
        A, b = affine_map(kind, amount)
        shift = torch.stack([self.factors[k].double() for k in ("shift_x", "shift_y")])
        return in_frame(A, self.factors["rotation"]), b, shift.T


def drawn(
    kind: str, amounts: Sequence[float], n: int, seed: int,
    still: Sequence[str] = (), characters: str = DIGITS,
) -> Drawn:  # fmt: skip
    """Glyphs that differ in nothing but the amount of a move, all within the ranges.

    So the move is exact: each is drawn with its own pose, none is resampled. It is the
    digit that moves, about the point that it was shifted to, and in its own frame. The
    factors in `still` are 0 at amount 0, and moves may take them anywhere. Labels are
    indices into `characters`. Raises DataError if the amounts leave no room in the
    range of the factor.
    """
    name = KINDS[kind][0]
    low, high = GLYPH_RANGES[name]
    ranges = GLYPH_RANGES | {factor: (0.0, 0.0) for factor in still}
    least, most = min(amounts), max(amounts)
    if kind == "size":
        ranges[name] = (low / math.exp(least), high / math.exp(most))
    elif name not in still:
        ranges[name] = (low - least, high - most)
    parts = []
    for block in range(-(-n // BLOCK)):
        random = np.random.default_rng([seed, block])
        count = min(BLOCK, n - BLOCK * block)
        parts.append(draw_factors(random, ranges, count, len(characters)))
    labels = torch.cat([y for y, _ in parts])
    factors = {k: torch.cat([f[k] for _, f in parts]) for k in parts[0][1]}
    images = []
    for amount in amounts:
        at = factors[name]
        at = at * math.exp(amount) if kind == "size" else at + amount
        pose_at = factors | {name: at}
        images.append(draw_glyphs(labels, **pose_at, characters=characters))
    return Drawn(images, labels, factors)


def warped(kind: str, amounts: Sequence[float], images: Tensor) -> list[Tensor]:
    """Images (N, C, H, W) uint8 under each amount of a move, resampled bilinearly.

    Where two amounts are to be compared, take them of one size and either sign: then
    both are blurred alike.
    """
    size, moved = images.shape[-1], []
    for amount in amounts:
        A, b = affine_map(kind, amount)
        back = A.inverse()  # from a pixel of the result to where its ink came from
        # grid_sample counts in half sizes from the centre.
        theta = torch.cat([back, -(back @ b)[:, None] / (size / 2)], 1).float()
        theta = theta.expand(len(images), 2, 3).to(images.device)
        grid = F.affine_grid(theta, list(images.shape), align_corners=False)
        seen = F.grid_sample(images.float(), grid, align_corners=False)
        moved.append(seen.round().clamp(0, 255).byte())
    return moved


class Rule(NamedTuple):
    """M_T as an affine map: v (..., V) -> v M + b."""

    M: Tensor  # (V, V)
    b: Tensor  # (V,)

    def __call__(self, v: Tensor) -> Tensor:
        return v @ self.M + self.b


def fit_rule(v: Tensor, moved: Tensor) -> Rule:
    """The affine map with the least squared error from v(x) to v(Tx), both (N, V).

    DataError if there are too few images to determine it.
    """
    if v.shape != moved.shape or v.ndim != 2 or len(v) <= v.shape[1]:
        raise DataError(
            f"v(x) {tuple(v.shape)} and v(Tx) {tuple(moved.shape)} must be (N, V), of "
            "more images N than numbers V."
        )
    solution = _least_squares(v, moved)
    return Rule(solution[:-1].to(v), solution[-1].to(v))


def _least_squares(z: Tensor, t: Tensor) -> Tensor:
    """Of t (N, T) from z (N, F) and a one: (F + 1, T), the shortest if there are many.

    By singular values: where a number of z is the same for all images, the other
    methods of LAPACK give an answer that is none.
    """
    Z = torch.cat([z, z.new_ones(len(z), 1)], 1).double().cpu()
    return torch.linalg.lstsq(Z, t.double().cpu(), driver="gelsd").solution


def explained(told: Tensor, moved: Tensor, without: Tensor | None = None) -> float:
    """1 - |moved - told|² / |moved - without|²; without: by default the mean of moved.

    So 1 is exact, and 0 is no better than `without`.
    """
    without = moved.mean(0) if without is None else without
    left, all_of_it = (
        (moved - a).double().square().sum() for a in (told, without)
    )
    return float(1 - left / all_of_it)


def on_held_out_classes(v: Tensor, moved: Tensor, y: Tensor) -> dict[str, Tensor]:
    """Shares explained by a rule on each class after fitting on all others: (K,) each.

    "rule" and its share of the change |v(Tx) - v(x)|², "change"; "offset": v(x) + b
    alone; "nothing": v(x) as it is; "shuffled": a rule from pairs that do not belong
    together; "own": a rule fitted on every second image of the class itself, and tried
    on the others.
    """
    shares: dict[str, list[float]] = {}
    shuffle = torch.Generator().manual_seed(0)
    for k in y.unique():
        fit, of_k = y != k, torch.nonzero(y == k).flatten()
        a, b, a_k, b_k = v[fit], moved[fit], v[of_k], moved[of_k]
        mixed = b[torch.randperm(len(b), generator=shuffle).to(b.device)]
        told = fit_rule(a, b)(a_k)
        found = {
            "rule": explained(told, b_k),
            "change": explained(told, b_k, a_k),
            "offset": explained(a_k + (b - a).mean(0), b_k),
            "nothing": explained(a_k, b_k),
            "shuffled": explained(fit_rule(a, mixed)(a_k), b_k),
            "own": explained(fit_rule(a_k[::2], b_k[::2])(a_k[1::2]), b_k[1::2]),
        }
        for name, share in found.items():
            shares.setdefault(name, []).append(share)
    return {name: torch.tensor(values) for name, values in shares.items()}


class Pose(NamedTuple):
    """The moments of an image's ink, as in chapter 01: N images."""

    c: Tensor  # (N, 2), pixels from the middle, y down
    spread: Tensor  # (N, 2, 2), square pixels

    def moved(self, A: Tensor, b: Tensor, about: Tensor | float = 0.0) -> Pose:
        """The pose after the ink at p has gone to A p + b: A (2, 2) or (N, 2, 2).

        p counts from the middle of the image, or from the points `about` (N, 2).
        """
        c = about + (A @ (self.c - about)[:, :, None])[:, :, 0] + b
        return Pose(c, A @ self.spread @ A.mT)

    @property
    def lean(self) -> Tensor:
        """Degrees to the right of the way on which ink moves as one goes up, (N,)."""
        slope = -self.spread[:, 0, 1] / self.spread[:, 1, 1]
        return torch.rad2deg(torch.atan(slope))

    @property
    def size(self) -> Tensor:
        """Geometric mean of both standard deviations, in pixels, (N,)."""
        return torch.linalg.det(self.spread).clamp(min=0) ** 0.25


def pose(images: Tensor) -> Pose:
    """c and Σ of grey images (N, 1, H, W); DataError for one without any ink."""
    w = images[:, 0].double()
    total = w.sum(dim=(1, 2), keepdim=True)
    if not (total > 0).all():
        raise DataError("an image without ink has no pose.")
    size = images.shape[-1]
    axis = torch.arange(size, dtype=torch.float64, device=w.device) - (size - 1) / 2
    p = torch.stack(torch.meshgrid(axis, axis, indexing="xy"), dim=-1)
    c = torch.einsum("nij,ijk->nk", w / total, p)
    d = p - c[:, None, None]
    return Pose(c, torch.einsum("nij,nijk,nijl->nkl", w / total, d, d))


class Left(NamedTuple):
    """What is left to do until a pose is where it should be: medians over images."""

    lean: float  # degrees
    centre: float  # pixels
    size: float  # per cent


# Which of these tells of a move.
TELLS = {"turn": "lean", "slant": "lean", "right": "centre", "down": "centre",
         "size": "size"}  # fmt: skip


class Transported(NamedTuple):
    """Pictures of other classes, drawn from v, from v moved by its rule, from v(Tx)."""

    before: Left
    after: Left
    direct: Left  # from v(Tx) itself: what the decoder makes of it without any rule
    wrong: float  # share of `after` that is read as another class than asked for

    def done(self, kind: str, by_rule: bool = True) -> float:
        """How much of a move appears in the picture: 1 all of it, 0 nothing."""
        left = self.after if by_rule else self.direct
        return 1 - getattr(left, TELLS[kind]) / getattr(self.before, TELLS[kind])


def transport(
    decode: Callable[[Tensor, Tensor], Tensor], v: Tensor, v_T: Tensor, y: Tensor,
    T: tuple[Tensor, Tensor, Tensor], read: Callable[[Tensor], Tensor],
) -> Transported:  # fmt: skip
    """Move v by the rule of half of the images; decode the others as other classes.

    decode(v, y) draws (N, 1, H, W) in [0, 1], read tells classes of such pictures;
    T is A, b and about which points the ink moves, of all images or of each.
    """
    fit, generator = len(y) // 2, torch.Generator().manual_seed(0)
    rule, rest = fit_rule(v[:fit], v_T[:fit]), slice(fit, None)
    others = torch.randint(1, 10, (len(y) - fit,), generator=generator).to(y.device)
    asked = (y[rest] + others) % 10
    still, there, direct = (
        decode(u, asked) for u in (v[rest], rule(v[rest]), v_T[rest])
    )
    start = pose(still.cpu())
    A, b, about = (t[rest] if len(t) == len(y) else t for t in T)
    want = start.moved(A, b, about)
    left = [
        Left(
            float((p.lean - want.lean).abs().median()),
            float((p.c - want.c).norm(dim=1).median()),
            float(100 * (p.size / want.size - 1).abs().median()),
        )
        for p in (start, pose(there.cpu()), pose(direct.cpu()))
    ]
    return Transported(*left, (read(there) != asked).double().mean().item())


def read_linearly(z: Tensor, t: Tensor, z_new: Tensor, t_new: Tensor) -> float:
    """Share of t's variance that is linear in z, fitted to some, tried on other images.

    z (N, F), t (N,). Below 0 where what was fitted misleads.
    """
    found = _least_squares(z, t[:, None]).to(z_new.device)
    told = z_new.double() @ found[:-1, 0] + found[-1, 0]
    return explained(told, t_new.double())
