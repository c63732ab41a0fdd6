"""A whole run: from data to a checkpoint, its evaluation and a row of a table.

    pipeline.py    `train`, `validate` and `evaluate` one experiment, a seed at a time
    reproduce.py   all of it by one command, which goes on where it was stopped
    study.py       what each ingredient of chapter 12's recipe is worth
    tables.py      mean ± standard error, and tables in Markdown
    machine.py     for the cards: processor, memory, versions, commit
    bench/         the cost of a training step
"""
