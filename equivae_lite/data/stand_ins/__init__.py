"""Drawn characters with a known class, face and pose, where a real set is absent.

    glyphs.py         `glyphs`, for MNIST: 28 x 28 grey
    letters.py        `letters`, A to Z, bent: 26 classes, for models of one's own
    characters.py     `characters`, digits and letters as glyphs: 26 classes
    street.py         `street-glyphs`, for SVHN: what a street glyph is made of
    street_paint.py   how it is painted: wall, light, digits, neighbours, blur, noise
    faces.py          distance fields of the characters in each face; their outlines
                      are numbers in outlines.npz, whose licences NOTICES.txt has
    factors.py        the random pose of every image, the same for any number of images
"""
