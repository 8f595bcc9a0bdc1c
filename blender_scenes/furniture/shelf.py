"""Retail shelving: the typed `scene.shelf` (ranges, millimetres), and the unit that each scene draws from it."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from blender_scenes.chance import between, pick
from blender_scenes.furniture.parts import (
    FINISHES,
    Frame,
    Furniture,
    Lamp,
    among,
    block,
    joined,
    one_of,
    rising,
    sheet,
)
from blender_scenes.furniture.stock import stock
from blender_scenes.placement import Surface
from coldstart.errors import UserError

__all__ = ["ShelfUnit", "Shelves"]

BOARD = 25.0  # mm, thickness of a level
PLINTH = 140.0  # mm, from the floor to the lowest board
PRINT = 44  # pixels, height of a price rail's picture
SIDES = ("posts", "panels")
BACKS = ("plain", "holes", "slats")


@dataclass
class ShelfUnit:
    """One unit of a run, from the front: x to the right, y into it, z up.

    The origin is the middle of the lowest board's front edge; a unit of the same make stands on either side.
    """

    width: float = 1000.0
    depth: float = 420.0
    levels: list[float] = field(default_factory=lambda: [0.0, 330.0, 660.0])  # heights of the boards' tops
    height: float = 1000.0
    board: str = "white"  # finish of boards and uprights
    rail: str = "white"  # finish of the price rails
    rail_height: float = 38.0
    sides: str = "posts"  # posts | panels
    back: str = "plain"  # plain | holes | slats
    prices: list[list[str]] = field(default_factory=list)  # what each level's tags say, from the left
    tag: list[str] = field(default_factory=lambda: ["#f4f4f0", "#202020"])  # colours of paper and print
    stock: int = 0  # seed of what fills the units beside

    def __post_init__(self) -> None:
        one_of("scene.shelf.board", self.board, tuple(FINISHES))
        one_of("scene.shelf.rail", self.rail, tuple(FINISHES))
        one_of("scene.shelf.sides", self.sides, SIDES)
        one_of("scene.shelf.back", self.back, BACKS)

    @property
    def tone(self) -> list[float]:
        """The wall colour of the look as it is."""
        return [1.0, 1.0, 1.0]

    def surfaces(self) -> list[Surface]:
        """The levels."""
        half, depth = self.width / 2000 - 0.02, self.depth / 1000
        return [
            Surface(f"level{k}", (-half, half), (0.005, depth - 0.03), z, headroom, 1.0)
            for k, (z, headroom) in enumerate(self._levels())
        ]

    def _levels(self) -> list[tuple[float, float]]:
        """Height of each board and the room above it, metres."""
        tops = [*self.levels[1:], self.height]
        return [(z / 1000, (top - z - BOARD - 15) / 1000) for z, top in zip(self.levels, tops, strict=True)]

    def parts(self) -> list[Furniture]:
        """Boards, price rails with their tags, back panel and uprights, the units beside, and the aisle around them."""
        half, depth, height = self.width / 2000, self.depth / 1000, self.height / 1000
        low, end = self.levels[0] / 1000, 3 * self.width / 2000
        ground = low - PLINTH / 1000
        parts = [
            block((-end, end), (depth, depth + 0.01), (ground, height), "wall"),
            block((-end, end), (0.03, depth), (ground, low - BOARD / 1000), "housing"),
            *self._back(),
        ]
        for x in (-end, -half, half, end):
            parts += self._upright(x, ground, height)
        for k, (z, _) in enumerate(self._levels()):
            parts += self._level(z, self.prices[k] if k < len(self.prices) else [])
        rng = np.random.default_rng(self.stock)
        for bay in ((-end + 0.02, -half - 0.02), (half + 0.02, end - 0.02)):
            parts.append(stock(self._levels(), bay, (0.01, 0.6 * depth), rng))
        parts.append(block((-4.0, 4.0), (depth + 1.0, depth + 1.02), (ground, 4.0), "cabinet"))  # the far wall
        parts.append(block((-4.0, 4.0), (-4.0, depth + 1.0), (ground - 0.02, ground), "cabinet"))
        return joined(parts)

    def _upright(self, x: float, low: float, high: float) -> list[Furniture]:
        """What stands between two units: a panel, or a post at the back with the slots that brackets hang in."""
        depth = self.depth / 1000
        if self.sides == "panels":
            return [block((x - 0.012, x + 0.012), (0.02, depth), (low, high), self.board)]
        post = block((x - 0.016, x + 0.016), (depth - 0.03, depth), (low, high), self.board)
        return [post] + [
            sheet([x + side, depth - 0.0305, float(z)], [0.004, 0, 0], [0, 0, 0.012], "slot")
            for side in (-0.009, 0.005)
            for z in np.arange(low + 0.03, high - 0.02, 0.03)
        ]

    def _back(self) -> list[Furniture]:
        half, y = self.width / 2000 - 0.03, self.depth / 1000 - 0.001
        low, high = self.levels[0] / 1000, self.height / 1000
        if self.back == "slats":
            return [
                block((-half, half), (y - 0.0005, y), (float(z), float(z) + 0.006), "slot")
                for z in np.arange(low, high, 0.1)
            ]
        if self.back == "holes":
            return [
                sheet([float(x), y, float(z)], [0.006, 0, 0], [0, 0, 0.006], "slot")
                for x in np.arange(-half, half, 0.05)
                for z in np.arange(low, high, 0.05)
            ]
        return []

    def _level(self, z: float, prices: list[str]) -> list[Furniture]:
        """A board with its price rail, on through the units beside; these repeat the tags."""
        end, depth, rail = 3 * self.width / 2000, self.depth / 1000, self.rail_height / 1000
        parts = [
            block((-end, end), (0.0, depth), (z - BOARD / 1000, z), self.board),
            block((-end, end), (-0.008, -0.0005), (z - rail, z - 0.001), self.rail),
        ]
        if prices:
            face = sheet([-end, -0.0085, z - rail], [2 * end, 0, 0], [0, 0, rail - 0.001], self.rail).mesh
            face = replace(face, uvs=face.uvs * [3, 1] - [1, 0])
            ground = FINISHES[self.rail].colour
            width = self.width / 1000
            size = (round(PRINT * width / rail), PRINT)
            parts.append(Furniture(face, self.rail, tuple(self._tags(prices, ground, rail / width)), size))
        return parts

    def _tags(self, prices: list[str], ground: tuple[float, float, float], aspect: float) -> list[dict[str, Any]]:
        """A row of price tags as label art; `aspect` is the rail's height by its length."""
        shade = "#" + "".join(f"{round(255 * c ** (1 / 2.2)):02x}" for c in ground)
        paper, ink = self.tag
        layers: list[dict[str, Any]] = [{"fill": shade}]
        for u, price in zip((np.arange(len(prices)) + 0.5) / len(prices), prices, strict=True):
            half = 0.75 * aspect
            layers.append({"rect": [u - half, 0.06, u + half, 0.94], "colour": paper, "radius": 0.05})
            layers.append({"text": price, "at": [u, 0.4], "height": 0.32, "colour": ink, "weight": 0.18})
            layers.append({"lines": [u - 0.85 * half, 0.72, u + 0.6 * half, 0.86], "colour": ink, "count": 2})
        return layers

    def light_sources(self) -> list[Lamp]:
        """Two rows of light over the aisle; a look's bulb is meant for a fridge, an aisle has many times of it."""
        top = max(self.height / 1000 + 0.6, 1.6)
        share = 4.0 * (top / 1.4) ** 2  # a higher ceiling has more of them
        return [
            Lamp("bulb", (0.0, -0.6, top), (30, 0, 0), (2.4, 0.2), share),
            Lamp("bulb", (0.0, -1.6, top), (50, 0, 0), (2.4, 0.2), share),
            Lamp("fill", (0.0, -1.8, 0.8), (80, 0, 0), (1.0, 1.0), 1.5),
        ]

    def frame(self) -> Frame:
        """Its front."""
        half, low = self.width / 2000, (self.levels[0] - self.rail_height) / 1000
        return Frame((-half, 0.0, low), (2 * half, 0.0, 0.0), (0.0, 0.0, self.height / 1000 - low))


