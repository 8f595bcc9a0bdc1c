"""Finding places: blocks of pieces on surfaces, stacked ones on one another, leaning ones against what is there."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from blender_scenes.arrange import Block
from blender_scenes.body import Body, Solid, stackable
from blender_scenes.catalogue import Pose
from blender_scenes.chance import between, odds
from blender_scenes.config import RenderConfig
from blender_scenes.contact import first_contact
from blender_scenes.geometry import euler
from blender_scenes.leaning import lean
from blender_scenes.placement import Surface
from blender_scenes.room import REST, Item, Room
from blender_scenes.spec import rounded

__all__ = ["Filler"]

Floats = NDArray[np.float64]
Window = tuple[tuple[float, float], tuple[float, float]]
Choice = tuple[Item, Floats]  # a piece, and N×3 places for it

SURFACES = 4  # surfaces drawn for a block before it counts as unplaced
DENSE = 0.6  # share of a surface that is covered where it is full
CANDIDATES = 64  # places tried on each
IN_LINE = 400  # and where visible fractions are wanted
COMPARED = 32  # free ones of them that are compared
MOVES = 80  # pieces moved at most, for visible fractions to come nearer to what is wanted
LOST = 0.2  # share of pieces taken out at most
WARMTH = 0.6  # how much worse a move may make it at first, by the share of one piece
BEHIND = 0.03  # metres, mean distance between two pieces in line
SWAY = (0.0015, 4.0)  # metres and degrees by which equal pieces of a block stray from one another
TALL = 1.8  # height by width from which a piece may lean
DOWN = np.array([0.0, 0.0, -1.0])


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
        self.seen = [(s, share) for s, _, share in seen]

    def capacity(self) -> int:
        """About how many pieces find room in what the camera sees: by their bases, and how high they are stacked."""
        layers = float(np.arange(1, len(self.arrangement.layers) + 1) @ odds(self.arrangement.layers))
        shares = []
        for name in self.products:
            width, depth, height = np.ptp(self.solid(name, 0).vertices, axis=0) + self.room.gap
            area = sum((s.x[1] - s.x[0]) * (s.y[1] - s.y[0]) * share for s, share in self.seen if s.headroom > height)
            shares += [width * depth / area] if area else []
        return max(int(layers * DENSE / np.mean(shares)), 1) if shares else 1

    def put(self, block: Block) -> int:
        """Place as much of a block as fits together; returns how many pieces that is."""
        choices = list[Choice]()
        leans = self.rng.uniform() < self.arrangement.leaning
        for surface, window in self._drawn():
            first = self._draw(block.product)
            if leans and first.body.size[2] >= TALL * first.body.size[:2].max():
                leans = False
                if any(lean(first, s, self.room, self.rng) for s, _ in ((surface, window), *self._drawn())):
                    return 1
            choices.append(self._free(first, block, surface, window))
            if self.room.occlusion is None and (placed := self._add(choices[-1:])) is not None:
                return self._others(block, placed)
        placed = self._add(choices) if self.room.occlusion is not None else None
        return 0 if placed is None else self._others(block, placed)

    def spread(self) -> list[str]:
        """Move pieces until visible fractions are near to what is wanted; products of those taken out for it.

        Simulated annealing; what then still spoils the distribution, as one that stands before all others, has no place
        in the scene.
        """
        room, rng = self.room, self.rng
        occlusion, lost = room.occlusion, list[str]()
        if occlusion is None or not room.items:
            return lost
        for move in range(MOVES):
            single = [k for k, item in enumerate(room.items) if item.alone]
            if not single:  # all are stacked, lean or carry others
                break
            item = room.remove(single[rng.integers(len(single))])
            choices = [self._free(item, Block(item.product, 1), *drawn) for drawn in islice(self._drawn(), 2)]
            warmth = WARMTH * (1 - (move + 1) / MOVES) / (len(room.items) + 1)
            self._add([(item, np.array([item.location])), *choices], warmth)
        while len(lost) < LOST * (len(room.items) + len(lost)) - 1:
            costs = [occlusion.misfit(k) if item.alone else np.inf for k, item in enumerate(room.items)]
            worst = int(np.argmin(costs))
            if costs[worst] >= occlusion.misfit():
                break
            lost.append(room.remove(worst).product)
        return lost

    def _drawn(self) -> Iterator[tuple[Surface, Window]]:
        """Surfaces to try, first the likelier ones: given up late, or full shelves would fill the drawers."""
        for _ in range(SURFACES if self.surfaces else 0):
            yield self.surfaces[self.rng.choice(len(self.surfaces), p=odds(self.weights))]

    def _add(self, choices: list[Choice], warmth: float = 0.0) -> Item | None:
        """Take in the first place that the camera sees as wanted; where visible fractions matter, the best.

        `warmth` is how much worse than the first place another may be, and still be taken.
        """
        places = [(item, there) for item, spots in choices for there in spots]
        occlusion = self.room.occlusion
        if occlusion is not None and places:
            cost = occlusion.misfits([occlusion.shapes(item.body.hull, spots) for item, spots in choices if len(spots)])
            cost[0] += warmth
            places = [places[k] for k in np.argsort(cost, kind="stable")]
        found = (replace(item, location=rounded(there)) for item, there in places)
        return next((item for item in found if self.room.add(item)), None)

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

    def _free(self, item: Item, block: Block, surface: Surface, window: Window) -> Choice:
        """The block's front left piece, and wherever on the surface there is room for it."""
        locations = self._candidates(item.body, block, surface, window)
        if len(locations):
            locations = locations[self.room.free(item.body, locations, surface)][:COMPARED]
        return replace(item, surface=surface.name), locations

    def _candidates(self, body: Body, block: Block, surface: Surface, window: Window) -> Floats:
        """N×3 rounded locations of the front left piece, within the surface; empty if it is too large for it."""
        rng, shape = self.rng, self.arrangement
        count = CANDIDATES if self.room.occlusion is None else IN_LINE
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
            # Anywhere else only where the picture shows none of these.
            x, y = np.append(x, rng.uniform(x0, x1, count)), np.append(y, rng.uniform(y0, y1, count))
        else:
            x = rng.uniform(x0, x1, count)
            depth = np.abs(rng.normal(0, self.scene.front_bias / 1000, count))
            depth += np.where(rng.uniform(size=count) < self.scene.deep_odds, rng.uniform(0, 0.15, count), 0)
            anywhere = rng.uniform(size=count) < shape.anywhere
            y = y0 + np.where(anywhere, rng.uniform(0, y1 - y0, count), depth)
        if self.room.occlusion is not None:
            x, y = self._in_line(x, y, body, surface)
        z = surface.z - low[2] + REST + rng.uniform(0, min(shape.drop / 1000, spare), len(x))
        return np.round(np.stack([x, y, z], axis=1), 6)

    def _in_line(self, x: Floats, y: Floats, body: Body, surface: Surface) -> tuple[Floats, Floats]:
        """Most candidates moved to just before or behind a piece that is there, as seen from the camera."""
        rng, count = self.rng, len(x)
        there = [i for i in self.room.items if i.surface == surface.name]
        if not there:
            return x, y
        boxes = np.array([[i.low[:2], i.high[:2]] for i in there])[rng.integers(len(there), size=count)]
        spot = boxes.mean(axis=1)
        ray = spot - np.array(self.room.sight.camera.location[:2])
        ray /= np.linalg.norm(ray, axis=1, keepdims=True)
        across = np.stack([-ray[:, 1], ray[:, 0]], axis=1)
        half = (boxes[:, 1] - boxes[:, 0] + body.size[:2]) / 2
        near, wide = ((np.abs(v) * half).sum(axis=1) for v in (ray, across))
        along = rng.choice([-1, 1], count) * (near * rng.uniform(0.7, 1, count) + rng.exponential(BEHIND, count))
        place = spot + along[:, None] * ray + (rng.uniform(-0.9, 0.9, count) * wide)[:, None] * across
        place -= (body.low + body.high)[:2] / 2
        some = rng.uniform(size=count) < 0.9  # the first in a row must be somewhere
        return np.where(some, place[:, 0], x), np.where(some, place[:, 1], y)

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
        return placed if self.room.add(placed) else None

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
        if not self.room.add(placed):
            return None
        self.room.items[number] = replace(lower, alone=False)
        return placed


def _cells(block: Block) -> Iterator[tuple[int, int]]:
    for row in range(block.ranks):
        for column in range(block.facings):
            yield column, row


def _rotation(pose: Pose, rng: np.random.Generator) -> Floats:
    spin = between(pose.spin, rng)
    yaw = rng.uniform(0, 360) if pose.yaw_sigma is None else rng.choice(pose.yaw) + rng.normal(0, pose.yaw_sigma)
    rotation: Floats = euler([0, 0, yaw]) @ euler([*pose.tilt, 0]) @ euler([0, 0, spin])
    return rotation
