"""The built pages: the build, what is checked in them, and what is drawn for them.

    site.py             the built book, built again only where something has changed
    site_extension.py   a Sphinx extension: descriptions, front page, 404.html
    check_pages.py      dead links, stored errors, bad TeX, missing alt text
    status.py           writes the status page
    diagrams.py         draws the networks, on canvas.py
    graphs.py           draws what is no network: plates, a sample, a table
    family.py           draws the graphs of related models
    picture.py          the ten digits of the front page
    social.py           the picture for shared links
"""
