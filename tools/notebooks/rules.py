"""What every chapter must keep to. Each function returns problems, one line each.

In tests/notebooks, test_book.py applies them to the book, test_rules.py to broken
notebooks.
"""

from __future__ import annotations

import ast
import base64
import io
import re
from collections.abc import Iterable
from pathlib import Path

from matplotlib import image as png_reader
from nbformat import NotebookNode

from equivae_lite import REPOSITORY
from tools.notebooks.book import code_cells, parse, read, tags
from tools.notebooks.bootstrap import BOOTSTRAP, colab_link

COLUMNS = 72
ALT_LENGTH = 40
CHECK = "check:"
# A misspelt tag does nothing, and nobody sees it: only these are allowed.
TAGS = {
    "setup",
    "nbval-check-output",
    "nbval-ignore-output",
    "raises-exception",
    *(f"{verb}-{what}" for verb in ("hide", "remove") for what in ("input", "output")),
    *("hide-cell", "remove-cell", "scroll-output", "full-width"),
}
NBVAL_COMMENT = re.compile(r"^\s*#\s*(NBVAL_\w+|PYTEST_VALIDATE_\w+)", re.MULTILINE)
MACHINE_PATH = re.compile(r"(?<![\w.])/(?:work|root|tmp|home|Users)/\S*")
ANSI = re.compile(r"\x1b\[[\d;]*m")  # the colours of a traceback

FENCE = re.compile(
    r"^(?P<fence>`{3,}|~{3,})(?P<info>[^\n]*)\n.*?^(?P=fence)[`~]*\s*$", re.M | re.S
)
DOLLARS = re.compile(r"\$\$.+?\$\$(?: *\((?P<label>[^()$\n]+)\))?", re.S)
MATH = re.compile(
    r"^(?:`{3,}|:{3,})\{math\}[^\n]*\n(?P<options>(?:[ \t]*:[\w-]+:[^\n]*\n)*)", re.M
)
TEX_LABEL = re.compile(r"\\label\{(?P<label>[^}]+)\}")
OPTION_LABEL = re.compile(r"^[ \t]*:label:[ \t]*(?P<label>\S+)", re.M)
DIRECTIVE = re.compile(
    r"^(?:`{3,}|:{3,})\{(?P<name>(?:exercise|solution)(?:-start|-end)?)\}"
    r"[ \t]*(?P<argument>[^\n]*)\n(?P<options>(?:[ \t]*:[\w-]+:[^\n]*\n)*)",
    re.M,
)


def page_text(path: Path) -> str:
    """A page's Markdown, without plain code blocks (directives stay)."""
    if path.suffix == ".ipynb":
        cells = [c.source for c in read(path).cells if c.cell_type == "markdown"]
        text = "\n\n".join(cells) + "\n"
    else:
        text = path.read_text(encoding="utf-8")

    def keep_directives(match: re.Match) -> str:
        return match[0] if match["info"].strip().startswith("{") else ""

    return FENCE.sub(keep_directives, text)


def equation_labels(text: str) -> list[str]:
    """Labels of the equations in a page's Markdown, in the three ways to set one."""
    labels = [m["label"].strip() for m in DOLLARS.finditer(text) if m["label"]]
    labels += [m["label"] for m in TEX_LABEL.finditer(text)]
    for math in MATH.finditer(text):
        labels += [m["label"] for m in OPTION_LABEL.finditer(math["options"])]
    return labels


def has_check(source: str) -> bool:
    """Whether code asserts something that could be false."""
    tree = parse(source)
    if tree is None:
        return False
    for node in ast.walk(tree):
        if isinstance(node, ast.Assert) and not isinstance(node.test, ast.Constant):
            return True
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            if name.split(".")[-1].startswith("assert_"):
                return True
    return False


def ledger(pages: Iterable[Path]) -> list[str]:
    """Every labelled equation has an executed check, every check an equation."""
    equations: dict[str, str] = {}
    checked: dict[str, str] = {}
    problems = []
    for path in pages:
        for label in equation_labels(page_text(path)):
            if not label.startswith("eq-"):
                problems.append(f"{path.name}: equation label {label}: begin it eq-")
            elif label in equations:
                problems.append(f"{path.name}: {label} is in {equations[label]} too")
            equations.setdefault(label, path.name)
        if path.suffix != ".ipynb":
            continue
        for cell in code_cells(read(path)):
            for tag in tags(cell):
                if not tag.startswith(CHECK):
                    continue
                label = tag.removeprefix(CHECK)
                where = f"{path.name}, cell {cell.id}"
                if not has_check(cell.source):
                    problems.append(f"{where}: tagged {tag} but asserts nothing")
                elif cell.execution_count is None:
                    problems.append(f"{where}: tagged {tag} but was not executed")
                else:
                    checked.setdefault(label, where)
                    continue
                checked.setdefault(label, "")
    for label, page in equations.items():
        if not checked.get(label):
            problems.append(f"{page}: equation {label} has no executed {CHECK}{label}")
    for label, where in checked.items():
        if label not in equations:
            problems.append(f"{where or 'a cell'}: {CHECK}{label} has no equation")
    return problems


