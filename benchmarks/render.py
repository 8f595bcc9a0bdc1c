"""How fast scenes are rendered and where the time goes.

    python benchmarks/render.py out=outputs/speed                  # 320×320, 8 samples, 24 scenes of fridge_a
    python benchmarks/render.py out=outputs/speed scene=shelf count=12

First the command itself, as one worker on one core, one worker on two, and two workers: images per minute over the
second half of the scenes, when each worker has most label art at hand, and CPU seconds per image. Then one worker under
a profiler: what each step takes of the time of a scene. The profiler makes Python's share look a little larger than it
is. Give the machine nothing else to do.
"""

import cProfile
import os
import pstats
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

KEYS = ["size=[320,320]", "samples=8", "count=24", "logger=none"]
# Steps of a scene: what the table calls them, and the function that does them, as the profiler names it.
STEPS = {
    "sample the scene": ("sample.py", "sample"),
    "show it to Blender": ("build.py", "show"),
    "Cycles": ("~", "<built-in method _cycles.render>"),
    "develop the picture": ("sensor.py", "develop"),
    "annotate": ("annotate.py", "annotate"),
    "encode PNG": ("dataset.py", "png_bytes"),
    "write and fsync": ("dataset.py", "write_atomic"),
}


def main(keys: list[str]) -> None:
    """Print both tables."""
    given = dict(key.split("=", 1) for key in [*KEYS, *keys])
    out = Path(given.pop("out"))
    shutil.rmtree(out, ignore_errors=True)
    overrides = [f"{k}={v}" for k, v in given.items()]
    print(f"{' '.join(overrides)}\n{os.cpu_count()} cores, {processor()}\n")
    print(f"{'':<28} {'images/min':>10} {'ratio':>6} {'CPU s/image':>12}")
    first = 0.0
    for name, workers, cores in (("1 worker, 1 core", 1, 1), ("1 worker, 2 cores", 1, 2), ("2 workers, 2 cores", 2, 2)):
        rate, cpu = command([*overrides, f"workers={workers}", f"out={out / f'{workers}{cores}'}"], cores)
        first = first or rate
        print(f"{name:<28} {rate:10.1f} {rate / first:6.2f} {cpu:12.2f}", flush=True)
    print(f"\n{'one worker, one thread':<28} {'ms/image':>10} {'share':>6}")
    times = profile([*overrides, f"out={out / 'profile'}"])
    whole = times.pop("a whole scene")
    times["all else"] = whole - sum(times.values())
    for name, seconds in {**times, "everything but Cycles": whole - times["Cycles"], "a whole scene": whole}.items():
        print(f"{name:<28} {1000 * seconds:10.1f} {seconds / whole:6.1%}")


def command(overrides: list[str], cores: int) -> tuple[float, float]:
    """Images per minute over the second half of the scenes, and CPU seconds per image, start included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    argv = [sys.executable, "-m", "blender_scenes.render", *overrides]
    allowed = sorted(os.sched_getaffinity(0))[:cores]
    if len(allowed) < cores:
        sys.exit(f"this needs {cores} cores, and may use {len(allowed)}")
    subprocess.run(argv, check=True, capture_output=True, preexec_fn=lambda: os.sched_setaffinity(0, allowed))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    folder = Path(next(key for key in overrides if key.startswith("out="))[4:])
    done = sorted(record.stat().st_mtime for record in folder.glob("scenes/*.json"))
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    half = len(done) // 2
    return 60 * (len(done) - half) / (done[-1] - done[half - 1]), cpu / len(done)


def profile(overrides: list[str]) -> dict[str, float]:
    """Seconds per scene of each of STEPS and of the whole, by one worker with one thread."""
    from blender_scenes.config import RenderConfig
    from blender_scenes.workers import few_cores
    from coldstart.cli import compose, typed

    config = typed(RenderConfig, compose("render", overrides))
    with few_cores(1):
        from blender_scenes.renderer import Renderer
    renderer = Renderer(config, threads=1)
    profiler, begun = cProfile.Profile(), time.perf_counter()
    profiler.enable()
    for index in range(config.count):
        renderer.render(index)
    profiler.disable()
    times = {"a whole scene": (time.perf_counter() - begun) / config.count}
    measured: dict[tuple[str, int, str], tuple[float, ...]] = pstats.Stats(profiler).stats  # type: ignore[attr-defined]
    for name, (file, function) in STEPS.items():
        total = sum(row[3] for key, row in measured.items() if Path(key[0]).name == file and key[2] == function)
        times[name] = total / config.count
    return times


def processor() -> str:
    """The processor's name, where Linux says it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(": ", 1)[1] for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return "unknown processor"


if __name__ == "__main__":
    main(sys.argv[1:])
