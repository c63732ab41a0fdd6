"""Numbers on the built pages: whose they are, where they lead, that none is twice."""

import re
from collections import Counter

import pytest
from docutils import nodes
from docutils.frontend import get_default_settings
from docutils.utils import new_document
from sphinx import addnodes

from tools.notebooks import rules
from tools.notebooks.book import toc_entries, toc_pages
from tools.pages import check_pages, numbers, references

SOURCES = dict(zip(toc_entries(), toc_pages()))
CHAPTERS = {name: numbers.chapter(name) for name in SOURCES if numbers.chapter(name)}
each_chapter = pytest.mark.parametrize("name", CHAPTERS)
each_page = pytest.mark.parametrize("name", SOURCES)
# What the paper's (8) says was not available to us; a page may say so.
LOST = re.compile(r"[Ee]quation \(8\)")
PLAIN = re.compile(r"(?<![\w)\]])\([1-9]\)")
# A summary is a switch: a link in it would be a button in a button.
APART = "a, svg, pre, code, script, style, summary, .eqno, .math, mjx-container"


def html(site, name):
    return check_pages.parsed(site / f"{name}.html")


def text(tag):
    """The text of an element without the marks of its links."""
    return re.sub("[#✓]", "", tag.get_text()).strip()


def shown(site):
    """What stands beside every numbered equation of the book, by page and anchor."""
    return {
        (name, tag.parent["id"]): text(tag)
        for name in SOURCES
        for tag in html(site, name).select("article .eqno")
    }


def unlinked(page):
    """Numbers that look like one of the paper's equations and lead nowhere."""
    return [
        string.strip()[:60]
        for string in page.find("article").find_all(string=PLAIN)
        if PLAIN.search(LOST.sub("", string))
        and not any(parent.css.match(APART) for parent in string.parents)
    ]


@each_page
def test_no_number_of_the_paper_stands_without_a_link(site, name):
    assert unlinked(html(site, name)) == []


def test_every_equation_shows_a_number_of_its_own(site):
    seen = shown(site)
    assert [n for n, k in Counter(seen.values()).items() if k > 1] == []
    labels = [
        f"equation-{label}"
        for source in SOURCES.values()
        for label in rules.equation_labels(rules.page_text(source))
    ]
    assert sorted(labels) == sorted(anchor for _, anchor in seen)
    for (name, anchor), number in seen.items():
        if anchor in numbers.IDS:
            assert number == f"({numbers.IDS[anchor]}) of the paper"
        else:
            assert re.fullmatch(rf"\({numbers.shown(name)}\.\d+\)", number), number
    whose = [n for n in seen.values() if "paper" in n]
    assert len(whose) == len(numbers.PAPER) == 8  # (8) is not among them


def test_numbers_of_a_chapter_have_no_gaps(site):
    for chapter in CHAPTERS:
        own = [n for (name, _), n in shown(site).items() if name == chapter]
        counts = [int(n[1:-1].split(".")[1]) for n in own if "." in n]
        assert counts == list(range(1, len(counts) + 1))


@each_page
def test_a_link_to_an_equation_shows_the_number_that_it_leads_to(site, name):
    numbered = shown(site)
    found = 0
    for link in html(site, name).select("article a[href*='#equation-']"):
        if "headerlink" in link.get("class", []):
            continue
        file, _, anchor = link["href"].partition("#")
        page = f"book/{file.removesuffix('.html')}" if file else name
        assert numbered[page, anchor].startswith(link.get_text()), link
        found += 1
    assert found or "(eq-" not in rules.page_text(SOURCES[name])


@each_chapter
def test_a_chapter_carries_its_number_everywhere(site, name):
    page, title = html(site, name), text(html(site, name).select_one("article h1"))
    assert title.startswith(f"{CHAPTERS[name]}. ")
    assert page.title.get_text().strip().startswith(title)
    assert text(page.select_one(".bd-links a.current")) == title
    order = list(SOURCES)
    for step, selector in ((-1, "left-prev"), (1, "right-next")):
        other = order[order.index(name) + step]
        link = page.select_one(f".prev-next-area a.{selector} .prev-next-title")
        assert text(link) == text(html(site, other).select_one("article h1"))