def exercises(path: Path) -> list[str]:
    """Exercises and solutions open and close in turn, and belong together."""
    problems = []
    asked: list[str] = []
    solved: list[str] = []
    opened: str | None = None  # the -start directive that waits for its -end
    for match in DIRECTIVE.finditer(page_text(path)):
        name, what = match["name"], match["name"].split("-")[0]
        if name.endswith("-end"):
            if opened != what:
                problems.append(f"{name} closes nothing (open: {opened or 'nothing'})")
            opened = None
            continue
        if opened:
            problems.append(f"{opened}-start is not closed before {name}")
        opened = what if name.endswith("-start") else None
        if what == "exercise":
            label = OPTION_LABEL.search(match["options"])
            if label is None:
                problems.append(f"an exercise without a label: {match['argument']!r}")
            else:
                asked.append(label["label"])
        else:
            solved.append(match["argument"].strip())
            if "dropdown" not in match["options"]:
                problems.append(f"the solution of {solved[-1]} is not folded")
    if opened:
        problems.append(f"{opened}-start is never closed")
    problems += [f"exercise {x} has no solution" for x in asked if x not in solved]
    problems += [
        f"a solution of {x!r}: no such exercise" for x in set(solved) - {*asked}
    ]
    return [f"{path.name}: {p}" for p in problems]


def _figure(cell: NotebookNode) -> list[str]:
    images = [
        (mime, data)
        for output in cell.outputs
        for mime, data in output.get("data", {}).items()
        if mime.startswith("image/")
    ]
    if not images or {"remove-output", "remove-cell"} & set(tags(cell)):
        return []
    problems = []
    if len(images) > 1:
        problems.append(f"draws {len(images)} figures under one caption: split it")
    mystnb = cell.metadata.get("mystnb", {})
    alt = mystnb.get("image", {}).get("alt", "").strip()
    if len(alt) < ALT_LENGTH or len(alt.split()) < 2:
        problems.append(
            f"its figure's alt text (mystnb.image.alt) is {alt!r}: say in "
            f"{ALT_LENGTH} characters or more what there is to see"
        )
    if not mystnb.get("figure", {}).get("caption", "").strip():
        problems.append("its figure has no caption (mystnb.figure.caption)")
    for mime, data in images:
        if mime != "image/png":
            problems.append(f"stores a {mime}: expected PNG")
            continue
        pixels = png_reader.imread(io.BytesIO(base64.b64decode(data)), format="png")
        if pixels.ndim == 3 and pixels.shape[-1] == 4 and pixels[..., 3].min() < 1:
            problems.append("its figure is not opaque: save it on white")
    return problems


def _cell(cell: NotebookNode, first: bool) -> list[str]:
    problems = []
    mine = set(tags(cell))
    for tag in sorted(mine):
        if tag not in TAGS and not tag.startswith(f"{CHECK}eq-"):
            problems.append(f"has the unknown tag {tag!r}")
    if NBVAL_COMMENT.search(cell.source):
        problems.append("steers nbval by a comment: use a tag")
    if cell.source.rstrip().endswith(";"):
        problems.append(
            "ends in a semicolon, which hides its value in Jupyter but not from nbval: "
            "assign the value or end with plt.show()"
        )
    wide = [
        n for n, line in enumerate(cell.source.split("\n"), 1) if len(line) > COLUMNS
    ]
    if wide:
        problems.append(f"is wider than {COLUMNS} columns in line(s) {wide}")
    exempt = first and "setup" in mine
    if "nbval-ignore-output" in mine and not exempt and not has_check(cell.source):
        problems.append("ignores its output but asserts nothing")
    if cell.source.strip() and cell.execution_count is None:
        problems.append("was not executed")
    raised = any(o.output_type == "error" for o in cell.outputs)
    if raised != ("raises-exception" in mine):
        problems.append(
            "stores an error but is not tagged raises-exception"
            if raised
            else "is tagged raises-exception but raised nothing"
        )
    texts = [cell.source]
    for output in cell.outputs:
        texts += [output.get("text", ""), *output.get("traceback", [])]
        texts += [v for k, v in output.get("data", {}).items() if k.startswith("text/")]
    plain = [ANSI.sub("", text) for text in texts]
    found = {m[0] for text in plain for m in MACHINE_PATH.finditer(text)}
    problems += [f"shows a path of one machine: {p}" for p in sorted(found)]
    return problems + _figure(cell)


def cells(notebook: NotebookNode) -> list[str]:
    """What is wrong with single code cells."""
    return [
        f"cell {cell.id} {problem}"
        for i, cell in enumerate(code_cells(notebook))
        for problem in _cell(cell, first=i == 0)
    ]


def bootstrap(notebook: NotebookNode) -> list[str]:
    """The first code cell is the one that all chapters share."""
    code = code_cells(notebook)
    if not code or code[0].source != BOOTSTRAP or "setup" not in tags(code[0]):
        return [
            "the first code cell is not tools.notebooks.bootstrap.BOOTSTRAP, tagged "
            "setup"
        ]
    return []


def addresses(text: str, chapter: str | None = None) -> list[str]:
    """Addresses of this project that are not those of `equivae_lite.REPOSITORY`.

    With the file name of a chapter, the text must also hold its own Colab address.
    """
    owner, name = REPOSITORY.split("/")[-2:]
    problems = []
    hosted = r"(?:github\.com|githubusercontent\.com|google\.com/github)"
    for match in re.finditer(rf"{hosted}/([\w.-]+)/([\w-]+)", text):
        ours = "equivae" in match[0].lower()
        if ours and (match[1], match[2]) != (owner, name):
            problems.append(f"{match[0]} is not {REPOSITORY}")
    for match in re.finditer(r"([\w-]+)\.github\.io/([\w-]+)", text):
        if "equivae" in match[0].lower() and (match[1], match[2]) != (owner, name):
            problems.append(f"{match[0]} does not belong to {REPOSITORY}")
    if chapter is not None:
        links = set(
            re.findall(r"https://colab\.research\.google\.com/github/[^\s)\"]+", text)
        )
        if links != {colab_link(chapter)}:
            problems.append(
                f"its Colab addresses are {sorted(links) or 'none'}: expected only "
                f"{colab_link(chapter)}"
            )
    return problems
