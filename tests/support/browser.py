"""Pages in a real browser: the built book, a server for it, and Chromium without a net.

Fixtures (tests/conftest.py makes them known to every test module):

    site      folder of the built book, built once for all tests
    served    http address of its root, below a folder as on the public host
    browser   a running Chromium; skips where there is none
    visit     visit("book/intro.html", …) opens a page and watches it load

Nothing but files and 127.0.0.1 is let through; what a page asks of another host is
refused and written down in `Visit.outside`.
"""

from __future__ import annotations

import http.server
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tools.pages import site as book_site

NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # No name is ever looked up.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]
WIDE = (1400, 900)
PHONE = (390, 844)
PREFIX = "/equivae-lite/"  # the book's folder on its public host
TIMEOUT = 180_000  # milliseconds: a machine that trains beside the tests is slow


class Handler(http.server.SimpleHTTPRequestHandler):
    """The book below PREFIX; everything else is its 404 page, as on the public host."""

    def translate_path(self, path: str) -> str:
        path = urlsplit(path).path
        if not path.startswith(PREFIX):
            return os.path.join(self.directory, "no-such-file")
        return super().translate_path("/" + path[len(PREFIX) :])

    def send_error(self, code: int, message=None, explain=None) -> None:
        page = Path(self.directory) / "404.html"
        if code != 404 or not page.is_file():
            super().send_error(code, message, explain)
            return
        body = page.read_bytes()
        self.send_response(404)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        pass


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Serve a folder below PREFIX on a free port of 127.0.0.1; gives the address."""
    handler = partial(Handler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}{PREFIX}"
        server.shutdown()
        thread.join()


def is_local(url: str) -> bool:
    parts = urlsplit(url)
    if parts.scheme in ("file", "data", "blob", "about"):
        return True
    return parts.scheme == "http" and parts.hostname == "127.0.0.1"


@dataclass
class Visit:
    """A page in the browser and what happened while it was open."""

    page: object  # playwright.sync_api.Page
    errors: list[str] = field(default_factory=list)  # console errors, uncaught ones
    failed: list[str] = field(default_factory=list)  # requests without a good answer
    outside: list[str] = field(default_factory=list)  # asked of another host, refused
    loaded: list[str] = field(default_factory=list)  # addresses that were answered

    def problems(self) -> list[str]:
        return [
            *(f"console: {e}" for e in self.errors),
            *(f"failed: {f}" for f in self.failed),
            *(f"asks another host: {o}" for o in self.outside),
        ]


@contextmanager
def watching(page) -> Iterator[Visit]:
    """Write down what the page says, asks and gets, from now to the end."""
    seen = Visit(page)

    def console(message) -> None:
        if message.type == "error":
            seen.errors.append(message.text)

    def answered(response) -> None:
        seen.loaded.append(response.url)
        if response.status >= 400:
            seen.failed.append(f"{response.status} {response.url}")

    def request_failed(request) -> None:
        if is_local(request.url):
            seen.failed.append(f"{request.failure} {request.url}")

    def gate(route) -> None:
        if is_local(route.request.url):
            route.continue_()
        else:
            seen.outside.append(route.request.url)
            route.abort()

    listeners = {
        "console": console,
        "pageerror": lambda error: seen.errors.append(str(error)),
        "response": answered,
        "requestfailed": request_failed,
    }
    for event, listener in listeners.items():
        page.on(event, listener)
    page.route("**/*", gate)
    yield seen
    for event, listener in listeners.items():
        page.remove_listener(event, listener)
    page.unroute_all(behavior="ignoreErrors")


def site_file(url: str, site: Path) -> Path:
    """The file of the built book that an address of either scheme stands for."""
    parts = urlsplit(url)
    path = unquote(parts.path)
    if parts.scheme == "file":
        return Path(path)
    return site / path.removeprefix(PREFIX)


@pytest.fixture(scope="session")
def site() -> Path:
    """The built book. A build that fails is a failure, not a skip."""
    return book_site.built()


@pytest.fixture(scope="session")
def served(site: Path) -> Iterator[str]:
    with serving(site) as address:
        yield address


# One browser a test module and no longer: while it is open, Playwright's event loop
# runs in this thread, and notebooks that other modules run could not start theirs.
@pytest.fixture(scope="module")
def browser() -> Iterator:
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        pytest.skip("PAGES NOT TESTED: no playwright (pip install -r requirements.txt)")
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip("PAGES NOT TESTED: no Chromium (apt-get install chromium)")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(
            executable_path=program, args=ARGUMENTS, timeout=TIMEOUT
        )
        yield opened
        FREE.clear()
        opened.close()


# Tabs of the running browser that no test uses now, by (scripts, touch), which a tab
# keeps for life. A tab is used again: a new one is a new window of Chromium, and costs
# as much processor time as half a chapter.
FREE: dict[tuple[bool, bool], list] = {}


@contextmanager
def tab(browser, scripts: bool, touch: bool) -> Iterator:
    """An empty tab, as if it were new; other tests get it afterwards."""
    free = FREE.setdefault((scripts, touch), [])
    if free:
        page = free.pop()
    else:
        context = browser.new_context(java_script_enabled=scripts, has_touch=touch)
        context.set_default_timeout(TIMEOUT)
        page = context.new_page()
    yield page
    # What a page may leave behind for the next: it, what it stored, what it was allowed
    # to do, the pointer over it. A test that fails leaves its tab out, and so does a
    # page that is just sending the reader on to another, as the index does.
    from playwright.sync_api import Error

    try:
        page.evaluate(FORGET)
    except Error:
        page.context.close()
        return
    page.mouse.move(-1, -1)
    page.context.clear_permissions()
    page.context.clear_cookies()
    page.goto("about:blank")
    free.append(page)


FORGET = """() => {
  for (const kind of ['localStorage', 'sessionStorage'])
    try { window[kind].clear(); } catch { /* a page without a store of its own */ }
}"""


@contextmanager
def opening(
    browser,
    address: str,
    size: tuple[int, int] = WIDE,
    dark: bool = False,
    scripts: bool = True,
    reduced_motion: bool = False,
    touch: bool = False,
) -> Iterator[Visit]:
    """A page, once it has loaded, in a tab that knows of no other; left at the end."""
    with tab(browser, scripts, touch) as page:
        page.set_viewport_size({"width": size[0], "height": size[1]})
        page.emulate_media(
            media="null",
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce" if reduced_motion else "no-preference",
        )
        # Files load all the same; 127.0.0.1 would not.
        page.context.set_offline(address.startswith("file:"))
        with watching(page) as seen:
            page.goto(address, wait_until="load")
            yield seen


@pytest.fixture
def visit(browser, request: pytest.FixtureRequest) -> Iterator[Callable[..., Visit]]:
    """Opens pages of the book, or any address, as `opening` does.

    visit("book/intro.html", scheme="file" | "http", …) -> Visit. A path with a scheme
    in it is opened as it stands.
    """
    with ExitStack() as stack:

        def opened(path: str, scheme: str = "file", **options) -> Visit:
            if "://" in path:
                address = path
            elif scheme == "file":
                address = (request.getfixturevalue("site") / path).as_uri()
            else:
                address = request.getfixturevalue("served") + path
            return stack.enter_context(opening(browser, address, **options))

        yield opened
