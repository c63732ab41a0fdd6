"""Small notebooks for the tests of the tools."""

from nbformat.v4 import new_code_cell, new_notebook

from tools.notebooks.normal_form import normalise, text_of


def code(source, *tags, id=None, count=1, outputs=(), **mystnb):
    """A code cell that looks executed; keywords go to its mystnb metadata."""
    cell = new_code_cell(source, execution_count=count, outputs=list(outputs))
    if tags:
        cell.metadata["tags"] = list(tags)
    if mystnb:
        cell.metadata["mystnb"] = mystnb
    if id:
        cell.id = id
    return cell


def save(path, *cells, **metadata):
    """Write the cells as a notebook in normal form and return the path."""
    path.write_text(
        text_of(normalise(new_notebook(cells=list(cells), metadata=metadata))),
        encoding="utf-8",
    )
    return path


def edit(path, old, new):
    """Replace `old`, which must be there, in a text file."""
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
