"""Sphinx extension: pages load what they use, and nothing of it before their text.

The theme brings all icons of Font Awesome twice, all of Bootstrap and the index of a
search into every page: two megabytes, of which a page of this book uses a twentieth.
Once the pages are written they tell which classes and icons there are. The rest is
taken out of the built book: rules of style sheets, glyphs of fonts, scripts.

A rule stays if each class and id of its selector is in some page or in some script. A
test compares what Chromium makes of every element with and without what was taken out.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

import tinycss2
from fontTools import subset
from sphinx.application import Sphinx

OURS = ("equivae.css", "live/")  # written for this book: all of it is used
# Scripts that no page needs: icons are drawn by fonts, the search has its own.
DROPPED = ("fontawesome", "searchtools", "language_data", "searchindex")
# Other scripts wait for nothing and are waited for by nothing, but this one: a line of
# script in the page sets a field of what it makes. It is short, and stands in the page.
AT_ONCE = "documentation_options"
# Of Bootstrap pages use menus and tooltips. Its script names the classes of all else it
# can do, too; these are what it gives to menus and tooltips.
BOOTSTRAP = "scripts/bootstrap.js"
GIVEN = {"show", "fade", "tooltip", "tooltip-inner", "tooltip-arrow", "bs-tooltip-auto"}
DYNAMIC = ("mathjax/", "live/encoder", "live/decoder", "search-sections")
FONTS = "vendor/fontawesome/webfonts"
SCRIPT = re.compile(r'[ \t]*<script\b([^>]*)\bsrc="([^"]*)"([^>]*)></script>\n?')
# Asked for early, and so before style sheets; a picture in a menu that is closed.
HASTE = re.compile(
    r'[ \t]*<link\b(?=[^>]*\brel="preload")(?=[^>]*\bas="script")[^>]*>\n?'
)
ICONS = re.compile(r'(<img\b(?![^>]*\bloading=))([^>]*_static/images/)')
SHEET = re.compile(r'(<link\b[^>]*href="[^"]*_static/([^"?]*\.css))(\?[^"]*)?(")')
NAMES = re.compile(r'\b(?:class|id)="([^"]*)"')
ASKED = re.compile(r"var\(\s*(--[\w-]+)")
VARIABLE = re.compile(r"--[\w-]+")
WORD = re.compile(r"[A-Za-z_][\w-]*")
ICON = re.compile(r"[\ue000-\uf8ff]|\\(f[0-9a-f]{3})")
SOURCE = re.compile(r"url\([^)]*?([\w-]+)\.woff2\)[^;}]*")


def names(pages: Iterable[str], scripts: Iterable[str]) -> set[str]:
    """Classes and ids that are in a page, and each word of a script: it may be one."""
    values = [value for page in pages for value in NAMES.findall(page)]
    words = {word for script in scripts for word in WORD.findall(script)}
    return words.union(*map(str.split, values))


def variables(texts: Iterable[str], scripts: Iterable[str]) -> set[str]:
    """Properties of one's own (--name) that texts ask for, or scripts name."""
    asked = {name for text in texts for name in ASKED.findall(text)}
    return asked.union(*map(VARIABLE.findall, scripts))


def _is_used(selector: list, known: set[str]) -> bool:
    """Whether something can match. What stands in :not(…) or :is(…) is not asked."""
    dot = False
    for token in selector:
        if token.type == "hash" and token.value not in known:
            return False
        if dot and token.type == "ident" and token.value not in known:
            return False
        dot = token.type == "literal" and token.value == "."
    return True


def _split(tokens: list) -> list[list]:
    """The selectors of a list, at its commas."""
    found: list[list] = [[]]
    for token in tokens:
        if token.type == "literal" and token.value == ",":
            found.append([])
        else:
            found[-1].append(token)
    return found


def _body(content: list, asked: set[str]) -> str:
    """The declarations of a rule, of properties of one's own only those asked for."""
    found = tinycss2.parse_declaration_list(
        content, skip_comments=True, skip_whitespace=True
    )
    if not all(one.type == "declaration" for one in found):
        return tinycss2.serialize(content)
    return ";".join(
        one.serialize() for one in found
        if not one.name.startswith("--") or one.name in asked
    )  # fmt: skip


