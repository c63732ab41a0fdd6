"""What a chapter reaches: traced in a real kernel, then every kind of edit is tried."""

import ast
import shutil
import textwrap

import nbformat
import pytest

from tests.support.notebooks import code, edit, save
from tools.notebooks import execute, freshness, reach, syntax
from tools.notebooks.normal_form import write

pytestmark = pytest.mark.slow

FILES = {
    "__init__": '"""The package."""\nROOT = 1\n',
    "__main__": "from .shapes import total\n",
    "constants": """
        def _made(n):
            return n + 1


        OFFSET = _made(4)
        LIMIT = 7
        TABLE = {}
        for _n in range(3):
            TABLE[_n] = _n
        """,
    "helpers": """
        def scale(x):
            return 3 * x


        def other(x):
            return 3 * x
        """,
    "shapes": '''
        """Shapes."""

        from . import constants
        from .constants import LIMIT
        from .helpers import scale as rescale


        def _one():
            return 1


        class Base:
            factor = 2

            def area(self):
                return self.side * self.factor

            def unused(self):
                return 0


        class Square(Base):
            def __init__(self, side: int) -> None:
                self.side = side

            def half(self, by=_one()):
                return self.side / (2 * by)


        def total(shapes):  # comment
            """Sum."""
            return sum(rescale(s.area()) for s in shapes) + constants.OFFSET


        def never():
            return LIMIT


        def listed():
            return 1
        ''',
    "apart": "y = 1\n",
    "views": "def shown(x):\n    return str(x)\n\n\ndef hidden(x):\n    return ''\n",
    "hub": "from .views import shown\n",
}
# The package of this test, not the one that is installed.
FIND = """
import os, sys
sys.meta_path = [f for f in sys.meta_path if "editable" not in repr(f).lower()]
sys.path.insert(0, os.path.abspath(".."))
"""


@pytest.fixture(scope="module")
def traced(tmp_path_factory):
    """A repository with a package and one chapter that has been executed."""
    folder = tmp_path_factory.mktemp("traced")
    (folder / "equivae_lite").mkdir()
    (folder / "book").mkdir()
    for name, text in FILES.items():
        file = folder / "equivae_lite" / f"{name}.py"
        file.write_text(textwrap.dedent(text).lstrip("\n"), encoding="utf-8")
    path = save(
        folder / "book" / "01_x.ipynb",
        code(FIND),
        code(
            "import inspect\n"
            "from equivae_lite.hub import shown\n"
            "from equivae_lite.shapes import Square, listed, total\n"
            "source = inspect.getsource(listed)\n"
            "Square(2).half()\n"
            "print(shown(total([Square(2)])))"
        ),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EQUIVAE_PROFILE", "book")
        done = execute.execute(path, root=folder)
    assert done.cells[1].outputs[0].text == "17\n"
    write(path, done)
    return folder


@pytest.fixture
def copy(traced, tmp_path):
    return shutil.copytree(traced, tmp_path / "copy")


def stale(folder):
    return freshness.stale(folder / "book" / "01_x.ipynb", folder)


def test_the_stamp_holds_what_was_called_and_what_that_names(traced):
    notebook = nbformat.read(traced / "book" / "01_x.ipynb", as_version=4)
    found = notebook.metadata.equivae.stamp.package
    assert {path: sorted(things) for path, things in found.items()} == {
        "equivae_lite/__init__.py": ["*"],
        "equivae_lite/constants.py": ["*", "OFFSET", "TABLE", "_made", "_n"],
        "equivae_lite/helpers.py": ["*", "scale"],
        "equivae_lite/hub.py": ["*", "shown"],
        "equivae_lite/shapes.py": [
            "*", "Base", "Base.area", "Square", "Square.__init__", "Square.half",
            "_one", "listed", "total",
        ],
        "equivae_lite/views.py": ["*", "shown"],
    }  # fmt: skip
    assert stale(traced) == []


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("shapes", "factor = 2", "factor = 3"),
        ("shapes", "self.side * self", "self.side + self"),
        ("shapes", "self.side = side", "self.side = 2 * side"),
        ("shapes", "def total(shapes)", "def total(shapes, more=1)"),
        ("shapes", "return 1\n", "return 2\n"),  # only named, its source is read
        ("shapes", "class Square(Base):", "class Square(Base, object):"),
        # A method that hides the one that was called:
        ("shapes", "self.side = side\n", "self.side = side\n\n    area = len\n"),
        (
            "shapes",
            "self.side = side\n",
            "self.side = side\n\n    def area(self):\n        return 0\n",
        ),
        # A name that now means something else:
        ("shapes", "import scale as", "import other as"),
        ("shapes", "def never():", "def sum(x):\n    return 0\n\n\ndef never():"),
        ("helpers", "def scale(x):\n    return 3", "def scale(x):\n    return 4"),
        ("helpers", "def scale(x):", "def renamed(x):"),
        ("constants", "_made(4)", "_made(5)"),
        ("constants", "return n + 1", "return n + 2"),  # called by the import
        ("constants", "range(3)", "range(4)"),  # fills a constant
        ("hub", "import shown", "import hidden as shown"),  # passes another on
        ("shapes", "_one():\n    return 1", "_one():\n    return 2"),  # a default
        # Statements that bind nothing, where there were none:
        ("helpers", "def other", "scale = None\n\n\ndef other"),
        ("views", "def hidden", "if True:\n    shown = len\n\n\ndef hidden"),
        ("shapes", "def never", "Base.factor = 5\n\n\ndef never"),
        ("__init__", "ROOT = 1", "ROOT = 1\nprint('hello')"),
        ("shapes", "def never", "from .helpers import other as total\n\n\ndef never"),
    ],
)
def test_edits_of_what_is_reached_make_stale(copy, file, old, new):
    edit(copy / "equivae_lite" / f"{file}.py", old, new)
    reasons = stale(copy)
    assert reasons and all(f"equivae_lite/{file}.py" in r for r in reasons)


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("shapes", "return 0", "return 1"),  # a method that was not called
        ("shapes", "return LIMIT", "return 2 * LIMIT"),
        ("shapes", '"""Sum."""', '"""The sum."""'),
        ("shapes", '"""Shapes."""', '"""Other words."""'),
        ("shapes", "# comment", "# another"),
        ("shapes", "side: int) -> None", "side: float) -> object"),
        ("shapes", "def never():", "def new():\n    return 3\n\n\ndef never():"),
        ("helpers", "def other(x):\n    return 3", "def other(x):\n    return 4"),
        ("constants", "LIMIT = 7", "LIMIT = 8"),
        ("apart", "y = 1", "y = 2"),
        ("__init__", "ROOT = 1", "ROOT = 2"),
    ],
)
def test_other_edits_do_not(copy, file, old, new):
    edit(copy / "equivae_lite" / f"{file}.py", old, new)
    assert stale(copy) == []


