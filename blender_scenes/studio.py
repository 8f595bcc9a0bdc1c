"""One product at a time before a plain backdrop, well lit, filling the picture. Runs inside Blender."""

from typing import Any

import bpy
import numpy as np
from mathutils import Matrix
from numpy.typing import NDArray

from blender_scenes import blender, build
from blender_scenes.body import Body, Solid
from blender_scenes.catalogue import Meshes, Pose, Product
from blender_scenes.geometry import euler
from blender_scenes.sensor import develop
from blender_scenes.spec import Camera, Response, rounded

__all__ = ["Studio"]

Floats = NDArray[np.float64]

ELEVATION = 20.0  # degrees by which the camera looks down
LENS, SENSOR = 85.0, 24.0  # mm
FILLED = 0.86  # share of the picture that the product takes up in its longer direction
TURNS = (-28.0, 18.0, -12.0, 32.0)  # degrees about z, so that variants show another side
ASIDE = 48.0  # degrees more for what lies, or it would show its cap alone
NEUTRAL = Response(0.0, (1.0, 1.0, 1.0), 1.0, 0.6, 1.0, 0.0, 0.0, 0.0, 0.0, 100, 0.0, (0.0, 0.0))
GROUND = (0.62, 0.64, 0.66)  # linear RGB of the backdrop
# Lamps, in product heights from its middle: place, size, watts per square metre of a product 1 m high.
LAMPS = (((-1.6, -2.2, 2.4), 1.8, 62.0), ((2.4, -1.2, 1.4), 2.4, 26.0), ((0.4, 1.8, 2.6), 1.6, 30.0))


class Studio:
    """Takes square pictures of `size` pixels."""

    def __init__(self, products: dict[str, Product], size: int, samples: int, threads: int) -> None:
        self.products, self.meshes, self.size = products, Meshes(products), size
        self.scene = blender.reset()
        blender.configure(self.scene, (size, size), samples, threads)
        self.scene.world.node_tree.nodes["Background"].inputs["Color"].default_value = (0.5, 0.5, 0.5, 1)
        self.ground = _ground()

    def shoot(self, name: str, variant: int, pose: Pose) -> NDArray[np.uint8]:
        """size×size×3 uint8 sRGB of one variant, resting as the pose says."""
        mesh = self.meshes[name, variant]
        yaw = pose.yaw[0] + TURNS[variant % len(TURNS)] + (ASIDE if any(pose.tilt) else 0)
        turned = euler([0, 0, yaw]) @ euler([*pose.tilt, 0]) @ euler([0, 0, float(np.mean(pose.spin))])
        body = Body.of(Solid.of(mesh), turned, 1.0)
        middle = (body.low + body.high) / 2
        vertices = body.vertices - [middle[0], middle[1], body.low[2]]
        made = blender.link(self.scene, name, build.piece(name, self.products[name], variant, mesh))
        made.matrix_world = _matrix(np.array(body.rotation), -np.array([middle[0], middle[1], body.low[2]]))
        made.color = (1, 1, 1, 1)
        reach = float(np.linalg.norm(body.size))
        placed = [made, blender.link(self.scene, "ground", self.ground), *_lamps(self.scene, reach)]
        placed.append(_camera(self.scene, framed(vertices, self.size)))
        picture = develop(blender.render(self.scene, variant).light.astype(float), NEUTRAL, np.random.default_rng(0))
        data = made.data
        for item in placed:
            bpy.data.objects.remove(item)
        bpy.data.meshes.remove(data)
        blender.purge()
        return picture


def framed(vertices: Floats, size: int) -> Camera:
    """The camera before −y that sees N×3 vertices as large as they fit."""
    tilt = np.radians(ELEVATION)
    # Columns: the camera's x, y and z (backwards) axes.
    rotation = np.array([[1, 0, 0], [0, np.sin(tilt), -np.cos(tilt)], [0, np.cos(tilt), np.sin(tilt)]])
    centre = (vertices.min(axis=0) + vertices.max(axis=0)) / 2
    distance = 10 * float(np.ptp(vertices, axis=0).max())
    for _ in range(12):
        camera = _at(centre + distance * rotation[:, 2], rotation, size)
        pixels, depth = camera.project(vertices)
        low, high = pixels.min(axis=0), pixels.max(axis=0)
        off = ((low + high) / 2 - size / 2) * depth.mean() / (LENS / SENSOR * size)
        centre = centre + rotation[:, 0] * off[0] - rotation[:, 1] * off[1]
        distance *= float((high - low).max()) / (FILLED * size)
    return _at(centre + distance * rotation[:, 2], rotation, size)


def _at(location: Floats, rotation: Floats, size: int) -> Camera:
    return Camera(rounded(location), rounded(rotation), LENS, SENSOR, (size, size))


def _camera(scene: Any, camera: Camera) -> Any:
    data = bpy.data.cameras.new("camera")
    data.sensor_fit, data.clip_start = "VERTICAL", 0.001
    data.lens, data.sensor_height = camera.lens_mm, camera.sensor_height_mm
    scene.camera = blender.link(scene, "camera", data)
    scene.camera.matrix_world = _matrix(np.array(camera.rotation), np.array(camera.location))
    return scene.camera


def _lamps(scene: Any, reach: float) -> list[Any]:
    """Soft lamps around a product of such a size."""
    made = []
    for place, size, power in LAMPS:
        data = bpy.data.lights.new("lamp", "AREA")
        data.size, data.energy = size * reach, power * reach**2
        lamp = blender.link(scene, "lamp", data)
        lamp.location = np.multiply(place, reach)
        z = np.array(place) / np.linalg.norm(place)
        x = np.cross([0, 0, 1], z) / np.linalg.norm(np.cross([0, 0, 1], z))
        lamp.matrix_world = _matrix(np.stack([x, np.cross(z, x), z], axis=1), np.multiply(place, reach))
        made.append(lamp)
    return made


def _ground() -> Any:
    data = bpy.data.meshes.new("ground")
    data.from_pydata([(x, y, 0) for x, y in ((-50, -50), (50, -50), (50, 50), (-50, 50))], [], [(0, 1, 2, 3)])
    data.materials.append(bpy.data.materials.new("ground"))
    data.materials[0].use_nodes = True
    data.materials[0].node_tree.nodes["Principled BSDF"].inputs["Base Color"].default_value = (*GROUND, 1)
    data.use_fake_user = True
    return data


def _matrix(rotation: Floats, location: Floats) -> Matrix:
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = rotation, location
    return Matrix(matrix.tolist())
