"""Fixtures that every test module may ask for."""

from browser import browser, served, site, visit

__all__ = ["browser", "served", "site", "visit"]