def test_a_module_that_is_gone(copy):
    (copy / "equivae_lite" / "helpers.py").unlink()
    reasons = " ".join(stale(copy))
    assert "used equivae_lite/helpers.py: scale, which is gone" in reasons


def followed(folder, source):
    found = reach.Reach(syntax.Package(folder))
    found.chapter([ast.parse(source)])
    return found.found


def test_a_module_used_as_an_object_counts_whole(traced):
    shapes = "equivae_lite/shapes.py"
    found = followed(traced, "from equivae_lite import shapes\nvars(shapes)")
    # And what it names: OFFSET of another module.
    offset = ("equivae_lite/constants.py", "OFFSET")
    assert {(shapes, syntax.WHOLE), offset} <= found
    source = "import equivae_lite.shapes\nequivae_lite.shapes.never"
    found = followed(traced, source)
    assert {(shapes, "never"), ("equivae_lite/constants.py", "LIMIT")} <= found
    assert not {(shapes, syntax.WHOLE), offset} & found
    # A method that the chapter names counts, and so does what a name is an alias of.
    source = "from equivae_lite.shapes import Base as B, LIMIT\nB.unused, LIMIT"
    assert {(shapes, "Base"), (shapes, "Base.unused")} < followed(traced, source)
    assert ("equivae_lite/constants.py", "LIMIT") in followed(traced, source)
    assert followed(traced, "import equivae_lite\nimport math\nmath.pi") == set()


@pytest.mark.parametrize(
    "source",
    [
        "!python -m equivae_lite bench",
        "import subprocess\nsubprocess.run(['python', '-m', 'equivae_lite'])",
    ],
)
def test_the_command_line_counts_whole(traced, source):
    notebook = nbformat.v4.new_notebook(cells=[code(source)])
    found = freshness.reached(notebook, root=traced)
    for name in ("__main__", "shapes", "constants", "helpers"):
        assert syntax.WHOLE in found[f"equivae_lite/{name}.py"]
    assert "equivae_lite/apart.py" not in found
    notebook.cells[0].source = "print('run python -m equivae_lite bench')"
    assert freshness.reached(notebook, root=traced) == {}
