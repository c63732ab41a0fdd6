"""A Python environment that holds what Colab brings along, and nothing of this book.

`colab-runtime.json` has the versions. On a Python for which one of them has no wheel,
the next version that has one is taken.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

from conftest import PROXIES
from tools.notebooks.book import ROOT

RUNTIME = json.loads(
    (ROOT / "tests/notebooks/colab-runtime.json").read_text(encoding="utf-8")
)
ABSENT = "equivae_lite jupyter_book myst_nb nbval pytest sphinx"

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
told = {
    "prefix": sys.prefix,
    "torch": [importlib.util.find_spec("torch").origin, metadata.version("torch")],
    "installed": sorted(f"{d.name} {d.version}" for d in metadata.distributions()),
    "package": getattr(sys.modules.get("equivae_lite"), "__file__", None),
}
print(json.dumps(told))
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
NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
print("".join(o.get("text", "") for o in notebook.cells[-1].outputs))
"""


class NoNetwork(Exception):
    """The packages could not be had."""


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def resolved() -> dict[str, str]:
    """Name -> version: Colab's where it has a wheel for this Python, and what it needs.

    Raises NoNetwork if the package registry does not answer.
    """
    listed = [f"{name}>={version}" for name, version in RUNTIME["packages"].items()]
    command = [sys.executable, "-m", "uv", "pip", "compile", "-q", "--no-annotate",
               "--no-header", "--resolution", "lowest-direct", "--only-binary", ":all:",
               "--python", sys.executable, "-"]  # fmt: skip
    run = subprocess.run(
        command, input="\n".join(listed), capture_output=True, encoding="utf-8",
        env=outward(),
    )  # fmt: skip
    if run.returncode:
        raise NoNetwork(run.stderr)
    lines = (line.split(";")[0].strip() for line in run.stdout.splitlines())
    return {normal(n): v for n, v in (line.split("==") for line in lines if line)}


def outward() -> dict[str, str]:
    """The variables of this process, less those that keep tests off the network."""
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    # Copies: what is written to a link of uv's would be written to its cache.
    return kept | PROXIES | {"UV_LINK_MODE": "copy"}


class Colab:
    """A fresh virtual environment in `folder` with the packages that Colab has.

    Those that the tests' own environment has in the same version (torch, and what it
    brings) are links to it; the others are fetched.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.packages = resolved()
        make = [sys.executable, "-m", "venv", "--without-pip", str(folder)]
        subprocess.run(make, check=True)
        self.python = folder / "bin" / "python"
        (site,) = folder.glob("lib/python*/site-packages")
        here = {normal(d.name): d for d in metadata.distributions()}
        fetched = []
        for name, version in self.packages.items():
            if name in here and here[name].version.split("+")[0] == version:
                _link(here[name], site)
            else:
                fetched.append(f"{name}=={version}")
        install = [sys.executable, "-m", "uv", "pip", "install", "-q", "--no-deps",
                   "--python", str(self.python), "-r", "-"]  # fmt: skip
        run = subprocess.run(
            install, input="\n".join(fetched), capture_output=True, encoding="utf-8",
            env=outward(),
        )  # fmt: skip
        if run.returncode:
            raise NoNetwork(run.stderr)
        self.pip_calls = folder / "pip-calls"
        (site / "pip").mkdir()
        (site / "pip" / "__init__.py").touch()
        (site / "pip" / "__main__.py").write_text(PIP, encoding="utf-8")
        shim = folder / "bin" / "pip"
        shim.write_text(f"#!{self.python}\n{PIP}", encoding="utf-8")
        shim.chmod(0o755)
        kernel = folder / "share" / "jupyter" / "kernels" / "python3"
        kernel.mkdir(parents=True, exist_ok=True)
        argv = [str(self.python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        spec = {"argv": argv, "display_name": "Python 3", "language": "python"}
        (kernel / "kernel.json").write_text(json.dumps(spec), encoding="utf-8")

    def unlike_colab(self) -> list[str]:
        """What differs from Colab's list: no wheel of it for this Python."""
        python = ".".join(map(str, sys.version_info[:2]))
        found = {"python": python} | self.packages
        asked = {"python": RUNTIME["python"]} | RUNTIME["packages"]
        return [
            f"{name} {found[normal(name)]} instead of {version}"
            for name, version in asked.items()
            if found[normal(name)] != version
        ]

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
            cwd=folder, input=given, capture_output=True, encoding="utf-8",
            env=self.environment(clone_from),
        )  # fmt: skip
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
        return done.stdout

    @contextmanager
    def serve(self, clone_from: str) -> Iterator[Callable]:
        """A function of (folder, notebook, last): see `colab_chapters`.

        It gives what the cell `last` left as `told`; what stops a chapter fails.
        """
        with subprocess.Popen(
            [str(self.python), str(Path(__file__).with_name("colab_chapters.py"))],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8",
            env=self.environment(clone_from),
        ) as server:  # fmt: skip

            def chapter(folder: Path, notebook: str, last: str) -> object:
                print(json.dumps([str(folder), notebook, last]), file=server.stdin,
                      flush=True)  # fmt: skip
                told, stopped = json.loads(server.stdout.readline())
                assert stopped is None, stopped
                return told

            yield chapter
            server.stdin.close()

    def in_a_kernel(self, folder: Path, name: str, last: str, clone_from: str) -> str:
        """Run a whole chapter and one cell more; what that cell prints.

        Once in some tens of runs this old ipykernel and the clients of today lose a
        message, and the kernel waits for ever: then, and only then, a second try.
        """
        arguments = (WHOLE, folder, last, f"{name}.ipynb")
        try:
            return self.run(*arguments, clone_from=clone_from)
        except AssertionError as error:
            if "CellTimeoutError" not in str(error):
                raise
            warnings.warn(f"{name}: a cell did not end, tried again", stacklevel=1)
            return self.run(*arguments, clone_from=clone_from)

    def state(self, folder: Path) -> dict:
        return json.loads(self.run(STATE, folder))

    def asked_of_pip(self) -> list[str]:
        """What pip was called with so far, one line a call."""
        if not self.pip_calls.exists():
            return []
        return self.pip_calls.read_text(encoding="utf-8").splitlines()


def _link(distribution: metadata.Distribution, site: Path) -> None:
    for top in {file.parts[0] for file in distribution.files or []}:
        if top not in ("..", "__pycache__") and not (site / top).exists():
            (site / top).symlink_to(Path(distribution.locate_file(top)).resolve())


def published(folder: Path) -> str:
    """The working tree as a repository to clone: committed or not, ignored files out.

    The address of a repository of its own in `folder`; this one gets no commit.
    """
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, encoding="utf-8", check=True,
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
