"""A table: the typed `scene.table` (ranges, millimetres), and the one that each scene draws from it."""

import itertools
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from blender_scenes.chance import between, pick
from blender_scenes.furniture.parts import Frame, Furniture, Lamp, among, block, carried, joined, one_of, rising, sheet
from blender_scenes.geometry import euler
from blender_scenes.placement import Surface
from coldstart.errors import UserError

__all__ = ["Table", "Tables"]

TOPS = ("white", "grey", "wood", "cloth")
FLOORS = ("boards", "tiles", "plain")
FLOOR = 0.74  # metres from the top down to the floor
BOARDS = 40  # of a floor, and half as many tiles each way
HEADROOM = 500.0  # mm, for the tallest product


@dataclass
class Table:
    """One table top: x to the right, y away from the viewer, z up; the origin is the middle of the top."""

    width: float = 900.0
    depth: float = 700.0
    top: str = "white"  # white | grey | wood | cloth
    colours: list[str] = field(default_factory=lambda: ["#8a5a32", "#5f3a1d"])  # ground and grain, or cloth and stripes
    planks: int = 5
    floor: str = "boards"  # boards | tiles | plain
    floor_colours: list[str] = field(default_factory=lambda: ["#a8845c", "#6e5235"])
    chairs: list[list[float]] = field(default_factory=list)  # x, y of the seat's front edge, and to where it is turned
    lamp: list[float] = field(default_factory=lambda: [0.0, 0.0, 1200.0])  # of the soft light
    lamp_size: float = 1000.0

    def __post_init__(self) -> None:
        one_of("scene.table.top", self.top, TOPS)
        one_of("scene.table.floor", self.floor, FLOORS)

    @property
    def tone(self) -> list[float]:
        """The wall colour of the look as it is."""
        return [1.0, 1.0, 1.0]

    def surfaces(self) -> list[Surface]:
        """The top, but for a margin."""
        x, y = self.width / 2000 - 0.02, self.depth / 2000 - 0.02
        return [Surface("top", (-x, x), (-y, y), 0.0, HEADROOM / 1000, 1.0)]

    def parts(self) -> list[Furniture]:
        """The board on its legs, chairs, and the room: a floor and the foot of a wall."""
        x, y = self.width / 2000, self.depth / 2000
        parts = [block((-x, x), (-y, y), (-0.03, -0.0005), "cabinet")]
        for u, v in ((-1, -1), (-1, 1), (1, -1), (1, 1)):
            parts.append(
                block(_between(u * (x - 0.09), 0.025), _between(v * (y - 0.09), 0.025), (-FLOOR, -0.03), "door")
            )
        for across, along, turn in self.chairs:
            parts += [carried(p, euler([0, 0, turn]).T, np.array([across, along, 0]) / 1000) for p in _chair()]
        parts.append(block((-4.0, 4.0), (2.4, 2.42), (-FLOOR, 2.0), "wall"))
        top, floor = sheet([-x, -y, 0.0], [2 * x, 0, 0], [0, 2 * y, 0], "cabinet"), _floor()
        art, laid = self._art(), _surface(self.floor, self.floor_colours, BOARDS)
        top = replace(top, art=tuple(art), art_size=(640, round(640 * y / x))) if art else top
        return [*joined(parts), top, replace(floor, art=tuple(laid), art_size=(640, 640))]

    def _art(self) -> list[dict[str, Any]]:
        if self.top == "cloth":
            ground, stripe = self.colours
            stripes = (np.arange(2 * self.planks) / (2 * self.planks)).tolist()
            return [
                {"fill": ground},
                *({"rect": [u, 0, u + 0.2 / self.planks, 1], "colour": stripe} for u in stripes),
                {"mottle": 0.1, "scale": 40},
            ]
        return _surface("boards", self.colours, self.planks) if self.top == "wood" else []

    def light_sources(self) -> list[Lamp]:
        """A soft light above, as bright on the table from any height, and the room's from the side and around."""
        x, y, z = (v / 1000 for v in self.lamp)
        size = self.lamp_size / 1000
        return [
            Lamp("bulb", (x, y, z), (0, 0, 0), (size, size), 5.0 * (z / 1.2) ** 2),
            Lamp("fill", (0.0, -1.2, 1.0), (55, 0, 0), (1.0, 1.0)),
            Lamp("bulb", (0.0, 0.0, 1.9), (0, 0, 0), (4.0, 4.0), 9.0),
        ]

    def frame(self) -> Frame:
        """The top."""
        x, y = self.width / 2000, self.depth / 2000
        return Frame((-x, -y, 0.0), (2 * x, 0.0, 0.0), (0.0, 2 * y, 0.0))


