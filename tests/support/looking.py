"""What there is to see on one page in the browser; every function returns problems.

`look` visits a page once and asks everything: a page takes seconds to load, and the
book has many.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

from tests.support.browser import PHONE, TIMEOUT, WIDE, Visit, opening, site_file
from tools.pages.check_pages import is_path

OWN_LIMIT = 3_000_000  # bytes of a page's HTML and its own images
SHARED_LIMIT = 2_500_000  # bytes of all else that it loads

# A corner cell of a table of numbers has nothing to say.
NOT_ASKED = ["empty-table-header"]
# Rules about colours, which cost most; they are asked once few elements are left.
COLOURS = ["color-contrast", "link-in-text-block"]

# axe-core takes minutes for a chapter with thousands of spans in formulas and code. The
# same span a second time in the same kind of parent has the same colours, so one of
# each is left, and a letter stands for a formula.
THIN = """() => {
  for (const box of document.querySelectorAll('mjx-container'))
    box.replaceWith('x');
  const seen = new Set();
  for (const span of [...document.querySelectorAll('pre span')]) {
    const parents = ['.highlight', '.cell_input, .cell_output, .admonition']
      .map(s => span.closest(s)?.className);
    const kind = [span.className, ...parents].join('|');
    if (seen.has(kind)) span.remove(); else seen.add(kind);
  }
}"""
# Gives every element with text of its own a word for how it looks: what it is, its font
# and colours, and every ground that lies under it. Called once in each theme.
LOOKS = """() => {
  const grounds = new Map();
  const ground = e => {
    if (!e) return '';
    if (!grounds.has(e)) {
      const { backgroundColor, backgroundImage, opacity } = getComputedStyle(e);
      const own = [backgroundColor, backgroundImage, opacity].join();
      const below = ground(e.parentElement);
      grounds.set(e, own === 'rgba(0, 0, 0, 0),none,1' ? below : own + below);
    }
    return grounds.get(e);
  };
  for (const e of document.querySelectorAll('body *')) {
    if (![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())) continue;
    const s = getComputedStyle(e), p = e.parentElement;
    e.looks = [e.looks, e.tagName, e.className, p.tagName, p.className, s.color,
      s.fontSize, s.fontWeight, s.textShadow, s.textDecoration, s.display, s.position,
      s.visibility, ground(e)].join();
  }
}"""
# Of all elements that look the same in both themes one is left: axe would say the same
# of each, and takes seconds to. Icons hold no text.
ONE_OF_EACH = """() => {
  const seen = new Set();
  const again = [...document.querySelectorAll('body *')].filter(e =>
    e.looks && (seen.has(e.looks) || !seen.add(e.looks)));
  for (const e of again.reverse())
    if (![...e.querySelectorAll('*')].some(inner => inner.looks)) e.remove();
  for (const icon of document.querySelectorAll('svg')) icon.remove();
}"""
TWO_FRAMES = "() => new Promise(done => " + (
    "requestAnimationFrame(() => requestAnimationFrame(done)))"
)
AXE = """async options => {
  const { violations } = await axe.run(document, options);
  return violations.map(v => [v.id, v.nodes.map(n => n.html.slice(0, 120))]);
}"""
WIDTH = """() => {
  const root = document.documentElement, width = root.clientWidth;
  if (root.scrollWidth <= width && document.body.scrollWidth <= width) return [];
  const clipped = e => {
    for (let p = e.parentElement; p; p = p.parentElement)
      if (getComputedStyle(p).overflowX !== 'visible') return p !== document.body;
    return false;
  };
  return [...document.querySelectorAll('body *')]
    .filter(e => e.getBoundingClientRect().right > width + 1 && !clipped(e))
    .map(e => `${e.tagName} .${e.className} ${e.textContent.slice(0, 40).trim()}`)
    .concat(`scrolls to ${root.scrollWidth} of ${width}`).slice(-3);
}"""
PICTURES = """() => [...document.images].map(
  i => [i.getAttribute('src').slice(0, 80), i.alt.trim(), i.complete && i.naturalWidth
    || i.loading === 'lazy' && !i.getClientRects().length])  // in a closed menu
