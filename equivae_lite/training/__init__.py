"""Training: settings, what a step maximises, the loop, and what is kept on disk.

    settings.py      what an experiment is made of: learning rate and batches by epoch,
                     weight of the KL, what is ours
    experiments.py   one preset per experiment: every setting of Appendix B and every
                     choice of ours
    choice.py        settings for images of the reader's own, from a preset
    sampling.py      (1) and (2): which images make the r_y of x_n; shared pools
    objectives.py    a minibatch of (4) and of (7), and the terms that are ours
    loop.py          Adam, epochs, averaged weights, a resume that changes nothing
    checkpoints.py   weights with the card that vouches for them; resume states
"""
