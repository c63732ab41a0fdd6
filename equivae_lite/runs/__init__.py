"""A whole run: from data to a checkpoint, its evaluation and a row of a table.

    pipeline.py      `train`, `validate` and `evaluate` an experiment, a seed at a time
    reproduce.py     all of it by one command, which goes on where it was stopped
    cluster.py       the same, seeds side by side: on one machine or on many
    compare.py       a reader's results beside the book's, in standard errors
    study.py         what each ingredient of chapter 12's recipe is worth
    folders.py       the book's shelf and a reader's folder: what lies where
    listing.py       `list`
    own.py           experiments by name: presets, and those of the reader's own images
    streams.py       output that cannot end a run
    own_options.py   `train --data PICTURES --name NAME`
    estimate.py      how long a training will take, before it begins
    page/            `page NAME`: one static folder in which a model draws
    tables.py        mean ± standard error, and tables in Markdown
    machine.py       for the cards: processor, memory, versions, commit
    command_line.py  what `python -m equivae_lite` takes, and how its commands end
    bench/           the cost of a training step
"""