"""
# TeX that is left as text, where no code is.
BARE_TEX = r"""() => {
  const walk = document.createTreeWalker(document.querySelector('article') ||
    document.body, NodeFilter.SHOW_TEXT), found = [];
  while (walk.nextNode())
    if (/\\[a-zA-Z(\[]|\$\$/.test(walk.currentNode.data) &&
        !walk.currentNode.parentElement.closest('pre, code, script, mjx-container'))
      found.push(walk.currentNode.data.trim().slice(0, 60));
  return found;
}"""


def typeset(page) -> list[str]:
    """Formulas that MathJax left out or could not read."""
    page.evaluate("window.MathJax && MathJax.startup && MathJax.startup.promise")
    problems = [f"TeX shown as text: {t}" for t in page.evaluate(BARE_TEX)]
    bare = page.eval_on_selector_all(
        ".math", "all => all.filter(m => !m.querySelector('mjx-container')).length"
    )
    if bare:
        problems.append(f"{bare} formulas are not typeset")
    errors = page.eval_on_selector_all(
        "mjx-merror", "all => all.map(e => e.getAttribute('title') || e.textContent)"
    )
    return problems + [f"bad TeX: {error}" for error in errors]


def pictures(page) -> list[str]:
    problems = []
    for source, alt, shown in page.evaluate(PICTURES):
        if not alt or is_path(alt):
            problems.append(f"image {source} has the alt text {alt!r}")
        if not shown:
            problems.append(f"image {source} does not show")
    return problems


def headings(page) -> list[str]:
    levels = page.eval_on_selector_all(
        "article :is(h1, h2, h3, h4, h5, h6)", "all => all.map(h => +h.tagName[1])"
    )
    if levels.count(1) != 1 or levels[0] != 1:
        return [f"the article has {levels.count(1)} headings of level 1, not one"]
    return [
        f"a heading of level {b} below one of level {a}"
        for a, b in zip(levels, levels[1:])
        if b > a + 1
    ]


def too_wide(page) -> list[str]:
    page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    page.evaluate(TWO_FRAMES)
    return page.evaluate(WIDTH)


def axe(page, **options) -> list[str]:
    # No preload: axe would fetch the style sheets, which a page from a file cannot.
    settings = {"resultTypes": ["violations"], "preload": False, **options}
    found = page.evaluate(AXE, settings)
    return [f"{rule}: {len(nodes)}, as in {nodes[0]}" for rule, nodes in found]


def turn(page, theme: str) -> None:
    page.emulate_media(color_scheme=theme)
    page.wait_for_function(f"document.documentElement.dataset.theme == '{theme}'")


def accessible(page) -> list[str]:
    """axe-core's opinion in light, its opinion of the contrast in dark.

    Changes the page: look at everything else first.
    """
    page.evaluate(THIN)
    page.set_viewport_size({"width": WIDE[0], "height": WIDE[1]})
    # One rule at a time goes wrong in transitions between the two themes.
    page.add_style_tag(content="* { transition: none !important }")
    script = files("axe_playwright_python") / "axe.min.js"
    page.evaluate(script.read_text(encoding="utf-8"))
    later = {rule: {"enabled": False} for rule in [*NOT_ASKED, *COLOURS]}
    light = axe(page, rules=later)
    page.evaluate(LOOKS)
    turn(page, "dark")
    page.evaluate(LOOKS)
    page.evaluate(ONE_OF_EACH)
    dark = axe(page, runOnly={"type": "rule", "values": COLOURS[:1]})
    turn(page, "light")
    light += axe(page, runOnly={"type": "rule", "values": COLOURS})
    return [*(f"light: {p}" for p in light), *(f"dark: {p}" for p in dark)]


def weights(loaded: Iterable[str], page: Path, site: Path) -> tuple[int, int]:
    """Bytes of the page with its own images, and of all else that it loaded."""
    names = {u.split("?")[0].split("#")[0] for u in loaded if not u.startswith("data:")}
    own = shared = 0
    for file in {site_file(name, site) for name in names}:
        if file == page or file.is_relative_to(site / "_images"):
            own += file.stat().st_size
        else:
            shared += file.stat().st_size
    return own, shared


def heavy(own: int, shared: int) -> list[str]:
    problems = []
    if own > OWN_LIMIT:
        problems.append(f"page and images are {own} bytes, over {OWN_LIMIT}")
    if shared > SHARED_LIMIT:
        problems.append(f"all else it loads is {shared} bytes, over {SHARED_LIMIT}")
    return problems


def live_figures(page) -> list[tuple[str, str]]:
    """Name and state of every live figure, once all have started or failed."""
    page.wait_for_function(
        "!document.querySelector('.live[data-state=loading]')", timeout=TIMEOUT
    )
    return [
        tuple(figure)
        for figure in page.eval_on_selector_all(
            ".live", "all => all.map(f => [f.dataset.live, f.dataset.state])"
        )
    ]


@dataclass
class Look:
    """What one visit saw of a page."""

    visit: list[str]
    typeset: list[str]
    formulas: int
    anchors: set[str]
    pictures: list[str]
    headings: list[str]
    figures: list[tuple[str, str]]  # live ones: name, state
    too_wide: list[str]
    accessible: list[str] = field(default_factory=list)
    own: int = 0  # bytes
    shared: int = 0


def scroll_through(page) -> None:
    """Come near everything that loads only then."""
    page.evaluate("""async () => {
      for (let y = 0; y < document.body.scrollHeight; y += 1200) {
        window.scrollTo(0, y);
        await new Promise(requestAnimationFrame);
      }
      window.scrollTo(0, 0);
    }""")
    page.wait_for_load_state("networkidle")


def look(browser, path: Path, site: Path) -> Look:
    """Open a page of the built book from its file, offline, and see."""
    with opening(browser, path.as_uri()) as visit:
        seen: Visit = visit
        page = seen.page
        tex = typeset(page)
        scroll_through(page)
        result = Look(
            visit=[],
            typeset=tex,
            formulas=page.locator("mjx-container").count(),
            anchors=set(page.eval_on_selector_all("[id]", "all => all.map(e => e.id)")),
            pictures=pictures(page),
            headings=headings(page),
            figures=live_figures(page),
            too_wide=too_wide(page),
        )
        result.visit = seen.problems()
        result.accessible = accessible(page)
        result.own, result.shared = weights(seen.loaded, path, site)
    return result
