"""For the cards: what ran a program, and how much memory it took."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from .. import ROOT


def hardware(device: str) -> str:
    """The processor that a run used, in words."""
    if device.startswith("cuda"):
        return torch.cuda.get_device_name(device)
    model = platform.processor() or platform.machine()
    try:  # Linux has the processor's name in a file
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    except OSError:
        pass
    return f"{model}, {torch.get_num_threads()} thread(s)"


def peak_megabytes(device: str) -> dict[str, int]:
    """The most memory held so far: by this process, and on the GPU by its tensors.

    In MiB. Linux and macOS tell of the process; Windows is not asked.
    """
    found = {}
    status = Path("/proc/self/status")
    if status.exists():
        words = status.read_text(encoding="utf-8").split()
        if "VmHWM:" in words:
            found["process"] = int(words[words.index("VmHWM:") + 1]) // 2**10
    elif sys.platform == "darwin":
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes, on macOS
        found["process"] = peak // 2**20
    if device.startswith("cuda"):
        found["gpu"] = torch.cuda.max_memory_allocated(device) // 1024**2
    return found


def threads_for_each(jobs: int) -> int:
    """CPU threads for each of `jobs` processes: together as many as there are cores."""
    can_ask = hasattr(os, "sched_getaffinity")  # which of them are ours: Linux
    cores = len(os.sched_getaffinity(0)) if can_ask else os.cpu_count() or 1
    return max(1, cores // jobs)


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
    """The commit of the code, with a mark if the package was changed since.

    None without git, and where the repository is not this one: a copy of the book
    inside another project has no commit of its own.
    """
    try:
        if Path(_git("rev-parse", "--show-toplevel").strip()).resolve() != ROOT:
            return None
        head = _git("rev-parse", "--short=12", "HEAD").strip()
        changed = _git("status", "--porcelain", "--", "equivae_lite").strip()
    except (OSError, subprocess.CalledProcessError):
        return None
    return head + ("-changed" if changed else "")


def _git(*arguments: str) -> str:
    return subprocess.run(
        ["git", *arguments], cwd=ROOT, capture_output=True, check=True, encoding="utf-8"
    ).stdout
