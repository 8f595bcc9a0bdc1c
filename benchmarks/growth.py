"""Does a scene cost more, in time or memory, the more scenes a run has rendered before? Linux only.

    python benchmarks/growth.py out=outputs/growth count=5000

Renders tiny pictures by the command itself, looks at its processes every second, prints a table over the course of the
run and writes growth.jpg beside the renders. Further keys are those of blender_scenes.render.
"""

import itertools
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

TINY = ["size=[32,32]", "samples=1", "logger=none", "workers=2"]
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Look:
    """The run at a moment: scenes done, CPU seconds of all its processes, MB of the parent and the largest worker."""

    seconds: float
    scenes: int
    cpu: float
    parent: float
    worker: float


def main(keys: list[str]) -> None:
    """Run, watch, print, plot."""
    given = dict(key.split("=", 1) for key in keys)
    out, count = Path(given["out"]), int(given["count"])
    if out.exists():
        sys.exit(f"{out} exists; this measures a whole run: choose another out=")
    command = [sys.executable, "-m", "blender_scenes.render", *TINY, *keys]
    begun, looks = time.monotonic(), list[Look]()
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as run:
        while run.poll() is None:
            if look := watch(run.pid, out, time.monotonic() - begun):
                looks.append(look)
            time.sleep(1)
    if run.returncode:
        sys.exit(run.returncode)
    finish = time.time() - max(record.stat().st_mtime for record in out.glob("scenes/*.json"))
    rows = table(looks, count)
    print(f"{'scenes':>12} {'wall s/image':>13} {'CPU s/image':>12} {'worker MB':>10} {'parent MB':>10}")
    for first, last, wall, cpu, worker, parent in rows:
        print(f"{first:5.0f}-{last:<6.0f} {wall:13.3f} {cpu:12.3f} {worker:10.0f} {parent:10.0f}")
    print(f"annotations.json of {count} scenes: {finish:.1f} s, not counted above")
    print(plot(rows, out))


def watch(pid: int, out: Path, seconds: float) -> Look | None:
    """None while the processes come or go."""
    try:
        children = [int(c) for c in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        usage = [usage_of(p) for p in (pid, *children)]
    except (OSError, IndexError):
        return None
    scenes = sum(1 for _ in (out / "scenes").glob("[0-9]*.json"))
    workers = [memory for _, memory in usage[1:]]
    return Look(seconds, scenes, sum(cpu for cpu, _ in usage), usage[0][1], max(workers, default=0.0))


def usage_of(pid: int) -> tuple[float, float]:
    """CPU seconds of a process and of its children that have ended, and its resident MB."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return sum(int(f) for f in fields[11:15]) / TICKS, int(fields[21]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def table(looks: list[Look], count: int) -> list[tuple[float, ...]]:
    """Rows of first scene, last scene, wall and CPU seconds per image, largest worker and parent in MB."""
    rows = []
    edges = np.linspace(0, count, min(10, count // 50) + 1)
    for first, last in itertools.pairwise(edges):
        a = max((x for x in looks if x.scenes <= first), key=lambda x: x.scenes)
        b = max((x for x in looks if x.scenes <= last), key=lambda x: x.scenes)
        inside = [x for x in looks if a.seconds <= x.seconds <= b.seconds]
        images = b.scenes - a.scenes
        wall, cpu = (b.seconds - a.seconds) / images, (b.cpu - a.cpu) / images
        rows.append((first, last, wall, cpu, max(x.worker for x in inside), max(x.parent for x in inside)))
    return rows


def plot(rows: list[tuple[float, ...]], out: Path) -> Path:
    """The rows as two small curves."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3), constrained_layout=True)
    scenes = [last for _, last, *_ in rows]
    left.plot(scenes, [r[3] for r in rows], "o-", label="CPU seconds per image")
    left.plot(scenes, [r[2] for r in rows], "o-", label="wall seconds per image")
    right.plot(scenes, [r[4] for r in rows], "o-", label="largest worker, MB")
    right.plot(scenes, [r[5] for r in rows], "o-", label="parent, MB")
    for axes in (left, right):
        axes.set_ylim(bottom=0)
        axes.set_xlabel("scenes rendered")
        axes.legend()
        axes.grid(alpha=0.3)
    path = out / "growth.jpg"
    figure.savefig(path, dpi=110)
    return path


if __name__ == "__main__":
    main(sys.argv[1:])
