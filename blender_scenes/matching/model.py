"""The unknowns of a fridge in a photo, what is known of each before looking, and where marked points are in space.

Every unknown has a prior: the mean and standard deviation that ordinary fridges and phones suggest. What the points do
not determine keeps its typical value. Millimetres and degrees; lens and cabinet sizes are logarithms of theirs.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from blender_scenes.geometry import euler
from blender_scenes.matching.marks import Marks
from blender_scenes.spec import Camera

__all__ = ["SENSOR_MM", "Prior", "camera", "length", "place", "priors", "reach"]

SENSOR_MM = 36.0
Floats = NDArray[np.float64]
Values = Mapping[str, float]


@dataclass(frozen=True)
class Prior:
    """What is known before looking; `log`: mean is that of the value, deviation relative to it."""

    mean: float
    deviation: float
    log: bool = False

    def value(self, theta: float) -> float:
        """The value that is `theta` deviations from the mean."""
        shift = self.deviation * theta
        return float(self.mean * np.exp(shift) if self.log else self.mean + shift)

    def theta(self, value: float) -> float:
        """The inverse of `value`."""
        return float(np.log(value / self.mean) if self.log else value - self.mean) / self.deviation


def priors(marks: Marks, lens: Prior) -> dict[str, Prior]:
    """All unknowns of `marks` in a fixed order; known lengths centre theirs."""
    known = marks.lengths
    width, height, depth = (
        Prior(known.get(f"cabinet.{key}", typical), deviation, log=True)
        for key, typical, deviation in (("width", 600, 0.25), ("height", 1000, 0.3), ("depth", 550, 0.15))
    )
    found = {
        "camera.x": Prior(0, 500),
        "camera.y": Prior(-800, 500),
        "camera.z": Prior(0.6 * height.mean, 600),
        "camera.pitch": Prior(-10, 20),
        "camera.yaw": Prior(0, 25),
        "camera.roll": Prior(0, 6),
        "camera.lens_mm": lens,
        "cabinet.width": width,
        "cabinet.height": height,
        "cabinet.depth": depth,
        "cabinet.taper": Prior(0.96, 0.03),  # width at the back by width at the opening
    }
    for k, level in enumerate(_levels(marks)):
        floor = marks.shelves[k] == "floor"
        found[f"shelf{k}.height"] = Prior(5, 8) if floor else Prior(level * height.mean, 0.3 * height.mean)
        found[f"shelf{k}.front"] = Prior(130, 70)
        found[f"shelf{k}.behind"] = Prior(40, 40)  # from its back edge to the back wall
        found[f"shelf{k}.left"] = found[f"shelf{k}.right"] = Prior(0, 12)  # outwards, from where boards of its kind end
    for name in marks.points:
        if name.startswith("shelf") and name.endswith((".front", ".back")):
            found[f"{name}.x"] = Prior(0, 300)  # where on that edge
    for k in range(len(marks.drawers)):
        found[f"drawer{k}.left"] = Prior(-0.25 * width.mean, 0.4 * width.mean)
        found[f"drawer{k}.right"] = Prior(0.25 * width.mean, 0.4 * width.mean)
        found[f"drawer{k}.front"] = Prior(150, 70)
        found[f"drawer{k}.behind"] = Prior(80, 60)
        found[f"drawer{k}.bottom"] = Prior(0.2 * height.mean, 0.4 * height.mean)
        found[f"drawer{k}.top"] = Prior(0.3 * height.mean, 0.4 * height.mean)
    for k in range(len(marks.products)):
        found[f"product{k}.x"] = Prior(0, 200)
        found[f"product{k}.y"] = Prior(250, 100)
        found[f"product{k}.height"] = Prior(known.get(f"product{k}.height", 180), 0.5, log=True)
    return found


def _levels(marks: Marks) -> list[float]:
    """Where each shelf roughly is, as a share of the cabinet's height: evenly spaced in the order of its points."""
    count = len(marks.shelves)
    rows = []
    for k in range(count):
        own = [p[1] for name, p in marks.points.items() if name.startswith(f"shelf{k}.")]
        rows.append(float(np.mean(own)) if own else 0.5 * marks.size[1])
    order = np.argsort(np.argsort(rows))
    return [float(v) for v in 0.8 - 0.7 * order / max(count - 1, 1)]


