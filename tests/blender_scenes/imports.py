"""Runs in a Blender of its own, for test_meshfile.py: imports.py FOLDER FILE… prints what became of each file, as JSON.

First it writes files that only Blender writes into FOLDER: a .blend with traps, a .usd, one with a texture outside.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT)]
sys.path.append(str(ROOT / ".venv" / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"))

import bpy
import numpy as np

from blender_scenes import importer, meshfile, picture
from coldstart.errors import UserError


def cube(size: tuple[float, float, float], at: tuple[float, float, float]) -> Any:
    """A box in the scene by its outer size and lowest corner, with a material."""
    corners = [(x, y, z) for x in (0, 1) for y in (0, 1) for z in (0, 1)]
    faces = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    data = bpy.data.meshes.new("cube")
    data.from_pydata([tuple(np.multiply(c, size)) for c in corners], [], faces)
    data.uv_layers.new()
    data.materials.append(bpy.data.materials.new("paint"))
    data.materials[0].use_nodes = True
    made = bpy.data.objects.new("cube", data)
    made.location = at
    bpy.context.scene.collection.objects.link(made)
    return made


def empty() -> None:
    bpy.ops.wm.read_factory_settings(use_empty=True)


def write_files(folder: Path) -> None:
    empty()
    trapped = cube((0.1, 0.2, 0.3), (5, 6, 7))
    write = "__import__('pathlib').Path({!r}).write_text('run')"
    script = bpy.data.texts.new("start.py")
    script.from_string(write.format(str(folder / "script_ran")))
    script.use_module = True
    for owner, key in ((trapped, "location"), (trapped.data.materials[0], "roughness")):
        curve = owner.driver_add(key, 0) if key == "location" else owner.driver_add(key)
        curve.driver.expression = f"{write.format(str(folder / 'driver_ran'))} and 0.0"
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "trap.blend"))
    empty()
    cube((0.1, 0.2, 0.3), (5, 6, 7))
    if bpy.app.build_options.usd:
        bpy.ops.wm.usd_export(filepath=str(folder / "box.usd"))
    image = bpy.data.images.new("print", 8, 8)
    for name, file in (("outside", folder.parent / "outside.png"), ("inside", folder / "inside.png")):
        image.filepath_raw, image.file_format = str(file), "PNG"
        image.save()
        nodes = bpy.data.materials[0].node_tree.nodes
        node = nodes.get("Image Texture") or nodes.new("ShaderNodeTexImage")
        node.image = image
        image.source = "FILE"
        bpy.ops.wm.save_as_mainfile(filepath=str(folder / f"{name}.blend"))
    empty()


def report(file: str) -> dict[str, Any]:
    before = {name: len(getattr(bpy.data, name)) for name in ("objects", "meshes", "materials", "images", "actions")}
    try:
        mesh = meshfile.load(meshfile.MeshFile(file), sized=True)
        after = {name: len(getattr(bpy.data, name)) for name in before}
        used = importer.materials(Path(file))
    except UserError as error:
        return {"error": str(error)}
    corners = mesh.vertices[mesh.triangles()]
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = mesh.normals[mesh.triangles()].mean(axis=1)
    return {
        "size": np.ptp(mesh.vertices, axis=0).tolist(),
        "low": mesh.vertices.min(axis=0).tolist(),
        "volume": float(np.einsum("ij,ij->i", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])).sum() / 6),
        "outwards": float(((across * normals).sum(axis=1) >= 0).mean()),
        "faces": len(mesh.faces),
        "slots": sorted(set(mesh.materials)),
        "materials": len(used),
        "left": before == after,
    }


def main(folder: Path, files: list[str]) -> None:
    write_files(folder)
    marks = [folder / "script_ran", folder / "driver_ran"]
    for mark in marks:
        mark.unlink(missing_ok=True)
    found = {Path(file).name: report(file) for file in files}
    importer.MOST_FACES, kept = 1000, importer.MOST_FACES
    (folder / "gigantic.glb").write_bytes((folder / "ball.glb").read_bytes())
    found["gigantic.glb"] = report(str(folder / "gigantic.glb"))
    importer.MOST_FACES = kept
    found["ran"] = {mark.name: mark.exists() for mark in marks}
    sys.modules["PIL"] = None  # type: ignore[assignment]  # as in a stock Blender
    found["photo"] = {"pixels": picture.read(str(folder / "photo.jpg")).tolist()}
    bpy.ops.wm.open_mainfile(filepath=str(folder / "trap.blend"), use_scripts=True)
    bpy.context.view_layer.update()
    found["trap_works"] = {mark.name: mark.exists() for mark in marks}
    print("found:" + json.dumps(found), flush=True)
    os._exit(0)  # after the trap, bpy 4.5 does not end by itself


if __name__ == "__main__":
    arguments = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else sys.argv[1:]
    main(Path(arguments[0]), arguments[1:])
