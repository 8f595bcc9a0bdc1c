"""The site of `make docs`: it builds without a warning, holds every page, and asks for nothing from elsewhere."""

import functools
import http.server
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser import opened, overflow
from tests.docs.commands import ROOT

LINK = re.compile(r"!?\[[^\]]*\]\(([^)#\s]+)[^)]*\)")


def build(config: Path, out: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--config-file", str(config), "--site-dir", str(out)],
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `make docs` builds, once all is installed, in a checkout that is links to this one."""
    checkout = tmp_path_factory.mktemp("checkout")
    for item in {*ROOT.iterdir()} - {ROOT / "outputs"}:
        (checkout / item.name).symlink_to(item)
    words = ["make", "--old-file=install", f"PY={sys.executable}", "docs"]
    built = subprocess.run(words, cwd=checkout, capture_output=True, text=True, timeout=300, check=False)
    assert built.returncode == 0, built.stderr
    assert "--directory outputs/site" in built.stdout
    return checkout / "outputs" / "site"


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(site)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_every_page_is_on_the_site_and_its_first_page_is_the_readme(site: Path) -> None:
    pages = {path.stem for path in (ROOT / "docs").glob("*.md")}
    assert {path.stem for path in site.glob("*.html")} == pages | {"index", "404"}
    title = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()[0].removeprefix("# ")
    assert f"{title}<a" in (site / "index.html").read_text(encoding="utf-8")
    assert not list(site.rglob("*.py"))


def test_links_and_pictures_that_are_nowhere_end_the_build(tmp_path: Path) -> None:
    copy = tmp_path / "checkout"
    shutil.copytree(ROOT / "docs", copy / "docs", ignore=shutil.ignore_patterns("*.jpg"))
    for name in ("mkdocs.yml", "README.md"):
        shutil.copy(ROOT / name, copy / name)
    for page in (copy / "docs").glob("*.md"):
        page.write_text("# A page\n")
    (copy / "README.md").write_text("# Start\n")
    (copy / "docs" / "faq.md").write_text(
        "[a](docs/nowhere.md) ![b](pictures/nowhere.jpg) [c](../nowhere.py) [d](design.md#no)"
    )
    (copy / "docs" / "extra.md").write_text("# Not in the nav\n")
    built = build(copy / "mkdocs.yml", tmp_path / "site")
    assert built.returncode == 1
    for missing in ("docs/nowhere.md", "pictures/nowhere.jpg", "../nowhere.py", "#no", "extra.md"):
        assert missing in built.stderr, missing


def test_links_of_the_readme_and_the_docs_exist_on_disk() -> None:
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for link in LINK.findall(page.read_text(encoding="utf-8")):
            assert link.startswith("https://") or (page.parent / link).exists(), f"{page.name}: {link}"


def test_no_page_asks_for_anything_from_elsewhere(site: Path) -> None:
    elsewhere = re.compile(r"<(?:script|link|img|iframe)[^>]+(?:src|href)=[\"']?(?:https?:)?//[^>]*>")
    for page in site.glob("*.html"):
        assert elsewhere.findall(page.read_text(encoding="utf-8")) == [], page.name


@pytest.mark.parametrize(("width", "height"), [(1280, 900), (390, 844)])
def test_the_site_in_a_browser(address: str, width: int, height: int) -> None:
    with opened(width, height) as page:
        for name in ("index.html", "faq.html", "scoring.html"):
            page.goto(f"{address}/{name}")
            assert overflow(page) <= 0, name
            broken = "[...document.images].filter(i => i.complete && !i.naturalWidth).map(i => i.src)"
            assert page.evaluate(broken) == [], name
        if width > 1000:
            page.click("[data-md-component=search-query]")
            page.keyboard.type("checkerboard")
            page.wait_for_selector(".md-search-result__item", timeout=10_000)
            assert "When something goes wrong" in page.locator(".md-search-result__list").text_content()
        assert page.problems == []
        assert [url for url in page.asked if not url.startswith((address, "data:", "blob:"))] == []
