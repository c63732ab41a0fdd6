"""Images and labels: real sets, their stand-ins, and how they are split.

    sets.py          `load` a set, `ImageSet`, `Pixels` (from bytes to what networks see
                     and back)
    splits.py        D_lab and D_unlab (`class_balanced_split`), validation images
    checks.py        labels and images as a caller gives them, or an error
    sources.py       where real sets lie, their MD5s, `download`
    readers.py       from their files to tensors
    others.py        more of torchvision's sets: FashionMNIST, KMNIST, EMNIST, USPS
    pictures.py      one picture file of any kind to the bytes that a network sees
    gather.py        a reader's folder of pictures, or .npz, `from_folder`
    own.py           a reader's set: split, kept as one file, read again
    distortions.py   small random changes of how a digit is drawn (chapter 12)
    stand_ins/       the drawn sets `glyphs`, `street-glyphs`, `letters`, of known pose
"""
