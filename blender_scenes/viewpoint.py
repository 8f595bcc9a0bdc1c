"""Where the camera is: the typed `scene.camera` and `scene.framing`, and cameras drawn from them."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from blender_scenes.chance import between
from blender_scenes.furniture.parts import Frame, rising
from blender_scenes.geometry import euler
from blender_scenes.spec import Camera, rounded

__all__ = ["Framing", "ViewPoint"]

Floats = NDArray[np.float64]


@dataclass
class ViewPoint:
    """One camera and how far a hand strays from it: means and standard deviations (angles in degrees)."""

    location: list[float] = field(default_factory=lambda: [0.0, -770.0, 845.0])  # mm
    location_range: list[float] = field(default_factory=lambda: [80.0, 60.0, 40.0])  # ± uniform
    pitch: list[float] = field(default_factory=lambda: [-15.2, 1.6])
    yaw: list[float] = field(default_factory=lambda: [0.0, 2.9])
    roll: list[float] = field(default_factory=lambda: [-1.5, 2.2])
    lens_mm: list[float] = field(default_factory=lambda: [24.5, 27.5])  # range
    sensor_height_mm: float = 36.0

    @property
    def widest(self) -> float:
        """Half the picture's height in focal lengths, for the shortest lens."""
        return self.sensor_height_mm / 2 / min(self.lens_mm)

    def draw(self, frame: Frame, size: list[int], rng: np.random.Generator) -> Camera:
        """A camera at and around this one, whatever `frame` shows; `size` is [width, height] in pixels."""
        location = np.array(self.location) + rng.uniform(-1, 1, 3) * self.location_range
        pitch, yaw, roll = (rng.normal(mean, sigma) for mean, sigma in (self.pitch, self.yaw, self.roll))
        lens = between(self.lens_mm, rng)
        return _camera(location / 1000, (pitch, yaw, roll), lens, self.sensor_height_mm, size)


@dataclass
class Framing:
    """Any camera that sees a given share of the furniture, from the whole of it down to a close-up.

    The picture is filled by a window on the furniture's frame (a fridge's opening, a shelf's front, a table's top).
    """

    span: list[float] = field(default_factory=lambda: [0.4, 1.15])  # side of the window by that of the frame
    wander: float = 0.05  # share of the frame that the window may reach beyond it
    elevation: list[float] = field(default_factory=lambda: [-4.0, 22.0])  # degrees from which it looks down
    azimuth: list[float] = field(default_factory=lambda: [-12.0, 12.0])  # degrees from the side
    roll: list[float] = field(default_factory=lambda: [0.0, 2.0])  # mean and standard deviation
    fov: list[float] = field(default_factory=lambda: [42.0, 72.0])  # degrees of the picture's height
    nearest: float = 380.0  # mm from camera to frame; closer ones step back and zoom in

    def __post_init__(self) -> None:
        for key, low in (("span", 0.05), ("elevation", -90), ("azimuth", -90), ("fov", 5)):
            rising(f"scene.framing.{key}", getattr(self, key), low)

    @property
    def widest(self) -> float:
        """Half the picture's height in focal lengths, for the widest angle."""
        return float(np.tan(np.radians(max(self.fov)) / 2))

    def draw(self, frame: Frame, size: list[int], rng: np.random.Generator) -> Camera:
        """A camera whose picture of `size` [width, height] in pixels is filled by a window on `frame`."""
        corner, across, up = (np.array(v) for v in (frame.corner, frame.across, frame.up))
        sides = np.array([np.linalg.norm(across), np.linalg.norm(up)])
        aspect = size[0] / size[1]
        seen = between(self.span, rng) * max(sides[1], sides[0] / aspect)  # height of the window in metres
        slack = np.maximum(0.5 - np.array([seen * aspect, seen]) / sides / 2, 0) + self.wander
        u, v = 0.5 + rng.uniform(-1, 1, 2) * slack
        elevation, azimuth = between(self.elevation, rng), between(self.azimuth, rng)
        distance = max(seen / 2 / np.tan(np.radians(between(self.fov, rng)) / 2), self.nearest / 1000)
        e, a = np.radians([elevation, azimuth])
        towards = np.array([np.sin(a) * np.cos(e), -np.cos(a) * np.cos(e), np.sin(e)])
        location = corner + u * across + v * up + distance * towards
        return _camera(
            location, (-elevation, azimuth, rng.normal(self.roll[0], self.roll[1])), 36.0 * distance / seen, 36.0, size
        )


def _camera(
    location: Floats, angles: tuple[float, float, float], lens: float, sensor: float, size: list[int]
) -> Camera:
    pitch, yaw, roll = angles
    rotation = euler([0, 0, yaw]) @ euler([90 + pitch, 0, 0]) @ euler([0, 0, roll])
    return Camera(rounded(location), rounded(rotation), rounded(lens), sensor, (size[0], size[1]))
