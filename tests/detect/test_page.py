"""The page in a real browser: photos and other files are dropped on it."""

import base64
import dataclasses
import io
import json
import math
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from coldstart.errors import UserError
from detect import detectors, inference, page
from detect.drawing import draw_found
from tests.browser import opened
from tests.coldstart.formats.test_broken import huge

pytest.importorskip("gradio")
sync_api = pytest.importorskip("playwright.sync_api")

ROOT = Path(__file__).resolve().parents[2]
NAMES = ["<img src=x onerror=alert(1)>", "kefír", "bar"]
DROP = """([name, content]) => {
    const data = new DataTransfer();
    data.items.add(new File([Uint8Array.from(atob(content), c => c.charCodeAt(0))], name));
    const place = document.querySelector('#photo button');
    for (const kind of ['dragenter', 'dragover', 'drop'])
        place.dispatchEvent(new DragEvent(kind, {dataTransfer: data, bubbles: true, cancelable: true}));
}"""


def config(checkpoint: Path, **keys: Any) -> page.PageConfig:
    return page.PageConfig(str(checkpoint), accelerator="cpu", precision="32-true", **keys)


@pytest.fixture
def checkpoint(trained: Path, tmp_path: Path) -> Path:
    """A detector whose first class has a name that means something in HTML."""
    found = detectors.load(trained / "detector.safetensors")
    detectors.save(tmp_path / "detector.safetensors", dataclasses.replace(found, class_names=NAMES))
    return tmp_path / "detector.safetensors"


