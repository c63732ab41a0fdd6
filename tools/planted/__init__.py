"""Classic errors in the mathematics, planted one at a time to see the book notice.

    errors.py    the errors, one line each; trained.py, false_data.py: more of them
    mutants.py   plants them, runs chapters, writes the page that lists them
"""
