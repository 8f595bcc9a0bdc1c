"""Any refrigerator: the typed `scene.any_fridge` (ranges and odds), from which each scene draws one `Fridge`."""

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from blender_scenes.chance import between, pick
from blender_scenes.furniture.fridge import Detail, Drawer, Fridge, FridgeLamp, Shelf
from blender_scenes.furniture.parts import among, rising
from coldstart.errors import UserError

__all__ = ["Fridges"]

BOARD = 30.0  # mm between a shelf's top and the room below it
CLEARANCE = BOARD + 10  # mm between drawers and the level above them
SMALLEST = 150.0  # mm between two shelves
LAMPS = {"bulb": 150.0, "bar": 40.0, "sides": 40.0, "back": 40.0}  # mm that each needs below the ceiling
GROUNDS = ("bare", "fan", "vent", "ribs", "panel")


@dataclass(frozen=True)
class _Cavity:
    """The cabinet's inside."""

    width: float
    back_width: float
    depth: float
    height: float


@dataclass
class Fridges:
    """Lengths in millimetres as [low, high]; `odds` are weights of choices; `*_odds` the probability of a thing."""

    width: list[float] = field(default_factory=lambda: [480.0, 760.0])
    height: list[float] = field(default_factory=lambda: [650.0, 1200.0])
    depth: list[float] = field(default_factory=lambda: [430.0, 690.0])
    taper: list[float] = field(default_factory=lambda: [0.0, 60.0])  # how much narrower it is at the back
    radius: list[float] = field(default_factory=lambda: [6.0, 40.0])  # of its inner edges
    shelves: list[int] = field(default_factory=lambda: [2, 4])  # levels that products stand on
    shelf_odds: dict[str, float] = field(default_factory=lambda: {"rimmed": 0.45, "glass": 0.4, "wire": 0.15})
    inset: list[float] = field(default_factory=lambda: [40.0, 200.0])  # from the opening to the shelves' front edge
    drawers: list[int] = field(default_factory=lambda: [0, 2])  # side by side on the floor
    drawer_odds: dict[str, float] = field(default_factory=lambda: {"clear": 0.7, "white": 0.3})
    drawer_height: list[float] = field(default_factory=lambda: [150.0, 240.0])
    lamp_odds: dict[str, float] = field(default_factory=lambda: {"bulb": 0.35, "bar": 0.3, "sides": 0.15, "back": 0.2})
    lamp_share: list[float] = field(default_factory=lambda: [0.6, 1.3])  # of the look's bulb_watts
    low_lamp_odds: float = 0.25  # a band of light at the back of the lowest compartment
    back_odds: dict[str, float] = field(
        default_factory=lambda: {"bare": 0.3, "fan": 0.2, "vent": 0.2, "ribs": 0.15, "panel": 0.15}
    )
    rails_odds: float = 0.4  # ladders of shelf supports on the side walls, else single brackets
    print_odds: float = 0.4  # a sticker of fine print on a side wall
    frost_odds: float = 0.1  # ice on the back wall
    tone: list[Any] = field(default_factory=lambda: [[0.82, 0.83, 0.85], [1.0, 1.0, 1.0]])
    gasket_odds: dict[str, float] = field(default_factory=lambda: {"gasket": 0.4, "white": 0.4, "steel": 0.2})
    door_odds: dict[str, float] = field(default_factory=lambda: {"left": 0.3, "right": 0.4, "none": 0.3})
    kitchen_odds: float = 0.6
    words: list[str] = field(default_factory=lambda: ["FRESH", "COOL AIR", "NO FROST", "VITAL", "0°C"])

    def __post_init__(self) -> None:
        where = "scene.any_fridge"
        for key in ("width", "height", "depth", "taper", "radius", "inset", "drawer_height", "lamp_share"):
            rising(f"{where}.{key}", getattr(self, key), 0)
        rising(f"{where}.shelves", self.shelves, 1)
        rising(f"{where}.drawers", self.drawers, 0)
        among(f"{where}.shelf_odds", self.shelf_odds, ("rimmed", "split", "glass", "wire"))
        among(f"{where}.drawer_odds", self.drawer_odds, ("clear", "white"))
        among(f"{where}.lamp_odds", self.lamp_odds, tuple(LAMPS))
        among(f"{where}.back_odds", self.back_odds, GROUNDS)
        among(f"{where}.door_odds", self.door_odds, ("left", "right", "none"))
        room = min(self.height[0] - LAMPS[kind] for kind, odds in self.lamp_odds.items() if odds > 0)
        room -= self.drawer_height[0] + CLEARANCE if self.drawers[1] else 0
        if self.shelves[0] * SMALLEST > room:
            raise UserError(
                f"{where}.shelves: {self.shelves[0]} levels need {self.shelves[0] * SMALLEST:g} mm, the lowest height "
                f"{self.height[0]:g} leaves {max(room, 0):g} between the lamp and the lowest drawers"
            )
        if self.inset[1] + 150 > self.depth[0]:
            raise UserError(f"{where}.inset: {self.inset[1]:g} leaves less than 150 mm of the depth {self.depth[0]:g}")

    def draw(self, rng: np.random.Generator) -> Fridge:
        """One fridge."""
        width, height, depth = (between(r, rng) for r in (self.width, self.height, self.depth))
        cavity = _Cavity(width, width - between(self.taper, rng), depth, height)
        lamp = pick(self.lamp_odds, rng)
        drawers = self._drawers(cavity, height - LAMPS[lamp] - self.shelves[0] * SMALLEST - CLEARANCE, rng)
        shelves = self._shelves(cavity, drawers, height - LAMPS[lamp], rng)
        # A lamp of the look is meant for a fridge of 720 × 1120 mm.
        share = between(self.lamp_share, rng) * width * height / (720 * 1120)
        low, high = np.array(self.tone)
        return Fridge(
            width=width,
            back_width=cavity.back_width,
            depth=depth,
            height=height,
            radius=between(self.radius, rng),
            shelves=shelves,
            drawers=drawers,
            lamps=self._lamps(lamp, share, cavity, rng),
            details=self._details(cavity, shelves, rng),
            tone=(low + rng.uniform() * (high - low)).tolist(),
            gasket=pick(self.gasket_odds, rng),
            door=pick(self.door_odds, rng),
            racks=np.sort(rng.uniform(0.05, 0.9, rng.integers(2, 5)) * height).tolist(),
            kitchen=bool(rng.uniform() < self.kitchen_odds),
        )

    def _drawers(self, cavity: _Cavity, highest: float, rng: np.random.Generator) -> list[Drawer]:
        """Drawers side by side on the floor, not above `highest`, so that the fewest levels find room."""
        count = int(rng.integers(self.drawers[0], self.drawers[1] + 1))
        if not count:
            return []
        kind, top = pick(self.drawer_odds, rng), min(between(self.drawer_height, rng), highest)
        half = cavity.back_width / 2 - 25
        edges = np.linspace(-half, half, count + 1)
        front = between(self.inset, rng)
        weight = 0.04 if kind == "clear" else 0.0
        return [
            Drawer([float(a) + 5, float(b) - 5], [front, cavity.depth - 60], [20.0, top], weight, kind)
            for a, b in pairwise(edges)
        ]

    def _shelves(self, cavity: _Cavity, drawers: list[Drawer], top: float, rng: np.random.Generator) -> list[Shelf]:
        """Levels from the drawers (or the floor) up to `top`, none nearer to another than `SMALLEST`."""
        base = drawers[0].z[1] + CLEARANCE if drawers else 0.0
        most = int((top - base) / SMALLEST + 1e-9)  # where there is room for just the fewest, rounding takes none away
        count = min(int(rng.integers(self.shelves[0], self.shelves[1] + 1)), most)
        spare = max(0.0, top - base - count * SMALLEST) * rng.dirichlet(np.full(count, 3.0))
        heights = base + np.concatenate([[0], np.cumsum(SMALLEST + spare)])
        kind, front = pick(self.shelf_odds, rng), between(self.inset, rng)
        back = cavity.depth - float(rng.uniform(40, 70))
        half = cavity.back_width / 2 - 45
        shelves = []
        for k in range(count):
            lowest = "floor" if not drawers else ("split" if kind == "rimmed" and rng.uniform() < 0.5 else kind)
            shelves.append(
                Shelf(
                    height=float(heights[k]),
                    front=front if k < count - 1 or rng.uniform() < 0.8 else min(front + 120, back - 150),
                    back=back,
                    x=[-half, half],
                    headroom=float(heights[k + 1] - heights[k]) - BOARD,
                    rim=float(rng.uniform(12, 30)),
                    kind=lowest if k == 0 else kind,
                )
            )
        return shelves

    def _lamps(self, kind: str, share: float, cavity: _Cavity, rng: np.random.Generator) -> list[FridgeLamp]:
        width, height, depth = cavity.width, cavity.height, cavity.depth
        wide, tall = width * rng.uniform(0.3, 0.75), height * rng.uniform(0.3, 0.7)
        if kind == "bulb":
            lamps = [FridgeLamp("bulb", "ceiling", [float(rng.uniform(-60, 60)), 0.5 * depth], share=share)]
        elif kind == "bar":
            at = [0.0, depth * rng.uniform(0.1, 0.6)]
            lamps = [FridgeLamp("panel", "ceiling", at, [wide, float(rng.uniform(20, 70))], share)]
        elif kind == "back":
            at = [0.0, height - rng.uniform(60, 110)]
            lamps = [FridgeLamp("panel", "back", at, [0.5 * wide, float(rng.uniform(25, 60))], share)]
        else:
            at, size = [depth * rng.uniform(0.08, 0.2), 0.55 * height], [float(rng.uniform(10, 22)), tall]
            walls = ("left", "right") if rng.uniform() < 0.6 else (("left",) if rng.uniform() < 0.5 else ("right",))
            lamps = [FridgeLamp("panel", wall, at, size, share / len(walls)) for wall in walls]
        if rng.uniform() < self.low_lamp_odds:
            at, size = [0.0, float(rng.uniform(45, 75))], [0.85 * (width - 60), float(rng.uniform(25, 50))]
            lamps.append(FridgeLamp("panel", "back", at, size, 0.25 * share))
        return lamps

    def _details(self, cavity: _Cavity, shelves: list[Shelf], rng: np.random.Generator) -> list[Detail]:
        width, height, depth = cavity.width, cavity.height, cavity.depth
        word = self.words[rng.integers(len(self.words))] if self.words else ""
        ground, middle = pick(self.back_odds, rng), float(rng.uniform(-0.12, 0.12) * width)
        large = float(rng.uniform(140, 200))
        backs = {
            "bare": [],
            "fan": [Detail("fan", "back", [middle, height - 30 - large / 2], [large, large], word)],
            "vent": [Detail("vent", "back", [0.0, height * rng.uniform(0.6, 0.85)], [0.5 * width, 40.0])],
            "ribs": [Detail("ribs", "back", [0.0, 0.6 * height], [0.7 * width, 0.6 * height])],
            "panel": [
                Detail("panel", "back", [middle, 0.6 * height], [0.3 * width, 0.6 * height]),
                Detail("seam", "back", [middle, 0.25 * height], [0.6 * width, 2.0]),
            ],
        }
        details = backs[ground]
        rails = rng.uniform() < self.rails_odds
        for wall in ("left", "right"):
            if rails:
                for y in (0.2 * depth, 0.85 * depth):
                    details.append(Detail("rails", wall, [y, 0.5 * height], [40.0, 0.7 * height]))
            else:
                for shelf in shelves:
                    for y in (shelf.front + 40, shelf.back - 60):
                        details.append(Detail("bracket", wall, [y, max(shelf.height - 22, 14.0)]))
        if rng.uniform() < self.print_odds:
            wall = "left" if rng.uniform() < 0.5 else "right"
            details.append(Detail("print", wall, [0.25 * depth, 0.87 * height], [85.0, 0.08 * height]))
        if rng.uniform() < self.frost_odds:
            at = [float(rng.uniform(-0.25, 0.25) * width), float(rng.uniform(0.4, 0.8) * height)]
            details.append(Detail("frost", "back", at, [0.6 * width, 0.4 * height]))
        return details
