"""Runs in a Blender of its own, for test_blender.py: two balls behind furniture of every finish, as JSON.

One ball is opaque, one as clear as products may be, both tinted brighter than white.
"""

import json
from typing import Any

import bpy
import numpy as np

from blender_scenes import blender, build, materials
from blender_scenes.catalogue import Material
from blender_scenes.furniture.parts import FINISHES
from blender_scenes.geometry import box, sphere

DENSE = ("depth", "normals", "albedo")


def balls() -> Any:
    scene = blender.reset()
    blender.configure(scene, (48, 48), 4, 1)
    scene.camera = blender.link(scene, "camera", bpy.data.cameras.new("camera"))
    for value, x, see_through in ((1, -0.4, 0.0), (2, 0.4, 0.45)):
        skin = materials.material("skin", Material(colour="#ffffff", see_through=see_through), None)
        ball = sphere([0.3, 0.3, 0.3], "skin").moved([x, 0, -2.3])
        made = blender.link(scene, "ball", build._mesh_data(ball, [skin]))
        made.pass_index, made.color = value, (1.3, 1.3, 1.3, 1)
    return scene


def behind(scene: Any, bare: blender.Passes, name: str, count: int) -> list[float]:
    """What is seen behind `count` panes: pixels with another label, largest depth error, pixels with a label.

    Once in one render, once with the dense labels' second one.
    """
    skin, panes = materials.finish(name, FINISHES[name]), []
    for k in range(count):
        data = build._mesh_data(box([4, 4, 0.003], [0, 0, -0.5 - 0.1 * k], name), [skin])
        panes.append(blender.link(scene, name, data))
        panes[-1]["pane"] = FINISHES[name].pane
    found = [blender.render(scene, count, ["depth"]), blender.render(scene, count, DENSE)]
    for pane in panes:
        bpy.data.objects.remove(pane)
    seen = bare.index > 0
    differing = [int((f.index != bare.index).sum()) for f in found]
    errors = [float(np.abs(f.depth - bare.depth)[seen].max()) for f in found]
    return [max(differing), max(errors), max(int((f.index > 0).sum()) for f in found)]


def main() -> None:
    scene = balls()
    bare = blender.render(scene, 1, ["depth"])
    sharp = blender.render(scene, 1, DENSE)
    dof = scene.camera.data.dof
    dof.use_dof, dof.focus_distance, dof.aperture_fstop = True, 0.5, 0.3
    blurred = blender.render(scene, 1, DENSE)
    kept = [scene.cycles.samples, scene.cycles.max_bounces, dof.use_dof]
    dof.use_dof = False
    normals = sharp.normals[bare.index > 0]
    answers = {
        "pixels": int((bare.index > 0).sum()),
        "behind": {name: {n: behind(scene, bare, name, n) for n in (1, 2, 5)} for name in FINISHES},
        "same": [bool((getattr(sharp, key) == getattr(blurred, key)).all()) for key in ("index", *DENSE)],
        "light": float(np.abs(sharp.light - blurred.light).mean()),
        "kept": kept,
        "length": float(np.abs(np.linalg.norm(normals, axis=-1) - 1).max()),
        "towards": float(normals[:, 2].min()),
        "nearest": float(bare.depth.min()),
        "nothing": bool(np.isinf(bare.depth[0, 0])),
    }
    print(json.dumps(answers))


main()
