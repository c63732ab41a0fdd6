"""The paper: its networks, its densities and bounds, and the model made of them.

Some 1,000 lines that import nothing of ours but `errors`, in this order:

    bounds.py      densities, KLs and the likelihood bounds: (4) `labelled_bound`,
                   (6) `unlabelled_bound`, (7) `joint_bound`; reparameterisation of (3)
    networks.py    Appendix B: f and g of (2), q_cov of (3), the decoder p(x | r_y, v),
                   q_y-post, and how their weights begin
    equivae.py     `EquiVAE`: the networks put together as the two terms of (4), and
                   of (4) under every class, as (6) needs them
    groups.py      neighbours whose r is of a group, x_n in it: ML-VAE, group VAE
    label_sum.py   ours: the sum over labels in (6) from about one decoding an image
    checks.py      what a caller must hold to: a wrong input is a sentence, no number

Which images r_y is made from, (1) and (2), is `training.sampling`. The integral over v
in (1) and (5) is exact in `log_prob` of the toys, `chapters.toys`; the sum over classes
of (5) and the chain rule (9) are in the book itself, chapters 04 and 05.
"""
