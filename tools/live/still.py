"""A live figure where nothing moves: one of its first pictures, with its description.

For every builder but that of the pages (`latex`, `singlehtml`, `epub`, `text`): there
are no scripts beside them, so the figure is what a page shows without scripts.
"""

from __future__ import annotations

from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

from tools.live import export, pictures
from tools.live.node import live

PAGES = ("html", "dirhtml")
# The part of a figure that tells most; of others the first that is drawn.
TELLING = "row"


def picture(app: Sphinx, figure: str) -> Path:
    """The file of a figure's picture, drawn when it is first asked for."""
    path = Path(app.doctreedir) / "live" / f"{figure}.png"
    if not path.is_file():
        model = export.PARTS[export.NEEDS[figure][0]].model
        shown = export.load(model, app.config.live_checkpoints)
        drawn = pictures.pictures(shown, figure)
        name = f"{figure}-{TELLING}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(drawn[name if name in drawn else next(iter(drawn))])
    return path


class Still(SphinxPostTransform):
    default_priority = 5

    def run(self, **kwargs: object) -> None:
        if self.app.builder.name in PAGES:
            return
        for node in list(self.document.findall(live)):
            path = str(picture(self.app, node["figure"]))
            self.env.images.add_file(self.env.docname, path)
            image = nodes.image(
                uri=path, candidates={"*": path}, alt=node["alt"], width="100%"
            )
            node.replace_self(image)
