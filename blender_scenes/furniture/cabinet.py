"""Meshes of a refrigerator's large pieces: cabinet, shelves, bins, door and what stands around it. Metres."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from blender_scenes.furniture.parts import Furniture, block, sheet
from blender_scenes.geometry import Mesh, rounded_box

if TYPE_CHECKING:
    from blender_scenes.furniture.fridge import Drawer, Fridge, Shelf

__all__ = ["drawer", "half_width", "shelf", "shell", "surroundings"]


def half_width(fridge: "Fridge", y: float) -> float:
    """Half of the cabinet's width in metres, `y` metres behind the opening."""
    along = np.clip(1000 * y / fridge.depth, 0, 1)
    return float(fridge.width + (fridge.back_width - fridge.width) * along) / 2000


def shell(fridge: "Fridge") -> Mesh:
    """The inside of the cabinet with rounded edges, narrower at the back: rounded rectangles joined front to back."""
    depth, radius = fridge.depth / 1000, fridge.radius / 1000
    rings = []
    for y, inset, corner in (
        (-0.012, -0.006, radius + 0.01),
        (0.0, 0.0, radius),
        (depth - radius, 0.0, radius),
        (depth - 0.3 * radius, 0.3 * radius, radius),
        (depth, radius, radius),
    ):
        rings.append(_rounded_rectangle(half_width(fridge, y) - inset, fridge.height / 1000, inset, corner, y))
    count = len(rings[0])
    faces: list[tuple[int, ...]] = [
        (k * count + i, (k + 1) * count + i, (k + 1) * count + (i + 1) % count, k * count + (i + 1) % count)
        for k in range(len(rings) - 1)
        for i in range(count)
    ]
    faces.append(tuple(range((len(rings) - 1) * count, len(rings) * count))[::-1])
    vertices = np.concatenate(rings)
    return Mesh(vertices, faces, vertices[:, [0, 2]], ["wall"] * len(faces))


def _rounded_rectangle(half: float, height: float, inset: float, radius: float, y: float) -> NDArray[np.float64]:
    quarter = np.linspace(0, np.pi / 2, 7)
    centres = [(half - radius, height - inset - radius), (-half + radius, height - inset - radius)]
    centres += [(-half + radius, inset + radius), (half - radius, inset + radius)]
    points = [
        (cx + radius * np.cos(a + k * np.pi / 2), y, cz + radius * np.sin(a + k * np.pi / 2))
        for k, (cx, cz) in enumerate(centres)
        for a in quarter
    ]
    return np.array(points)


def shelf(shelf: "Shelf", fridge: "Fridge") -> list[Furniture]:
    """A board with its front edge and side bars; the top is at the shelf's height."""
    if shelf.kind == "floor":
        return []
    z, front, back, rim = shelf.height / 1000, shelf.front / 1000, shelf.back / 1000, shelf.rim / 1000
    half = half_width(fridge, back if shelf.kind in ("glass", "wire") else 0.0) - 0.004
    if shelf.kind == "glass":
        # The board is one face; its thickness shows at its edges, where light collects in the glass: the front one
        # is bevelled and gleams along its top, a bar holds the back one.
        pane = sheet([-half, front, z], [2 * half, 0, 0], [0, back - front, 0], "glass")
        blade = sheet([-half, front, z - 0.006], [2 * half, 0, 0], [0, 0, 0.006], "blade")
        bevel = sheet([-half, front, z], [2 * half, 0, 0], [0, 0.004, 0.0001], "gleam")
        bar = block((-half, half), (back - 0.008, back), (z - 0.008, z - 0.0005), "white")
        sides = [
            block((x - 0.004, x + 0.004), (front + 0.01, back), (z - 0.007, z - 0.0005), "white") for x in (-half, half)
        ]
        return [pane, blade, bevel, bar, *sides]
    if shelf.kind == "wire":
        bars = [
            block((x - 0.0015, x + 0.0015), (front, back), (z - 0.003, z - 0.0001), "wire")
            for x in np.arange(-half, half + 0.001, 0.024)
        ]
        for y in (front, (front + back) / 2, back):
            bars.append(block((-half, half), (y - 0.003, y + 0.003), (z - 0.009, z - 0.003), "wire"))
        return [*bars, block((-half, half), (front - 0.003, front + 0.003), (z - 0.02, z - 0.014), "wire")]
    half -= 0.021
    rail = rounded_box([2 * half, 0.022, rim], [0, front - 0.006, z - rim / 2 + 0.001], "rim", 0.005)
    parts = [
        Furniture(rail, "rim"),
        sheet([-half, front, z], [2 * half, 0, 0], [0, back - front, 0], "pane"),
        block((-half + 0.01, half - 0.01), (back - 0.012, back), (z - 0.008, z - 0.0005), "rim"),
    ]
    wide = 0.014 if shelf.kind == "split" else 0.009
    for x in (-half + wide + 0.003, half - wide - 0.003):
        parts.append(block((x - wide, x + wide), (front, back), (z - 0.014, z - 0.0005), "rim"))
    if shelf.kind == "split":
        parts.append(block((-0.011, 0.011), (front, back), (z - 0.014, z - 0.0005), "rim"))
        parts += [
            block((x - 0.005, x + 0.005), (back + 0.02, back + 0.024), (z - 0.004, z + 0.01), "slot")
            for x in np.arange(-0.75 * half, 0.75 * half, 0.02)
        ]
        parts.append(block((-half + 0.03, half - 0.03), (back + 0.024, back + 0.05), (z - 0.02, z + 0.014), "rim"))
    return parts


