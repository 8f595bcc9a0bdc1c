"""Where the camera is: the typed `scene.camera`, and a camera drawn from it."""

from dataclasses import dataclass, field

import numpy as np

from blender_scenes.chance import between
from blender_scenes.geometry import euler
from blender_scenes.spec import Camera, rounded

__all__ = ["ViewPoint", "draw"]


@dataclass
class ViewPoint:
    """Where the camera is, and how far a hand strays: means and standard deviations (angles in degrees)."""

    location: list[float] = field(default_factory=lambda: [0.0, -770.0, 845.0])
    location_range: list[float] = field(default_factory=lambda: [80.0, 60.0, 40.0])  # ± uniform
    pitch: list[float] = field(default_factory=lambda: [-15.2, 1.6])
    yaw: list[float] = field(default_factory=lambda: [0.0, 2.9])
    roll: list[float] = field(default_factory=lambda: [-1.5, 2.2])
    lens_mm: list[float] = field(default_factory=lambda: [24.5, 27.5])  # range
    sensor_height_mm: float = 36.0


def draw(view: ViewPoint, size: list[int], rng: np.random.Generator) -> Camera:
    """A camera at and around `view`; `size` is [width, height] in pixels."""
    location = np.array(view.location) + rng.uniform(-1, 1, 3) * view.location_range
    pitch, yaw, roll = (rng.normal(mean, sigma) for mean, sigma in (view.pitch, view.yaw, view.roll))
    rotation = euler([0, 0, yaw]) @ euler([90 + pitch, 0, 0]) @ euler([0, 0, roll])
    return Camera(
        rounded(location / 1000),
        rounded(rotation),
        rounded(between(view.lens_mm, rng)),
        view.sensor_height_mm,
        (size[0], size[1]),
    )
