"""One refrigerator: the typed `scene.fridge` (millimetres), and what it is made of (metres)."""

from dataclasses import dataclass, field

from blender_scenes.furniture import cabinet, fittings
from blender_scenes.furniture.parts import FINISHES, Frame, Furniture, Lamp, joined, one_of, slab
from blender_scenes.placement import Surface
from coldstart.errors import UserError

__all__ = ["Detail", "Drawer", "Fridge", "FridgeLamp", "Shelf", "Slab"]


@dataclass
class Shelf:
    """A shelf that products stand on. `kind`: `rimmed` glass with a front rail, `split` into two panes with a bar
    between them, bare `glass` whose edge shows, `wire`, or the cabinet's `floor`, which needs no board."""

    height: float = 0.0  # of its top above the fridge's floor
    front: float = 0.0  # from the opening to its front edge
    back: float = 0.0
    x: list[float] = field(default_factory=lambda: [-300.0, 300.0])  # where products may stand
    headroom: float = 300.0  # tallest product that fits below what is above
    weight: float = 1.0  # how often a product goes here
    rim: float = 20.0  # height of the front rail
    kind: str = "rimmed"  # rimmed | split | glass | wire | floor

    def __post_init__(self) -> None:
        one_of("scene.fridge.shelves.kind", self.kind, ("rimmed", "split", "glass", "wire", "floor"))


@dataclass
class Drawer:
    """A plastic bin; products lie on its floor if `weight` is above 0."""

    x: list[float] = field(default_factory=lambda: [0.0, 0.0])
    y: list[float] = field(default_factory=lambda: [0.0, 0.0])
    z: list[float] = field(default_factory=lambda: [0.0, 0.0])
    weight: float = 0.0
    kind: str = "clear"  # clear | white

    def __post_init__(self) -> None:
        one_of("scene.fridge.drawers.kind", self.kind, ("clear", "white"))


@dataclass
class FridgeLamp:
    """A `bulb` in its housing under the ceiling, or a glowing `panel` (bar, strip, band) of `size` on a wall,
    or a `wash`: a hidden lamp that shines up the back wall.

    `at` and `size` are along the wall: x, z on the back; y, z on the sides; x, y on ceiling and floor.
    """

    kind: str = "bulb"  # bulb | panel | wash
    wall: str = "ceiling"  # ceiling | back | left | right | floor
    at: list[float] = field(default_factory=lambda: [0.0, 330.0])
    size: list[float] = field(default_factory=lambda: [200.0, 20.0])
    share: float = 1.0  # of the look's bulb_watts

    def __post_init__(self) -> None:
        one_of("scene.fridge.lamps.kind", self.kind, ("bulb", "panel", "wash"))
        one_of("scene.fridge.lamps.wall", self.wall, fittings.WALLS if self.kind != "wash" else ("back",))


@dataclass
class Detail:
    """Something on a wall, `at` and `size` as for lamps; see `fittings.KINDS`."""

    kind: str = "bracket"
    wall: str = "back"
    at: list[float] = field(default_factory=lambda: [0.0, 0.0])
    size: list[float] = field(default_factory=lambda: [70.0, 24.0])
    text: str = ""  # for `label` and `fan`

    def __post_init__(self) -> None:
        one_of("scene.fridge.details.kind", self.kind, tuple(fittings.KINDS))
        one_of("scene.fridge.details.wall", self.wall, fittings.WALLS)


@dataclass
class Slab:
    """A box anywhere: trays, lips, display bars. `turn` are Euler angles in degrees; `text` is printed on its front."""

    size: list[float] = field(default_factory=lambda: [100.0, 100.0, 100.0])
    at: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0])
    turn: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0])
    finish: str = "rim"
    text: str = ""

    def __post_init__(self) -> None:
        one_of("scene.fridge.slabs.finish", self.finish, tuple(FINISHES))


