"""Stops of every kind in the middle of a run: the same command goes on and the labels are the same bytes."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from blender_scenes import render as command
from blender_scenes.config import RenderConfig
from blender_scenes.workers import Outcome
from coldstart import dataset
from coldstart.errors import UserError

TINY = ["count=5", "seed=7", "size=[48,64]", "samples=1", "logger=none"]
ROOT = Path(__file__).resolve().parents[2]
Command = Callable[..., subprocess.CompletedProcess[str]]


def start(out: Path, *keys: str) -> subprocess.Popen[str]:
    """The command as a process that can be killed."""
    argv = [sys.executable, "-m", "blender_scenes.render", *TINY, f"out={out}", *keys]
    return subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def labels(out: Path) -> dict[str, bytes]:
    """All that a dataset folder holds but its card: annotations, records, masks, pictures."""
    files = [f for f in sorted(out.rglob("*")) if f.is_file() and f.name != "card.json"]
    return {str(f.relative_to(out)): f.read_bytes() for f in files}


def wait_for_files(out: Path, count: int, running: subprocess.Popen[str]) -> None:
    while len(list(out.glob("*/*"))) < count:
        assert running.poll() is None
        time.sleep(0.005)


@pytest.fixture(scope="module")
def whole(render_command: Command, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The labels of a run that nothing stopped."""
    out = tmp_path_factory.mktemp("whole") / "data"
    done = render_command(*TINY, f"out={out}")
    assert done.returncode == 0, done.stderr
    return labels(out)


def test_kill_9_at_any_moment(whole: dict[str, bytes], render_command: Command, tmp_path: Path) -> None:
    out, chance = tmp_path / "data", np.random.default_rng(int(os.environ.get("CHANCE", "0")))
    for files in (1, 2, 9):
        with start(out) as running:
            wait_for_files(out, files, running)
            time.sleep(chance.random() * 0.3)
            running.kill()
    again = render_command(*TINY, f"out={out}")
    assert again.returncode == 0, again.stderr
    assert labels(out) == whole
    assert "already complete, 5 scenes" in render_command(*TINY, f"out={out}").stdout
    fewer = render_command(*TINY, "count=2", f"out={out}")
    assert fewer.returncode == 2
    assert "holds scene 4 already; give count=5 or more" in fewer.stderr


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="finds the worker processes in /proc")
def test_workers_that_die_or_stop_are_replaced(whole: dict[str, bytes], tmp_path: Path) -> None:
    """One is killed, as a machine out of memory would; one is frozen and runs into scene_timeout."""
    out = tmp_path / "data"
    with start(out, "workers=2", "scene_timeout=12") as running:
        wait_for_files(out, 1, running)
        children = Path(f"/proc/{running.pid}/task/{running.pid}/children").read_text().split()
        first, second = (int(c) for c in children if b"spawn_main" in Path(f"/proc/{c}/cmdline").read_bytes())
        os.kill(first, signal.SIGKILL)
        os.kill(second, signal.SIGSTOP)
        _, messages = running.communicate(timeout=200)
    assert running.returncode == 0, messages
    assert labels(out) == whole


def test_sigterm_ends_all_at_once(tmp_path: Path) -> None:
    out = tmp_path / "data"
    with start(out, "count=500") as running:
        wait_for_files(out, 1, running)
        begun = time.monotonic()
        running.terminate()
        _, messages = running.communicate(timeout=20)
    assert running.returncode == 128 + signal.SIGTERM
    assert "Traceback" not in messages
    assert time.monotonic() - begun < 3


def test_shares_fill_one_folder_together(whole: dict[str, bytes], render_command: Command, tmp_path: Path) -> None:
    """As an array of Slurm jobs, by Hydra's submitit launcher with its local executor."""
    launcher = ["--multirun", "hydra/launcher=submitit_local", f"hydra.sweep.dir={tmp_path / 'sweep'}"]
    done = render_command(*launcher, *TINY, "shard=range(2)", "shards=2", f"out={tmp_path / 'data'}")
    assert done.returncode == 0, done.stderr
    assert labels(tmp_path / "data") == whole


def test_scenes_that_fail_are_reported_and_tried_again(
    config: Callable[..., RenderConfig], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[int]] = []

    def some_fail(config: RenderConfig, todo: list[int]) -> Iterator[Outcome[int]]:
        asked.append(todo)
        for index in todo:
            if index in (1, 3, 4):
                yield Outcome(index, failure="took longer" if index == 3 else "killed")
                continue
            record = {"image": {}, "annotations": []}
            dataset.write_json(tmp_path / "data" / "scenes" / f"{index:06d}.json", record)
            yield Outcome(index, 0)

    monkeypatch.setattr(command, "_render_all", some_fail)
    for _ in range(2):
        with pytest.raises(UserError, match=r"3 of 5 scenes failed, .*: scene 1, 4 \(killed\); 3 \(took longer\)"):
            command.render(config(*TINY, f"out={tmp_path / 'data'}"))
    assert asked == [[0, 1, 2, 3, 4], [1, 3, 4]]
    assert not (tmp_path / "data" / "annotations.json").exists()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """disk("size=80k"): a small disk of its own, mounted with these options, or remounted."""
    place = tmp_path / "disk"
    place.mkdir()

    def mount(options: str) -> Path:
        remount = "remount," if place.is_mount() else ""
        argv = ["mount", "-t", "tmpfs", "-o", remount + options, "tmpfs", str(place)]
        if not shutil.which("mount") or subprocess.run(argv, capture_output=True, check=False).returncode:
            pytest.skip("needs root to mount a small disk: full and read-only disks are not tested here")
        return place

    yield mount
    if place.is_mount():
        subprocess.run(["umount", str(place)], check=True)


def test_full_and_read_only_disks(
    whole: dict[str, bytes], render_command: Command, disk: Callable[[str], Path]
) -> None:
    out = disk("size=100k") / "data"
    full = render_command(*TINY, f"out={out}")
    assert full.returncode == 2
    assert full.stderr.splitlines()[-1].startswith(f"error: {out}/")
    assert "cannot be written (No space left on device)" in full.stderr
    assert "Traceback" not in full.stderr
    assert 0 < len(list(out.glob("scenes/*.json"))) < 5
    disk("size=100k,ro")
    unwritable = render_command(*TINY, f"out={out}")
    assert unwritable.returncode == 2
    assert unwritable.stderr.startswith(f"error: {out}/card.json: cannot be written (Read-only file system)")
    assert unwritable.stderr.count("\n") == 1
    disk("size=10m,rw")
    again = render_command(*TINY, f"out={out}")
    assert again.returncode == 0, again.stderr
    assert labels(out) == whole
