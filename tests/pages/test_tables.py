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
    # Whether a chapter takes minutes depends on the machine: here one does.
    shown.locator("tbody td:nth-child(4)").nth(1).evaluate(
        "cell => { cell.textContent = '1 min' }"
    )
    shown.locator("th", has_text="time").locator(".sort").click()
    times = [t.split() for t in column(shown, 3)]
    seconds = [float(n) * {"s": 1, "min": 60}[unit] for n, unit in times]
    assert seconds == sorted(seconds) and len({unit for _, unit in times}) == 2
    assert seconds.index(60) > 0


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


# Of each table: how much wider than its box, whether it says so, can be reached by the
# keyboard, fades, and where its first column is before and after a scroll to the end.
WIDE = """async () => {
  const frames = () => new Promise(done => requestAnimationFrame(
    () => requestAnimationFrame(() => setTimeout(done))));
  const found = [];
  for (const box of document.querySelectorAll('.pst-scrollable-table-container')) {
    const cell = box.querySelector('tbody td'), said = box.nextElementSibling;
    const now = () => [Math.round(cell.getBoundingClientRect().left
        - box.getBoundingClientRect().left), said.textContent,
      getComputedStyle(box).maskImage !== 'none'];
    await frames();
    const first = now();
    box.scrollLeft = 9999;
    await frames();
    found.push({ beyond: box.scrollWidth - box.clientWidth, reached: box.tabIndex === 0,
      named: box.getAttribute('aria-label'), share: cell.offsetWidth / box.clientWidth,
      first, last: now() });
  }
  return found;
}"""


@pytest.mark.parametrize("width", [390, 768, 1280])
def test_a_wide_table_scrolls_in_its_box_and_says_so(visit, width):
    page = visit("book/17_reproduction.html", size=(width, 900)).page
    found = page.evaluate(WIDE)
    wide = [t for t in found if t["beyond"] > 1]
    assert len(wide) > 1 and len(found) == page.locator("article table").count()
    for table in found:
        assert table["reached"] == (table in wide)
        assert table["named"].startswith("Table 17.")
        if table not in wide:
            assert table["first"][1:] == ["", False] == table["last"][1:]
            continue
        (x, said, fades), (later_x, later_said, later_fades) = (
            table["first"], table["last"]
        )  # fmt: skip
        assert abs(x - later_x) <= 2 and table["share"] < 0.5  # the column stays
        assert fades and said == "The table goes on to the right. →"
        assert not later_fades and later_said == "← The table goes on to the left."
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_on_paper_a_wide_table_is_whole(visit):
    page = visit("book/17_reproduction.html", size=(700, 1000)).page
    page.emulate_media(media="print")
    assert page.locator(".table-goes-on:visible").count() == 0
    beyond = page.eval_on_selector_all(
        "article table", "all => all.map(t => t.getBoundingClientRect().right)"
    )
    assert max(beyond) <= 700
