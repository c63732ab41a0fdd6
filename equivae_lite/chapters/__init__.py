"""What only the book needs: its chapters and tools import it, no other room does.

    session.py     what a chapter asks first: profile, device, data, models, results
    figures.py     figures in one style
    toys.py        models small enough for exact likelihoods: the integral of (1), (5)
    anatomy.py     layers, weights and arithmetic of a network, as tables
    colour.py      which data chapters 13 and 14 use, and their tables
    known.py       what is known of a picture, and what r and v carry of it
    judge.py       whose class a drawing is of, by a classifier that drew nothing
    equivariance.py  moves of an image, rules of v, poses (chapter 15)
    moved.py, stopped.py  tables of two studies (chapters 15 and 09)
    neighbours.py  letters kept back, and the tables of a third (chapter 15)
    handwriting.py, fast.py  tables of three more, on MNIST (chapters 10, 11 and 15)
    explorer.py    walks through r_y and v (chapter 16)
    own_classes.py folders of pictures, written, learnt and looked at (chapter 18)
    widgets.py     the same by sliders
    exercises/     the judges of the exercises, one file a chapter
"""