def _thin(rules: list, known: set[str], asked: set[str]) -> str:
    kept = []
    for rule in rules:
        if rule.type == "qualified-rule":
            used = [s for s in _split(rule.prelude) if _is_used(s, known)]
            body = _body(rule.content, asked) if used else ""
            if body:
                head = ",".join(tinycss2.serialize(s).strip() for s in used)
                kept.append(f"{head}{{{body}}}")
        elif rule.type == "at-rule" and rule.lower_at_keyword in GROUPS:
            inner = _thin(tinycss2.parse_rule_list(rule.content or []), known, asked)
            if inner:
                head = tinycss2.serialize(rule.prelude)
                kept.append(f"@{rule.at_keyword}{head}{{{inner}}}")
        elif rule.type not in ("comment", "whitespace") or "icense" in rule.value:
            kept.append(rule.serialize())
    return "".join(kept)


GROUPS = {"media", "supports", "layer", "container"}


def thin(sheet: str, known: set[str], asked: set[str]) -> str:
    """A style sheet without rules that can match nothing, and what nothing asks for."""
    return _thin(tinycss2.parse_stylesheet(sheet), known, asked)


def glyphs(sheets: Iterable[str]) -> set[int]:
    """Code points of the icons that style sheets put into pages."""
    return {
        int(match[1], 16) if match[1] else ord(match[0])
        for sheet in sheets
        for match in ICON.finditer(sheet)
    }


def cut_fonts(folder: Path, wanted: set[int]) -> None:
    """Write each font of icons with the wanted ones only, and remove the whole ones."""
    for path in sorted(folder.glob("*.ttf")):
        options = subset.Options(flavor="woff", notdef_outline=True)
        font = subset.load_font(str(path), options)
        cutter = subset.Subsetter(options)
        cutter.populate(unicodes=wanted)
        cutter.subset(font)
        subset.save_font(font, str(path.with_suffix(".woff")), options)
    for path in [*folder.glob("*.ttf"), *folder.glob("*.woff2")]:
        path.unlink()


def with_fonts(sheet: str) -> str:
    """A style sheet that asks for the fonts that `cut_fonts` writes."""
    return SOURCE.sub(rf'url(../{FONTS}/\1.woff) format("woff")', sheet)


def scripts_of(page: str, at_once: str = "") -> str:
    """A page without the scripts that it does not need, the others out of its way.

    `at_once` is the text of the one that is not put off.
    """

    def replaced(match: re.Match) -> str:
        name = match[2].partition("?")[0].rpartition("/")[2]
        if name.startswith(DROPPED):
            return ""
        if name.startswith(AT_ONCE):
            return f"<script>{at_once.strip()}</script>\n"
        if "defer" in match[1] + match[3]:
            return match[0]
        return match[0].replace("<script", "<script defer", 1)

    page = ICONS.sub(r'\1 loading="lazy"\2', HASTE.sub("", page))
    return SCRIPT.sub(replaced, page)


def lighten(site: Path) -> None:
    """Take out of a built book what its pages do not use."""
    static = site / "_static"
    at_once = (static / f"{AT_ONCE}.js").read_text(encoding="utf-8")
    pages = {
        path: scripts_of(path.read_text(encoding="utf-8"), at_once)
        for path in site.rglob("*.html") if static not in path.parents
    }  # fmt: skip
    used = {
        name: path.read_text(encoding="utf-8")
        for path in static.rglob("*.js")
        if not (name := path.relative_to(static).as_posix()).startswith(DYNAMIC)
        and not path.name.startswith(DROPPED)
        and any(name in page for page in pages.values())
    }
    words = [text for name, text in used.items() if name != BOOTSTRAP]
    known = names(pages.values(), words) | GIVEN
    whole = {path: path.read_text(encoding="utf-8") for path in static.rglob("*.css")}
    asked = variables([*whole.values(), *pages.values()], used.values())
    sheets = {
        path: thin(text, known, asked) for path, text in whole.items()
        if not path.relative_to(static).as_posix().startswith(OURS)
    }  # fmt: skip
    fonts = static / FONTS
    if fonts.is_dir():
        cut_fonts(fonts, glyphs(sheets.values()))
    for path, sheet in sheets.items():
        path.write_text(with_fonts(sheet), encoding="utf-8")
    # Maps for those who develop the theme, and what was dropped.
    for path in {*static.rglob("*.map"), *(static / "scripts").glob("fontawesome*")}:
        path.unlink()

    def versioned(match: re.Match) -> str:
        content = (static / match[2]).read_bytes()
        return f"{match[1]}?v={hashlib.sha256(content).hexdigest()[:8]}{match[4]}"

    for path, page in pages.items():
        path.write_text(SHEET.sub(versioned, page), encoding="utf-8")


def finish(app: Sphinx, error: Exception | None) -> None:
    if not error and app.builder.name == "html":
        lighten(Path(app.outdir))


def setup(app: Sphinx) -> dict[str, object]:
    app.connect("build-finished", finish, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
