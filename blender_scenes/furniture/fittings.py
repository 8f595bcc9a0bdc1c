"""What sits on a refrigerator's walls: lamps, vents, fan covers, rails, print. Metres.

A fitting is modelled flat on its wall (u along it, v up, w out of it) and then carried there.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from blender_scenes.furniture.cabinet import half_width
from blender_scenes.furniture.parts import Furniture, Lamp, block, carried, lettered, sheet
from blender_scenes.geometry import Mesh, euler, lathe, rounded_box

if TYPE_CHECKING:
    from blender_scenes.furniture.fridge import Detail, Fridge, FridgeLamp

__all__ = ["KINDS", "WALLS", "detail", "lamp", "source"]

WALLS = ("back", "left", "right", "ceiling", "floor")
WASHING = (145.0, 0.0, 0.0)  # rotation of a lamp that shines up a wall, and a little towards it


def _carried(parts: list[Furniture], wall: str, at: Sequence[float], fridge: "Fridge") -> list[Furniture]:
    """Flat fittings around (0, 0, 0) moved to `at` (millimetres along the wall)."""
    point, (across, up, out) = _spot(wall, at, fridge)
    turn = np.array([across, up, out], dtype=float)
    return [carried(p, turn, point) for p in parts]


def _spot(wall: str, at: Sequence[float], fridge: "Fridge") -> tuple[list[float], tuple[Sequence[float], ...]]:
    """A point on a wall, and the wall's directions u, v, and w out of it."""
    u, v = at[0] / 1000, at[1] / 1000
    if wall == "back":
        return [u, fridge.depth / 1000, v], ((1, 0, 0), (0, 0, 1), (0, -1, 0))
    if wall == "left":
        return [-half_width(fridge, u), u, v], ((0, 1, 0), (0, 0, 1), (1, 0, 0))
    if wall == "right":
        return [half_width(fridge, u), u, v], ((0, 1, 0), (0, 0, 1), (-1, 0, 0))
    if wall == "ceiling":
        return [u, v, fridge.height / 1000], ((1, 0, 0), (0, 1, 0), (0, 0, -1))
    return [u, v, 0.0], ((1, 0, 0), (0, 1, 0), (0, 0, 1))


def detail(detail: "Detail", fridge: "Fridge") -> list[Furniture]:
    """The parts of one detail."""
    made = KINDS[detail.kind](detail.size[0] / 1000, detail.size[1] / 1000, detail.text)
    return _carried(made, detail.wall, detail.at, fridge)


def _bracket(width: float, height: float, text: str) -> list[Furniture]:
    return [Furniture(rounded_box([width, height, 0.048], [0, 0, 0], "bracket", 0.01), "bracket")]


def _print(width: float, height: float, text: str) -> list[Furniture]:
    rows = max(2, round(height / 0.008))
    long = [width * (0.4 + 0.6 * ((k * 7) % 5) / 5) for k in range(rows)]
    return [
        sheet([-width / 2, height / 2 - k * height / rows, 0.001], [w, 0, 0], [0, 0.0022, 0], "print")
        for k, w in enumerate(long)
    ]


def _recess(width: float, height: float, text: str) -> list[Furniture]:
    """A field of the wall that lies deeper than what is around it, with sloping sides."""
    deep, slope, border = 0.022, 0.03, 0.06
    inner = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * [width / 2, height / 2]
    rings = [(inner - slope * np.sign(inner), 0.001), (inner, deep), (inner + border * np.sign(inner), deep)]
    vertices = np.concatenate([np.column_stack([flat, np.full(4, out)]) for flat, out in rings])
    faces: list[tuple[int, ...]] = [
        (4 * k + i, 4 * k + (i + 1) % 4, 4 * k + 4 + (i + 1) % 4, 4 * k + 4 + i) for k in (0, 1) for i in range(4)
    ]
    return [Furniture(Mesh(vertices, faces, vertices[:, :2], ["wall"] * len(faces), smooth=False), "wall")]


