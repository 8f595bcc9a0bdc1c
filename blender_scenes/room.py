"""A scene while it is being filled: what stands where, and what may still be put there."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from blender_scenes.arrange import Arrangement
from blender_scenes.body import Body
from blender_scenes.obstacles import Surroundings
from blender_scenes.occlusion import Occlusion
from blender_scenes.placement import DIRECTIONS, Surface, apart, moved
from blender_scenes.sight import Sight
from blender_scenes.spec import Camera, Triple

__all__ = ["REST", "Item", "Room"]

Floats = NDArray[np.float64]

REST = 0.0001  # metres between a piece and what it touches: resting, yet not one surface for the renderer


@dataclass(frozen=True, eq=False)
class Item:
    """A body at its place, and what it is one of."""

    body: Body
    location: Triple
    surface: str
    product: str
    variant: int
    pose: str
    alone: bool = True  # nothing stands on it and it leans on nothing

    @property
    def low(self) -> Floats:
        """Least x, y, z in the world."""
        least: Floats = self.body.low + np.array(self.location)
        return least

    @property
    def high(self) -> Floats:
        """Greatest x, y, z in the world."""
        greatest: Floats = self.body.high + np.array(self.location)
        return greatest


class Room:
    """Pieces placed so far. Every piece in it is apart from all others, or touches one by exact contact."""

    def __init__(self, camera: Camera, arrangement: Arrangement, furniture: Surroundings) -> None:
        self.arrangement = arrangement
        self.gap = arrangement.gap / 1000
        self.sight = Sight(camera)
        self.occlusion = None if arrangement.visible is None else Occlusion(camera, arrangement.visible)
        self.furniture = furniture
        self.items: list[Item] = []
        self.reaches = np.zeros((0, len(DIRECTIONS)))

    def free(self, body: Body, locations: Floats, surface: Surface, touching: int | None = None) -> NDArray[np.bool_]:
        """N: whether `body` at N×3 locations is above the surface, below its headroom, apart from the
        furniture there and from every piece.

        `touching` names an item that is met by exact contact.
        """
        free = surface.room_for(body.low + locations, body.high + locations)
        for others, gap in (
            (self.furniture.above(surface), 0.0),
            (self._others(touching), self.gap),
        ):
            free[free] = apart(moved(body.reach, locations[free]), others, gap).all(axis=1)
        return free

    def clear(self, reach: Floats, touching: int | None = None) -> NDArray[np.bool_]:
        """N: whether bodies of extents N×K are apart from every piece, but for the one that is met by contact."""
        clear: NDArray[np.bool_] = apart(reach, self._others(touching), self.gap).all(axis=1)
        return clear

    def _others(self, touching: int | None) -> Floats:
        return self.reaches if touching is None else np.delete(self.reaches, touching, axis=0)

    def add(self, item: Item) -> bool:
        """Take it in, unless the camera would see too little of it or of another."""
        world = item.body.vertices + np.array(item.location)
        box = self.sight.box(world, self.arrangement.truncated, self.arrangement.max_overlap)
        if box is None:
            return False
        self.sight.boxes.append(box)
        if self.occlusion is not None:
            self.occlusion.add(item.body.hull, item.location)
        self.reaches = np.concatenate([self.reaches, item.body.reach_at(item.location)[None]])
        self.items.append(item)
        return True

    def remove(self, number: int) -> Item:
        """Take it out again."""
        del self.sight.boxes[number]
        if self.occlusion is not None:
            self.occlusion.remove(number)
        self.reaches = np.delete(self.reaches, number, axis=0)
        return self.items.pop(number)
