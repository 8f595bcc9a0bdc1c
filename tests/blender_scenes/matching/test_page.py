"""The page in a real browser: click, drag, solve, accept."""

import json
import os
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from blender_scenes.matching import furnish, marks, page, photo
from blender_scenes.matching.overlay import overlay
from blender_scenes.matching.solve import solve
from tests.browser import opened

SIZE = (1000, 1333)


class Running:
    """A page that is being served, and what came of it."""

    def __init__(self, taken: photo.Photo) -> None:
        self.result: page.Attempt | None = None
        self.server = page.Server(taken, lambda content: self.attempt(taken, content), 0)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def attempt(self, taken: photo.Photo, content: Any) -> page.Attempt:
        found = solve(marks.parse(content, taken.size), taken.lens)
        return found, overlay(found, furnish.scene(found, "test", {}), taken.pixels)

    def run(self) -> None:
        self.result = self.server.until_accepted()


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    file = tmp_path / "photo.png"
    Image.fromarray(np.full((SIZE[1], SIZE[0], 3), 200, np.uint8)).save(file)
    served = Running(photo.read(file))
    yield served
    served.server.shutdown()
    served.thread.join(10)


@pytest.fixture
def browser_page() -> Iterator[Any]:
    with opened() as page:
        yield page


def test_points_clicked_in_a_browser_are_solved(
    running: Running, browser_page: Any, marked: Callable[..., dict[str, Any]]
) -> None:
    content = marked()
    wanted = {k: p for k, p in content["points"].items() if not k.startswith("product")}
    browser_page.goto(running.url)
    browser_page.wait_for_selector("#list li.current")
    browser_page.click("[data-add=shelves]")
    browser_page.locator("#things select").nth(2).select_option("glass")
    canvas = browser_page.locator("#photo")
    box = canvas.bounding_box()
    scale = box["height"] / SIZE[1]

    def at(spot: Any) -> tuple[float, float]:
        return box["x"] + spot[0] * scale, box["y"] + spot[1] * scale

    for name, spot in wanted.items():
        browser_page.locator("#list li", has_text=name).filter(has_text=name).first.click()
        browser_page.mouse.click(*at(spot))
    # One click went astray: it is dragged to where it belongs.
    astray = wanted["shelf1.front_right"]
    browser_page.mouse.move(*at(astray))
    browser_page.mouse.down()
    browser_page.mouse.move(*at([astray[0] - 80, astray[1] - 80]))
    browser_page.mouse.move(*at(astray))
    browser_page.mouse.up()
    browser_page.fill("input[name='cabinet.width']", "650")
    assert browser_page.locator("#accept").is_disabled()
    browser_page.click("#solve")
    browser_page.wait_for_selector("#fit:not([hidden])", timeout=30_000)
    assert "RMS" in browser_page.text_content("#message")
    if folder := os.environ.get("PAGE_PICTURE"):
        browser_page.screenshot(path=folder)
    browser_page.click("#accept")
    running.thread.join(20)
    assert running.result is not None
    found = running.result[0]
    assert set(found.marks.points) == set(wanted)
    for name, spot in wanted.items():
        assert np.hypot(*np.subtract(found.marks.points[name], spot)) < 2.5, name
    assert found.values["shelf0.height"] == pytest.approx(760, abs=8)
    assert browser_page.problems == []


def test_the_page_shows_what_is_wrong_and_keeps_the_clicks(running: Running, browser_page: Any) -> None:
    browser_page.goto(running.url)
    browser_page.wait_for_selector("#list li.current")
    box = browser_page.locator("#photo").bounding_box()
    browser_page.mouse.click(box["x"] + 100, box["y"] + 100)
    browser_page.keyboard.press("s")
    browser_page.mouse.click(box["x"] + 200, box["y"] + 300)
    browser_page.click("#solve")
    browser_page.wait_for_selector("#message.bad")
    assert "at least 6 are needed" in browser_page.text_content("#message")
    browser_page.reload()
    browser_page.wait_for_selector("#list li.done")
    done = browser_page.locator("#list li.done").all_text_contents()
    assert done == ["cabinet.front_bottom_left", "cabinet.front_top_left"]


def _ask(url: str, data: bytes | None = None, **headers: str) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=10) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, b""


def test_only_the_page_itself_is_answered(running: Running) -> None:
    assert _ask(running.url)[0] == 200
    assert _ask(running.url, Host="elsewhere.example")[0] == 404
    assert _ask(f"{running.url}/solve", b"{}", Origin="http://elsewhere.example")[0] == 404
    assert _ask(f"{running.url}/etc/passwd")[0] == 404
    assert b"not JSON" in _ask(f"{running.url}/solve", b"{")[1]
    assert "error" in json.loads(_ask(f"{running.url}/accept", b"{}")[1])


def test_the_page_loads_nothing_from_elsewhere(running: Running) -> None:
    text = _ask(running.url)[1].decode()
    assert "http://" not in text and "https://" not in text
