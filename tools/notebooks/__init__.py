"""The chapters: executed, stamped, kept to their rules.

    book.py           where the pages are, and what stands in their cells
    execute.py        run chapters that are stale and store their outputs
    normal_form.py    the form in which they are stored
    freshness.py      which those are: the stamp of what a chapter reaches
    reach.py          what that is: followed by name (syntax.py) from what was called
                      while it ran (tracer.py)
    rules.py          what every chapter must keep to
    reading.py        what stands open in it, and how long reading takes
    bootstrap.py      the first cell of every chapter; an empty chapter
    chapter_runs.py   how long chapters took
"""
