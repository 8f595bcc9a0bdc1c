"""Runs in a Blender of its own, for test_materials.py: a jar, empty or with a red ball inside, as JSON."""

import json
from typing import Any

import bpy
import numpy as np

from blender_scenes import blender, build, materials
from blender_scenes.catalogue import Material
from blender_scenes.geometry import Mesh, box, sphere

SKINS = {
    "clear": Material(transmission=1.0, ior=1.2),
    "green": Material(colour="#7fd866", transmission=1.0),
    "thin": Material(see_through=0.45),
    "opaque": Material(),
    "glossy": Material(roughness=0.05, coat=1.0),
    "bumpy": Material(bump=1.0, bump_scale=25),
    "metal": Material(metallic=1.0),
}


def show(scene: Any, mesh: Mesh, skin: Material, value: int) -> Any:
    made = blender.link(scene, "thing", build._mesh_data(mesh, [materials.material("skin", skin, None)]))
    made.pass_index, made.color = value, (1, 1, 1, 1)
    return made


def look(scene: Any, skin: Material, *, full: bool) -> dict[str, Any]:
    """Colours at the jar's middle and beside it, the middle as a picture, and the labels in the picture."""
    things = [show(scene, sphere([0.5, 0.5, 0.5], "skin").moved([0, 0, -3]), skin, 1)]
    if full:
        ball = sphere([0.25, 0.25, 0.25], "skin").moved([0, 0, -2.75])
        things.append(show(scene, ball, Material(colour="#d01010"), 2))
    found = blender.render(scene, 1)
    for thing in things:
        bpy.data.objects.remove(thing)
    middle = found.light[20:28, 20:28]
    return {
        "middle": middle.mean(axis=(0, 1)).tolist(),
        "grey": middle.mean(axis=2).tolist(),
        "peak": float(found.light[found.index > 0].max()),
        "beside": found.light[:6].mean(axis=(0, 1)).tolist(),
        "labels": np.unique(found.index).tolist(),
        "pixels": int((found.index == 1).sum()),
    }


def main() -> None:
    scene = blender.reset()
    blender.configure(scene, (48, 48), 8, 1)
    scene.camera = blender.link(scene, "camera", bpy.data.cameras.new("camera"))
    show(scene, box([9, 9, 0.1], [0, 0, -5], "skin"), Material(colour="#e0e0e0"), 0)
    lamp = bpy.data.lights.new("lamp", "POINT")
    lamp.energy, lamp.shadow_soft_size = 300, 0.5
    blender.link(scene, "lamp", lamp).location = (1.5, 1.5, 1)
    print(
        json.dumps(
            {
                name: {"empty": look(scene, skin, full=False), "full": look(scene, skin, full=True)}
                for name, skin in SKINS.items()
            }
        )
    )


main()