@pytest.fixture
def reached(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The hosts that this process has looked up or connected to."""
    found: list[str] = []
    connect, look_up = socket.socket.connect, socket.getaddrinfo

    def note(self: socket.socket, address: Any) -> None:
        found.append(str(address[0]))
        connect(self, address)

    def note_name(host: Any, *rest: Any, **named: Any) -> Any:
        found.append(str(host))
        return look_up(host, *rest, **named)

    monkeypatch.setattr(socket.socket, "connect", note)
    monkeypatch.setattr(socket, "getaddrinfo", note_name)
    return found


@pytest.fixture
def photo(toys: Callable[..., Path]) -> Path:
    return toys("a", 1, seed=97) / "images" / "000.png"


@pytest.fixture
def found(checkpoint: Path, photo: Path) -> list[inference.Detection]:
    """What is on the photo."""
    (detections,) = inference.detect(detectors.load(checkpoint), [photo], "cpu", "32-true")
    return detections


@pytest.fixture
def url(
    checkpoint: Path,
    found: list[inference.Detection],
    reached: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[str]:
    """Of a page that begins with the first four."""
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "uploads"))
    score = math.floor(found[3].score * 100) / 100
    (tmp_path / "results.json").write_text(json.dumps({"suggested": {"score": score}}))
    wanted = config(checkpoint, score_from=str(tmp_path))
    served = page.build(wanted)
    page.launch(served, wanted)
    yield served.local_url
    served.close()


@pytest.fixture
def shown() -> Iterator[Any]:
    with opened() as found:
        yield found


def drop(shown: Any, name: str, content: bytes) -> str:
    """Drop a file of that name; what the page then says."""
    shown.evaluate(DROP, [name, base64.b64encode(content).decode()])
    return says(shown, name)


def says(shown: Any, text: str) -> str:
    shown.locator("#line", has_text=text).wait_for(timeout=20_000)
    return str(shown.locator("#line").inner_text())


def jpeg(picture: Image.Image, **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=95, **options)
    return buffer.getvalue()


def test_dropped_photos_are_shown_with_boxes_and_table(
    url: str, shown: Any, photo: Path, found: list[inference.Detection], reached: list[str]
) -> None:
    low, high = math.floor(found[3].score * 100) / 100, math.ceil(found[3].score * 100) / 100
    many, few = (sum(d.score >= score for d in found) for score in (low, high))
    assert many > few
    shown.goto(url)
    assert f"The detector knows {', '.join(NAMES)}." in says(shown, "Drop a photo")
    assert shown.locator("#score input[type=number]").input_value() == f"{low:g}"
    assert drop(shown, "000.png", photo.read_bytes()) == f"000.png: {many} boxes of score {low:.2f} and more"
    rows = shown.locator("#table .virtual-row")
    sync_api.expect(rows).to_have_count(many)
    assert rows.first.locator("[role=gridcell]").all_inner_texts() == page.rows(found)[0]
    answer = shown.request.get(shown.locator("#found img").get_attribute("src")).body()
    drawn = np.asarray(Image.open(io.BytesIO(answer)).convert("RGB"))
    expected = draw_found(Image.open(photo).convert("RGB"), [d for d in found if d.score >= low], NAMES)
    assert np.array_equal(drawn, np.asarray(expected))

    shown.locator("#score input[type=number]").fill(f"{high:.2f}")
    shown.locator("#score input[type=number]").press("Enter")
    assert says(shown, f"{high:.2f} and more").startswith(f"000.png: {few} boxes")
    sync_api.expect(rows).to_have_count(few)
    if folder := os.environ.get("PAGE_PICTURE"):
        shown.screenshot(path=folder)

    # A phone held on its side: stored lying, shown upright.
    lying = Image.open(photo).convert("RGB").crop((0, 0, 96, 64)).rotate(90, expand=True)
    tag = Image.Exif()
    tag[0x0112] = 6  # to be turned by 90° clockwise
    drop(shown, "turned.jpg", jpeg(lying, exif=tag))
    shown.wait_for_function("document.querySelector('#found img').naturalHeight == 64")
    assert shown.locator("#found img").evaluate("i => i.naturalWidth") == 96
    assert [u for u in shown.asked if not u.startswith((url, "data:", "blob:"))] == []
    assert shown.problems == []
    assert set(reached) <= {"127.0.0.1", "localhost", "::1"}


def test_files_that_are_no_photos_are_one_line(url: str, shown: Any, photo: Path, tmp_path: Path) -> None:
    picture = Image.open(photo).convert("RGB")
    bomb = tmp_path / "huge.png"
    huge(bomb)
    shown.goto(url)
    says(shown, "Drop a photo")
    for name, content, said in (
        ("half.jpg", jpeg(picture)[:900], "truncated"),
        ("huge.png", bomb.read_bytes(), "2500000000 pixels"),
        ("notes.txt", b"milk, eggs", "cannot identify image file 'notes.txt'"),
        ("empty.jpg", b"", ""),
    ):
        line = drop(shown, name, content)
        assert line.startswith(f"{name}: cannot be read as an image (") and said in line and "\n" not in line
        sync_api.expect(shown.locator("#line .bad")).to_be_visible()
        sync_api.expect(shown.locator("#found img")).to_be_hidden()
    drop(shown, "good.jpg", jpeg(picture))
    sync_api.expect(shown.locator("#line .bad")).to_be_hidden()
    sync_api.expect(shown.locator("#found img")).to_be_visible()


def test_the_command_serves_this_machine_and_leaves_nothing(trained: Path, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    command = [sys.executable, "-m", "detect.page", f"checkpoint={trained / 'detector.safetensors'}", f"port={port}"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, cwd=tmp_path) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == f"open http://127.0.0.1:{port}/ in a browser; Ctrl-C ends it\n"
        assert urllib.request.urlopen(f"http://127.0.0.1:{port}/").status == 200
        with socket.socket() as other:
            other.settimeout(2)
            assert other.connect_ex(("127.0.0.2", port)) != 0  # not on every address
        assert list(tmp_path.iterdir()) != []
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
    assert list(tmp_path.iterdir()) == []


def test_bad_keys_are_named(trained: Path, tmp_path: Path) -> None:
    file = trained / "detector.safetensors"
    with pytest.raises(UserError, match="score: 2"):
        config(file, score=2.0)
    with pytest.raises(UserError, match="port: 0"):
        config(file, port=0)
    with pytest.raises(UserError, match="no such checkpoint"):
        page.build(config(tmp_path / "none.safetensors"))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        wanted = config(file, port=taken.getsockname()[1])
        with pytest.raises(UserError, match=r"127\.0\.0\.1:\d+: cannot be listened on; choose another port="):
            page.launch(page.build(wanted), wanted)