@each_page
def test_things_are_numbered_within_their_chapter(site, name):
    kinds = Counter()
    captions = "figcaption .caption-number, caption .caption-number"
    for tag in html(site, name).select(
        f"{captions}, .exercise > .admonition-title, .theorem > .admonition-title"
    ):
        kind, number = re.match(r"(Fig\.|Table|Exercise|Theorem) ([\db.]+)",
                                text(tag)).groups()  # fmt: skip
        if name in CHAPTERS:
            kinds[kind] += 1
            assert number == f"{numbers.shown(name)}.{kinds[kind]}", text(tag)
        else:
            assert number.isdigit()


def test_citations_look_the_same_in_the_text_and_in_the_list(site):
    page = html(site, "book/references")
    called = {
        tag["id"]: text(tag.select_one(".label")).strip("[]")
        for tag in page.select("div.citation")
    }
    seen = set()
    for name in SOURCES:
        for link in html(site, name).select("article a[href*='references.html#id']"):
            label = called[link["href"].partition("#")[2]]
            assert label.endswith(link.get_text()), (name, link)
            seen.add(label)
    assert len(seen) > 20 and len(set(called.values())) == len(called)


def mentions(*parts):
    """What `link_mentions` links of a paragraph with these parts in it."""
    document = new_document("test", get_default_settings())
    document += nodes.paragraph("", "", *parts)

    class App:
        class env:
            docname = "book/03_x"

    numbers.link_mentions(App, document)
    links = document.findall(addnodes.pending_xref)
    return [link.get("reftarget") for link in links]


@pytest.mark.parametrize(
    ("sentence", "linked"),
    [
        ("The bound (4) of it", [4]),
        ("From (5) to (6), and (1)", [5, 6, 1]),
        ("(9) is the one that is left; see also (7)", [9, 7]),
        ("equation (8) was not available", []),
        ("f(4), [0](1), g()(2)", []),
        ("81.2 (4) per cent, 97 (3)", []),
        ("(10), (4.1), (4a), ( 4)", []),
    ],
)
def test_which_numbers_are_mentions(sentence, linked):
    assert mentions(nodes.Text(sentence)) == [numbers.PAPER[n] for n in linked]


@pytest.mark.parametrize(
    ("around", "linked"),
    [
        (nodes.emphasis, 1),
        (nodes.strong, 1),
        (nodes.literal, 0),
        (nodes.math, 0),
        (nodes.reference, 0),
        (nodes.literal_block, 0),
        (addnodes.pending_xref, 0),
    ],
)
def test_where_numbers_are_mentions(around, linked):
    place = around("")
    place += nodes.Text("see (4)")
    made = [m for m in mentions(place) if m in numbers.PAPER.values()]
    assert len(made) == linked


def test_a_plain_number_is_seen(site):
    page = html(site, "book/intro")
    assert unlinked(page) == []
    broken = str(page).replace("equation (8)", "equation (8) and (4)", 1)
    assert len(unlinked(check_pages.BeautifulSoup(broken, "html.parser"))) == 1


def test_two_works_of_one_name_are_refused():
    from pybtex.database import Entry, Person
    from sphinx.errors import ExtensionError

    def work(*people):
        made = Entry("article", [("year", "2014"), ("title", "A title")])
        made.persons["author"] = [Person(p) for p in people]
        return made

    labels = references.Labels().format_labels
    several = [work("A. One"), work("A. One", "B. Two"), work("A. One", "B", "C")]
    assert list(labels(several)) == [
        "One, 2014", "One and Two, 2014", "One et al., 2014"
    ]  # fmt: skip
    with pytest.raises(ExtensionError, match="two works are called 'One, 2014'"):
        list(labels([work("A. One"), work("B. One")]))


@pytest.mark.parametrize(
    ("docname", "chapter", "shown"),
    [
        ("book/03_x", "03", "3"),
        ("book/03b_x", "03b", "3b"),
        ("book/10_x", "10", "10"),
        ("book/intro", "", ""),
    ],
)
def test_the_number_of_a_page(docname, chapter, shown):
    assert numbers.chapter(docname) == chapter
    assert numbers.shown(docname) == shown
