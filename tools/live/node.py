"""The part of a document that a live figure is."""

from docutils import nodes


class live(nodes.General, nodes.Element):
    """The moving part of a figure: `figure` names it, `alt` describes it."""
