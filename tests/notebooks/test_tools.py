"""Running chapters, their normal form, their freshness, the first cell and make."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tests.support.notebooks import code, edit, save
from tools.notebooks import book, bootstrap, execute, freshness
from tools.notebooks.book import ROOT, toc_pages

# --- the normal form and execution ----------------------------------------------------


def messy():
    first = new_code_cell("x = 1\nx", id="8f3a2b1c", execution_count=7)
    first.metadata.update(
        tags=["setup"], collapsed=True, execution={"iopub.execute_input": "2020"}
    )
    first.outputs = [
        new_output("stream", name="stdout", text="a"),
        new_output("stream", name="stdout", text="b\n"),
        new_output("stream", name="stderr", text="c"),
        new_output(
            "display_data",
            {"application/vnd.jupyter.widget-view+json": {"model_id": "0"}},
        ),
        new_output("execute_result", {"text/plain": "1"}, execution_count=7),
    ]
    second = new_code_cell("x = 1\n", id="Xk3_aBcD", execution_count=9)
    words = new_markdown_cell("# Some *words* of [text](https://a.org)", id="hand-set")
    notebook = new_notebook(cells=[words, first, second])
    notebook.metadata.update(
        widgets={"state": {}}, colab={"name": "x"}, equivae={"data": "mnist"}
    )
    return notebook


def test_normal_form():
    done = execute.normalise(messy())
    words, first, second = done.cells
    assert set(done.metadata) == {"kernelspec", "language_info", "equivae"}
    assert done.metadata.language_info["pygments_lexer"] == "ipython3"
    assert [c.id for c in done.cells] == ["hand-set", "x-1-x", "x-1"]
    assert (first.execution_count, second.execution_count) == (1, 2)
    assert dict(first.metadata) == {"tags": ["setup"]} and not second.metadata
    kinds = [(o.output_type, o.get("name"), o.get("text")) for o in first.outputs]
    assert kinds == [
        ("stream", "stdout", "ab\n"),
        ("stream", "stderr", "c"),
        ("execute_result", None, None),
    ]
    assert first.outputs[2].execution_count == 1
    assert execute.text_of(done).endswith("}\n")


def test_normal_form_repeats_itself_and_leaves_its_argument_alone():
    notebook = messy()
    before = json.dumps(notebook)
    once = execute.text_of(execute.normalise(notebook))
    again = execute.text_of(execute.normalise(nbformat.reads(once, as_version=4)))
    assert once == again and json.dumps(notebook) == before


def test_ids_are_unique():
    cells = [new_code_cell("print(1)") for _ in range(3)]
    done = execute.normalise(new_notebook(cells=cells))
    assert [c.id for c in done.cells] == ["print-1", "print-1-2", "print-1-3"]


@pytest.fixture
def book_profile(monkeypatch):
    monkeypatch.setenv("EQUIVAE_PROFILE", "book")


def test_a_second_run_changes_nothing(tmp_path, capsys, book_profile):
    path = save(
        tmp_path / "a.ipynb",
        code("import matplotlib.pyplot as plt\nprint('hello')"),
        code("plt.figure(figsize=(1, 1))\nplt.plot([1, 2]);"),
        code("import os\nprint(os.environ['EQUIVAE_PROFILE'], os.getcwd())"),
    )
    assert execute.main([str(path)]) == 0
    first = path.read_text()
    assert '"image/png"' in first and f"book {tmp_path}" in first
    assert execute.main([str(path)]) == 0
    assert path.read_text() == first
    assert capsys.readouterr().out.split("\n")[1].endswith("unchanged")
    assert freshness.stale(path) == []
    assert list(tmp_path.iterdir()) == [path]


def test_a_failing_cell_writes_nothing(tmp_path, capsys):
    path = save(tmp_path / "a.ipynb", code("print(1)"), code("1 / 0"))
    before = path.read_text()
    assert execute.main([str(path)]) == 1
    assert path.read_text() == before and list(tmp_path.iterdir()) == [path]
    error = capsys.readouterr().err
    assert "nothing written" in error and "ZeroDivisionError" in error


def test_tracebacks_name_files_of_the_repository(tmp_path, book_profile):
    (tmp_path / "helper.py").write_text(
        "def f():\n    raise ValueError('on purpose')\n"
    )
    path = save(tmp_path / "a.ipynb", code("import helper\nhelper.f()"))
    edit(path, '"metadata": {}', '"metadata": {"tags": ["raises-exception"]}')
    done = execute.execute(path, root=tmp_path)
    text = "\n".join(done.cells[0].outputs[0].traceback)
    assert "helper.py" in text and str(tmp_path) not in text


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = save(tmp_path / "a.ipynb", code("print(1)"))
    before = path.read_text()

    def full(*_):
        raise OSError("no space left")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="no space"):
        execute.write(path, new_notebook())
    assert path.read_text() == before and list(tmp_path.iterdir()) == [path]


def test_a_chapter_about_mnist_that_ran_on_nothing_is_not_written(
    tmp_path, capsys, book_profile
):
    path = save(tmp_path / "a.ipynb", code("x = 1"), equivae={"data": "mnist"})
    before = path.read_text()
    assert execute.main([str(path)]) == 1
    assert path.read_text() == before
    assert "is about mnist but was executed on no data" in capsys.readouterr().err


# --- freshness ------------------------------------------------------------------------


@pytest.fixture
def project(tmp_path):
    """A repository with a package, a checkpoint and one fresh chapter about MNIST."""
    package = tmp_path / "equivae_lite"
    (tmp_path / "book").mkdir()
    package.mkdir()
    (package / "__init__.py").write_text('"""The package."""\nVERSION = 1\n')
    (package / "a.py").write_text("from . import b\n")
    (package / "b.py").write_text("def f():\n    from equivae_lite.c import g\n")
    (package / "c.py").write_text(
        '"""Module."""\n\n\ndef g(x):  # comment\n    """Twice."""\n    return 2 * x\n'
    )
    (package / "unused.py").write_text("y = 1\n")
    (package / "__main__.py").write_text("from .a import f\n")
    (tmp_path / "weights").write_bytes(b"123")
    path = save(
        tmp_path / "book" / "01_x.ipynb",
        code("# why\nfrom equivae_lite import a\n%time a"),
        code("f(1)  # one"),
        equivae={"data": "mnist"},
    )
    restamp(path)
    return path


def restamp(path, data="mnist", profile="book"):
    notebook = nbformat.read(path, as_version=4)
    records = [
        {"kind": "data", "name": data, "path": None, "digest": "md5-train"},
        {"kind": "data", "name": data, "path": None, "digest": "md5-test"},
        {"kind": "checkpoint", "name": "w", "path": "weights", "digest": "0"},
        {"kind": "checkpoint", "name": "elsewhere", "path": None, "digest": "0"},
    ]
    root = path.parent.parent
    notebook.metadata["equivae"]["stamp"] = freshness.stamp(
        notebook, records, profile, root
    )
    execute.write(path, execute.normalise(notebook))


def stale(path):
    return freshness.stale(path, path.parent.parent)


def test_the_stamp_follows_imports(project):
    stamp = nbformat.read(project, as_version=4).metadata.equivae.stamp
    assert list(stamp.package) == [
        f"equivae_lite/{n}.py" for n in ("__init__", "a", "b", "c")
    ]
    assert list(stamp.files) == ["weights"]
    assert dict(stamp.data) == {"mnist": ["md5-test", "md5-train"]}
    assert stale(project) == []


def test_words_do_not_make_stale(project):
    package = project.parent.parent / "equivae_lite"
    edit(package / "c.py", '"""Module."""', '"""Another\n\nmodule."""  # and more')
    edit(package / "c.py", "# comment", "# another")
    edit(package / "c.py", '    """Twice."""\n', "")
    edit(package / "unused.py", "y = 1", "y = 2")
    edit(project, "f(1)  # one", "f(1)  # the first")
    assert stale(project) == []


@pytest.mark.parametrize(
    ("file", "old", "new", "reason"),
    [
        ("equivae_lite/c.py", "2 * x", "3 * x", "module equivae_lite/c.py changed"),
        ("equivae_lite/__init__.py", "= 1", "= 2", "__init__.py changed"),
        (
            "equivae_lite/b.py",
            "from equivae_lite.c",
            "from math",
            "c.py, which is gone",
        ),
        ("equivae_lite/a.py", "b\n", "b, unused\n", "now uses module equivae_lite/un"),
        ("weights", "123", "124", "file weights changed"),
        ("book/01_x.ipynb", "f(1)", "f(2)", "its own code cells"),
        ("book/01_x.ipynb", "f(1)  # one", "f(1);", "its own code cells"),
        ("book/01_x.ipynb", "%time a", "%time b", "its own code cells"),
        ("book/01_x.ipynb", '"data": "mnist"', '"data": "svhn"', "is about svhn but"),
        ("book/01_x.ipynb", '"stamp"', '"other"', "has no stamp"),
    ],
)
def test_changes_make_stale(project, file, old, new, reason):
    edit(project.parent.parent / file, old, new)
    reasons = stale(project)
    assert any(reason in r and r.startswith("book/01_x.ipynb") for r in reasons)


def test_a_lost_file_other_data_and_another_profile_make_stale(project):
    restamp(project, data="glyphs", profile="smoke")
    (project.parent.parent / "weights").unlink()
    reasons = " ".join(stale(project))
    assert "file weights, which is gone" in reasons
    assert "is about mnist but was executed on glyphs" in reasons
    assert "in the smoke profile" in reasons


def test_undeclared_data_make_stale(project):
    edit(project, '"data": "mnist",\n', "")
    assert "executed on mnist, which its metadata do not declare" in stale(project)[0]


def test_the_command_line_counts_as_an_import(project):
    notebook = new_notebook(cells=[code("!python -m equivae_lite bench")])
    used = freshness.modules_used(notebook, project.parent.parent)
    assert {"equivae_lite/__main__.py", "equivae_lite/c.py"} <= set(used)
    notebook.cells[0].source = "print('equivae_lite')"
    assert freshness.modules_used(notebook, project.parent.parent) == {}


def test_an_absolute_path_is_refused():
    record = {"kind": "results", "name": "r", "path": "/r.json", "digest": "0"}
    with pytest.raises(ValueError, match="relative to the repository"):
        freshness.stamp(new_notebook(), [record])


def test_what_a_run_records_reaches_the_stamp(tmp_path, book_profile):
    line = {"kind": "data", "name": "glyphs", "path": None, "digest": "abc"}
    source = (
        "import json, os\n"
        "with open(os.environ['EQUIVAE_STAMP_FILE'], 'a') as f:\n"
        f"    print(json.dumps({json.dumps(line).replace('null', 'None')}), file=f)"
    )
    path = save(tmp_path / "a.ipynb", code(source), equivae={"data": ["glyphs"]})
    done = execute.execute(path)
    assert dict(done.metadata.equivae.stamp.data) == {"glyphs": ["abc"]}
    assert done.metadata.equivae.stamp.profile == "book"


# --- the bootstrap cell, as on Colab --------------------------------------------------

HIDE = """
import os, sys
sys.meta_path = [f for f in sys.meta_path if "editable" not in repr(f).lower()]
sys.path = [p for p in sys.path if p and not os.path.exists(
    p + "/equivae_lite") and "__editable__" not in p]
