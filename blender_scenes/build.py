"""SceneSpec -> Blender scene. Meshes and materials are made once, furniture when it differs from the last scene's."""

from collections.abc import Mapping, Sequence
from typing import Any

import bpy
import numpy as np
from mathutils import Matrix

from blender_scenes import art, blender, catalogue, device, importer, materials, meshfile
from blender_scenes.catalogue import Product
from blender_scenes.config import RenderConfig
from blender_scenes.furniture.parts import FINISHES, Furniture, Lamp, Place
from blender_scenes.geometry import Mesh
from blender_scenes.lens import pinhole
from blender_scenes.scene import place
from blender_scenes.spec import Light, Placement, SceneSpec

__all__ = ["Builder", "piece"]


class Builder:
    """Holds one Blender scene of `config` and turns it into any of its specs."""

    def __init__(self, config: RenderConfig, meshes: Mapping[tuple[str, int], Mesh], threads: int) -> None:
        self.config, self.meshes = config, meshes
        self.scene = blender.reset()
        size = (config.size[0], config.size[1])
        device.choose(self.scene, config.device)
        blender.configure(self.scene, size, config.samples, threads)
        self.finishes = {name: materials.finish(name, finish) for name, finish in FINISHES.items()}
        for finish in self.finishes.values():
            finish.use_fake_user = True
        self.pieces: dict[tuple[str, int], Any] = {}
        self.placed: list[Any] = []
        self.furniture: dict[str, Any] = {}
        self.fixed: list[Any] = []  # objects of the furniture
        self.lamps: list[tuple[Lamp, Any]] = []
        self.camera = self._camera()

    def show(self, spec: SceneSpec) -> None:
        """Make the Blender scene show `spec`."""
        for made in self.placed:
            bpy.data.objects.remove(made)
        if spec.furniture != self.furniture:
            self._furnish(spec.furniture)
        blender.purge()
        self.placed = [self._place(p) for p in spec.placements]
        self._aim(spec)
        self.light(spec)

    def _aim(self, spec: SceneSpec) -> None:
        seen, data = pinhole(spec.camera), self.camera.data
        self.scene.render.resolution_x, self.scene.render.resolution_y = seen.size
        data.lens, data.sensor_height = seen.lens_mm, seen.sensor_height_mm
        self.camera.matrix_world = _matrix(seen.rotation, seen.location)
        if spec.placements:
            _, depth = seen.project(np.array([p.location for p in spec.placements]))
            data.dof.focus_distance = float(np.median(depth))

    def _camera(self) -> Any:
        data = bpy.data.cameras.new("camera")
        data.sensor_fit, data.clip_start = "VERTICAL", 0.01
        self.scene.camera = blender.link(self.scene, "camera", data)
        return self.scene.camera

    def _furnish(self, furniture: dict[str, Any]) -> None:
        for made in [*self.fixed, *(lamp for _, lamp in self.lamps)]:
            bpy.data.objects.remove(made)
        where: Place = place(furniture)
        self.fixed = [self._part(part) for part in where.parts()]
        self.lamps = [(lamp, _lamp(self.scene, lamp)) for lamp in where.light_sources()]
        self.tone = where.tone
        self.furniture = furniture

    def _part(self, part: Furniture) -> Any:
        finish = self.finishes[part.finish]
        if part.art:
            canvas = art.draw(part.art, part.art_size, np.random.default_rng(0), "furniture")
            finish = materials.printed(materials.image("print", canvas))
        made = blender.link(self.scene, part.finish, _mesh_data(part.mesh, [finish]))
        made["pane"] = FINISHES[part.finish].pane
        if FINISHES[part.finish].of_light == "bulb" or FINISHES[part.finish].clear:
            # Lamps light the scene; what glows is there to be seen. So are panes: a render whose shadows and bounces
            # pass them takes a sixth longer, and the light that they swallow is the lamps' to leave out.
            made.visible_diffuse = made.visible_glossy = made.visible_shadow = False
        return made

    def light(self, spec: SceneSpec) -> None:
        """Set lamps and lens to the look of `spec`, the scene itself being shown already."""
        aperture, dof = spec.response.aperture, self.camera.data.dof
        dof.use_dof = aperture > 0
        if aperture:
            dof.aperture_fstop = self.camera.data.lens / aperture
        self._lamps(spec.light)

    def _lamps(self, light: Light) -> None:
        powers = {
            "bulb": (light.bulb_watts, light.bulb_colour),
            "fill": (light.fill_watts, light.fill_colour),
        }
        for lamp, made in self.lamps:
            watts, made.data.color = powers[lamp.source]
            made.data.energy = watts * lamp.share
            if lamp.source == "fill":
                made.location.x = lamp.location[0] + light.fill_x
        blender.surround(self.scene, light)
        for name, finish in FINISHES.items():
            nodes = self.finishes[name].node_tree.nodes
            if finish.of_light in powers:
                nodes["Emission"].inputs["Color"].default_value = (*powers[finish.of_light][1], 1)
            elif finish.of_light:
                wall = np.array(light.wall) * self.tone
                painted = (np.array(finish.colour) * light.clutter * light.background).clip(0, 0.9)
                colour = wall if finish.of_light == "wall" else painted
                nodes["Principled BSDF"].inputs["Base Color"].default_value = (*colour, 1)

    def _place(self, placement: Placement) -> Any:
        key = (placement.product, placement.variant)
        if key not in self.pieces:
            product = self.config.products[placement.product]
            self.pieces[key] = piece(placement.product, product, placement.variant, self.meshes[key])
        made = blender.link(self.scene, placement.product, self.pieces[key])
        rotation = np.array(placement.rotation) * placement.scale
        made.matrix_world = _matrix(rotation, placement.location)
        made.pass_index = placement.instance
        made.color = (*placement.tint, 1)
        return made

    @property
    def denoised(self) -> bool:
        """Whether renders are denoised in this build of Blender."""
        return bool(self.scene.cycles.use_denoising)


