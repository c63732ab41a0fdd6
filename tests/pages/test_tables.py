"""Tables of results: sorted by a column, taken away as CSV, left alone otherwise."""

import csv
import io

import pytest

from tools.pages import check_pages

STUDY = "book/12_mnist_semi_supervised.html"
LARGE = 1  # the second table of that page has all variants of the training


def column(table, index):
    return table.locator(f"tbody td:nth-child({index + 1})").all_inner_texts()


def number(text):
    return float(text.replace("−", "-").split()[0])


def take(page, button):
    with page.expect_download() as download:
        button.click()
    text = download.value.path().read_text(encoding="utf-8-sig")
    return download.value.suggested_filename, list(csv.reader(io.StringIO(text)))


@pytest.mark.parametrize("scheme", ["file", "http"])
def test_a_click_sorts_by_numbers_and_the_third_undoes(visit, scheme):
    page = visit(STUDY, scheme=scheme).page
    table = page.locator("article table").nth(LARGE)
    head = table.locator("th").nth(2)
    before = column(table, 0)
    unsorted = [number(t) for t in column(table, 2)]
    assert unsorted != sorted(unsorted)
    for state, way in (("ascending", 1), ("descending", -1)):
        head.locator(".sort").click()
        assert head.get_attribute("aria-sort") == state
        numbers = [way * number(t) for t in column(table, 2)]
        assert numbers == sorted(numbers) and len(numbers) == len(before)
    other = table.locator("th").nth(5)
    other.locator(".sort").focus()
    page.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "none"
    assert other.get_attribute("aria-sort") == "ascending"
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    assert column(table, 0) == before


def test_times_and_sizes_are_compared_in_one_unit_and_words_follow(visit):
    page = visit("book/status.html").page
    table = page.locator("article table").nth(1)
    name = table.locator("th", has_text="weights")
    index = table.locator("th").all_inner_texts().index(name.inner_text())
    name.locator(".sort").click()
    sizes = column(table, index)
    filled = [s for s in sizes if s.strip()]
    assert sizes[: len(filled)] == filled  # what is empty comes last
    shown = page.locator("article table").nth(0)
    shown.locator("th", has_text="time").locator(".sort").click()
    times = [t.split() for t in column(shown, 3)]
    seconds = [float(n) * {"s": 1, "min": 60}[unit] for n, unit in times]
    assert seconds == sorted(seconds) and len({unit for _, unit in times}) == 2


@pytest.mark.parametrize("scripts", ["before", "after"])
def test_the_csv_is_the_table_with_its_formulas_as_tex(visit, site, scripts):
    page = visit(STUDY, scheme="http").page
    if scripts == "after":
        page.evaluate("MathJax.startup.promise")
    name, rows = take(page, page.locator(".take-csv").nth(LARGE))
    assert name == "12_mnist_semi_supervised-table-2.csv"
    table = check_pages.parsed(site / STUDY).select("article table")[LARGE]
    expected = [
        [" ".join(cell.get_text().split()) for cell in row.find_all(["th", "td"])]
        for row in table.find_all("tr")
    ]
    expected[0] = [c.replace("\\(", "$").replace("\\)", "$") for c in expected[0]]
    assert rows == expected and "$" in "".join(rows[0])
    page.locator("article table").nth(LARGE).locator(".sort").nth(2).click()
    _, again = take(page, page.locator(".take-csv").nth(LARGE))
    assert again != rows and sorted(again) == sorted(rows)


@pytest.mark.parametrize("name", ["planted_errors", "05_joint_objective"])
def test_tables_of_words_are_left_alone(visit, name):
    seen = visit(f"book/{name}.html").page
    assert seen.locator("article table").count() > 0
    assert seen.locator(".sort, .take-csv").count() == 0


def test_without_scripts_there_is_nothing_to_press(visit):
    assert visit(STUDY, scripts=False).page.locator(".sort, .take-csv").count() == 0
