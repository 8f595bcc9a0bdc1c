"""The half of benchmarks/blenderproc.py that runs in BlenderProc's environment: FOLDER own|SAMPLES visible|full COUNT.

BlenderProc wants to be started by its own launcher in a Blender it has downloaded. Its Python API runs with the bpy
wheel once its start-up is bypassed: the package set-up, and the switch of the interface to English, which the wheel has
not got. Prints wall and CPU seconds per image.
"""

import importlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

sys.path.pop(0)  # this folder has a blenderproc.py of its own

import bpy
import numpy as np


def load(scratch: Path) -> Any:
    """The API of blenderproc, initialised as bproc.init() does."""
    os.environ["OUTSIDE_OF_THE_INTERNAL_BLENDER_PYTHON_ENVIRONMENT_BUT_IN_RUN_SCRIPT"] = "1"
    import blenderproc

    setup = importlib.import_module("blenderproc.python.utility.SetupUtility").SetupUtility
    setup.setup = staticmethod(lambda *_: [])
    setup.setup_utility_paths(str(scratch))
    sys.path.append(str(Path(blenderproc.__file__).parent.parent))  # it removes this once
    os.environ["INSIDE_OF_THE_INTERNAL_BLENDER_PYTHON_ENVIRONMENT"] = "1"
    bproc = importlib.reload(blenderproc)
    initializer = importlib.import_module("blenderproc.python.utility.Initializer")
    renderer = importlib.import_module("blenderproc.python.renderer.RendererUtility")
    bproc.clean_up(clean_up_camera=True)
    bpy.context.scene.render.engine = "CYCLES"
    renderer.set_render_devices()
    initializer._Initializer.set_default_parameters()
    return bproc


def as_ours(bproc: Any, samples: int) -> None:
    """What blender_scenes.blender.configure sets."""
    bproc.renderer.set_max_amount_of_samples(samples)
    bproc.renderer.set_noise_threshold(0)
    bproc.renderer.set_light_bounces(8, 8, 0, 8, 8, 16, 0)
    cycles = bpy.context.scene.cycles
    cycles.caustics_reflective = cycles.caustics_refractive = False
    cycles.sample_clamp_indirect = 4


def full_extents(bproc: Any) -> list[tuple[int, list[int]]]:
    """Pixels and box of each product as if it stood alone, for visible fractions and amodal boxes.

    BlenderProc has them in its BOP writer alone, which needs a toolkit that no package registry has; with the rest of
    its API they take a segmentation for each product, all else hidden.
    """
    found = []
    everything = bproc.object.get_all_mesh_objects()
    for one in everything:
        one.hide(True)
    for product in (one for one in everything if one.has_cp("category_id") and one.get_cp("category_id")):
        product.hide(False)
        names = {"file_prefix": "alone_", "output_key": "alone", "segcolormap_output_key": "alone_map"}
        (mask,) = bproc.renderer.render_segmap(map_by="instance", **names)["instance_segmaps"]
        product.hide(True)
        ys, xs = np.nonzero(mask)
        found.append((len(ys), [int(xs.min()), int(ys.min()), int(xs.max()), int(ys.max())] if len(ys) else []))
    return found


def main(folder: Path, settings: str, labels: str, count: int | None) -> None:
    """Render the first `count` scenes (None: all) of FOLDER/scenes."""
    bproc = load(folder / "scratch")
    if settings != "own":
        as_ours(bproc, int(settings))
    bproc.renderer.enable_segmentation_output(
        map_by=["category_id", "instance", "name"], default_values={"category_id": 0}
    )
    scenes = sorted((folder / "scenes").glob("*.blend"))[:count]
    begun, before = time.perf_counter(), time.process_time()
    for blend in scenes:
        record = json.loads(blend.with_suffix(".json").read_text())
        bproc.clean_up()
        bproc.loader.load_blend(str(blend), obj_types=["mesh", "light"])
        bproc.renderer.set_world_background(*record["world"])
        bproc.camera.set_intrinsics_from_blender_params(record["fov"], *record["size"], lens_unit="FOV")
        bproc.camera.add_camera_pose(np.array(record["pose"]))
        data = bproc.renderer.render()
        bproc.writer.write_coco_annotations(
            str(folder / settings), data["instance_segmaps"], data["instance_attribute_maps"], data["colors"]
        )
        if labels == "full":
            full_extents(bproc)
    times = time.perf_counter() - begun, time.process_time() - before
    print(json.dumps([seconds / len(scenes) for seconds in times]), flush=True)
    os._exit(0)  # the wheel may crash while it is taken down


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4]) if sys.argv[4] else None)
