"""Pages of live figures where something is missing, late, damaged or forbidden."""

from mimetypes import guess_type

import pytest

# Pieces of script that stand before all others in a page.
NO_WORKER = "delete window.Worker;"
DYING_WORKER = """window.Worker = class {
  constructor() { setTimeout(() => this.onerror(new Event("error")), 50); }
  postMessage() {}
  terminate() {}
};"""
NO_UNPACKING = "delete window.DecompressionStream;" + NO_WORKER
NO_CANVAS = "HTMLCanvasElement.prototype.getContext = () => null;"
NOISY_CANVAS = """CanvasRenderingContext2D.prototype.getImageData = (x, y, w, h) => {
  const image = new ImageData(w, h);
  image.data.forEach((_, k) => { image.data[k] = 256 * Math.random(); });
  return image;
};"""


@pytest.fixture
def spoiled(visit, live_site, tmp_path):
    """spoiled(name, first="", **files) opens a page with faults; gives Visit.

    `first` is a script before all others. `files` maps a file, by its name without
    "-weights" and ".js", to what becomes of its text, or to None: it never comes.
    """
    empty = tmp_path / "empty.html"
    empty.write_text("<!doctype html><title>e</title>", encoding="utf-8")

    def opened(name, first="", held=None, how=None, **files):
        seen = visit(empty.as_uri(), **(how or {}))
        page = seen.page
        page.set_default_timeout(40_000)

        def spoil(pattern, path, change):
            text = change(path.read_text(encoding="utf-8")) if change else None
            kind = guess_type(path.name)[0]
            page.route(pattern, lambda route: route.abort() if text is None
                       else route.fulfill(body=text, content_type=kind))  # fmt: skip

        html = live_site / f"book/{name}.html"
        head = f"<head><script>{first}</script>"
        spoil(f"**/{name}.html*", html, lambda t: t.replace("<head>", head))
        for file, change in files.items():
            (path,) = [p for p in live_site.glob("_static/live/*.js")
                       if p.name in (f"{file}.js", f"{file}-weights.js")]  # fmt: skip
            spoil(f"**/live/{path.name}*", path, change)
        if held is not None:
            page.route("**/*-weights.js*", lambda route: held.append(route))
        # A script that is held delays the event "load".
        page.goto(html.as_uri(), wait_until="domcontentloaded")
        return seen

    return opened
