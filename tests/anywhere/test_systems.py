"""Other systems, imitated: what they lack is taken away, and the book goes on."""

import ast
import hashlib
import io
import os
import shutil
import subprocess
import sys
import types
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

import equivae_lite
from equivae_lite import files
from equivae_lite.data import sources
from equivae_lite.runs import machine, streams
from tests.support.notebooks import code, save
from tools.notebooks.book import ROOT

SOURCES = [
    path
    for room in ("equivae_lite", "tools", "tests")
    for path in sorted((ROOT / room).rglob("*.py"))
]
ONLY_POSIX = {"fcntl", "resource", "termios", "tty", "pty", "pwd", "grp", "curses"}
IMPORT_ALL = """\
import sys
for name in {gone!r}:
    sys.modules[name] = None
import importlib, pkgutil, equivae_lite
for module in pkgutil.walk_packages(equivae_lite.__path__, "equivae_lite."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
"""


def run(*arguments: str, **variables: str | None) -> subprocess.CompletedProcess:
    """A Python with variables set, or where None is given, absent."""
    env = {k: v for k, v in (os.environ | variables).items() if v is not None}
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env=env, capture_output=True,
        encoding="utf-8",
    )  # fmt: skip


def calls(tree: ast.AST) -> list[tuple[str, ast.Call]]:
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    name = {ast.Attribute: lambda f: f.attr, ast.Name: lambda f: f.id}
    return [(name.get(type(c.func), lambda f: "")(c.func), c) for c in found]


def unencoded(source: str) -> list[int]:
    """Lines that open a text file, or read a program, in an unnamed encoding."""
    lines = []
    for name, call in calls(ast.parse(source)):
        keywords = {k.arg for k in call.keywords}
        texts = [a.value for a in call.args if isinstance(a, ast.Constant)]
        binary = any("b" in t for t in texts if isinstance(t, str) and len(t) < 4)
        low = ast.unparse(call.func) in ("os.open", "Image.open")  # bytes, always
        opens = name in ("open", "fdopen") and not binary and not low
        whole = name == "read_text" or (name == "write_text" and len(call.args) == 1)
        runs = name in ("run", "Popen", "check_output")
        words = runs and keywords & {"text", "universal_newlines"}
        if (opens or whole or words) and not keywords & {"encoding", None}:
            positional = name == "read_text" and call.args
            if not positional:
                lines.append(call.lineno)
    return lines


# --- Windows and macOS ----------------------------------------------------------------


def test_every_text_is_utf_8():
    wrong = "a.read_text(); open('x', 'rb'); run(text=True); open(p)"
    assert unencoded(wrong) == [1] * 3
    found = {
        str(path.relative_to(ROOT)): lines
        for path in SOURCES
        if (lines := unencoded(path.read_text(encoding="utf-8")))
    }
    assert not found


def test_no_module_of_one_system_is_imported_at_the_top():
    for path in SOURCES:
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            names = {a.name for a in getattr(node, "names", [])}
            names.add(getattr(node, "module", None))
            assert not (
                isinstance(node, ast.Import | ast.ImportFrom) and names & ONLY_POSIX
            ), path


def test_nothing_forks():
    """Windows cannot, and a forked torch may hang."""
    for path in SOURCES:
        for name, call in calls(ast.parse(path.read_text(encoding="utf-8"))):
            assert name not in ("fork", "forkpty"), path
            bare = ("multiprocessing.Pool", "multiprocessing.Process")
            assert ast.unparse(call.func) not in bare, path
            if name == "ProcessPoolExecutor":
                assert "mp_context" in {k.arg for k in call.keywords}, path
            if name == "get_context":
                assert ast.unparse(call.args[0]) != "'fork'", path


@pytest.mark.slow
def test_the_package_without_what_windows_lacks():
    code = IMPORT_ALL.format(gone=sorted(ONLY_POSIX))
    done = run("-c", code, LOGNAME="somebody")  # or torch asks pwd who this is
    assert done.returncode == 0, done.stderr


