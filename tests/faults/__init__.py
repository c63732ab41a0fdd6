"""Kills, crashes, broken disks, flipped bits, many writers: what comes of them.

    trials.py      one run with one fault, in a process of its own, and its verdict
    __main__.py    the long series: python -m tests.faults
    test_faults.py a bounded one, with the suite
"""
