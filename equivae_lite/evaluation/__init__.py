"""What a trained model is worth, on images that it was not trained on.

    bound.py           (4) and its importance-weighted form, r_y from any number of
                       images, what class is left in v
    held_out.py        (4) on the training images that choices are made by
    gap.py             how far q_cov is from the best Gaussian of an image
    probes.py          how much of the class a classifier reads from v
    summaries.py       one number of many images: a mean with its error, a probe
    labels.py          (6), and labels inferred by q_y-post and by the largest (4)
    pixel_density.py   Gaussian pixels: from nats to bits per dimension
    checks.py          one index, one r_y an image, and no NaN: or an error
"""