@dataclass
class Shelves:
    """Lengths in millimetres as [low, high]; `odds` are weights of choices."""

    width: list[float] = field(default_factory=lambda: [800.0, 1250.0])
    depth: list[float] = field(default_factory=lambda: [300.0, 470.0])
    levels: list[int] = field(default_factory=lambda: [3, 5])
    spacing: list[float] = field(default_factory=lambda: [230.0, 360.0])  # from one level to the next
    rail_height: list[float] = field(default_factory=lambda: [30.0, 45.0])
    board_odds: dict[str, float] = field(default_factory=lambda: {"white": 0.7, "steel": 0.15, "cabinet": 0.15})
    rail_odds: dict[str, float] = field(default_factory=lambda: {"white": 0.5, "dark": 0.25, "rim": 0.25})
    sides_odds: dict[str, float] = field(default_factory=lambda: {"posts": 0.75, "panels": 0.25})
    back_odds: dict[str, float] = field(default_factory=lambda: {"plain": 0.4, "holes": 0.3, "slats": 0.3})
    tags: list[int] = field(default_factory=lambda: [3, 8])  # per level
    tag_colours: list[list[str]] = field(
        default_factory=lambda: [["#f4f4f0", "#202020"], ["#f7e14a", "#1a1a1a"], ["#d8262c", "#ffffff"]]
    )

    def __post_init__(self) -> None:
        for key in ("width", "depth", "spacing", "rail_height"):
            rising(f"scene.shelf.{key}", getattr(self, key), 20)
        rising("scene.shelf.levels", self.levels, 1)
        rising("scene.shelf.tags", self.tags, 0)
        among("scene.shelf.sides_odds", self.sides_odds, SIDES)
        among("scene.shelf.back_odds", self.back_odds, BACKS)
        among("scene.shelf.board_odds", self.board_odds, tuple(FINISHES))
        among("scene.shelf.rail_odds", self.rail_odds, tuple(FINISHES))
        if self.spacing[0] < 100:
            raise UserError(f"scene.shelf.spacing: {self.spacing[0]:g} mm leaves no room; at least 100")
        if not self.tag_colours:
            raise UserError("scene.shelf.tag_colours: needs at least one pair [paper, print]")

    def draw(self, rng: np.random.Generator) -> ShelfUnit:
        """One unit."""
        count = int(rng.integers(self.levels[0], self.levels[1] + 1))
        heights = np.cumsum([0.0, *(between(self.spacing, rng) for _ in range(count))])
        return ShelfUnit(
            width=between(self.width, rng),
            depth=between(self.depth, rng),
            levels=heights[:-1].tolist(),
            height=float(heights[-1]),
            board=pick(self.board_odds, rng),
            rail=pick(self.rail_odds, rng),
            rail_height=between(self.rail_height, rng),
            sides=pick(self.sides_odds, rng),
            back=pick(self.back_odds, rng),
            prices=[
                [f"{rng.integers(10)}.{rng.integers(10)}9" for _ in range(rng.integers(self.tags[0], self.tags[1] + 1))]
                for _ in range(count)
            ],
            tag=list(self.tag_colours[rng.integers(len(self.tag_colours))]),
            stock=int(rng.integers(2**31)),
        )
