"""Every command of README's, as printed, in a clone: nothing of the book is changed."""

import re
import subprocess
import sys

import pytest
from PIL import Image

from equivae_lite import ROOT
from tests.support import colab

pytestmark = pytest.mark.slow

# In the clone: sets of noise, schedules of one step, two variants of the study. Where a
# command has a smoke profile, that; two seeds are as good as five. The words are
# otherwise README's.
DRIVER = """
import os, sys
from dataclasses import replace
import torch
from equivae_lite.data import sets, sources, splits
from equivae_lite.evaluation import bound
from equivae_lite.runs import command_line, study
from equivae_lite.training import experiments

def load(name, split="train", limit=None, device="cpu", root=None):
    g = torch.Generator().manual_seed(sets.SPLITS.index(split))
    count = min(limit or 600, 4000) if split == "train" else 100
    shape = (1, 28, 28) if name in ("mnist", "glyphs") else (3, 32, 32)
    x = torch.randint(256, (count, *shape), generator=g, dtype=torch.uint8)
    y = torch.arange(count) % 10
    return sets.ImageSet(name, split, x, y, None, f"noise {split}")

sets.load = load
sets.known_md5 = lambda name: {s: f"noise {s}" for s in sets.SPLITS}
sources.available = lambda name, root=None: True
splits.MOST_HELD_OUT = 200
whole = bound.importance_weighted
bound.importance_weighted = lambda *a: whole(*a[:-1], (1, 2))
for name, e in experiments.PRESETS.items():
    labels = e.labels and min(e.labels, 200)
    experiments.PRESETS[name] = replace(e, schedule=((600, 1),), warmup_steps=0,
                                        separation_steps=0, labels=labels)
study.VARIANTS = {v: study.VARIANTS[v] | {"schedule": ((600, 1),), "warmup_steps": 0}
                  for v in ("recipe", "appendix")}
for line in sys.stdin.read().splitlines():
    words = line.split()
    os.environ.pop("EQUIVAE_MAX_STEPS", None)
    if words[0] in ("train", "validate", "evaluate", "bench"):
        words += ["--profile", "smoke"]
    if words[0] not in ("list", "download", "page"):
        words += ["--device", "cpu", "--threads", "1"]
    print(">", *words, flush=True)
    code = command_line.main(words)
    assert code == 0, (line, code)
"""
FRESH = """
from tools.notebooks import freshness
from tools.notebooks.book import toc_notebooks
print([path.name for path in toc_notebooks() if freshness.stale(path)])
"""


def commands(text: str, folder: str, pictures: str) -> list[str]:
    """Those of the package, without comments.

    FOLDER and Colab's drive are `folder`; a reader's PICTURES are `pictures`.
    """
    text = re.sub(r"--data \S*PICTURES", f"--data {pictures}", text)
    found = re.findall(r"python -m equivae_lite ([^\n#]+)", text)
    lines = [line.strip() for line in found if "`" not in line]
    place, more = re.compile(r"--out \S+"), re.compile(r"--seeds 0 1( \d)+")
    lines = [more.sub("--seeds 0 1", place.sub(f"--out {folder}", x)) for x in lines]
    return [line for line in lines if "download" not in line]


def test_every_command_leaves_the_book_as_it_was(tmp_path):
    address = colab.published(tmp_path / "origin")
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", address, str(clone)], check=True)
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for i in range(260):
        path = tmp_path / "pictures" / "ab"[i % 2] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.effect_noise((16, 16), 90).save(path)
    lines = commands(text, str(tmp_path / "out"), str(tmp_path / "pictures"))
    kinds = {line.split()[0] for line in lines}
    assert {"list", "train", "evaluate", "reproduce", "bench", "study", "page"} <= kinds
    done = subprocess.run(
        [sys.executable, "-c", DRIVER], cwd=clone, input="\n".join(lines),
        capture_output=True, encoding="utf-8",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-500:] + done.stderr[-3000:]
    assert (clone / "data" / "mine" / "results").is_dir()  # there it went
    status = ["git", "status", "--porcelain", "--untracked-files=all"]
    changed = subprocess.run(status, cwd=clone, capture_output=True, encoding="utf-8")
    assert changed.stdout == ""
    fresh = subprocess.run(
        [sys.executable, "-c", FRESH], cwd=clone, capture_output=True, encoding="utf-8"
    )
    assert fresh.stdout == "[]\n", fresh.stderr