@dataclass
class Fridge:
    """The cabinet from the front: x to the right, y into it, z up; the origin is the middle of the floor's edge."""

    width: float = 720.0
    back_width: float = 660.0
    depth: float = 690.0
    height: float = 1120.0
    radius: float = 35.0  # of the cabinet's inner edges
    shelves: list[Shelf] = field(default_factory=list)
    drawers: list[Drawer] = field(default_factory=list)
    lamps: list[FridgeLamp] = field(default_factory=lambda: [FridgeLamp()])
    details: list[Detail] = field(default_factory=list)
    slabs: list[Slab] = field(default_factory=list)
    tone: list[float] = field(default_factory=lambda: [1.0, 1.0, 1.0])  # of the interior, times the look's wall colour
    gasket: str = "gasket"  # finish of the frame around the opening; none for no frame
    door: str = "right"  # where the open door hangs: left | right | none
    racks: list[float] = field(default_factory=lambda: [100.0, 500.0, 950.0])  # heights of the door's racks
    kitchen: bool = True  # floor and cabinets around it

    def __post_init__(self) -> None:
        one_of("scene.fridge.gasket", self.gasket, ("none", *FINISHES))
        one_of("scene.fridge.door", self.door, ("left", "right", "none"))
        for key, value in (("width", self.width), ("depth", self.depth), ("height", self.height)):
            if not 100 <= value <= 3000:
                raise UserError(f"scene.fridge.{key}: {value:g} mm is not in 100..3000")
        if not self.shelves:
            raise UserError("scene.fridge.shelves: needs at least one shelf")
        for k, shelf in enumerate(self.shelves):
            _check_shelf(f"scene.fridge.shelves[{k}]", shelf, self)
        if sum(s.weight for s in self.shelves) + sum(d.weight for d in self.drawers) <= 0:
            raise UserError("scene.fridge: no shelf or drawer has a weight above 0, so nothing can be placed")

    def parts(self) -> list[Furniture]:
        """Everything that stays where it is, one mesh for each finish."""
        parts = [Furniture(cabinet.shell(self), "wall")]
        for shelf in self.shelves:
            parts += cabinet.shelf(shelf, self)
        for drawer in self.drawers:
            parts += cabinet.drawer(drawer)
        for lamp in self.lamps:
            parts += fittings.lamp(lamp, self)
        for detail in self.details:
            parts += fittings.detail(detail, self)
        for s in self.slabs:
            parts += slab(s.size, s.at, s.turn, s.finish, s.text)
        return joined(parts + cabinet.surroundings(self))

    def light_sources(self) -> list[Lamp]:
        """Where its light comes from: its own lamps, and the room's behind the camera."""
        return [fittings.source(lamp, self) for lamp in self.lamps] + [
            Lamp("fill", (0.0, -1.37, 1.65), (60, 0, 0), (0.8, 0.8))
        ]

    def frame(self) -> Frame:
        """The shelves' fronts, from below the lowest surface that carries products to the ceiling."""
        half, front = self.width / 2000, min(s.front for s in self.shelves) / 1000
        low = max(min(s.z for s in self.surfaces()) - 0.1, 0.0)
        return Frame((-half, front, low), (2 * half, 0.0, 0.0), (0.0, 0.0, self.height / 1000 - low))

    def surfaces(self) -> list[Surface]:
        """What products can stand on."""
        found = [
            Surface(
                f"shelf{i}",
                (s.x[0] / 1000, s.x[1] / 1000),
                (s.front / 1000 + 0.012, s.back / 1000),
                s.height / 1000,
                s.headroom / 1000,
                s.weight,
            )
            for i, s in enumerate(self.shelves)
        ]
        found += [
            Surface(
                f"drawer{i}",
                (d.x[0] / 1000 + 0.012, d.x[1] / 1000 - 0.012),
                (d.y[0] / 1000 + 0.015, d.y[1] / 1000 - 0.01),
                d.z[0] / 1000 + 0.01,
                (d.z[1] - d.z[0]) / 1000 - 0.015,
                d.weight,
            )
            for i, d in enumerate(self.drawers)
        ]
        return [s for s in found if s.weight > 0]


def _check_shelf(key: str, shelf: Shelf, fridge: Fridge) -> None:
    if not 0 <= shelf.height < fridge.height:
        raise UserError(f"{key}.height: {shelf.height:g} mm is not in 0..{fridge.height:g}, the fridge's height")
    if not 0 <= shelf.front < shelf.back <= fridge.depth:
        raise UserError(
            f"{key}: front {shelf.front:g} and back {shelf.back:g} must rise within 0..{fridge.depth:g}, the depth"
        )
    half = fridge.width / 2
    if not -half <= shelf.x[0] < shelf.x[1] <= half:
        raise UserError(f"{key}.x: {shelf.x} must rise within {-half:g}..{half:g}, the fridge's width")
    if shelf.headroom > fridge.height - shelf.height:
        raise UserError(
            f"{key}.headroom: {shelf.headroom:g} mm is more than the {fridge.height - shelf.height:g} below the ceiling"
        )
