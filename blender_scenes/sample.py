"""(config, seed, index) -> SceneSpec, with numpy alone: what chance decides about one scene.

The scene (products, places, camera) and its look (light, camera response) draw from separate streams, so that one
scene can be rendered in two looks and give an aligned pair.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from blender_scenes import look
from blender_scenes.catalogue import Pose, Product, mesh
from blender_scenes.chance import between, odds
from blender_scenes.config import RenderConfig
from blender_scenes.geometry import Mesh, euler
from blender_scenes.placement import Footprint, Surface, apart, box_overlap
from blender_scenes.scene import furnish, place, view
from blender_scenes.spec import Camera, Placement, SceneSpec, rounded

__all__ = ["Sampler"]

REST = 0.0001  # metres between a product and what it stands on: resting, yet not one surface for the renderer
SURFACES = 3  # surfaces drawn for a product before it counts as unplaced
TRIES = 25  # places tried on each

Floats = NDArray[np.float64]


class Sampler:
    """Draws scenes of one config; meshes are made once."""

    def __init__(self, config: RenderConfig) -> None:
        self.config = config
        self.meshes: dict[str, Mesh] = {name: mesh(p) for name, p in config.products.items()}

    def sample(self, index: int) -> SceneSpec:
        """The spec of scene `index`: the same whoever draws it, in whatever order."""
        config = self.config
        rng = np.random.default_rng([config.seed, index])
        furniture = furnish(config.scene, rng)
        where = place(furniture)
        camera = view(config.scene, where, config.size, rng)
        placements, unplaced = self._place(where.surfaces(), camera, rng)
        light, response = look.draw(config.look, np.random.default_rng([config.seed, index, 1]))
        return SceneSpec(
            config.scene.name, config.seed, index, camera, light, response, tuple(placements), unplaced, furniture
        )

    def _place(self, surfaces: list[Surface], camera: Camera, rng: np.random.Generator) -> tuple[list[Placement], int]:
        wanted = [
            name
            for name, product in self.config.products.items()
            for _ in range(rng.choice(len(product.copies), p=odds(product.copies)))
        ]
        rng.shuffle(wanted)
        room = _Room(camera, surfaces, {s.name: [] for s in surfaces})
        for name in wanted:
            self._find(name, room, rng)
        return room.placed, len(wanted) - len(room.placed)

    def _find(self, name: str, room: "_Room", rng: np.random.Generator) -> None:
        """Place a product, on the surface drawn first if there is hope, or full shelves would fill the drawers."""
        for _ in range(SURFACES):
            surface = room.surfaces[rng.choice(len(room.surfaces), p=odds([s.weight for s in room.surfaces]))]
            for _ in range(TRIES):
                if self._try(name, surface, room, rng):
                    return

    def _try(self, name: str, surface: Surface, room: "_Room", rng: np.random.Generator) -> bool:
        """Place a product at random; False if it does not fit there, comes too near another or leaves the picture."""
        product, scene = self.config.products[name], self.config.scene
        pose = list(product.poses)[rng.choice(len(product.poses), p=odds([p.weight for p in product.poses.values()]))]
        rotation = _rotation(product.poses[pose], rng)
        scale = between(product.scale, rng)
        turned = scale * self.meshes[name].vertices @ rotation.T
        low, high = turned.min(axis=0), turned.max(axis=0)
        depth = abs(rng.normal(0, scene.front_bias / 1000))
        if rng.uniform() < scene.deep_odds:
            depth += rng.uniform(0, 0.15)
        x = rng.uniform(surface.x[0] - low[0], max(surface.x[1] - high[0], surface.x[0] - low[0]))
        y = surface.y[0] - low[1] + depth
        if not surface.room_for(low + [x, y, 0], high + [x, y, 0]):
            return False
        # Everything is checked on the rounded numbers that the spec will hold.
        placement = Placement(
            name,
            len(room.placed) + 1,
            int(rng.integers(product.variants)),
            pose,
            surface.name,
            rounded([x, y, surface.z - low[2] + REST]),
            rounded(rotation),
            rounded(scale),
            rounded(_tint(product, rng)),
        )
        return room.take(placement, self.meshes[name], scene.gap / 1000, scene.max_overlap)


@dataclass
class _Room:
    """What has been placed so far, in space and in the picture."""

    camera: Camera
    surfaces: list[Surface]
    footprints: dict[str, list[Footprint]]
    boxes: list[tuple[float, ...]] = field(default_factory=list)
    placed: list[Placement] = field(default_factory=list)

    def take(self, placement: Placement, mesh: Mesh, gap: float, max_overlap: float) -> bool:
        """Accept `placement` unless it is nearer than `gap` metres to another, cut off by the frame or hidden."""
        world = placement.transform(mesh.vertices)
        footprint = Footprint.of(world)
        if not all(apart(footprint, other, gap) for other in self.footprints[placement.surface]):
            return False
        pixels, _ = self.camera.project(world)
        box = (*pixels.min(axis=0), *pixels.max(axis=0))
        width, height = self.camera.size
        if box[0] < 0 or box[1] < 0 or box[2] > width or box[3] > height:
            return False
        if box_overlap(box, self.boxes) > max_overlap:
            return False
        self.footprints[placement.surface].append(footprint)
        self.boxes.append(box)
        self.placed.append(placement)
        return True


def _rotation(pose: Pose, rng: np.random.Generator) -> Floats:
    spin = between(pose.spin, rng)
    yaw = rng.uniform(0, 360) if pose.yaw_sigma is None else rng.choice(pose.yaw) + rng.normal(0, pose.yaw_sigma)
    rotation: Floats = euler([0, 0, yaw]) @ euler([*pose.tilt, 0]) @ euler([0, 0, spin])
    return rotation


def _tint(product: Product, rng: np.random.Generator) -> Floats:
    brightness = rng.uniform(1 - 2.5 * product.tint, 1 + 2.5 * product.tint)
    tint: Floats = brightness * rng.uniform(1 - product.tint, 1 + product.tint, 3)
    return tint