def test_memory_in_the_unit_of_each_system(monkeypatch, tmp_path):
    """Linux tells KiB in a file, macOS bytes; Windows is not asked."""
    usage = types.SimpleNamespace(ru_maxrss=3 * 2**30)
    stub = types.SimpleNamespace(RUSAGE_SELF=0, getrusage=lambda who: usage)
    real = machine.Path

    def status(text: str | None) -> None:
        file = tmp_path / "status"
        file.write_text(text or "", encoding="utf-8")
        there = file if text else tmp_path / "absent"
        monkeypatch.setattr(
            machine, "Path", lambda p: there if p == "/proc/self/status" else real(p)
        )

    status("Name: x\nVmHWM:\t  3145728 kB\n")
    assert machine.peak_megabytes("cpu") == {"process": 3072}
    status(None)
    monkeypatch.setitem(sys.modules, "resource", stub)
    monkeypatch.setattr(sys, "platform", "darwin")
    assert machine.peak_megabytes("cpu") == {"process": 3072}
    monkeypatch.setitem(sys.modules, "resource", None)
    monkeypatch.setattr(sys, "platform", "win32")
    assert machine.peak_megabytes("cpu") == {}


def test_a_file_that_is_open_elsewhere_is_named(monkeypatch, tmp_path):
    """Windows refuses to replace it: an error in words, and no leftovers."""

    def refuse(source, target):
        raise PermissionError(13, "the file is used by another process", str(target))

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(equivae_lite.errors.CheckpointError, match="used by another"):
        files.write_json(tmp_path / "a.json", {})
    assert not list(tmp_path.iterdir())


# --- terminals ------------------------------------------------------------------------

TERMINALS = [
    {"PYTHONIOENCODING": "ascii"},
    {"LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    {"PYTHONIOENCODING": "cp1252"},
]


@pytest.fixture(scope="module")
def table():
    """As a terminal shows it that knows every character."""
    text = run("-m", "equivae_lite", "study", PYTHONIOENCODING="utf-8").stdout
    assert "±" in text
    return text


@pytest.mark.slow
@pytest.mark.parametrize("terminal", TERMINALS, ids=lambda t: next(iter(t.values())))
def test_a_table_is_printed_whatever_the_terminal_knows(terminal, table):
    env = os.environ | terminal
    done = subprocess.run(
        [sys.executable, "-m", "equivae_lite", "study"], cwd=ROOT, env=env,
        capture_output=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    if "cp1252" in terminal.values():
        assert done.stdout.decode("cp1252").split() == table.split()
    else:
        plain = table.replace("±", "+/-").replace("–", "-").replace("−", "-")
        assert done.stdout.decode("ascii").split() == plain.split()


def test_a_character_that_has_no_plain_form(monkeypatch):
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    streams.prepare()
    print("a × b ± 中", file=stream, flush=True)
    assert raw.getvalue().split() == [b"a", b"x", b"b", b"+/-", b"?"]


# --- accounts and machines ------------------------------------------------------------


def test_tests_know_no_proxy():
    assert not [name for name in os.environ if name.lower().endswith("_proxy")
                and name.lower() != "no_proxy"]  # fmt: skip


FIPS = """\
import hashlib
real = hashlib.md5
def md5(data=b"", *, usedforsecurity=True):
    if usedforsecurity:
        raise ValueError("[digital envelope routines] unsupported: disabled for FIPS")
    return real(data, usedforsecurity=False)
hashlib.md5 = md5
new = hashlib.new
def refusing(name, *a, **k):
    if name.lower() == "md5" and k.get("usedforsecurity", True):
        raise ValueError("disabled for FIPS")
    return new(name, *a, **k)
hashlib.new = refusing
try:
    hashlib.file_digest(open(__file__, "rb") if "__file__" in globals() else
                        open({file!r}, "rb"), "md5")
except ValueError:
    pass
else:
    raise SystemExit("this machine does not refuse MD5")
from pathlib import Path
from equivae_lite.data import sets, sources
print(sets.load("glyphs", "test", 10).md5)
print(sources.checked_md5("mnist", Path({file!r}), {digest!r}))
"""


def test_a_machine_that_forbids_md5(tmp_path):
    """FIPS: MD5 may name data, not guard secrets."""
    file = tmp_path / "file"
    file.write_bytes(b"some data")
    digest = hashlib.md5(b"some data", usedforsecurity=False).hexdigest()
    done = run("-c", FIPS.format(file=str(file), digest=digest))
    assert done.stdout.split()[-1:] == [digest], done.stderr


def test_no_commit_of_somebody_elses_repository(monkeypatch, tmp_path):
    """A tarball of the book, unpacked inside another project."""
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org"]
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    (tmp_path / "theirs.txt").write_text("theirs", encoding="utf-8")
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "theirs"]):
        subprocess.run([*git, *command], cwd=tmp_path, check=True)
    inside = tmp_path / "vendor" / "equivae-lite"
    (inside / "equivae_lite").mkdir(parents=True)
    monkeypatch.setattr(machine, "ROOT", inside)
    assert machine.commit() is None
    monkeypatch.setattr(machine, "ROOT", tmp_path)
    assert len(machine.commit()) == 12
    monkeypatch.setenv("PATH", "")  # no git at all
    assert machine.commit() is None


