"""Pieces that lean: tilted beyond their tipping point, and slid until they meet a wall or a neighbour."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from blender_scenes.body import Body
from blender_scenes.contact import about, first_contact
from blender_scenes.placement import Surface
from blender_scenes.room import REST, Item, Room
from blender_scenes.spec import rounded

__all__ = ["lean"]

Floats = NDArray[np.float64]

TRIES = 40  # tilts and places tried
TILT = (2.0, 12.0)  # degrees beyond the tipping point
REACH = 0.15  # metres from a surface's edge within which a wall is leant on
STEEP = 0.6  # a piece leans with what is at least this share of its centre of mass's height above the surface
LEFT, RIGHT, BACK = (np.array(v, dtype=float) for v in ([-1, 0, 0], [1, 0, 0], [0, 1, 0]))


def lean(item: Item, surface: Surface, room: Room, rng: np.random.Generator) -> bool:
    """Add `item`, which stands upright, to the room, leaning; whether there is a place for it."""
    for _ in range(TRIES):
        towards = (LEFT, RIGHT, BACK)[rng.integers(3)]
        body = _tilted(item.body, towards, rng)
        neighbours = [k for k, i in enumerate(room.items) if i.surface == surface.name and i.alone]
        # As often a neighbour as a wall.
        number = neighbours[rng.integers(len(neighbours))] if neighbours and rng.uniform() < 0.5 else None
        target = None if number is None else room.items[number]
        start = _start(body, towards, surface, target, rng)
        if start is None or not room.free(body, start[None], surface, touching=number)[0]:
            continue
        fixed = _near(body, start, towards, room) if target is None else target.body.at(target.location)
        there = _slid(body, start, towards, surface, fixed)
        if there is None or not room.clear(body.reach_at(rounded(there))[None], touching=number)[0]:
            continue
        if room.add(replace(item, body=body, location=rounded(there), surface=surface.name, alone=False)):
            if number is not None:
                room.items[number] = replace(room.items[number], alone=False)
            return True
    return False


def _tilted(body: Body, towards: Floats, rng: np.random.Generator) -> Body:
    """Turned over its base's edge so far that it falls onto what is there."""
    height = body.centre[2] - body.low[2]
    half = ((body.base - body.centre) @ towards).max()
    angle = np.arctan2(half, height) + np.radians(rng.uniform(*TILT))
    axis = np.cross([0.0, 0.0, 1.0], towards)
    return Body.of(body.solid, about(axis, angle) @ np.array(body.rotation), body.scale, rest=False)


def _start(
    body: Body, towards: Floats, surface: Surface, target: Item | None, rng: np.random.Generator
) -> Floats | None:
    """Where `body` begins to slide towards `target`, or towards the surface's edge if that is None."""
    along = int(np.abs(towards).argmax())
    across, sign = 1 - along, towards[along]
    edges = (surface.x, surface.y)
    start = np.zeros(3)
    start[2] = surface.z - body.low[2] + REST
    if target is None:
        start[along] = edges[along][1 if sign > 0 else 0] - (body.high if sign > 0 else body.low)[along]
        lowest, highest = edges[across][0] - body.low[across], edges[across][1] - body.high[across]
        if lowest > highest:
            return None
        start[across] = rng.uniform(lowest, highest)
    else:
        front, back = (target.low, body.high) if sign > 0 else (target.high, body.low)
        start[along] = front[along] - back[along] - sign * 0.001
        start[across] = (target.low + target.high)[across] / 2 - (body.low + body.high)[across] / 2
        start[across] += rng.normal(0, 0.1 * body.size[across])
    begin: Floats = np.round(start, 6)
    return begin


def _slid(body: Body, start: Floats, towards: Floats, surface: Surface, fixed: Floats) -> Floats | None:
    """Where `body` meets `fixed` triangles; None if it would not lean there."""
    hit = first_contact(body.at(rounded(start)), fixed, towards)
    if hit is None or hit.distance > REACH or hit.point[2] - surface.z < STEEP * (body.centre[2] - body.low[2]):
        return None
    there: Floats = np.asarray(np.round(start + (hit.distance - REST) * towards, 6), dtype=float)
    foot = (body.base + there)[:, :2]
    if (foot < [surface.x[0], surface.y[0]]).any() or (foot > [surface.x[1], surface.y[1]]).any():
        return None
    return there


def _near(body: Body, start: Floats, towards: Floats, room: Room) -> Floats:
    """Triangles of the furniture in the way of a body that slides as far as REACH."""
    swept = [body.low + start, body.high + start]
    swept += [s + REACH * towards for s in swept]
    low, high = np.min(swept, axis=0), np.max(swept, axis=0)
    furniture = room.furniture.triangles
    meets = (furniture.max(axis=1) >= low) & (furniture.min(axis=1) <= high)
    near: Floats = furniture[meets.all(axis=1)]
    return near
