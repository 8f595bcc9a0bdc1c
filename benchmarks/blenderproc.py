"""Labelled images per minute, ours beside BlenderProc's, on the same scenes and the same two cores.

    python3.11 -m venv .venv-blenderproc
    .venv-blenderproc/bin/pip install 'bpy==4.2.*' blenderproc==2.8.0 'numpy<2' imageio scikit-image scikit-learn \
        scipy opencv-contrib-python-headless trimesh rich gitpython pypng pytz
    python benchmarks/blenderproc.py out=/tmp/beside python=.venv-blenderproc/bin/python

Scenes of fridge_a are saved as .blend files. BlenderProc loads each, renders picture and instance masks and writes its
COCO file, in one process as it always does: once with our resolution, samples and bounces, once with the samples and
bounces it sets by default. We sample and build each scene, render, annotate (with amodal boxes, visible fractions and
truncation on top) and write: in one process like BlenderProc, and in two. Starting the programs is not counted.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

KEYS = ["size=[320,320]", "samples=8", "count=12", "logger=none"]
FEW = 3  # scenes for BlenderProc's own settings, which take about a hundred times as many samples


def main(keys: list[str]) -> None:
    """Export, time all, print the table."""
    given = dict(key.split("=", 1) for key in [*KEYS, *keys])
    out, python = Path(given.pop("out")), given.pop("python")
    shutil.rmtree(out, ignore_errors=True)
    overrides = [f"{key}={value}" for key, value in given.items()]
    rows = [
        ("Coldstart, 1 process", one_process(overrides, out)),
        ("Coldstart, 2 workers", two_workers(overrides, out)),
    ]
    for name, settings, count in (("BlenderProc, our settings", "ours", None), ("BlenderProc, its own", "own", FEW)):
        command = [python, str(Path(__file__).with_name("blenderproc_inside.py")), str(out), settings, str(count or "")]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"BlenderProc failed:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
        rows.append((name, json.loads(done.stdout.splitlines()[-1])))
    print(f"{' '.join(overrides)}, {len(os.sched_getaffinity(0))} cores\n")
    print(f"{'':<28} {'s/image':>8} {'images/min':>11} {'1 process':>10} {'2 workers':>10}")
    for name, seconds in rows:
        ahead = [f"{seconds / ours:9.1f}×" for _, ours in rows[:2]]
        print(f"{name:<28} {seconds:8.2f} {60 / seconds:11.1f} {' '.join(ahead)}")


def one_process(overrides: list[str], out: Path) -> float:
    """Save the scenes for BlenderProc, then seconds per image of our own renderer."""
    from blender_scenes.config import RenderConfig
    from blender_scenes.renderer import Renderer
    from coldstart.cli import compose, typed

    config = typed(RenderConfig, compose("render", [*overrides, f"out={out / 'one'}"]))
    threads = len(os.sched_getaffinity(0))
    renderer = Renderer(config, threads)
    (out / "scenes").mkdir(parents=True)
    for index in range(config.count):
        export(renderer, index, out / "scenes" / f"{index:03d}")
    renderer = Renderer(config, threads)  # as fresh as BlenderProc
    begun = time.perf_counter()
    for index in range(config.count):
        renderer.render(index)
    return (time.perf_counter() - begun) / config.count


def two_workers(overrides: list[str], out: Path) -> float:
    """Seconds per image of the command, after each worker's first."""
    keys = [*overrides, "workers=2", f"out={out / 'two'}"]
    subprocess.run([sys.executable, "-m", "blender_scenes.render", *keys], check=True, capture_output=True)
    done = sorted(record.stat().st_mtime for record in (out / "two").glob("scenes/*.json"))
    return (done[-1] - done[1]) / (len(done) - 2)


def export(renderer: Any, index: int, path: Path) -> None:
    """The scene as PATH.blend, products with their category; the camera as PATH.json."""
    import bpy

    from blender_scenes.blender import silence

    spec = renderer.sampler.sample(index)
    renderer.builder.show(spec)
    for made in renderer.builder.scene.objects:
        made["category_id"] = 0
    for made, placement in zip(renderer.builder.placed, spec.placements, strict=True):
        made["category_id"] = renderer.category_ids.get(placement.product, 0)
    for image in bpy.data.images:
        if image.users and not image.packed_file and image.has_data:
            image.pack()
    with silence():
        bpy.ops.wm.save_as_mainfile(filepath=str(path.with_suffix(".blend")), copy=True)
    camera = renderer.builder.camera
    background = renderer.builder.scene.world.node_tree.nodes["Background"].inputs
    record = {
        "size": list(spec.camera.size),
        "fov": float(2 * np.arctan(spec.camera.sensor_height_mm / 2 / spec.camera.lens_mm)),
        "pose": [list(row) for row in camera.matrix_world],
        "world": [list(background["Color"].default_value)[:3], background["Strength"].default_value],
    }
    path.with_suffix(".json").write_text(json.dumps(record))


if __name__ == "__main__":
    main(sys.argv[1:])
