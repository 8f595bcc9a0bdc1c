"""Meshes from files, through Blender's own importers. Runs inside Blender.

A file of the user's is data, never a program: a .blend is not opened but its objects are appended, with scripts off and
all drivers and animation taken away before anything is evaluated.
"""

import contextlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from blender_scenes import blender
from blender_scenes.meshfile import MOST_FACES
from coldstart.errors import UserError

__all__ = ["Imported", "load", "materials"]

Floats = NDArray[np.float64]
GREY = (0.6, 0.6, 0.6, 1.0)  # of faces that the file gives no material


@dataclass(frozen=True)
class Imported:
    """One mesh in metres, z up: `vertices` N×3, `uvs` N×2 and `normals` N×3 per vertex, split where one of them jumps;
    `triangles` T×3, `slots` T numbers of the file's materials in the order in which they come."""

    vertices: Floats
    uvs: Floats
    normals: Floats
    triangles: NDArray[np.int64]
    slots: NDArray[np.int64]


def load(path: Path, faces: int) -> Imported:
    """All meshes of a file as one, reduced to about `faces` triangles; Blender is left as it was.

    Raises:
        UserError: the file cannot be read, holds no faces, or more than MOST_FACES.
    """
    with _opened(path) as objects:
        total = sum(len(p.vertices) - 2 for o in objects if o.type == "MESH" for p in o.data.polygons)
        if not total:
            raise UserError("holds no faces")
        if total > MOST_FACES:
            raise UserError(f"has {total} triangles, more than {MOST_FACES}; reduce it first")
        if total > faces:
            for made in (o for o in objects if o.type == "MESH"):
                made.modifiers.new("reduce", "DECIMATE").ratio = faces / total
        return _joined([piece for piece, _ in _pieces(objects)])


def materials(path: Path) -> list[Any]:
    """The file's materials in the order of `Imported.slots`, to be used by the caller.

    Raises:
        UserError: a texture is missing, or lies outside of the file's folder.
    """
    with _opened(path) as objects:
        found = list(dict.fromkeys(m for _, names in _pieces(objects) for m in names))
        for material in (m for m in found if m is not None):
            _check_textures(material, path)
            material.use_fake_user = True
        return [_grey() if m is None else m for m in found]


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[list[Any]]:
    """The objects of a file, in the scene; gone afterwards, but for materials with a fake user and what they use."""
    before = set(_datablocks())
    try:
        try:
            with blender.silence(), contextlib.redirect_stdout(io.StringIO()):
                _read(path)
        except UserError:
            raise
        except Exception as error:  # importers are scripts too and stumble over damaged files in every way
            text = " ".join(str(error).split()) or type(error).__name__
            raise UserError(f"cannot be read: {text[:200]}") from None
        new = [block for block in _datablocks() if block not in before]
        for block in new:
            _still(block)
        objects = [block for block in new if isinstance(block, bpy.types.Object)]
        for made in objects:
            if not made.users_scene:
                bpy.context.scene.collection.objects.link(made)
        bpy.context.view_layer.update()
        yield objects
    finally:
        passing = (bpy.types.Object, bpy.types.Scene, bpy.types.Collection, bpy.types.Library, bpy.types.Mesh)
        bpy.data.batch_remove([b for b in _datablocks() if b not in before and isinstance(b, passing)])
        blender.purge()


def _datablocks() -> Iterator[Any]:
    for name in dir(bpy.data):
        collection = getattr(bpy.data, name)
        if isinstance(collection, bpy.types.bpy_prop_collection):
            yield from collection


def _read(path: Path) -> None:
    suffix, file = path.suffix.lower(), str(path)
    if suffix in (".glb", ".gltf"):
        with _old_numpy_names():
            bpy.ops.import_scene.gltf(filepath=file)
    elif suffix == ".obj":
        bpy.ops.wm.obj_import(filepath=file)
    elif suffix == ".blend":
        bpy.context.preferences.filepaths.use_scripts_auto_execute = False
        with bpy.data.libraries.load(file, link=False) as (there, here):
            here.objects = there.objects
    elif bpy.app.build_options.usd:
        bpy.ops.wm.usd_import(filepath=file)
    else:
        raise UserError("this Blender is built without USD; use another file type or Blender")


@contextlib.contextmanager
def _old_numpy_names() -> Iterator[None]:
    """Debian's Blender 3.4.1 comes with a glTF importer that says np.bool, and with a numpy that has lost it."""
    lost = "bool" not in vars(np)
    if lost:
        np.bool = np.bool_  # type: ignore[attr-defined]
    try:
        yield
    finally:
        if lost:
            del np.bool  # type: ignore[attr-defined]


