"""A scene as plain data: everything about one render that chance decides. Frozen, JSON in and out."""

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Camera", "Light", "Placement", "Response", "SceneSpec", "record_name", "rounded"]

Triple = tuple[float, float, float]
Matrix = tuple[Triple, Triple, Triple]


def rounded(values: Any) -> Any:
    """Floats to six digits, so that every machine's last bit gives the same JSON; arrays become tuples."""
    if isinstance(values, np.ndarray):
        values = values.tolist()
    if isinstance(values, list | tuple):
        return tuple(rounded(v) for v in values)
    return round(float(values), 6) + 0.0


def record_name(index: int, look: int) -> str:
    """The stem of what a scene's look is kept in: 000012, and 000012_1 for its second look."""
    return f"{index:06d}_{look}" if look else f"{index:06d}"


@dataclass(frozen=True)
class Camera:
    """A camera with radial distortion; lengths in metres.

    `rotation` maps camera axes (x right, y up, −z ahead) to the world's.
    """

    location: Triple
    rotation: Matrix
    lens_mm: float
    sensor_height_mm: float
    size: tuple[int, int]  # width, height in pixels
    k1: float = 0.0  # radial distortion, see `blender_scenes.lens`

    def project(self, points: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Pixel coordinates N×2 (x right, y down) and depth N in metres along the view axis of N×3 world points."""
        local = (points - np.array(self.location)) @ np.array(self.rotation)
        depth = -local[:, 2]
        width, height = self.size
        focal = self.lens_mm / self.sensor_height_mm * height
        x, y = local[:, 0] / depth, local[:, 1] / depth
        stretch = focal * (1 + self.k1 * (x**2 + y**2))
        pixels = np.stack([width / 2 + stretch * x, height / 2 - stretch * y], axis=1)
        return pixels, depth


@dataclass(frozen=True)
class Placement:
    """One piece of a product. `instance` is its value in the mask, 0 for one without label.

    world = location + rotation @ (scale · vertex)
    """

    product: str
    instance: int
    variant: int
    pose: str
    surface: str
    location: Triple
    rotation: Matrix
    scale: float
    tint: Triple

    def transform(self, vertices: NDArray[np.float64]) -> NDArray[np.float64]:
        """N×3 vertices of the product's mesh in world coordinates, metres."""
        moved: NDArray[np.float64] = self.scale * vertices @ np.array(self.rotation).T + np.array(self.location)
        return moved


@dataclass(frozen=True)
class Light:
    """Lamps of the scene: power in watts, colours linear RGB."""

    bulb_watts: float
    bulb_colour: Triple
    fill_watts: float
    fill_colour: Triple
    fill_x: float
    ambient: float
    ambient_colour: Triple
    wall: Triple  # linear RGB albedo of the interior
    clutter: float  # 0..1, how bright the things outside are
    background: Triple  # gains on their colour
    hdri: str  # picture of the surroundings that replaces ambient light: a path, or a name of Blender's own; or empty
    hdri_strength: float
    hdri_turn: float  # degrees about z


@dataclass(frozen=True)
class Response:
    """How the camera turns light into a picture; see `blender_scenes.sensor`."""

    exposure: float
    white_balance: Triple
    gamma: float
    shoulder: float
    saturation: float
    vignette: float
    blur: float
    shot_noise: float
    read_noise: float
    jpeg: int
    aperture: float  # diameter of the lens in millimetres; 0: all is sharp
    motion: tuple[float, float]  # shake in pixels, x and y


@dataclass(frozen=True)
class SceneSpec:
    """Everything chance decided about render `index` of `seed`; `unplaced` counts the pieces of each product that
    found no room."""

    scene: str
    seed: int
    index: int
    look: int  # which of the scene's looks: light and response belong to it, all else to the scene
    camera: Camera
    light: Light
    response: Response
    placements: tuple[Placement, ...]
    unplaced: dict[str, int]
    furniture: dict[str, Any]  # {kind: fields}, plain data; see blender_scenes.scene

    @property
    def name(self) -> str:
        """The stem of the files that keep it."""
        return record_name(self.index, self.look)

    def to_json(self) -> dict[str, Any]:
        """Plain dicts and lists."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "SceneSpec":
        """The inverse of `to_json`, also after a round through JSON text."""

        def tuples(value: Any) -> Any:
            return tuple(tuples(v) for v in value) if isinstance(value, list | tuple) else value

        def build(kind: Any, fields: dict[str, Any]) -> Any:
            return kind(**{k: tuples(v) for k, v in fields.items()})

        return cls(
            scene=content["scene"],
            seed=content["seed"],
            index=content["index"],
            look=content["look"],
            camera=build(Camera, content["camera"]),
            light=build(Light, content["light"]),
            response=build(Response, content["response"]),
            placements=tuple(build(Placement, p) for p in content["placements"]),
            unplaced=content["unplaced"],
            furniture=content["furniture"],
        )
