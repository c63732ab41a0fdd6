"""Fixtures that every test module may ask for."""

from tests.support.browser import browser, served, site, visit
from tests.support.live_faults import spoiled
from tests.support.live_figure import opened
from tests.support.live_page import live_site

__all__ = ["browser", "live_site", "opened", "served", "site", "spoiled", "visit"]
