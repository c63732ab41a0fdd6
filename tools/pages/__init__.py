"""The built pages: the build, what is checked in them, and what is drawn for them.

    site.py             the built book, built again only where something has changed
    site_extension.py   a Sphinx extension: descriptions, front page, 404.html
    folds.py            code that opens and closes, all of it by one switch
    checks.py           marks from equations to their checks, and back
    captions.py         of the tables that cells print
    glossary.py         made from the page of notation; first uses are links
    previews.py         what a link points to, shown beside it
    drawings.py         stand in the page, with words that can be selected
    pictures.py         say how large they are, and load when they come near
    check_pages.py      dead links, stored errors, bad TeX, missing alt text
    status.py           writes the status page
    reproduction.py     writes the tables of chapter 17
    draw.py             draws, light and dark, on canvas.py:
    diagrams.py           the networks
    graphs.py             what is no network: plates, a sample, a table
    flows.py              what flows where: a gradient
    family.py             the graphs of related models
    picture.py          the ten digits of the front page
    social.py           the picture for shared links
"""
