"""What the tests of both stand-ins share."""

import torch


def centre_of_mass(images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Column and row of the centre of the ink, each (N,)."""
    ink = images[:, 0].double()
    axis = torch.arange(ink.shape[-1], dtype=torch.float64)
    total = ink.sum((1, 2))
    return (ink.sum(1) @ axis) / total, (ink.sum(2) @ axis) / total


def ink(images: torch.Tensor) -> torch.Tensor:
    """Inked area (N,) in pixels."""
    return images.double().sum((1, 2, 3)) / 255
