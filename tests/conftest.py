"""Fixtures that every test module may ask for."""

from browser import browser, served, site, visit
from live_page import live_site

__all__ = ["browser", "live_site", "served", "site", "visit"]
