"""The supervisor of worker processes, with toy work in place of renders."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from blender_scenes import workers
from blender_scenes.workers import Outcome
from coldstart.errors import UserError

PROC = pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="looks for processes in /proc")


def start(folder: Path, spoiled: dict[int, str]) -> Callable[[int], int]:
    """Notes each try in `folder`; scene i does `spoiled[i]`, others return 10 i."""
    return partial(perform, folder, spoiled)


def perform(folder: Path, spoiled: dict[int, str], index: int) -> int:
    tries = len(list(folder.glob(f"{index}-*")))
    (folder / f"{index}-{tries}-{os.getpid()}").touch()
    match spoiled.get(index):
        case "dies":
            os.kill(os.getpid(), signal.SIGKILL)
        case "dies once" if tries == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        case "hangs":
            time.sleep(600)
        case "raises":
            raise ValueError("no\nroom")
        case "user error":
            raise UserError("out: cannot be written")
    return 10 * index


def ends() -> Callable[[int], int]:
    """A process that ends while it starts."""
    os._exit(3)


def tries(folder: Path, index: int) -> list[int]:
    """The processes that tried a scene."""
    return [int(p.name.split("-")[2]) for p in sorted(folder.glob(f"{index}-*"))]


def test_each_scene_is_done_once_by_few_processes(tmp_path: Path) -> None:
    done = list(workers.run(partial(start, tmp_path, {}), range(7), workers=2, retries=2, timeout=0))
    assert sorted(done, key=lambda o: o.index) == [Outcome(i, 10 * i) for i in range(7)]
    assert [len(tries(tmp_path, i)) for i in range(7)] == [1] * 7
    assert len({p for i in range(7) for p in tries(tmp_path, i)}) <= 2


def test_what_dies_hangs_or_raises_is_tried_again_by_a_fresh_process_then_reported(tmp_path: Path) -> None:
    spoiled = {1: "dies", 2: "dies once", 3: "hangs", 4: "raises"}
    done = list(workers.run(partial(start, tmp_path, spoiled), range(8), workers=2, retries=1, timeout=4))
    assert {o.index: o.result for o in done if not o.failure} == {0: 0, 2: 20, 5: 50, 6: 60, 7: 70}
    failures = {o.index: o.failure for o in done if o.failure}
    assert failures.keys() == {1, 3, 4}
    assert failures[1] == "its process was killed by SIGKILL"
    assert failures[3] == "took longer than scene_timeout=4 s"
    assert failures[4].startswith("ValueError: no room at test_workers.py:")
    assert [len(tries(tmp_path, i)) for i in range(8)] == [1, 2, 2, 2, 2, 1, 1, 1]
    for index in (1, 2, 3, 4):
        first, second = tries(tmp_path, index)
        assert first != second
    for index in (5, 6, 7):
        assert tries(tmp_path, index)[0] not in {tries(tmp_path, i)[0] for i in (1, 2, 3, 4)}


def test_processes_are_recycled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "RECYCLE_AFTER", 2)
    list(workers.run(partial(start, tmp_path, {}), range(5), workers=1, retries=0, timeout=0))
    who = [tries(tmp_path, i)[0] for i in range(5)]
    assert who[0] == who[1] != who[2] == who[3] != who[4]


def test_what_the_user_can_put_right_ends_the_run(tmp_path: Path) -> None:
    run = workers.run(partial(start, tmp_path, {0: "user error"}), range(3), workers=1, retries=2, timeout=0)
    with pytest.raises(UserError, match="cannot be written"):
        list(run)
    assert len(tries(tmp_path, 0)) == 1


def test_processes_that_cannot_start_end_the_run() -> None:
    with pytest.raises(UserError, match=r"end before they have started \(its process ended with exit code 3\)"):
        list(workers.run(ends, range(3), workers=1, retries=1, timeout=0))


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="the system has no CPU affinity")
def test_blender_is_told_of_as_many_cores_as_a_worker_has_threads() -> None:
    allowed = os.sched_getaffinity(0)
    with workers.few_cores(1):
        assert len(os.sched_getaffinity(0)) == 1
    assert os.sched_getaffinity(0) == allowed
    with pytest.raises(ImportError), workers.few_cores(1):
        raise ImportError
    assert os.sched_getaffinity(0) == allowed


@PROC
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_no_worker_outlives_its_parent(how: signal.Signals, tmp_path: Path) -> None:
    code = (
        "import sys; from functools import partial; from pathlib import Path\n"
        "from blender_scenes import workers; from tests.blender_scenes.test_workers import start\n"
        "folder = Path(sys.argv[1])\n"
        "hanging = partial(start, folder, {0: 'hangs', 1: 'hangs'})\n"
        "if __name__ == '__main__': list(workers.run(hanging, range(2), workers=2, retries=0, timeout=0))\n"
    )
    (tmp_path / "main.py").write_text(code)
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, str(tmp_path / "main.py"), str(tmp_path)]
    with subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(root)}, stderr=subprocess.DEVNULL) as parent:
        wait_for(lambda: bool(tries(tmp_path, 0) and tries(tmp_path, 1)))
        parent.send_signal(how)
        parent.wait(10)
    crew = tries(tmp_path, 0) + tries(tmp_path, 1)
    wait_for(lambda: not any(alive(p) for p in crew))


def alive(process: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{process}/status").read_text()
    except OSError:
        return False


def wait_for(condition: Callable[[], bool], seconds: float = 20) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)
