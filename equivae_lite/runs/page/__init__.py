"""A trained model as a web page that needs nothing: `python -m equivae_lite page NAME`.

    page.py       what the page is made of: weights, pictures, numbers
    page.html     the page, with its style and what happens in it
    packed.py     tensors as text that a browser unpacks (the book's live figures, too)

The decoder that runs in the browser is that of the book, `book/live/network.js`: the
command works from a clone.
"""
