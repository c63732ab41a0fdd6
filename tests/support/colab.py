"""A Python environment that holds what Colab brings along, and nothing of this book."""

import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

from tools.notebooks.book import ROOT

# What Colab preinstalls of our needs. (It has scikit-learn too; no chapter that is run
# here may need it.)
PREINSTALLED = (
    "torch torchvision numpy scipy matplotlib ipywidgets ipykernel nbclient "
    "safetensors tqdm"
).split()
ABSENT = "equivae_lite jupyter_book myst_nb nbval pytest sklearn sphinx yaml"

# A pip that installs nothing and notes that it was called.
PIP = """\
import os, sys
with open(os.environ["EQUIVAE_TEST_PIP_CALLS"], "a") as file:
    print(*sys.argv[1:], file=file)
sys.exit("no pip in this test")
"""
# What is asked of the environment before and after.
STATE = """\
import importlib.util, json, sys
from importlib import metadata
print(json.dumps({
    "prefix": sys.prefix,
    "torch": [importlib.util.find_spec("torch").origin, metadata.version("torch")],
    "installed": sorted(f"{d.name} {d.version}" for d in metadata.distributions()),
    "package": getattr(sys.modules.get("equivae_lite"), "__file__", None),
}))
"""
# One cell in IPython, which knows `!` and `%`; a kernel would take seconds to start.
ONE_CELL = """\
import sys
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.run_cell(sys.stdin.read()).raise_error()
"""
WHOLE = """\
import sys, nbformat
from nbclient import NotebookClient
notebook = nbformat.read(sys.argv[1], as_version=4)
notebook.cells.append(nbformat.v4.new_code_cell(sys.stdin.read()))
NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
print(notebook.cells[-1].outputs[0].text)
"""


def needed(names: list[str]) -> dict[str, metadata.Distribution]:
    """Distributions with all that they require, from the environment of the tests."""
    found: dict[str, metadata.Distribution] = {}
    waiting = list(names)
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if name in found:
            continue
        found[name] = metadata.distribution(name)
        for line in found[name].requires or []:
            requirement = Requirement(line)
            if not requirement.marker or requirement.marker.evaluate({"extra": ""}):
                waiting.append(requirement.name)
    return found


class Colab:
    """A fresh virtual environment in `folder`, with links to PREINSTALLED alone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        make = [sys.executable, "-m", "venv", "--without-pip", str(folder)]
        subprocess.run(make, check=True)
        self.python = folder / "bin" / "python"
        (site,) = folder.glob("lib/python*/site-packages")
        for distribution in needed(PREINSTALLED).values():
            for file in distribution.files or []:
                top = file.parts[0]
                target = site / top
                if top in ("..", "__pycache__") or top.endswith(".pth"):
                    continue
                if not target.exists():
                    target.symlink_to(Path(distribution.locate_file(top)).resolve())
        self.pip_calls = folder / "pip-calls"
        (site / "pip").mkdir()
        (site / "pip" / "__init__.py").touch()
        (site / "pip" / "__main__.py").write_text(PIP)
        shim = folder / "bin" / "pip"
        shim.write_text(f"#!{self.python}\n{PIP}")
        shim.chmod(0o755)
        kernel = folder / "share" / "jupyter" / "kernels" / "python3"
        kernel.mkdir(parents=True)
        (kernel / "kernel.json").write_text(json.dumps({
            "argv": [str(self.python), "-m", "ipykernel_launcher", "-f",
                     "{connection_file}"],
            "display_name": "Python 3", "language": "python",
        }))  # fmt: skip

    def environment(self, clone_from: str) -> dict[str, str]:
        """Variables of a runtime: nothing of this repository, no network, no data."""
        kept = ("PATH", "LANG", "LC_ALL", "TMPDIR", "OMP_NUM_THREADS")
        env = {key: os.environ[key] for key in kept if key in os.environ}
        return env | {
            "PATH": f"{self.folder / 'bin'}{os.pathsep}{env['PATH']}",
            "HOME": str(self.folder),
            "PYTHONPATH": str(ROOT / "tools" / "no_network"),
            "JUPYTER_PATH": str(self.folder / "share" / "jupyter"),
            "EQUIVAE_TEST_PIP_CALLS": str(self.pip_calls),
            "EQUIVAE_CLONE_FROM": clone_from,
            "EQUIVAE_PROFILE": "smoke",
        }

    def run(self, code: str, folder: Path, given: str = "", *arguments, clone_from=""):
        """Run Python code in `folder`, as if that were Colab's /content."""
        done = subprocess.run(
            [str(self.python), "-c", code, *arguments],
            cwd=folder, input=given, capture_output=True, text=True,
            env=self.environment(clone_from),
        )  # fmt: skip
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
        return done.stdout

    def state(self, folder: Path) -> dict:
        return json.loads(self.run(STATE, folder))

    def asked_of_pip(self) -> list[str]:
        """What pip was called with so far, one line a call."""
        if not self.pip_calls.exists():
            return []
        return self.pip_calls.read_text().splitlines()


def published(folder: Path) -> str:
    """The working tree as a repository to clone: committed or not, ignored files out.

    The address of a repository of its own in `folder`; this one gets no commit.
    """
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split("\0")  # fmt: skip
    for name in filter(None, listed):
        source, target = ROOT / name, folder / name
        if source.is_file():  # not those deleted and not yet committed
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org"]
    for command in (
        ["init", "-q", "-b", "main"],
        ["config", "core.compression", "0"],  # weights do not shrink: only time is lost
        ["add", "--force", "."],
        ["commit", "-qm", "all"],
        ["repack", "-qad"],
    ):
        subprocess.run([*git, *command], cwd=folder, check=True)
    return folder.as_uri()  # not a path: git would ignore --depth with it


def last_line(output: str) -> dict:
    return json.loads(output.strip().splitlines()[-1])


def absent() -> str:
    """Code that fails when something is importable that Colab does not bring."""
    return textwrap.dedent(f"""\
        import importlib.util
        found = [n for n in {ABSENT.split()!r} if importlib.util.find_spec(n)]
        assert not found, found
    """)
