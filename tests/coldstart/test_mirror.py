"""What a mirror holds can be gone on from, whatever happened while it was written."""

import json
import multiprocessing
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from coldstart import lineage
from coldstart.errors import UserError
from coldstart.mirror import Mirror
from tests import s3

SIZE = 3_000_000
PARTS = 101 * 2**20  # from twice 50 MiB on, s3fs uploads in parts


def claimed(out: Path, **config: object) -> Path:
    lineage.claim(out, "detect.train", {"lr": 0.1, **config, "out": str(out)})
    return out


def checkpoint(out: Path, step: int, size: int = SIZE) -> Path:
    (out / "last.ckpt").write_bytes(bytes([step]) * size)
    return out / "last.ckpt"


def held(url: str) -> list[int]:
    """The steps of the checkpoints in a mirror, newest first."""
    return [step for step, _ in Mirror(url)._checkpoints()]


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with s3.server() as address:
        yield address


@pytest.fixture
def url(tmp_path: Path) -> str:
    (tmp_path / "mirror").mkdir()
    return f"file://{tmp_path / 'mirror'}"


@pytest.mark.parametrize("kind", ["file", "s3"])
def test_an_empty_out_goes_on_from_the_newest(kind: str, url: str, endpoint: str, tmp_path: Path) -> None:
    url = f"s3://{s3.BUCKET}/{tmp_path.name}" if kind == "s3" else url
    first, mirror = claimed(tmp_path / "first"), Mirror(url)
    assert not mirror.restore(first, first / "last.ckpt", 0, [])
    for step in (10, 20, 30, 40):
        mirror.push(checkpoint(first, step), step)
    assert held(url) == [40, 30]
    second = claimed(tmp_path / "second")
    assert not Mirror(url).restore(second, second / "last.ckpt", 0, [])
    assert (second / "last.ckpt").read_bytes() == (first / "last.ckpt").read_bytes()
    further = claimed(tmp_path / "further")
    Mirror(url).restore(further, checkpoint(further, 50), 50, [])
    assert (further / "last.ckpt").read_bytes()[0] == 50
    assert not list(tmp_path.glob("*/.*"))


def test_the_one_resumed_from_is_never_deleted(url: str, tmp_path: Path) -> None:
    first = claimed(tmp_path / "first")
    Mirror(url).push(checkpoint(first, 10), 10)
    mirror = Mirror(url)
    mirror.restore(first, first / "last.ckpt", 10, [])  # no card there yet: nothing to go on from
    second = claimed(tmp_path / "second")
    mirror = Mirror(url)
    mirror.restore(second, second / "last.ckpt", 0, [])
    for step in (20, 30, 40, 50):
        mirror.push(checkpoint(second, step), step)
    assert held(url) == [50, 40, 10]


def test_a_damaged_one_is_passed_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, mirror = claimed(tmp_path / "first"), Mirror(str(tmp_path / "mirror"))
    (tmp_path / "mirror").mkdir()
    mirror.restore(first, first / "last.ckpt", 0, [])
    for step in (10, 20):
        mirror.push(checkpoint(first, step), step)
    (half,) = (tmp_path / "mirror").glob("00000020-*.ckpt")
    half.write_bytes(half.read_bytes()[:1000])
    second = claimed(tmp_path / "second")
    Mirror(str(tmp_path / "mirror")).restore(second, second / "last.ckpt", 0, [])
    assert (second / "last.ckpt").read_bytes()[0] == 10
    assert "is damaged; taking the one before it" in capsys.readouterr().err


def test_another_config_is_refused_and_leaves_nothing(url: str, tmp_path: Path) -> None:
    first = claimed(tmp_path / "first")
    Mirror(url).restore(first, first / "last.ckpt", 0, [])
    other = claimed(tmp_path / "other", lr=0.2)
    with pytest.raises(UserError, match=r"holds data of another config \(differs in lr\); choose another mirror="):
        Mirror(url).restore(other, other / "last.ckpt", 0, [])
    assert not other.exists()
    Mirror(url).fs.pipe_file(Mirror(url)._at("card.json"), b"[]")
    with pytest.raises(UserError, match="not a card of ours"):
        Mirror(url).restore(first, first / "last.ckpt", 0, [])


