"""Figures that move in a page, with no kernel and no network.

    directive.py   the Sphinx directive {live}; the JavaScript is in book/live/
    export.py      the shipped models' weights in float16 beside the pages
    start.py       what a figure shows before a script runs
    pictures.py    the picture that stands there without JavaScript
    digits.py      test images, encoded once: no image is stored
"""
