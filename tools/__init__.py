"""What makes and guards the book; readers of the book do not need it.

    notebooks/      chapters: executed, stamped, kept to their rules
    pages/          the built pages: the build, checks, status, drawings
    live/           figures that move in a page without a kernel
    planted/        classic errors, planted to see the book notice them
    outlines.py     reads the stand-ins' outlines off Matplotlib's faces, once
    publish.py      puts runs of a folder on the shelf that the book shows
    portability.py  the tests on other packages and processors
    dissect.py      what the shipped models of chapter 11 hide
    studies.py      what studies of several runs share
    starts.py       how the units of v come into use, from several starts
    judges.py       the judges of drawings, classifiers of real images alone
    silence.py      how f falls silent on svhn-part, and what keeps it awake
    by_heart.py     what helps on svhn-part against learning by heart
    stop_gradient.py  what the stop before the label posterior is worth
    unmoved.py      what v follows if a training saw no shifts
    neighbours.py   EquiVAE beside models that make r in other ways (chapter 15)
    readings.py     short trainings of what Appendix B leaves open
    no_network/     keeps every Python of a test run off the network
"""
