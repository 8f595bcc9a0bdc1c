"""The typed form of conf/render.yaml and the scene and look groups below it. Lengths in millimetres, as in the YAML."""

from dataclasses import dataclass, field
from typing import Any

from omegaconf import MISSING

from blender_scenes.catalogue import Product
from coldstart.errors import UserError
from coldstart.tracking import LoggerConfig

__all__ = ["Drawer", "Fridge", "Look", "RenderConfig", "Scene", "Shelf", "ViewPoint"]


@dataclass
class Shelf:
    """A glass shelf that products stand on."""

    height: float = 0.0  # of its top above the fridge's floor
    front: float = 0.0  # from the opening to its front edge
    back: float = 0.0
    x: list[float] = field(default_factory=lambda: [-300.0, 300.0])  # where products may stand
    headroom: float = 300.0  # tallest product that fits below what is above
    weight: float = 1.0  # how often a product goes here
    rim: float = 20.0  # height of the front rail
    split: bool = False  # two panes with a bar between them


@dataclass
class Drawer:
    """A clear plastic bin; products lie on its floor if `weight` is above 0."""

    x: list[float] = field(default_factory=lambda: [0.0, 0.0])
    y: list[float] = field(default_factory=lambda: [0.0, 0.0])
    z: list[float] = field(default_factory=lambda: [0.0, 0.0])
    weight: float = 0.0


@dataclass
class Fridge:
    """The cabinet from the front: x to the right, y into it, z up; the origin is the middle of the floor's edge."""

    width: float = 720.0
    back_width: float = 660.0
    depth: float = 690.0
    height: float = 1120.0
    shelves: list[Shelf] = field(default_factory=list)
    drawers: list[Drawer] = field(default_factory=list)
    lamp_depth: float = 330.0  # of the bulb, from the opening
    front_bias: float = 50.0  # how far behind a shelf's edge products typically stand
    deep_odds: float = 0.3  # share of products pushed further back

    def __post_init__(self) -> None:
        if not self.shelves:
            raise UserError("scene.fridge.shelves: needs at least one shelf")
        if sum(s.weight for s in self.shelves) + sum(d.weight for d in self.drawers) <= 0:
            raise UserError("scene.fridge: no shelf or drawer has a weight above 0, so nothing can be placed")


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


@dataclass
class Scene:
    """One YAML of conf/scene."""

    name: str = "???"
    fridge: Fridge = MISSING
    camera: ViewPoint = field(default_factory=ViewPoint)
    gap: float = 4.0  # smallest distance between two products
    max_overlap: float = 0.3  # largest share of a product's box that another's box may cover in the picture


@dataclass
class Look:
    """One YAML of conf/look: ranges [low, high] that each scene draws from; colours are linear RGB."""

    bulb_watts: list[float] = field(default_factory=lambda: [2.3, 4.0])
    bulb_colour: list[Any] = field(default_factory=lambda: [[1.0, 0.73, 0.46], [1.0, 0.83, 0.64]])
    fill_watts: list[float] = field(default_factory=lambda: [2.0, 6.0])
    fill_colour: list[Any] = field(default_factory=lambda: [[1.0, 0.86, 0.72], [1.0, 0.9, 0.8]])
    ambient: list[float] = field(default_factory=lambda: [0.02, 0.08])
    ambient_colour: list[Any] = field(default_factory=lambda: [[1.0, 0.9, 0.8], [1.0, 0.9, 0.8]])
    wall: list[Any] = field(default_factory=lambda: [[0.88, 0.84, 0.78], [0.92, 0.88, 0.82]])
    clutter: list[float] = field(default_factory=lambda: [0.2, 1.0])
    exposure: list[float] = field(default_factory=lambda: [-0.15, 0.45])  # stops
    white_balance: list[Any] = field(default_factory=lambda: [[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]])  # gains
    gamma: list[float] = field(default_factory=lambda: [1.0, 1.35])
    shoulder: list[float] = field(default_factory=lambda: [0.0, 0.2])  # 0 clips highlights, 1 rolls them off
    saturation: list[float] = field(default_factory=lambda: [0.95, 1.1])
    vignette: list[float] = field(default_factory=lambda: [0.0, 0.15])  # darkening of the corners
    blur: list[float] = field(default_factory=lambda: [0.0, 0.4])  # standard deviation in pixels
    shot_noise: list[float] = field(default_factory=lambda: [0.0, 0.006])
    read_noise: list[float] = field(default_factory=lambda: [0.0, 0.003])
    jpeg: list[int] = field(default_factory=lambda: [96, 96])  # quality 1..100; 100 leaves the picture alone


@dataclass
class RenderConfig:
    """conf/render.yaml."""

    scene: Scene = MISSING
    look: Look = field(default_factory=Look)
    products: dict[str, Product] = field(default_factory=dict)
    count: int = 100
    seed: int = 0
    size: list[int] = field(default_factory=lambda: [312, 416])
    samples: int = 8
    workers: int = 1
    min_visible_fraction: float = 0.15
    min_pixels: int = 30
    out: str = "???"
    logger: LoggerConfig = field(default_factory=LoggerConfig)

    def __post_init__(self) -> None:
        for key, low in (("count", 1), ("seed", 0), ("samples", 1), ("workers", 1), ("min_pixels", 0)):
            if getattr(self, key) < low:
                raise UserError(f"{key}: {getattr(self, key)} is below {low}")
        if len(self.size) != 2 or not all(32 <= s <= 8192 for s in self.size):
            raise UserError(f"size: {self.size} must be [width, height] in pixels, each 32..8192")
        if not 0 <= self.min_visible_fraction <= 1:
            raise UserError(f"min_visible_fraction: {self.min_visible_fraction} is not in 0..1")
        if not self.products:
            raise UserError("product: the scene has no products; give product=[ketchup,…]")

    @property
    def class_names(self) -> list[str]:
        """Label names in alphabetical order; several products may share one."""
        return sorted({p.category for p in self.products.values()})
