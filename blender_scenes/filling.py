"""Finding places: blocks of pieces on surfaces, stacked ones on one another, leaning ones against what is there."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from blender_scenes.arrange import Block
from blender_scenes.body import Body, Solid, stackable
from blender_scenes.catalogue import Pose
from blender_scenes.chance import between, odds
from blender_scenes.config import RenderConfig
from blender_scenes.contact import about, first_contact
from blender_scenes.geometry import euler
from blender_scenes.placement import Surface
from blender_scenes.room import REST, Item, Room
from blender_scenes.spec import rounded

__all__ = ["Filler"]

Floats = NDArray[np.float64]
Window = tuple[tuple[float, float], tuple[float, float]]

SURFACES = 4  # surfaces drawn for a block before it counts as unplaced
CANDIDATES = 64  # places tried on each
COMPARED = 20  # free places on each compared where visible fractions are wanted
SWAY = (0.0015, 4.0)  # metres and degrees by which equal pieces of a block stray from one another
TALL = 1.8  # height by width from which a piece may lean
LEANS = 16  # places tried for a piece that leans
REACH = 0.15  # metres from a surface's edge within which a wall is leant on
LEFT, RIGHT, BACK, DOWN = (np.array(v, dtype=float) for v in ([-1, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, -1]))


class Filler:
    """Fills one scene; `solid(product, variant)` gives meshes as placement needs them."""

    def __init__(
        self,
        config: RenderConfig,
        surfaces: list[Surface],
        room: Room,
        solid: Callable[[str, int], Solid],
        rng: np.random.Generator,
    ) -> None:
        self.products, self.scene, self.arrangement = config.products, config.scene, config.placement
        self.room, self.solid, self.rng = room, solid, rng
        # Only what the camera sees is filled.
        seen = [(s, *room.sight.window(s)) for s in surfaces]
        self.surfaces = [(s, window) for s, window, share in seen if share]
        self.weights = [s.weight * share for s, _, share in seen if share]

    def put(self, block: Block) -> int:
        """Place as much of a block as fits together; returns how many pieces that is."""
        target, options = self._target(), list[Item]()
        # The surface is drawn first and given up late, or full shelves would fill the drawers.
        for _ in range(SURFACES if self.surfaces else 0):
            surface, window = self.surfaces[self.rng.choice(len(self.surfaces), p=odds(self.weights))]
            first = self._draw(block.product)
            tall = first.body.size[2] >= TALL * first.body.size[:2].max()
            if tall and self.rng.uniform() < self.arrangement.leaning and self._lean(first, surface):
                return 1
            found = self._free(first, block, surface, window)
            if self.arrangement.visible is not None:
                options += found[:COMPARED]
            elif (placed := self._add(found, target)) is not None:
                return self._others(block, placed)
        costs = [self.room.sight.misfit(i.body.hull + np.array(i.location), target) for i in options]
        placed = self._add([options[k] for k in np.argsort(costs, kind="stable")], target)
        return 0 if placed is None else self._others(block, placed)

    def _add(self, options: list[Item], target: float) -> Item | None:
        """The first of them that the camera sees as wanted."""
        return next((item for item in options if self.room.add(item, target)), None)

    def _draw(self, name: str) -> Item:
        """A piece at no place yet."""
        product, rng = self.products[name], self.rng
        weights = [p.weight * self.arrangement.pose_odds.get(key, 1.0) for key, p in product.poses.items()]
        if sum(weights) <= 0:
            weights = [p.weight for p in product.poses.values()]
        pose = list(product.poses)[rng.choice(len(weights), p=odds(weights))]
        rotation = _rotation(product.poses[pose], rng)
        if self.arrangement.tumble:
            rotation = euler(rng.normal(0, self.arrangement.tumble, 3).tolist()) @ rotation
        variant = int(rng.integers(product.variants))
        solid = self.solid(name, variant)
        body = Body.of(solid, rotation, between(product.scale, rng), rest=not self.arrangement.tumble)
        return Item(body, (0.0, 0.0, 0.0), "", name, variant, pose)

    def _free(self, item: Item, block: Block, surface: Surface, window: Window) -> list[Item]:
        """The block's front left piece wherever on the surface there is room for it."""
        locations = self._candidates(item.body, block, surface, window)
        if not len(locations):
            return []
        free = locations[self.room.free(item.body, locations, surface)]
        return [replace(item, location=rounded(there), surface=surface.name) for there in free]

    def _candidates(self, body: Body, block: Block, surface: Surface, window: Window) -> Floats:
        """N×3 rounded locations of the front left piece, within the surface; empty if it is too large for it."""
        rng, shape = self.rng, self.arrangement
        low, size = body.low, body.size
        # Room for the whole block where there is any, else for one piece.
        (left, right), (front, back) = window
        width = max(min(block.facings * (size[0] + self.room.gap), right - left), size[0])
        x0, x1 = left - low[0], max(left, right - width) - low[0]
        y0, y1 = front - low[1], max(front, back - size[1]) - low[1]
        spare = surface.headroom - size[2] - REST
        if spare < 0:
            return np.zeros((0, 3))
        if shape.pack:
            # In a corner: right of one piece, behind another; the first row first, from the left.
            edges = [i.high[:2] + self.room.gap + 1e-4 for i in self.room.items if i.surface == surface.name]
            corners = np.array([[left, front], *edges]) - low[:2] + rng.uniform(0, 0.006, 2)
            y, x = (v.ravel() for v in np.meshgrid(np.sort(corners[:, 1]), np.sort(corners[:, 0]), indexing="ij"))
        else:
            x = rng.uniform(x0, x1, CANDIDATES)
            depth = np.abs(rng.normal(0, self.scene.front_bias / 1000, CANDIDATES))
            depth += np.where(rng.uniform(size=CANDIDATES) < self.scene.deep_odds, rng.uniform(0, 0.15, CANDIDATES), 0)
            anywhere = rng.uniform(size=CANDIDATES) < shape.anywhere
            y = y0 + np.where(anywhere, rng.uniform(0, y1 - y0, CANDIDATES), depth)
        if shape.visible is not None and self.room.items:
            x, y = self._in_line(x, y, body)
        z = surface.z - low[2] + REST + rng.uniform(0, min(shape.drop / 1000, spare), len(x))
        return np.round(np.stack([x, y, z], axis=1), 6)

    def _in_line(self, x: Floats, y: Floats, body: Body) -> tuple[Floats, Floats]:
        """Every other candidate moved to before or behind a piece that is there, as seen from the camera."""
        rng, items = self.rng, self.room.items
        centres = np.array([(i.low + i.high) / 2 for i in items])[:, :2]
        spot = centres[rng.integers(len(items), size=len(x))]
        ray = spot - np.array(self.room.sight.camera.location[:2])
        ray /= np.linalg.norm(ray, axis=1, keepdims=True)
        along = rng.choice([-1, 1], len(x)) * rng.uniform(0.03, 0.25, len(x))
        aside = rng.uniform(-0.8, 0.8, len(x)) * body.size[0]
        there = spot + along[:, None] * ray + aside[:, None] * np.stack([-ray[:, 1], ray[:, 0]], axis=1)
        every = np.arange(len(x)) % 2 == 0
        return np.where(every, there[:, 0], x), np.where(every, there[:, 1], y)

    def _target(self) -> float:
        """A wanted visible fraction."""
        if self.arrangement.visible is None:
            return 1.0
        bins = self.arrangement.visible
        return float((self.rng.choice(len(bins), p=odds(bins)) + self.rng.uniform()) / len(bins))

    def _others(self, block: Block, first: Item) -> int:
        """The rest of a block, cell by cell: on top of, behind and beside its first piece."""
        placed = 1
        surface = next(s for s, _ in self.surfaces if s.name == first.surface)
        pitch = first.body.size[:2] + self.room.gap + 5e-4
        for column, row in _cells(block):
            below: Item | None = first if (column, row) == (0, 0) else None
            if below is None:
                if placed == block.count:
                    return placed
                below = self._beside(first, np.array([column, row]) * pitch, surface)
                placed += below is not None
            for _ in range(block.layers - 1):
                if below is None or placed == block.count:
                    break
                below = self._above(below, surface)
                placed += below is not None
        return placed

    def _strayed(self, item: Item) -> tuple[Item, Floats]:
        """An equal piece turned a little, and where it stands relative to the other."""
        yaw = euler([0, 0, float(self.rng.normal(0, SWAY[1] / 3))])
        body = Body.of(item.body.solid, yaw @ np.array(item.body.rotation), item.body.scale)
        return replace(item, body=body), self.rng.uniform(-SWAY[0], SWAY[0], 2)

    def _beside(self, first: Item, offset: Floats, surface: Surface) -> Item | None:
        item, stray = self._strayed(first)
        z = surface.z - item.body.low[2] + REST
        there = np.round([*(np.array(first.location[:2]) + offset + np.abs(stray)), z], 6)
        if not self.room.free(item.body, there[None], surface)[0]:
            return None
        placed = replace(item, location=rounded(there))
        return placed if self.room.add(placed, self._target()) else None

    def _above(self, lower: Item, surface: Surface) -> Item | None:
        """A piece on top of another, let down until the meshes touch."""
        item, stray = self._strayed(lower)
        body = item.body
        if not stackable(body, lower.body):
            return None
        start = np.round([*(np.array(lower.location[:2]) + stray), lower.high[2] - body.low[2] + 0.001], 6)
        hit = first_contact(body.at(rounded(start)), lower.body.at(lower.location), DOWN)
        if hit is None:
            return None
        there = np.round(start + (hit.distance - REST) * DOWN, 6)
        number = self.room.items.index(lower)
        if not self.room.free(body, there[None], surface, touching=number)[0]:
            return None
        placed = replace(item, location=rounded(there))
        if not self.room.add(placed, self._target()):
            return None
        self.room.items[number] = replace(lower, alone=False)
        return placed

    def _lean(self, item: Item, surface: Surface) -> bool:
        """Tilt a standing piece beyond its tipping point and slide it until it meets a wall or a neighbour."""
        rng = self.rng
        for _ in range(LEANS):
            towards = (LEFT, RIGHT, BACK)[rng.integers(3)]
            body = _tilted(item.body, towards, rng)
            neighbours = [k for k, i in enumerate(self.room.items) if i.surface == surface.name and i.alone]
            # As often a neighbour as a wall.
            number = neighbours[rng.integers(len(neighbours))] if neighbours and rng.uniform() < 0.5 else None
            there = self._slide(body, towards, surface, number)
            if there is None:
                continue
            placed = replace(item, body=body, location=rounded(there), surface=surface.name, alone=False)
            if self.room.add(placed, self._target()):
                if number is not None:
                    self.room.items[number] = replace(self.room.items[number], alone=False)
                return True
        return False

    def _slide(self, body: Body, towards: Floats, surface: Surface, number: int | None) -> Floats | None:
        """Where `body` meets item `number`, or a wall if that is None; None if it would not lean there."""
        rng = self.rng
        along = int(np.abs(towards).argmax())
        across = 1 - along
        sign = towards[along]
        edges = (surface.x, surface.y)
        start = np.zeros(3)
        start[2] = surface.z - body.low[2] + REST
        if number is None:
            limit = edges[along][1 if sign > 0 else 0]
            start[along] = limit - (body.high if sign > 0 else body.low)[along]
            lowest, highest = edges[across][0] - body.low[across], edges[across][1] - body.high[across]
            if lowest > highest:
                return None
            start[across] = rng.uniform(lowest, highest)
        else:
            target = self.room.items[number]
            front, back = (target.low, body.high) if sign > 0 else (target.high, body.low)
            start[along] = front[along] - back[along] - sign * 0.001
            start[across] = (target.low + target.high)[across] / 2 - (body.low + body.high)[across] / 2
            start[across] += rng.normal(0, 0.1 * body.size[across])
        start = np.round(start, 6)
        if not self.room.free(body, start[None], surface, touching=number)[0]:
            return None
        fixed = self._near(body, start, towards) if number is None else target.body.at(target.location)
        hit = first_contact(body.at(rounded(start)), fixed, towards)
        if hit is None or hit.distance > REACH or hit.point[2] - surface.z < 0.6 * (body.centre[2] - body.low[2]):
            return None
        there = np.asarray(np.round(start + (hit.distance - REST) * towards, 6), dtype=float)
        foot = body.base + there
        if any((foot[:, k] < edges[k][0]).any() or (foot[:, k] > edges[k][1]).any() for k in (0, 1)):
            return None
        if not self.room.clear(body.reach_at(rounded(there))[None], touching=number)[0]:
            return None
        return there

    def _near(self, body: Body, start: Floats, towards: Floats) -> Floats:
        """Triangles of the furniture in the way of a body that slides as far as REACH."""
        swept = [body.low + start, body.high + start]
        swept += [s + REACH * towards for s in swept]
        low, high = np.min(swept, axis=0), np.max(swept, axis=0)
        furniture = self.room.furniture.triangles
        meets = (furniture.max(axis=1) >= low) & (furniture.min(axis=1) <= high)
        near: Floats = furniture[meets.all(axis=1)]
        return near


def _cells(block: Block) -> Iterator[tuple[int, int]]:
    for row in range(block.ranks):
        for column in range(block.facings):
            yield column, row


def _tilted(body: Body, towards: Floats, rng: np.random.Generator) -> Body:
    """Turned over its base's edge so far that it falls onto what is there."""
    height = body.centre[2] - body.low[2]
    half = ((body.base - body.centre) @ towards).max()
    angle = np.arctan2(half, height) + np.radians(rng.uniform(2, 12))
    axis = np.cross([0.0, 0.0, 1.0], towards)
    return Body.of(body.solid, about(axis, angle) @ np.array(body.rotation), body.scale, rest=False)


def _rotation(pose: Pose, rng: np.random.Generator) -> Floats:
    spin = between(pose.spin, rng)
    yaw = rng.uniform(0, 360) if pose.yaw_sigma is None else rng.choice(pose.yaw) + rng.normal(0, pose.yaw_sigma)
    rotation: Floats = euler([0, 0, yaw]) @ euler([*pose.tilt, 0]) @ euler([0, 0, spin])
    return rotation