def _between(middle: float, half: float) -> tuple[float, float]:
    return middle - half, middle + half


def _floor() -> Furniture:
    return sheet([-4.0, -4.0, -FLOOR], [8.0, 0, 0], [0, 8.0, 0], "cabinet")


def _chair() -> list[Furniture]:
    """A chair that looks along +y, the front edge of its seat above the origin; the table's top is z = 0."""
    seat = block((-0.21, 0.21), (-0.42, 0.0), (-0.31, -0.27), "door")
    back = block((-0.21, 0.21), (-0.45, -0.42), (-0.12, 0.13), "door")
    legs = [
        block(_between(x, 0.018), _between(y, 0.018), (-FLOOR, top), "door")
        for x in (-0.19, 0.19)
        for y, top in ((-0.03, -0.3), (-0.43, 0.0))
    ]
    return [seat, back, *legs]


def _surface(kind: str, colours: list[str], count: int) -> list[dict[str, Any]]:
    """Layers of a floor or a wooden top: `boards` of unlike width and shade, `tiles` or `plain`.

    `colours` are those of the ground and of grain or joints.
    """
    ground, dark = colours
    layers: list[dict[str, Any]] = [{"fill": ground}]
    if kind == "boards":
        rng = np.random.default_rng(count)
        edges = np.cumsum([0.0, *rng.uniform(0.7, 1.3, count)])
        for left, right in itertools.pairwise((edges / edges[-1]).tolist()):
            layers.append({"grain": [left, 0, right, 1], "colours": [ground, dark]})
            layers.append({"rect": [right - 0.001, 0, right + 0.001, 1], "colour": dark})
        return layers
    if kind == "tiles":
        lines = (np.arange(1, count // 2) / (count // 2)).tolist()
        layers += [{"rect": [u - 0.001, 0, u + 0.001, 1], "colour": dark} for u in lines]
        layers += [{"rect": [0, v - 0.001, 1, v + 0.001], "colour": dark} for v in lines]
    return [*layers, {"mottle": 0.2, "scale": 9}, {"mottle": 0.12, "scale": 60}]


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
    floor_odds: dict[str, float] = field(default_factory=lambda: {"boards": 0.45, "tiles": 0.25, "plain": 0.3})
    floors: list[list[str]] = field(  # ground, and joints or grain
        default_factory=lambda: [
            ["#b08c63", "#7a5a3a"],
            ["#8d6b49", "#5c4027"],
            ["#c9b491", "#94795a"],
            ["#b9b5ad", "#86827b"],
            ["#9b968d", "#6d6962"],
            ["#d3cec4", "#a5a097"],
        ]
    )
    chairs: list[int] = field(default_factory=lambda: [0, 3])
    planks: list[int] = field(default_factory=lambda: [1, 8])  # of a wooden top; half the stripes of a cloth
    lamp_height: list[float] = field(default_factory=lambda: [900.0, 1600.0])
    lamp_size: list[float] = field(default_factory=lambda: [300.0, 1400.0])

    def __post_init__(self) -> None:
        for key in ("width", "depth", "lamp_height", "lamp_size"):
            rising(f"scene.table.{key}", getattr(self, key), 50)
        rising("scene.table.planks", self.planks, 1)
        if not self.woods or not self.cloths or not self.floors:
            raise UserError("scene.table.woods, cloths, floors: each needs at least one pair of colours")
        rising("scene.table.chairs", self.chairs, 0)
        among("scene.table.top_odds", self.top_odds, TOPS)
        among("scene.table.floor_odds", self.floor_odds, FLOORS)

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
            floor=pick(self.floor_odds, rng),
            floor_colours=list(self.floors[rng.integers(len(self.floors))]),
            chairs=[self._chair_at(int(side), width, depth, rng) for side in self._sides(rng)],
        )

    def _sides(self, rng: np.random.Generator) -> list[int]:
        count = min(int(rng.integers(self.chairs[0], self.chairs[1] + 1)), 4)
        sides: list[int] = rng.permutation(4)[:count].tolist()
        return sides

    def _chair_at(self, side: int, width: float, depth: float, rng: np.random.Generator) -> list[float]:
        """A chair at one of four sides, now and then drawn back, its seat or less of it below the table."""
        reach = (depth if side % 2 == 0 else width) / 2 + rng.uniform(-120, 220)
        turn = 90 * side + rng.normal(0, 12)
        aside, angle = rng.uniform(-0.2, 0.2) * width, np.radians(90 * side)
        return [
            float(np.sin(angle) * reach + np.cos(angle) * aside),
            float(-np.cos(angle) * reach + np.sin(angle) * aside),
            float(turn),
        ]
