"""What fills the shelves beside the one in the picture: packages of every colour, without a label. Metres.

They are one mesh with one picture: each package takes its colours from one cell of a strip of label designs.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from blender_scenes.furniture.parts import Furniture, Range
from blender_scenes.geometry import Mesh, box, join, lathe

__all__ = ["stock"]

CELLS = 14  # designs
CELL = (20, 32)  # pixels of one
GROUNDS = (
    ("#b3261e", "#f2e9d8"),
    ("#1f4f93", "#eef1f4"),
    ("#2c7a3f", "#f0edd6"),
    ("#d9a21b", "#5a2a12"),
    ("#e6e2d8", "#39506e"),
    ("#ded7c6", "#a23a2a"),
    ("#4a2d1c", "#d8b87a"),
    ("#23252a", "#c9a24a"),
    ("#d86f1c", "#fbf3e2"),
    ("#6a3d74", "#efe6ee"),
    ("#7fa8c4", "#f5f6f6"),
    ("#93a85a", "#f3f0e0"),
)
FACINGS = 4  # equal packages side by side, at most
GAP = 0.004


def stock(levels: list[tuple[float, float]], x: Range, y: Range, rng: np.random.Generator) -> Furniture:
    """Rows of equal boxes, cans and bottles on `levels` (height of the board, headroom), within x and y."""
    meshes = list[Mesh]()
    for z, headroom in levels:
        at = x[0]
        while True:
            round_ = rng.uniform() < 0.55
            width = rng.uniform(0.06, 0.1) if round_ else rng.uniform(0.06, 0.19)
            height = min(rng.uniform(0.9, 3.0) * width, 0.92 * headroom)
            count = int(rng.integers(1, FACINGS + 1))
            made = _placed(_package(round_, width, height, y[1] - y[0]), int(rng.integers(CELLS)))
            if at + width > x[1]:
                break
            for _ in range(count):
                if at + width <= x[1]:
                    meshes.append(made.moved([at + width / 2, y[0], z]))
                    at += width + GAP
            at += rng.uniform(0, 0.03)
    return Furniture(replace(join(meshes), smooth=True), "white", tuple(_designs(rng)), (CELLS * CELL[0], CELL[1]))


def _package(round_: bool, width: float, height: float, depth: float) -> Mesh:
    """A can or bottle, or a box, its front at y = 0."""
    if not round_:
        deep = min(depth, 1.5 * width)
        return box([width, deep, height], [0, deep / 2, height / 2], "white")
    r = width / 2
    neck = 0.4 * r if height > 2 * width else 0.92 * r
    shoulder = 0.66 * height if height > 2 * width else 0.94 * height
    profile = [[0.94 * r, 0], [r, 0.03 * height], [r, shoulder], [neck, 0.86 * height], [neck, height], [0, height]]
    if neck > 0.5 * r:
        profile = [[0.94 * r, 0], [r, 0.03 * height], [r, shoulder], [neck, height], [0, height]]
    return lathe(profile, "white", segments=14).moved([0, r, 0])


def _placed(mesh: Mesh, cell: int) -> Mesh:
    """The same package, its picture in one cell of the strip; its edge is left out, where cells blend."""
    inner = 0.06 + 0.88 * mesh.uvs
    return replace(mesh, uvs=(inner + [cell, 0]) / [CELLS, 1])


def _designs(rng: np.random.Generator) -> list[dict[str, Any]]:
    """A strip of `CELLS` label designs side by side: a ground, a cap or band above, a pale field with small print."""
    layers: list[dict[str, Any]] = []
    for cell in range(CELLS):
        ground, field = GROUNDS[rng.integers(len(GROUNDS))]
        u, w = cell / CELLS, 1 / CELLS
        low, high = rng.uniform(0.15, 0.3), rng.uniform(0.5, 0.75)
        layers.append({"rect": [u, 0, u + w, 1], "colour": ground})
        if rng.uniform() < 0.6:
            layers.append({"rect": [u, 0.87, u + w, 1], "colour": GROUNDS[rng.integers(len(GROUNDS))][0]})
        layers.append({"rect": [u + 0.08 * w, low, u + 0.92 * w, high], "colour": field})
        layers.append({"rect": [u + 0.2 * w, high - 0.13, u + 0.8 * w, high - 0.05], "colour": ground})
        layers.append({"ellipse": [u + 0.5 * w, (low + high) / 2 - 0.05, 0.2 * w, 0.09], "colour": ground})
    return layers
