"""Labelled images per minute, ours beside BlenderProc's, on the same scenes and the same cores.

    python3.11 -m venv .venv-blenderproc
    .venv-blenderproc/bin/pip install 'bpy==4.2.*' blenderproc==2.8.0 'numpy<2' imageio scikit-image scikit-learn \
        scipy opencv-contrib-python-headless trimesh rich gitpython pypng pytz
    python benchmarks/blenderproc.py out=outputs/beside python=.venv-blenderproc/bin/python

Scenes of fridge_a are saved as .blend files. BlenderProc loads each, renders picture and instance masks and writes its
COCO file, with our resolution, samples and bounces: once with labels of visible pixels alone, and once with what our
labels hold beside them, each product's full extent. Then once more with the samples and bounces it sets by default. We
sample and build each scene, render, annotate and write. Each is one process with a thread for every core, and ours once
more as `workers=` has it, a process for every core, which BlenderProc has not; starting them is not counted in images
per minute. CPU seconds hardly depend on what else the machine does, images per minute do.
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
from render import command  # benchmarks/render.py

KEYS = ["size=[320,320]", "samples=8", "count=12", "logger=none"]
FEW = 1  # scenes for BlenderProc's own settings: 1024 samples, or as many as its noise threshold asks for


def main(keys: list[str]) -> None:
    """Export, time all, print the table."""
    given = dict(key.split("=", 1) for key in [*KEYS, *keys])
    out, python = Path(given.pop("out")), given.pop("python")
    shutil.rmtree(out, ignore_errors=True)
    overrides = [f"{key}={value}" for key, value in given.items()]
    ours = ourselves(overrides, out)
    print(f"{' '.join(overrides)}, {len(os.sched_getaffinity(0))} cores\n")
    print(f"{'':<28} {'images/min':>11} {'ratio':>7} {'CPU s/image':>12} {'ratio':>7}")
    row("Coldstart", ours, ours)
    cores = len(os.sched_getaffinity(0))
    rate, cpu = command([*overrides, f"workers={cores}", f"out={out / 'workers'}"], cores)
    row(f"Coldstart, workers={cores}", [60 / rate, cpu], ours)
    for name, settings, labels, count in (
        ("BlenderProc, visible masks", given["samples"], "visible", ""),
        ("BlenderProc, our labels", given["samples"], "full", ""),
        ("BlenderProc, its settings", "own", "visible", str(FEW)),
    ):
        inside = [python, str(Path(__file__).with_name("blenderproc_inside.py")), str(out), settings, labels, count]
        done = subprocess.run(inside, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"BlenderProc failed:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
        row(name, json.loads(done.stdout.splitlines()[-1]), ours)


def row(name: str, theirs: list[float], ours: list[float]) -> None:
    """Wall and CPU seconds per image; the ratios say how far we are ahead."""
    (wall, cpu), (our_wall, our_cpu) = theirs, ours
    print(f"{name:<28} {60 / wall:11.1f} {wall / our_wall:6.1f}× {cpu:12.2f} {cpu / our_cpu:6.1f}×", flush=True)


def ourselves(overrides: list[str], out: Path) -> list[float]:
    """Save the scenes for BlenderProc, then wall and CPU seconds per image of our own renderer."""
    from blender_scenes.config import RenderConfig
    from blender_scenes.renderer import Renderer
    from coldstart.cli import compose, typed

    config = typed(RenderConfig, compose("render", [*overrides, f"out={out / 'coldstart'}"]))
    threads = len(os.sched_getaffinity(0))
    renderer = Renderer(config, threads)
    (out / "scenes").mkdir(parents=True)
    for index in range(config.count):
        export(renderer, index, out / "scenes" / f"{index:03d}")
    renderer = Renderer(config, threads)  # as fresh as BlenderProc
    begun, before = time.perf_counter(), time.process_time()
    for index in range(config.count):
        renderer.render(index)
    return [(time.perf_counter() - begun) / config.count, (time.process_time() - before) / config.count]


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