def drawer(drawer: "Drawer") -> list[Furniture]:
    """A bin. Clear ones are single faces and their ribs strips on the floor: every face costs each ray a step."""
    (x0, x1), (y0, y1), (z0, z1) = ((a / 1000, b / 1000) for a, b in (drawer.x, drawer.y, drawer.z))
    wide, deep, tall = [x1 - x0, 0, 0], [0, y1 - y0, 0], [0, 0, z1 - z0]
    if drawer.kind == "white":
        middle, size = (x0 + x1) / 2, [x1 - x0, 0.012, z1 - z0]
        return [
            Furniture(rounded_box(size, [middle, y0, (z0 + z1) / 2], "white", 0.008), "white"),
            block((x0, x1), (y0 + 0.006, y1), (z0, z0 + 0.004), "white"),
            block((middle - 0.06, middle + 0.06), (y0 - 0.016, y0 - 0.006), (z1 - 0.03, z1 - 0.018), "rim"),
        ]
    corner = [x0, y0, z0]
    parts = [sheet(corner, *sides, "clear") for sides in ((wide, tall), (wide, deep), (deep, tall))]
    parts.append(sheet([x1, y0, z0], deep, tall, "clear"))
    front = y0 - 0.001
    lines = [([x0, front, z1 - 0.014], wide, [0, 0, 0.014]), ([x0, front, z0], wide, [0, 0, 0.008])]
    lines += [([x, front, z0], [0.008, 0, 0], tall) for x in (x0, x1 - 0.008)]
    for x in np.linspace(x0 + 0.03, x1 - 0.03, 9):
        lines.append(([x - 0.0025, y0 + 0.02, z0 + 0.006], [0.005, 0, 0], [0, y1 - y0 - 0.05, 0]))
    # The grip: a shallow arc below the upper edge.
    middle, reach = (x0 + x1) / 2, 0.42 * (x1 - x0)
    for a in np.arange(-1, 1, 0.25):
        drop = 0.012 * (1 - (a + 0.125) ** 2)
        lines.append(([middle + a * reach, front, z1 - 0.016 - drop], [reach / 4, 0, 0], [0, 0, 0.004]))
    return parts + [sheet(*line, "edge") for line in lines]


def surroundings(fridge: "Fridge") -> list[Furniture]:
    """The frame around the opening, the open door on one side, kitchen floor and cabinets on the other."""
    depth, height, half = fridge.depth / 1000, fridge.height / 1000, fridge.width / 2000 + 0.012
    side = -1 if fridge.door == "left" else 1
    parts = [block((-4.0, 4.0), (depth + 0.7, depth + 0.72), (-2.0, 3.0), "dark")]
    if fridge.gasket != "none":
        parts += [
            block((-half - 0.06, -half), (-0.08, 0.02), (-0.12, height + 0.1), fridge.gasket),
            block((half, half + 0.06), (-0.08, 0.02), (-0.12, height + 0.1), fridge.gasket),
            block((-half - 0.06, half + 0.06), (-0.08, 0.02), (height + 0.01, height + 0.08), fridge.gasket),
            block((-half - 0.06, half + 0.06), (-0.11, 0.02), (-0.10, -0.018), fridge.gasket),
            block((-half, half), (-0.03, 0.0), (-0.02, -0.004), "rim"),
        ]
    if fridge.kitchen:
        parts += [
            block((-2.0, 2.0), (-1.5, 1.5), (-0.46, -0.44), "floor"),
            block(_span(-side, half + 0.10, 1.06), (0.08, 0.38), (-0.3, 0.75), "cabinet"),
            block(_span(-side, half + 0.18, 0.98), (0.05, 0.08), (-0.15, 0.35), "cabinet"),
            block(_span(-side, half + 0.08, 1.1), (0.05, 0.4), (0.77, 0.83), "dark"),
        ]
    if fridge.door != "none":
        parts.append(block(_span(side, half + 0.09, half + 0.6), (-0.15, -0.1), (-0.3, height), "dark"))
        for z in fridge.racks:
            rack = rounded_box([0.16, 0.30, 0.10], [side * (half + 0.19), -0.16, z / 1000], "door", 0.02)
            parts.append(Furniture(rack, "door"))
    return parts


def _span(side: int, inner: float, outer: float) -> tuple[float, float]:
    low, high = sorted((side * inner, side * outer))
    return low, high
