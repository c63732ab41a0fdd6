"""Images and labels: real sets, their stand-ins, and how they are split.

    sets.py          `load` a set, `ImageSet`, `Pixels` (from bytes to what networks see
                     and back)
    splits.py        D_lab and D_unlab (`class_balanced_split`), validation images
    checks.py        labels and images as a caller gives them, or an error
    sources.py       where real sets lie, their MD5s, `download`
    readers.py       from their files to tensors
    distortions.py   small random changes of how a digit is drawn (chapter 12)
    stand_ins/       the drawn sets `glyphs` and `street-glyphs`, with known pose
"""
