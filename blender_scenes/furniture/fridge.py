"""A refrigerator: the typed `scene.fridge` (millimetres), its meshes (metres), and where products may stand."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from blender_scenes.furniture.parts import Furniture, block
from blender_scenes.geometry import Mesh, lathe, rounded_box
from blender_scenes.placement import Surface
from coldstart.errors import UserError

__all__ = ["Drawer", "Fridge", "Shelf", "furniture", "surfaces"]


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


def furniture(fridge: Fridge) -> list[Furniture]:
    """Everything that stays where it is."""
    width, depth, height = fridge.width / 1000, fridge.depth / 1000, fridge.height / 1000
    parts = [Furniture(_shell(fridge), "wall")]
    for shelf in fridge.shelves:
        parts += _shelf(shelf, fridge)
    for drawer in fridge.drawers:
        parts += _drawer(drawer)
    parts += _lamp(fridge.lamp_depth / 1000, height)
    parts += _brackets(fridge)
    parts += _surroundings(width, depth, height)
    return parts


def _shell(fridge: Fridge) -> Mesh:
    """The inside of the cabinet with rounded edges, narrower at the back: rounded rectangles joined front to back."""
    depth, radius = fridge.depth / 1000, 0.035
    rings = []
    for y, inset, corner in (
        (-0.012, -0.006, radius + 0.01),
        (0.0, 0.0, radius),
        (depth - radius, 0.0, radius),
        (depth - 0.3 * radius, 0.3 * radius, radius),
        (depth, radius, radius),
    ):
        along = np.clip(y / depth, 0, 1)
        half = (fridge.width + (fridge.back_width - fridge.width) * along) / 2000 - inset
        rings.append(_rounded_rectangle(half, fridge.height / 1000, inset, corner, y))
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


def _shelf(shelf: Shelf, fridge: Fridge) -> list[Furniture]:
    half = fridge.width / 2000 - 0.025
    z, front, back, rim = shelf.height / 1000, shelf.front / 1000, shelf.back / 1000, shelf.rim / 1000
    rail = rounded_box([2 * half, 0.022, rim], [0, front - 0.006, z - rim / 2 + 0.001], "rim", 0.005)
    parts = [
        Furniture(rail, "rim"),
        block((-half + 0.005, half - 0.005), (front, back), (z - 0.005, z), "pane"),
        block((-half + 0.01, half - 0.01), (back - 0.012, back), (z - 0.008, z - 0.0005), "rim"),
    ]
    for x in (-half + 0.012, half - 0.012):
        parts.append(block((x - 0.009, x + 0.009), (front, back), (z - 0.014, z - 0.0005), "rim"))
    if shelf.split:
        parts.append(block((-0.011, 0.011), (front, back), (z - 0.014, z - 0.0005), "rim"))
        parts += [
            block((x - 0.005, x + 0.005), (back + 0.02, back + 0.024), (z - 0.004, z + 0.01), "slot")
            for x in np.arange(-0.24, 0.25, 0.02)
        ]
        parts.append(block((-half + 0.03, half - 0.03), (back + 0.024, back + 0.05), (z - 0.02, z + 0.014), "rim"))
    return parts


def _drawer(drawer: Drawer) -> list[Furniture]:
    (x0, x1), (y0, y1), (z0, z1) = ((a / 1000, b / 1000) for a, b in (drawer.x, drawer.y, drawer.z))
    t = 0.004
    parts = [
        block((x0, x1), (y0, y0 + t), (z0, z1), "clear"),
        block((x0, x1), (y0, y1), (z0, z0 + t), "clear"),
        block((x0, x0 + t), (y0, y1), (z0, z1), "clear"),
        block((x1 - t, x1), (y0, y1), (z0, z1), "clear"),
        block((x0, x1), (y0 - 0.004, y0), (z1 - 0.008, z1), "edge"),
        block((x0, x1), (y0 - 0.004, y0), (z0, z0 + 0.008), "edge"),
        block((x0, x0 + 0.008), (y0 - 0.004, y0), (z0, z1), "edge"),
        block((x1 - 0.008, x1), (y0 - 0.004, y0), (z0, z1), "edge"),
    ]
    for x in np.linspace(x0 + 0.03, x1 - 0.03, 9):
        parts.append(block((x - 0.0025, x + 0.0025), (y0 + 0.02, y1 - 0.03), (z0 + t, z0 + 0.009), "edge"))
    # The grip: a shallow arc below the upper edge.
    middle, reach = (x0 + x1) / 2, 0.42 * (x1 - x0)
    for k in range(8):
        a, b = -1 + k / 4, -1 + (k + 1) / 4
        drop = 0.012 * (1 - ((a + b) / 2) ** 2)
        span = (middle + a * reach, middle + b * reach)
        parts.append(block(span, (y0 - 0.004, y0), (z1 - 0.016 - drop, z1 - 0.012 - drop), "edge"))
    return parts


def _lamp(depth: float, height: float) -> list[Furniture]:
    """Thermostat housing under the ceiling, and behind it the bulb in its clear, ribbed cover."""
    front = depth - 0.22
    parts = [
        Furniture(
            rounded_box([0.185, 0.13, 0.055], [-0.05, front + 0.065, height - 0.04], "housing", 0.012), "housing"
        ),
        Furniture(rounded_box([0.16, 0.15, 0.03], [-0.04, front + 0.09, height - 0.08], "rim", 0.012), "rim"),
    ]
    dial = lathe([[0, 0], [0.021, 0], [0.019, 0.008], [0, 0.009]], "dial", segments=24)
    turned = Mesh(dial.vertices[:, [0, 2, 1]] * [1, -1, 1], dial.faces, dial.uvs, dial.materials)
    parts.append(Furniture(turned.moved([-0.025, front, height - 0.04]), "dial"))
    parts.append(block((-0.125, -0.095), (front - 0.003, front + 0.01), (height - 0.055, height - 0.028), "dial"))
    for z in (height - 0.05, height - 0.042):
        parts.append(block((0.005, 0.03), (front - 0.001, front + 0.01), (z, z + 0.003), "dial"))
    cover = lathe(
        [[0.06, 0.045], [0.06, 0.0], [0.056, -0.03], [0.04, -0.046], [0.02, -0.052], [0, -0.053]],
        "cover",
        segments=48,
        ribs=24,
        rib_depth=0.05,
    )
    parts.append(Furniture(cover.moved([0.01, depth + 0.015, height - 0.125]), "cover"))
    angle = np.linspace(0, np.pi, 12)
    bulb = lathe(np.stack([0.034 * np.sin(angle), -0.036 * np.cos(angle)], axis=1), "bulb", segments=20)
    parts.append(Furniture(bulb.moved([0.0, depth, height - 0.105]), "bulb"))
    return parts


def _brackets(fridge: Fridge) -> list[Furniture]:
    """Shelf supports moulded into the side walls, and the sticker of fine print on the left one."""
    parts = []
    for side in (-1, 1):
        for z in (0.865, 0.715, 0.505, 0.415):
            for y in (0.23, 0.53):
                half = (fridge.width + (fridge.back_width - fridge.width) * y * 1000 / fridge.depth) / 2000
                knob = rounded_box([0.036, 0.07, 0.024], [side * (half - 0.006), y, z], "bracket", 0.01)
                parts.append(Furniture(knob, "bracket"))
    for k in range(8):
        half = fridge.width / 2000 - 0.012
        long = 0.05 + 0.03 * ((k * 7) % 5) / 5
        parts.append(block((-half, -half + 0.001), (0.12, 0.12 + long), (1.0 - 0.012 * k, 1.004 - 0.012 * k), "print"))
    return parts


def _surroundings(width: float, depth: float, height: float) -> list[Furniture]:
    """Black gasket around the opening, kitchen floor and cabinets on the left, the open door on the right."""
    half = width / 2 + 0.012
    parts = [
        block((-half - 0.06, -half), (-0.08, 0.02), (-0.12, height + 0.1), "gasket"),
        block((half, half + 0.06), (-0.08, 0.02), (-0.12, height + 0.1), "gasket"),
        block((-half - 0.06, half + 0.06), (-0.08, 0.02), (height + 0.01, height + 0.08), "gasket"),
        block((-half - 0.06, half + 0.06), (-0.11, 0.02), (-0.10, -0.018), "gasket"),
        block((-half, half), (-0.03, 0.0), (-0.02, -0.004), "rim"),
        block((-2.0, 2.0), (-1.5, 1.5), (-0.46, -0.44), "floor"),
        block((-1.06, -half - 0.10), (0.08, 0.38), (-0.3, 0.75), "cabinet"),
        block((-0.98, -half - 0.18), (0.05, 0.08), (-0.15, 0.35), "cabinet"),
        block((-1.1, -half - 0.08), (0.05, 0.4), (0.77, 0.83), "dark"),
        block((half + 0.09, half + 0.6), (-0.15, -0.1), (-0.3, height), "dark"),
        block((-4.0, 4.0), (depth + 0.7, depth + 0.72), (-2.0, 3.0), "dark"),
    ]
    for z in (0.10, 0.50, 0.95):
        shelf = rounded_box([0.16, 0.30, 0.10], [half + 0.19, -0.16, z], "door", 0.02)
        parts.append(Furniture(shelf, "door"))
    return parts


def surfaces(fridge: Fridge) -> list[Surface]:
    """What products can stand on in a fridge, in metres."""
    found = [
        Surface(
            f"shelf{i}",
            (s.x[0] / 1000, s.x[1] / 1000),
            (s.front / 1000 + 0.012, s.back / 1000),
            s.height / 1000,
            s.headroom / 1000,
            s.weight,
        )
        for i, s in enumerate(fridge.shelves)
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
        for i, d in enumerate(fridge.drawers)
    ]
    return [s for s in found if s.weight > 0]
