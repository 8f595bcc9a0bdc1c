"""One piece of a product as data, and its mesh."""

from dataclasses import dataclass, field, replace
from typing import Any

from blender_scenes import geometry, produce
from blender_scenes.geometry import Mesh
from coldstart.errors import UserError

__all__ = ["Part", "shape"]

# Kinds of parts, and how many numbers a row of their profile and their size may have; none: the kind has no such key.
KINDS: dict[str, tuple[tuple[int, ...], int]] = {
    "lathe": ((2, 3), 0),
    "sphere": ((), 3),
    "box": ((), 3),
    "carton": ((), 3),
    "fruit": ((2,), 0),
    "tube": ((4,), 0),
    "prism": ((2,), 1),
    "wrap": ((2,), 0),
}


@dataclass
class Part:
    """One piece of a product; lengths in millimetres, z = 0 is where it stands.

    `lathe`: `profile` rows [radius, z] or [radius_x, radius_y, z]; `sphere`: `size` = [x, y, z]; `box`, and `carton`
    with straight sides and unstretched print: `size` and edge radius `round`; `fruit`: rows [radius, z], with `lobes`,
    `lobe_depth`, `wobble`, `bend`, `seed`; `tube`: rows [x, y, z, radius]; `prism`: rows [y, z] around its
    cross-section, `size` = [x]; `wrap`: a label, rows [radius, z], over `arc` degrees. See `geometry.lathe` for
    `exponent`, `ribs` and `uv`, and `produce` for the rest. `turn` (degrees about x, y, z) turns it and `at` moves it.
    `window` [u0, v0, u1, v1] is its share of the label art.
    """

    kind: str = "lathe"
    material: str = "body"
    profile: list[Any] = field(default_factory=list)
    size: list[float] = field(default_factory=list)
    at: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0])
    exponent: Any = 2.0
    round: float = 3.0
    segments: int = 40
    ribs: int = 0
    rib_depth: float = 0.0
    uv: str = "around"
    turn: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0])
    window: list[float] = field(default_factory=lambda: [0.0, 0.0, 1.0, 1.0])
    lobes: int = 0
    lobe_depth: float = 0.0
    wobble: float = 0.0
    bend: float = 0.0
    seed: int = 0
    arc: list[float] = field(default_factory=lambda: [180.0, 360.0])

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise UserError(f"kind: {self.kind!r} is none of {', '.join(KINDS)}")
        if self.uv not in ("around", "top"):
            raise UserError(f"uv: {self.uv!r} is neither around nor top")
        row, size = KINDS[self.kind]
        if row and (len(self.profile) < 2 or not all(_numbers(r, row) for r in self.profile)):
            lengths = " or ".join(map(str, row))
            raise UserError(f"profile: a {self.kind} needs at least two rows of {lengths} numbers, in mm")
        if len(self.size) != size or min(self.size, default=1) <= 0:
            needed = f"needs {['', '[x]', '', '[x, y, z]'][size]} above 0, in mm" if size else "has none"
            raise UserError(f"size: a {self.kind} {needed}")
        for key, value, length in (("at", self.at, 3), ("turn", self.turn, 3), ("window", self.window, 4)):
            if len(value) != length:
                raise UserError(f"{key}: {list(value)} must be {length} numbers")
        if len(self.arc) != 2 or self.arc[0] >= self.arc[1]:
            raise UserError(f"arc: {list(self.arc)} must be [from, to] in degrees, rising")
        if not 3 <= self.segments <= 512:
            raise UserError(f"segments: {self.segments} is not in 3..512")


def _numbers(row: Any, lengths: tuple[int, ...]) -> bool:
    return isinstance(row, list) and len(row) in lengths and all(isinstance(v, int | float) for v in row)


def shape(part: Part) -> Mesh:
    """The part's mesh in millimetres, where it sits in the product."""
    u0, v0, u1, v1 = part.window
    made = _made(part)
    vertices = made.vertices @ geometry.euler(part.turn).T + part.at
    return replace(made, vertices=vertices, uvs=made.uvs * [u1 - u0, v1 - v0] + [u0, v0])


def _made(part: Part) -> Mesh:
    material, segments = part.material, part.segments
    match part.kind:
        case "sphere":
            return geometry.sphere([s / 2 for s in part.size], material, segments=segments)
        case "box":
            centre = [0.0, 0.0, part.size[2] / 2]
            return geometry.rounded_box(part.size, centre, material, part.round, segments)
        case "carton":
            return geometry.carton(part.size, material, radius=part.round)
        case "fruit":
            return produce.fruit(
                part.profile,
                material,
                segments=segments,
                lobes=part.lobes,
                lobe_depth=part.lobe_depth,
                wobble=part.wobble,
                bend=part.bend,
                seed=part.seed,
            )
        case "tube":
            return produce.tube(part.profile, material, segments=segments)
        case "prism":
            return produce.prism(part.profile, part.size[0], material)
        case "wrap":
            return produce.wrap(part.profile, part.arc, 0.3, material, segments=segments)
        case _:
            return geometry.lathe(
                part.profile,
                material,
                segments=segments,
                exponent=part.exponent,
                ribs=part.ribs,
                rib_depth=part.rib_depth,
                uv=part.uv,
            )