def _lamp(scene: Any, lamp: Lamp) -> Any:
    """A bulb, or a panel; colour and watts follow the scene's light."""
    if max(lamp.size) > 0:
        data = bpy.data.lights.new("panel", "AREA")
        data.shape = "RECTANGLE"
        data.size, data.size_y = lamp.size
    else:
        data = bpy.data.lights.new("bulb", "POINT")
        data.shadow_soft_size = 0.04
    made = blender.link(scene, "lamp", data)
    made.location, made.rotation_euler = lamp.location, np.radians(lamp.rotation)
    return made


def _matrix(rotation: Any, location: Sequence[float]) -> Matrix:
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = rotation, location
    return Matrix(matrix.tolist())


def piece(name: str, product: Product, variant: int, mesh: Mesh) -> Any:
    """Blender's mesh of one variant of a product, with its materials; kept although no object uses it."""
    make = catalogue.make(product, variant)
    if make.mesh is not None and make.mesh.material is None:
        made = importer.materials(meshfile.checked(make.mesh.file))
        names = [meshfile.name_of(slot) for slot in range(len(made))]
    else:
        picture = None
        if make.has_art:
            picture = materials.image(f"{name} {variant}", catalogue.label_art(name, product, variant))
        names = list(make.materials)
        made = [materials.material(n, make.materials[n], picture) for n in names]
    data = _mesh_data(mesh, made, [names.index(m) for m in mesh.materials])
    data.use_fake_user = True
    return data


def _mesh_data(mesh: Mesh, materials: Sequence[Any], indices: Sequence[int] | None = None) -> Any:
    data = bpy.data.meshes.new("mesh")
    data.from_pydata(mesh.vertices.tolist(), [], mesh.faces)
    corners = np.concatenate([np.array(f) for f in mesh.faces])
    data.uv_layers.new().data.foreach_set("uv", mesh.uvs[corners].ravel())
    for material in materials:
        data.materials.append(material)
    if indices is not None:
        data.polygons.foreach_set("material_index", indices)
    if mesh.smooth:
        data.polygons.foreach_set("use_smooth", [True] * len(mesh.faces))
        _sharpen(data)
    data.update()
    if mesh.normals is not None:
        if hasattr(data, "use_auto_smooth"):  # before 4.1
            data.use_auto_smooth = True
        data.normals_split_custom_set_from_vertices(mesh.normals.tolist())
    return data


def _sharpen(data: Any, degrees: float = 40.0) -> None:
    """Hard edges where two faces meet at more than this: lids and bases stay crisp on smooth bodies."""
    if hasattr(data, "set_sharp_from_angle"):
        data.set_sharp_from_angle(angle=np.radians(degrees))
    else:  # before 4.1
        data.use_auto_smooth, data.auto_smooth_angle = True, np.radians(degrees)