def camera(values: Values, size: tuple[int, int]) -> Camera:
    """The camera of solved unknowns, as the renderer draws it at the middle of its ranges."""
    rotation = (
        euler([0, 0, values["camera.yaw"]])
        @ euler([90 + values["camera.pitch"], 0, 0])
        @ euler([0, 0, values["camera.roll"]])
    )
    location = np.array([values[f"camera.{axis}"] for axis in "xyz"]) / 1000
    return Camera(tuple(location), rotation, values["camera.lens_mm"], SENSOR_MM, size)  # type: ignore[arg-type]


def _half(values: Values, y: float) -> float:
    """Half the cabinet's width at depth `y`, as `cabinet.half_width`."""
    share = min(max(y / values["cabinet.depth"], 0.0), 1.0)
    return values["cabinet.width"] / 2 * (1 + (values["cabinet.taper"] - 1) * share)


def reach(values: Values, kind: str, back: float) -> float:
    """Half the width of a shelf's board, as `cabinet.shelf` makes it."""
    if kind == "floor":
        return _half(values, 0.0)
    return _half(values, back) - 4 if kind in ("glass", "wire") else _half(values, 0.0) - 25


def place(name: str, values: Values, marks: Marks) -> tuple[float, float, float]:
    """Where the marked point `name` (not one on a wall) is, x, y, z in mm."""
    thing, _, part = name.partition(".")
    depth = values["cabinet.depth"]
    side = -1 if part.endswith("left") else 1
    if thing == "cabinet":
        y = depth if part.startswith("back") else 0.0
        return side * _half(values, y), y, values["cabinet.height"] if "top" in part else 0.0
    if thing.startswith("shelf"):
        back = depth - values[f"{thing}.behind"]
        y = back if part.startswith("back") else values[f"{thing}.front"]
        if part in ("front", "back"):
            return values[f"{name}.x"], y, values[f"{thing}.height"]
        outwards = values[f"{thing}.left" if side < 0 else f"{thing}.right"]
        kind = marks.shelves[int(thing[5:])]
        half = _half(values, y) if kind == "floor" else reach(values, kind, back)
        return side * (half + outwards), y, values[f"{thing}.height"]
    if thing.startswith("drawer"):
        y = depth - values[f"{thing}.behind"] if part.startswith("back") else values[f"{thing}.front"]
        x = values[f"{thing}.left" if side < 0 else f"{thing}.right"]
        return x, y, values[f"{thing}.top" if "top" in part else f"{thing}.bottom"]
    z = values[f"{marks.products[int(thing[7:])]}.height"]
    if part == "top":
        z += values[f"{thing}.height"]
    return values[f"{thing}.x"], values[f"{thing}.y"], z


def length(name: str, values: Values, marks: Marks) -> float:
    """The length `name` in mm."""
    thing, _, part = name.partition(".")
    if name in values:
        return values[name]
    if name == "cabinet.back_width":
        return values["cabinet.width"] * values["cabinet.taper"]
    low, high = {
        "width": ("front_left", "front_right"),
        "depth": ("front_left", "back_left"),
        "height": ("front_bottom_left", "front_top_left"),
    }[part]
    if thing.startswith("drawer") and part != "height":
        low, high = (end.replace("_", "_bottom_") for end in (low, high))
    ends = np.array([place(f"{thing}.{end}", values, marks) for end in (low, high)])
    return float(np.abs(ends[1] - ends[0])[{"width": 0, "depth": 1, "height": 2}[part]])
