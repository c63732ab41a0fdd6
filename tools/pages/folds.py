"""Sphinx extension: code that opens and closes, one cell at a time or a page at once.

A chapter decides what stands open: a cell tagged hide-input is folded. Here an open
cell gets a fold of its own, which stands open and whose line is not seen, so that the
switch in the page's head (book/_static/code.js) can close it and a reader open it
again. The line of a fold says what is in it: `code_prompt_show` of the cell, or how
many lines.

What a reader has chosen is there before the first cell is drawn: `EARLY` turns each
fold as the browser reads it.
"""

from __future__ import annotations

from html import escape

from docutils import nodes
from myst_nb.sphinx_ import HideCodeCellNode
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

SOURCE = "cell_code_source"
DEFAULT = "Show code cell "  # how the prompt begins that myst-nb has for all cells
SETUP = "Set-up: finds the package, or fetches it on Colab"
# The key in localStorage is that of code.js.
EARLY = """\
<script>(() => {
  let want = null;
  try { want = localStorage.getItem("equivae-code"); } catch { return; }
  if (want !== "open" && want !== "closed") return;
  document.documentElement.dataset.code = want;
  const folds = document.getElementsByClassName("above-input");
  let done = 0;
  const turn = () => {
    for (; done < folds.length; done++) folds[done].open = want === "open";
  };
  const watch = new MutationObserver(turn);
  watch.observe(document, { childList: true, subtree: true });
  document.addEventListener("DOMContentLoaded", () => { turn(); watch.disconnect(); });
})();</script>
"""


class OpenCode(nodes.Element):
    """The fold of a cell whose code stands open."""


def lines(source: nodes.Element) -> str:
    """What the line of a fold says that has no words of its own."""
    count = len(source.astext().strip("\n").split("\n"))
    return f"Code, {count} line{'s' if count > 1 else ''}"


class FoldOpenCode(SphinxPostTransform):
    """Wrap the code of open cells; myst-nb has wrapped that of the others at 199."""

    default_priority = 200
    formats = ("html",)

    def run(self, **kwargs: object) -> None:
        for cell in list(self.document.findall(nodes.container)):
            if cell.get("nb_element") != "cell_code":
                continue
            for child in list(cell.children):
                if isinstance(child, HideCodeCellNode):
                    self._name(cell, child)
                elif child.get("nb_element") == SOURCE:
                    fold = OpenCode(prompt=self._own(cell) or lines(child))
                    cell.replace(child, fold)
                    fold += child

    @staticmethod
    def _own(cell: nodes.Element) -> str:
        prompt = cell.get("prompt_show", "")
        return "" if prompt.startswith(DEFAULT) else prompt

    def _name(self, cell: nodes.Element, fold: HideCodeCellNode) -> None:
        """One line for both states; the triangle in front of it says which it is."""
        source = next((n for n in fold.children if n.get("nb_element") == SOURCE), None)
        own = self._own(cell)
        if not own and "tag_setup" in cell["classes"]:
            own = SETUP
        if source is not None:
            own = own or lines(source)
        fold["prompt_show"] = own or "Output"


def visit_fold(self, node: HideCodeCellNode) -> None:
    kind = " ".join(node["classes"])
    self.body.append(
        f'<details class="fold {kind}">\n'
        f"<summary>{escape(node['prompt_show'])}</summary>\n"
    )


def visit_open(self, node: OpenCode) -> None:
    self.body.append(
        '<details class="fold open-code above-input" open>\n'
        f"<summary>{escape(node['prompt'])}</summary>\n"
    )


def depart(self, node: nodes.Element) -> None:
    self.body.append("</details>\n")


def prepare(app: Sphinx, page: str, template: str, context: dict, doctree) -> None:
    """The early script, and whether the page's head has the switch."""
    context["has_code"] = 'above-input"' in context.get("body", "")
    if context["has_code"]:
        context["metatags"] = context.get("metatags", "") + EARLY


def setup(app: Sphinx) -> dict[str, object]:
    app.add_post_transform(FoldOpenCode)
    app.add_node(HideCodeCellNode, override=True, html=(visit_fold, depart))
    app.add_node(OpenCode, html=(visit_open, depart))
    app.connect("html-page-context", prepare)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
