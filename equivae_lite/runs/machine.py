"""For the cards: what ran a program, and how much memory it took."""

from __future__ import annotations

import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from .. import ROOT


def hardware(device: str) -> str:
    """The processor that a run used, in words."""
    if device.startswith("cuda"):
        return torch.cuda.get_device_name(device)
    model = platform.processor() or platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    except OSError:
        pass
    return f"{model}, {torch.get_num_threads()} thread(s)"


def peak_megabytes(device: str) -> dict[str, int]:
    """The most memory held so far: by this process, and on the GPU by its tensors."""
    found = {}
    status = Path("/proc/self/status")  # where there is one, on Linux
    words = status.read_text().split() if status.exists() else []
    if "VmHWM:" in words:
        found["process"] = int(words[words.index("VmHWM:") + 1]) // 1024
    if device.startswith("cuda"):
        found["gpu"] = torch.cuda.max_memory_allocated(device) // 1024**2
    return found


def versions() -> dict[str, str]:
    """Python and the packages on which numbers depend."""
    found = {"python": platform.python_version()}
    for package in ("torch", "torchvision", "numpy", "scikit-learn"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "absent"
    return found


def origin(command: str, device: str) -> dict[str, object]:
    """What a file of measurements says of where it came from."""
    made_by = f"python -m equivae_lite {command}"
    return {"command": made_by, "hardware": hardware(device), "versions": versions()}


def commit() -> str | None:
    """The commit of the code, with a mark if the package was changed since."""
    try:
        head = _git("rev-parse", "--short=12", "HEAD").strip()
        changed = _git("status", "--porcelain", "--", "equivae_lite").strip()
    except (OSError, subprocess.CalledProcessError):
        return None
    return head + ("-changed" if changed else "")


def _git(*arguments: str) -> str:
    return subprocess.run(
        ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