def test_a_folder_of_data_under_a_home_that_nobody_knows(monkeypatch):
    monkeypatch.setenv("EQUIVAE_DATA", "~nobody-of-this-name/data")
    assert not sources.available("mnist")


HOMES = {"missing": None, "not writable": "/proc/nowhere"}
NOTEBOOK = """\
from equivae_lite.chapters.session import setup
import matplotlib.pyplot as plt
setup()
plt.plot([1, 2])
plt.show()
"""


def shown(path: Path) -> tuple[str, list[str]]:
    """What the one cell of a notebook prints for a reader, and its pictures."""
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, kernel_name="python3").execute()
    (cell,) = notebook.cells
    text = "".join(o.text for o in cell.outputs if o.output_type == "stream")
    return text, [o for o in cell.outputs if "image/png" in o.get("data", {})]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("home", "backend"),
    [("missing", None), ("not writable", "agg"), ("as it is", "Agg")],
)
def test_figures_are_shown_whatever_home_and_mplbackend_say(
    tmp_path, monkeypatch, home, backend
):
    """A kernel takes seconds to start: each tries a home and a backend at once."""
    if home in HOMES:
        done = run("-m", "equivae_lite", "list", HOME=HOMES[home])
        assert done.returncode == 0, done.stderr
        monkeypatch.delenv("HOME")
        if HOMES[home]:
            monkeypatch.setenv("HOME", HOMES[home])
    if backend:
        monkeypatch.setenv("MPLBACKEND", backend)
    text, pictures = shown(save(tmp_path / "a.ipynb", code(NOTEBOOK)))
    assert "profile" in text and len(pictures) == 1
    assert ("changed to inline" in text) == (backend is not None)


@pytest.mark.slow
def test_a_path_with_spaces_and_umlauts(tmp_path):
    """The package, its shipped models and a training, all in such a folder."""
    book = tmp_path / "Bücher über Räume" / "equivae lite"
    shutil.copytree(ROOT / "equivae_lite", book / "equivae_lite")
    shutil.copytree(ROOT / "data" / "checkpoints", book / "data" / "checkpoints")
    shutil.copy(ROOT / "pyproject.toml", book)
    command = ["-m", "equivae_lite", "train", "glyphs-supervised", "--profile", "smoke"]
    env = {k: v for k, v in os.environ.items() if k != "EQUIVAE_DATA"}
    done = subprocess.run(
        [sys.executable, *command], cwd=book, env=env, capture_output=True,
        encoding="utf-8",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert str(book) in done.stdout
