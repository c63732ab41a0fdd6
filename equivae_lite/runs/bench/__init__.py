"""What a training step costs: python -m equivae_lite bench EXPERIMENT.

    supervised.py   shared pools against two plain ways of drawing, grey images
    label_sum.py    all labels decoded against about one, semi-supervised
    race.py         time to a bound: --to NATS
    steps.py        every batch size of a schedule, and the time of a whole training
"""
