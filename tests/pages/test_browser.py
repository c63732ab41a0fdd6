"""The harness sees what is wrong with a page, and lets nothing out."""

import pytest

from tests.support.browser import serving, site_file

HEAD = "<!doctype html><html lang=en><head><title>t</title>"


def write(folder, name, body):
    (folder / name).write_text(
        f"{HEAD}</head><body>{body}</body></html>", encoding="utf-8"
    )
    return (folder / name).as_uri()


def test_a_good_page_has_no_problems(visit, tmp_path):
    (tmp_path / "a.js").write_text("document.title = 'ran'", encoding="utf-8")
    seen = visit(write(tmp_path, "a.html", "<script src=a.js></script>"))
    assert seen.page.title() == "ran"
    assert seen.problems() == []
    assert {site_file(u, tmp_path) for u in seen.loaded} == {
        tmp_path / "a.html",
        tmp_path / "a.js",
    }


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("<script>console.error('so bad')</script>", "console: so bad"),
        ("<script>throw Error('uncaught')</script>", "console: uncaught"),
        ("<img src=none.png alt=x>", "none.png"),
        ("<img src=https://example.org/a.png alt=x>", "another host: https://example"),
        ("<img src=http://192.0.2.1/a.png alt=x>", "another host: http://192.0.2.1"),
    ],
)
@pytest.mark.parametrize("scheme", ["file", "http"])
def test_a_bad_page_has(visit, tmp_path, body, problem, scheme):
    address = write(tmp_path, "a.html", body)
    with serving(tmp_path) as served:
        seen = visit(address if scheme == "file" else served + "a.html")
    assert any(problem in p for p in seen.problems()), seen.problems()


def test_the_server_answers_like_the_public_host(visit, tmp_path):
    write(tmp_path, "404.html", "<h1>Not here</h1>")
    with serving(tmp_path) as served:
        for address in (served + "a/b/c.html", served.removesuffix("equivae-lite/")):
            seen = visit(address)
            assert seen.page.inner_text("h1") == "Not here"
            assert seen.failed == [f"404 {address}"]
