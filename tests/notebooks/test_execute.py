"""Running chapters: their normal form, what is written and what is said of it."""

import json
import os

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tests.support.notebooks import code, edit, save
from tools.notebooks import execute, freshness, normal_form

pytestmark = pytest.mark.slow


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
    done = normal_form.normalise(messy())
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
    assert normal_form.text_of(done).endswith("}\n")


def test_normal_form_repeats_itself_and_leaves_its_argument_alone():
    notebook = messy()
    before = json.dumps(notebook)
    once = normal_form.text_of(normal_form.normalise(notebook))
    again = nbformat.reads(once, as_version=4)
    again = normal_form.text_of(normal_form.normalise(again))
    assert once == again and json.dumps(notebook) == before


def test_ids_are_unique():
    cells = [new_code_cell("print(1)") for _ in range(3)]
    done = normal_form.normalise(new_notebook(cells=cells))
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
    out = capsys.readouterr().out
    assert f"[1/1] {path}: written, " in out
    assert "a.ipynb, cell import-matplotlib-pyplot-as-plt\n    + hello\n" in out
    assert "3 cells show something else than before" in out
    first = path.read_text(encoding="utf-8")
    assert '"image/png"' in first and f"book {tmp_path}" in first
    assert execute.main([str(path)]) == 0
    assert path.read_text(encoding="utf-8") == first
    out = capsys.readouterr().out
    assert f"{path}: unchanged, " in out and "\n0 cells show" in out
    assert freshness.stale(path) == []
    assert list(tmp_path.iterdir()) == [path]


def test_a_failing_cell_writes_nothing(tmp_path, capsys):
    path = save(tmp_path / "a.ipynb", code("print(1)"), code("1 / 0"))
    before = path.read_text(encoding="utf-8")
    assert execute.main([str(path)]) == 1
    assert path.read_text(encoding="utf-8") == before and list(tmp_path.iterdir()) == [
        path
    ]
    out, error = capsys.readouterr()
    assert "FAILED, nothing written" in out and "ZeroDivisionError" in error


def test_tracebacks_name_files_of_the_repository(tmp_path, book_profile):
    (tmp_path / "helper.py").write_text(
        "def f():\n    raise ValueError('on purpose')\n", encoding="utf-8"
    )
    path = save(tmp_path / "a.ipynb", code("import helper\nhelper.f()"))
    edit(path, '"metadata": {}', '"metadata": {"tags": ["raises-exception"]}')
    done = execute.execute(path, root=tmp_path)
    text = "\n".join(done.cells[0].outputs[0].traceback)
    assert "helper.py" in text and str(tmp_path) not in text


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = save(tmp_path / "a.ipynb", code("print(1)"))
    before = path.read_text(encoding="utf-8")

    def full(*_):
        raise OSError("no space left")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="no space"):
        normal_form.write(path, new_notebook())
    assert path.read_text(encoding="utf-8") == before and list(tmp_path.iterdir()) == [
        path
    ]


def test_a_chapter_about_mnist_that_ran_on_nothing_is_not_written(
    tmp_path, monkeypatch, book_profile
):
    path = save(tmp_path / "a.ipynb", code("x = 1"), equivae={"data": "mnist"})
    before = path.read_text(encoding="utf-8")
    monkeypatch.setattr(execute.sources, "available", lambda name: True)
    with pytest.raises(ValueError, match="about mnist but was executed on no data"):
        execute.execute(path)
    assert path.read_text(encoding="utf-8") == before


def test_where_its_data_are_absent_a_chapter_is_not_run(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("EQUIVAE_DATA", str(tmp_path))
    cell = code("open('ran', 'w').close()")
    path = save(tmp_path / "a.ipynb", cell, equivae={"data": "mnist"})
    assert execute.main([str(path)]) == 1
    assert f"is about mnist, which is not in {tmp_path}" in capsys.readouterr().err
    assert not (tmp_path / "ran").exists()


def test_a_tracer_that_does_not_start_is_an_error(tmp_path, monkeypatch):
    path = save(tmp_path / "a.ipynb", code("x = 1"))
    monkeypatch.setattr(execute, "compile_source", lambda *_: "1 / 0")
    with pytest.raises(ValueError, match="the tracer did not start"):
        execute.execute(path)


def test_fresh_chapters_are_not_run(monkeypatch, capsys):
    monkeypatch.setattr(execute.freshness, "stale", lambda path: [])
    assert execute.main([]) == 0
    assert "every chapter is fresh" in capsys.readouterr().out


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


def test_changes_are_listed_by_cell():
    old = new_notebook(cells=[code("a", id="a", outputs=[new_output(
        "stream", name="stdout", text="1\n2\n")]), code("b", id="b")])  # fmt: skip
    new = nbformat.from_dict(old)
    assert execute.changes(old, new) == []
    new.cells[0].outputs[0].text = "1\n3\n"
    new.cells[1].outputs = [new_output("display_data", {"image/png": "AAAA"})]
    first, second = execute.changes(old, new)
    assert first == "a\n    - 2\n    + 3"
    assert second.startswith("b\n    + <image/png ")