def _fan(width: float, height: float, text: str) -> list[Furniture]:
    """A disc in a square plate, a groove around the disc."""
    radius = 0.42 * min(width, height)
    groove = lathe([[0.82 * radius, 0.0124], [radius, 0.0125]], "groove", segments=48)
    disc = lathe([[0.84 * radius, 0.0], [0.84 * radius, 0.017], [0, 0.018]], "white", segments=48)
    parts = [
        Furniture(rounded_box([width, height, 0.024], [0, 0, 0], "white", 0.006), "white"),
        sheet(
            [-width / 2 - 0.002, -height / 2 - 0.002, 0.0006], [width + 0.004, 0, 0], [0, height + 0.004, 0], "groove"
        ),
        Furniture(groove, "groove"),
        Furniture(disc, "white"),
    ]
    return parts + (_label(radius, radius / 4, text, 0.0185) if text else [])


def _label(width: float, height: float, text: str, out: float = 0.001) -> list[Furniture]:
    face = sheet([-width / 2, -height / 2, out], [width, 0, 0], [0, height, 0], "white")
    art = lettered(text, light=False) if text else ()
    return [replace(face, art=art, art_size=(max(32, round(64 * width / height)), 64))]


def _vent(width: float, height: float, text: str) -> list[Furniture]:
    plate = [Furniture(rounded_box([width, height, 0.012], [0, 0, 0], "white", 0.004), "white")]
    count = max(3, round(width / 0.02))
    return plate + [
        sheet([u - 0.005, -0.3 * height, 0.0065], [0.01, 0, 0], [0, 0.6 * height, 0], "slot")
        for u in np.linspace(-0.45 * width, 0.45 * width, count)
    ]


def _ribs(width: float, height: float, text: str) -> list[Furniture]:
    """Ridges, and the shade along their feet, which soft light from all around would not show."""
    ridges = np.arange(-width / 2, width / 2 + 0.001, 0.05)
    return [Furniture(rounded_box([0.024, height, 0.012], [u, 0, 0], "white", 0.005, 16), "white") for u in ridges] + [
        sheet([u - 0.018, -height / 2, 0.0004], [0.036, 0, 0], [0, height, 0], "shade") for u in ridges
    ]


def _rails(width: float, height: float, text: str) -> list[Furniture]:
    """A ladder of supports one above the other."""
    pitch = 0.045
    return [
        Furniture(rounded_box([width, 0.036, 0.05], [0, v, 0], "white", 0.006, 16), "white")
        for v in np.arange(-height / 2 + pitch / 2, height / 2, pitch)
    ]


def _slots(width: float, height: float, text: str) -> list[Furniture]:
    """A column of dark openings that shelves hang in."""
    return [
        sheet([-width / 2, v, 0.001], [width, 0, 0], [0, 0.012, 0], "slot")
        for v in np.arange(-height / 2, height / 2, 0.07)
    ]


def _panel(width: float, height: float, text: str) -> list[Furniture]:
    return [Furniture(rounded_box([width, height, 0.03], [0, 0, 0], "white", 0.008), "white")]


def _seam(width: float, height: float, text: str) -> list[Furniture]:
    return [block((-width / 2, width / 2), (-height / 2, height / 2), (0.0, 0.0008), "groove")]


def _frost(width: float, height: float, text: str) -> list[Furniture]:
    """An uneven crust of ice: a height field that falls to nothing at its rim."""
    u, v = np.meshgrid(np.linspace(-0.5, 0.5, 20), np.linspace(-0.5, 0.5, 20))
    lumps = sum(np.sin((7 + 3 * k) * u + 2 * k) * np.cos((9 + 4 * k) * v + k) for k in range(4)) / 8
    thick = np.clip(0.25 - u**2 - v**2 + 0.12 * lumps, -0.01, None) * 0.05
    vertices = np.stack([u * width, v * height, thick], axis=-1).reshape(-1, 3)
    faces: list[tuple[int, ...]] = [
        (20 * j + i, 20 * j + i + 1, 20 * j + i + 21, 20 * j + i + 20) for j in range(19) for i in range(19)
    ]
    return [Furniture(Mesh(vertices, faces, vertices[:, :2], ["frost"] * len(faces)), "frost")]


KINDS: dict[str, Callable[[float, float, str], list[Furniture]]] = {
    "bracket": _bracket,
    "fan": _fan,
    "frost": _frost,
    "label": _label,
    "panel": _panel,
    "print": _print,
    "rails": _rails,
    "recess": _recess,
    "ribs": _ribs,
    "seam": _seam,
    "slots": _slots,
    "vent": _vent,
}


