"""A table: the typed `scene.table` (ranges, millimetres), and the one that each scene draws from it."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from blender_scenes.chance import between, pick
from blender_scenes.furniture.parts import Frame, Furniture, Lamp, among, block, one_of, rising, sheet
from blender_scenes.placement import Surface
from coldstart.errors import UserError

__all__ = ["Table", "Tables"]

TOPS = ("white", "grey", "wood", "cloth")
HEADROOM = 500.0  # mm, for the tallest product


@dataclass
class Table:
    """One table top: x to the right, y away from the viewer, z up; the origin is the middle of the top."""

    width: float = 900.0
    depth: float = 700.0
    top: str = "white"  # white | grey | wood | cloth
    colours: list[str] = field(default_factory=lambda: ["#8a5a32", "#5f3a1d"])  # ground and grain, or cloth and stripes
    planks: int = 5
    lamp: list[float] = field(default_factory=lambda: [0.0, 0.0, 1200.0])  # of the soft light
    lamp_size: float = 1000.0

    def __post_init__(self) -> None:
        one_of("scene.table.top", self.top, TOPS)

    @property
    def tone(self) -> list[float]:
        """The wall colour of the look as it is."""
        return [1.0, 1.0, 1.0]

    def surfaces(self) -> list[Surface]:
        """The top, but for a margin."""
        x, y = self.width / 2000 - 0.02, self.depth / 2000 - 0.02
        return [Surface("top", (-x, x), (-y, y), 0.0, HEADROOM / 1000, 1.0)]

    def parts(self) -> list[Furniture]:
        """The board and the floor below."""
        x, y = self.width / 2000, self.depth / 2000
        finish = "wall" if self.top in ("white", "wood") else "cabinet"
        parts = [
            block((-x, x), (-y, y), (-0.03, -0.0005), finish),
            block((-3.0, 3.0), (-3.0, 3.0), (-0.78, -0.75), "floor"),
        ]
        face = sheet([-x, -y, 0.0], [2 * x, 0, 0], [0, 2 * y, 0], finish)
        art = self._art()
        if art:
            return [*parts, Furniture(face.mesh, finish, tuple(art), (768, round(768 * y / x)))]
        return [*parts, face]

    def _art(self) -> list[dict[str, Any]]:
        ground, grain = self.colours
        if self.top == "wood":
            seams = np.arange(1, self.planks) / self.planks
            return [
                {"fill": ground},
                {"streaks": 60, "colour": grain, "strength": 0.45},
                {"mottle": 0.25, "scale": 5},
                *({"rect": [u - 0.0015, 0, u + 0.0015, 1], "colour": grain} for u in seams.tolist()),
            ]
        if self.top == "cloth":
            stripes = (np.arange(2 * self.planks) / (2 * self.planks)).tolist()
            return [
                {"fill": ground},
                *({"rect": [u, 0, u + 0.2 / self.planks, 1], "colour": grain} for u in stripes),
                {"mottle": 0.1, "scale": 40},
            ]
        return []

    def light_sources(self) -> list[Lamp]:
        """A soft light above, and the room's from the side."""
        x, y, z = (v / 1000 for v in self.lamp)
        return [
            Lamp("bulb", (x, y, z), (0, 0, 0), (self.lamp_size / 1000, self.lamp_size / 1000), 7.0),
            Lamp("fill", (0.0, -1.2, 1.0), (55, 0, 0), (1.0, 1.0)),
        ]

    def frame(self) -> Frame:
        """The top."""
        x, y = self.width / 2000, self.depth / 2000
        return Frame((-x, -y, 0.0), (2 * x, 0.0, 0.0), (0.0, 2 * y, 0.0))


@dataclass
class Tables:
    """Lengths in millimetres as [low, high]; `odds` are weights of choices."""

    width: list[float] = field(default_factory=lambda: [600.0, 1100.0])
    depth: list[float] = field(default_factory=lambda: [500.0, 800.0])
    top_odds: dict[str, float] = field(
        default_factory=lambda: {"white": 0.35, "grey": 0.15, "wood": 0.35, "cloth": 0.15}
    )
    woods: list[list[str]] = field(  # ground and grain
        default_factory=lambda: [["#b98a5a", "#8f6236"], ["#7a4f2c", "#55331a"], ["#d3bb94", "#b39467"]]
    )
    cloths: list[list[str]] = field(
        default_factory=lambda: [["#e8e6e0", "#b63a32"], ["#dfe6ea", "#3c6a94"], ["#ece7d8", "#6d8a5a"]]
    )
    planks: list[int] = field(default_factory=lambda: [1, 8])  # of a wooden top; half the stripes of a cloth
    lamp_height: list[float] = field(default_factory=lambda: [900.0, 1600.0])
    lamp_size: list[float] = field(default_factory=lambda: [300.0, 1400.0])

    def __post_init__(self) -> None:
        for key in ("width", "depth", "lamp_height", "lamp_size"):
            rising(f"scene.table.{key}", getattr(self, key), 50)
        rising("scene.table.planks", self.planks, 1)
        if not self.woods or not self.cloths:
            raise UserError("scene.table.woods, scene.table.cloths: each needs at least one pair of colours")
        among("scene.table.top_odds", self.top_odds, TOPS)

    def draw(self, rng: np.random.Generator) -> Table:
        """One table."""
        width, depth = between(self.width, rng), between(self.depth, rng)
        across, along = (rng.uniform(-0.6, 0.6, 2) * [width, depth]).tolist()
        top = pick(self.top_odds, rng)
        colours = self.cloths if top == "cloth" else self.woods
        return Table(
            width=width,
            depth=depth,
            top=top,
            colours=list(colours[rng.integers(len(colours))]),
            planks=int(rng.integers(self.planks[0], self.planks[1] + 1)),
            lamp=[across, along, between(self.lamp_height, rng)],
            lamp_size=between(self.lamp_size, rng),
        )