def _still(block: Any) -> None:
    """Take away drivers and animation."""
    for holder in (block, getattr(block, "node_tree", None), getattr(block, "shape_keys", None)):
        if holder is not None and getattr(holder, "animation_data", None):
            holder.animation_data_clear()


def _pieces(objects: list[Any]) -> Iterator[tuple[Imported, list[Any]]]:
    """Every mesh of the objects and of what they instance, in the world, with its materials in the order of its slots;
    slots count on over all pieces."""
    graph = bpy.context.evaluated_depsgraph_get()
    order: dict[Any, int] = {}
    for instance in graph.object_instances:
        owner = (instance.parent or instance.object).original
        if owner not in objects or instance.object.type != "MESH" or owner.hide_render:
            continue
        data = instance.object.to_mesh()
        data.calc_loop_triangles()
        if not len(data.loop_triangles):
            continue
        own = [material.original if material else None for material in data.materials] or [None]
        new = [material for material in dict.fromkeys(own) if material not in order]
        order.update({material: len(order) + k for k, material in enumerate(new)})
        slots = _integers(data.loop_triangles, "material_index").clip(max=len(own) - 1)
        yield _piece(data, np.array(instance.matrix_world), np.array([order[m] for m in own])[slots]), new


def _piece(data: Any, world: Floats, slots: NDArray[np.int64]) -> Imported:
    points, corners = _floats(data.vertices, "co", 3), _integers(data.loops, "vertex_index")
    triangles = np.empty(3 * len(data.loop_triangles), dtype=np.int32)
    data.loop_triangles.foreach_get("loops", triangles)
    uvs = _floats(data.uv_layers.active.data, "uv", 2) if data.uv_layers.active else np.zeros((len(corners), 2))
    linear = world[:3, :3]
    normals = _corner_normals(data) @ np.linalg.inv(linear)
    if np.linalg.det(linear) < 0:  # mirrored
        triangles = triangles.reshape(-1, 3)[:, ::-1].ravel()
    normals /= np.linalg.norm(normals, axis=1, keepdims=True) + 1e-12
    split = np.concatenate([corners[:, None], np.round(uvs, 6), np.round(normals, 3)], axis=1)
    _, first, index = np.unique(split, axis=0, return_index=True, return_inverse=True)
    return Imported(
        points[corners[first]] @ linear.T + world[:3, 3],
        uvs[first],
        normals[first],
        index.ravel()[triangles].reshape(-1, 3).astype(np.int64),
        slots.astype(np.int64),
    )


def _corner_normals(data: Any) -> Floats:
    if hasattr(data, "corner_normals"):  # since 4.1
        return _floats(data.corner_normals, "vector", 3)
    data.calc_normals_split()
    return _floats(data.loops, "normal", 3)


def _floats(items: Any, key: str, width: int) -> Floats:
    values = np.empty(width * len(items), dtype=np.float32)
    items.foreach_get(key, values)
    return values.reshape(-1, width).astype(float)


def _integers(items: Any, key: str) -> NDArray[np.int64]:
    values = np.empty(len(items), dtype=np.int32)
    items.foreach_get(key, values)
    return values.astype(np.int64)


def _joined(pieces: list[Imported]) -> Imported:
    if not pieces:
        raise UserError("holds no faces that are rendered")
    starts = np.cumsum([0, *(len(p.vertices) for p in pieces)])
    return Imported(
        np.concatenate([p.vertices for p in pieces]),
        np.concatenate([p.uvs for p in pieces]),
        np.concatenate([p.normals for p in pieces]),
        np.concatenate([p.triangles + start for p, start in zip(pieces, starts, strict=False)]),
        np.concatenate([p.slots for p in pieces]),
    )


def _check_textures(material: Any, path: Path) -> None:
    for image in (getattr(node, "image", None) for node in material.node_tree.nodes) if material.node_tree else ():
        if image is None or image.packed_file or image.source == "GENERATED":
            continue
        file = Path(bpy.path.abspath(image.filepath, library=image.library)).resolve()
        if not file.is_relative_to(path.parent.resolve()):
            raise UserError(f"texture {image.filepath} lies outside of the mesh's folder; put it there, or pack it")
        if not file.is_file():
            raise UserError(f"texture {image.filepath}: no such file")


def _grey() -> Any:
    made = bpy.data.materials.new("grey")
    made.use_nodes, made.use_fake_user = True, True
    made.node_tree.nodes["Principled BSDF"].inputs["Base Color"].default_value = GREY
    return made