def lamp(lamp: "FridgeLamp", fridge: "Fridge") -> list[Furniture]:
    """What is seen of a lamp."""
    if lamp.kind == "bulb":
        return [Furniture(p.mesh.moved([lamp.at[0] / 1000, 0, 0]), p.finish) for p in _bulb(lamp.at[1], fridge.height)]
    if lamp.kind == "wash":
        return []
    width, height = lamp.size[0] / 1000, lamp.size[1] / 1000
    flat = [
        Furniture(rounded_box([width + 0.006, height + 0.006, 0.012], [0, 0, 0], "white", 0.004), "white"),
        sheet([-width / 2, -height / 2, 0.0065], [width, 0, 0], [0, height, 0], "panel"),
    ]
    return _carried(flat, lamp.wall, lamp.at, fridge)


def source(lamp: "FridgeLamp", fridge: "Fridge") -> Lamp:
    """The light that a lamp gives."""
    if lamp.kind == "bulb":
        return Lamp("bulb", (lamp.at[0] / 1000, lamp.at[1] / 1000, fridge.height / 1000 - 0.11), share=lamp.share)
    point, (_, _, out) = _spot(lamp.wall, lamp.at, fridge)
    x, y, z = (p + 0.03 * o for p, o in zip(point, out, strict=True))
    turn = {"ceiling": (0, 0, 0), "floor": (180, 0, 0), "back": (-90, 0, 0), "left": (0, -90, 0), "right": (0, 90, 0)}
    towards = WASHING if lamp.kind == "wash" else turn[lamp.wall]
    width, height = lamp.size[0] / 1000, lamp.size[1] / 1000
    size = (height, width) if lamp.wall in ("left", "right") else (width, height)
    return Lamp("bulb", (x, y, z), towards, size, lamp.share)


def _bulb(depth: float, height: float) -> list[Furniture]:
    """Thermostat housing under the ceiling, and behind it the bulb in its clear, ribbed cover; millimetres."""
    depth, height = depth / 1000, height / 1000
    front = depth - 0.22
    housing = rounded_box([0.185, 0.13, 0.055], [-0.05, front + 0.065, height - 0.04], "housing", 0.012)
    parts = [
        Furniture(housing, "housing"),
        Furniture(rounded_box([0.16, 0.15, 0.03], [-0.04, front + 0.09, height - 0.08], "rim", 0.012), "rim"),
    ]
    dial = lathe([[0, 0], [0.021, 0], [0.019, 0.008], [0, 0.009]], "dial", segments=24)
    turned = Mesh(dial.vertices[:, [0, 2, 1]] * [1, -1, 1], dial.faces, dial.uvs, dial.materials)
    parts.append(Furniture(turned.moved([-0.025, front, height - 0.04]), "dial"))
    parts.append(block((-0.125, -0.095), (front - 0.003, front + 0.01), (height - 0.055, height - 0.028), "dial"))
    for z in (height - 0.05, height - 0.042):
        parts.append(block((0.005, 0.03), (front - 0.001, front + 0.01), (z, z + 0.003), "dial"))
    cover = lathe(
        [[0.066, 0.04], [0.07, 0.0], [0.068, -0.022], [0.052, -0.044], [0.026, -0.056], [0, -0.058]],
        "cover",
        segments=72,
        ribs=36,
        rib_depth=0.08,
    )
    ring = lathe([[0.072, -0.006], [0.074, -0.012], [0.072, -0.018]], "rim", segments=48)
    parts.append(Furniture(ring.moved([0.01, depth + 0.015, height - 0.125]), "rim"))
    parts.append(Furniture(cover.moved([0.01, depth + 0.015, height - 0.125]), "cover"))
    angle = np.linspace(0, np.pi, 12)
    bulb = lathe(np.stack([0.03 * np.sin(angle), -0.036 * np.cos(angle)], axis=1), "bulb", segments=20)
    parts.append(Furniture(bulb.moved([0.0, depth, height - 0.098]), "bulb"))
    for a in np.linspace(np.pi, 2 * np.pi, 9):
        rib = block((0.066, 0.071), (-0.0015, 0.0015), (-0.024, 0.036), "bracket")
        parts.append(carried(rib, euler([0, 0, np.degrees(a)]).T, np.array([0.01, depth + 0.015, height - 0.125])))
    return parts
