"""A trained model as a web page that needs nothing: `python -m equivae_lite page NAME`.

    page.py       what the page is made of: weights, pictures, numbers
    page.html     the page, with its style and what happens in it
    picture.js    a picture file of a reader's as the model takes it
    packed.py     tensors as text that a browser unpacks (the book's live figures, too)

The networks that run in the browser are those of the book, `book/live/network.js` and
`encoder.js`: the command works from a clone.
"""
