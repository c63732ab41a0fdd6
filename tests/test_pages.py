"""Every page of the book in a real browser, without a network."""

import pytest

from tools.book import toc_entries

each_page = pytest.mark.parametrize("name", toc_entries())


@each_page
def test_loads_from_a_file_without_a_network(visit, name):
    assert visit(f"{name}.html").problems() == []


@each_page
def test_loads_from_a_server(visit, name):
    assert visit(f"{name}.html", scheme="http").problems() == []