"""


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
@pytest.mark.parametrize("inside_a_clone", [False, True])
def test_bootstrap_without_the_package(tmp_path, monkeypatch, inside_a_clone):
    origin = tmp_path / "origin"
    for folder in ("book", "equivae_lite"):
        (origin / folder).mkdir(parents=True)
    (origin / "equivae_lite" / "__init__.py").write_text("CLONED = True\n")
    (origin / "book" / "a.md").write_text("a")
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "all"]):
        subprocess.run([*git, *command], cwd=origin, check=True)
    # A file address where a clone is wanted; an unusable one where it is not.
    address = "no such place" if inside_a_clone else origin.as_uri()
    monkeypatch.setenv("EQUIVAE_CLONE_FROM", address)
    colab = origin / "book" if inside_a_clone else tmp_path / "content"
    colab.mkdir(exist_ok=True)
    source = bootstrap.BOOTSTRAP + "\nprint(equivae_lite.CLONED, os.getcwd())"
    path = save(colab / "c.ipynb", code(HIDE), code(source))
    done = execute.execute(path)
    book = colab if inside_a_clone else colab / "equivae-lite" / "book"
    output = "".join(o.get("text", "") for o in done.cells[1].outputs)
    assert output == f"True {book}\n"


# --- make -----------------------------------------------------------------------------


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_without_a_usable_python(tmp_path):
    """Pythons that exist but fail or are too old: a message, and no half-made .venv."""
    shims = tmp_path / "bin"
    shims.mkdir()
    for name in ("python", "python3", "python3.11", "python3.12"):
        (shims / name).write_text("#!/bin/sh\necho 'no such version' >&2; exit 127\n")
        (shims / name).chmod(0o755)
    for name in ("Makefile", "requirements.txt", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    path = os.pathsep.join([str(shims), *map(str, _tools_of_make(tmp_path))])
    run = subprocess.run(
        [shutil.which("make"), "book"],
        cwd=tmp_path,
        env={"PATH": path},
        capture_output=True,
        text=True,
    )
    assert run.returncode != 0
    assert "No usable Python 3.11 or 3.12 was found" in run.stderr
    assert not (tmp_path / ".venv").exists()


def _tools_of_make(tmp_path: Path) -> list[Path]:
    """A folder with a shell and nothing that could be a Python."""
    folder = tmp_path / "shell"
    folder.mkdir()
    for name in ("sh", "touch"):
        (folder / name).symlink_to(shutil.which(name))
    return [folder]


def test_toc_that_names_a_missing_page(tmp_path):
    (tmp_path / "_toc.yml").write_text("root: a\nchapters:\n  - file: book/b\n")
    (tmp_path / "a.md").write_text("# A")
    with pytest.raises(FileNotFoundError, match="do not exist: book/b"):
        toc_pages(tmp_path)


def test_python_of_a_cell_with_shell_lines():
    source = "!pip list\n%cd x\nok = (a\n!= b)"
    assert book.python_of(source) == "pass\npass\nok = (a\n!= b)"