def test_a_finished_run_is_fetched_whole(url: str, tmp_path: Path) -> None:
    first, mirror = claimed(tmp_path / "first"), Mirror(url)
    mirror.restore(first, first / "last.ckpt", 0, ["result"])
    (first / "result").write_text("good")
    lineage.complete(first)
    mirror.finish(first, ["result"])
    second = claimed(tmp_path / "second")
    assert Mirror(url).restore(second, second / "last.ckpt", 0, ["result"])
    assert (second / "result").read_text() == "good"


@pytest.mark.usefixtures("endpoint")
def test_a_mirror_that_is_away(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, mirror = claimed(tmp_path / "out"), Mirror("s3://no-such-bucket/a")
    with pytest.raises(UserError, match=r"mirror: s3://no-such-bucket/a cannot be used \(.*; check its address"):
        mirror.restore(out, out / "last.ckpt", 0, [])
    assert not out.exists()
    mirror.push(checkpoint(claimed(out), 10), 10)
    said = capsys.readouterr().err
    assert said.startswith("warning: mirror: s3://no-such-bucket/a: the checkpoint of step 10 cannot be written (")
    assert said.count("\n") == 1
    with pytest.raises(UserError, match="mirror: nosuch://a: Protocol not known: nosuch"):
        Mirror("nosuch://a")


def push(url: str, out: str, step: int, environment: dict[str, str]) -> None:
    os.environ.update(environment)
    Mirror(url).push(Path(out) / "last.ckpt", step)


DEADLY: dict[str, Callable[[bytes, int], bool]] = {
    "at its start": lambda piece, sent: b"PUT " in piece,
    "in its middle": lambda piece, sent: sent > SIZE / 2,
    "at its end": lambda piece, sent: sent + len(piece) >= SIZE,
    "between its parts": lambda piece, sent: sent > PARTS / 2,
    "before the parts are joined": lambda piece, sent: b"CompleteMultipartUpload" in piece,
    "before the oldest goes": lambda piece, sent: b"DELETE " in piece or b"?delete" in piece,
}


@pytest.mark.parametrize("when", DEADLY)
def test_a_kill_in_an_upload_leaves_what_was_there(endpoint: str, tmp_path: Path, when: str) -> None:
    url, out = f"s3://{s3.BUCKET}/{tmp_path.name}", claimed(tmp_path / "out")
    mirror = Mirror(url)
    mirror.restore(out, out / "last.ckpt", 0, [])
    for step in (10, 20):
        mirror.push(checkpoint(out, step), step)
    checkpoint(out, 30, PARTS if "parts" in when else SIZE)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["coldstart.mirror", "s3fs"])
    with s3.Line(endpoint, DEADLY[when]) as line:
        process = context.Process(target=push, args=(url, str(out), 30, s3.credentials(line.address)))
        process.start()
        line.pid = process.pid
        process.join(60)
        assert process.exitcode == -9
        assert line.cut.is_set()
    expected = 30 if when == "before the oldest goes" else 20
    second = claimed(tmp_path / "second")
    Mirror(url).restore(second, second / "last.ckpt", 0, [])
    assert (second / "last.ckpt").read_bytes() == bytes([expected]) * SIZE
    Mirror(url).push(checkpoint(out, 30), 30)
    assert held(url) == [30, 20]
    assert not json.loads((second / "card.json").read_text())["complete"]


def test_a_local_folder_is_made(tmp_path: Path) -> None:
    out = claimed(tmp_path / "out")
    assert not Mirror(str(tmp_path / "new" / "mirror")).restore(out, out / "last.ckpt", 0, [])
    assert (tmp_path / "new" / "mirror" / "card.json").is_file()
