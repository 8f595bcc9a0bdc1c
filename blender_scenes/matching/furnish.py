"""A solved fridge as the `scene` that the renderer takes: shelves, drawers, what is on the walls, camera."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from blender_scenes.matching import model
from blender_scenes.matching.marks import Fitting
from blender_scenes.matching.solve import Solution

__all__ = ["scene"]

RIM = {"rimmed": 16.0, "split": 36.0}  # typical front rails
BULB_DROP = 105.0  # mm from the ceiling to the middle of a bulb
AIR = 10.0  # mm kept free above and beside products
GUESSED = 220.0  # mm of room above the top shelf where the ceiling was not determined
HAND = {"location_range": [50, 50, 35], "pitch": 1.4, "yaw": 2.0, "roll": 1.2, "lens": 0.02}  # how photos differ


def scene(found: Solution, name: str, extras: dict[str, Any]) -> dict[str, Any]:
    """Plain data of `scene:`; `extras` are keys of `scene.fridge` that points cannot tell (door, gasket, kitchen)."""
    v = found.values
    width, depth, height = v["cabinet.width"], v["cabinet.depth"], v["cabinet.height"]
    top = max(v[f"shelf{k}.height"] for k in range(len(found.marks.shelves)))
    if "cabinet.height" in found.loose:
        height = max(height, top + GUESSED)
    drawers = [_drawer(k, found) for k in range(len(found.marks.drawers))]
    fridge: dict[str, Any] = {
        "width": round(width),
        "back_width": round(width * v["cabinet.taper"]),
        "depth": round(depth),
        "height": round(max(height, top + 60)),
        "shelves": _shelves(found, drawers, round(max(height, top + 60)), round(depth)),
    }
    if drawers:
        fridge["drawers"] = drawers
    fittings = {"lamps": found.marks.lamps, "details": found.marks.details}
    for key, listed in fittings.items():
        if listed:
            fridge[key] = [_fitted(f"{key[:-1]}{k}", f, found, fridge["height"]) for k, f in enumerate(listed)]
    lens = v["camera.lens_mm"]
    return {
        "name": name,
        "fridge": {**fridge, **extras},
        "camera": {
            "location": [round(v[f"camera.{axis}"]) for axis in "xyz"],
            "location_range": HAND["location_range"],
            **{key: [round(v[f"camera.{key}"], 1), HAND[key]] for key in ("pitch", "yaw", "roll")},
            "lens_mm": [round(lens * (1 - HAND["lens"]), 1), round(lens * (1 + HAND["lens"]), 1)],  # type: ignore[operator]
            "sensor_height_mm": round(model.SENSOR_MM),
        },
    }


def _shelves(found: Solution, drawers: list[dict[str, Any]], ceiling: float, depth: float) -> list[dict[str, Any]]:
    v, kinds = found.values, found.marks.shelves
    tops = [max(round(v[f"shelf{k}.height"]), 0) for k in range(len(kinds))]
    made = []
    for k, kind in enumerate(kinds):
        span = _free(_span(k, found), [d for d in drawers if tops[k] - 5 <= d["z"][0] < tops[k] + 60])
        above = [ceiling - AIR]
        above += [t - RIM.get(kinds[i], 6.0) - AIR for i, t in enumerate(tops) if t > tops[k] + AIR]
        above += [d["z"][0] - AIR for d in drawers if d["z"][0] > tops[k] and _overlap(span, d["x"])]
        back = min(round(depth - v[f"shelf{k}.behind"]), depth)
        shelf = {
            "height": tops[k],
            "front": int(np.clip(round(v[f"shelf{k}.front"]), 0, back - 50)),
            "back": back,
            "x": span,
            "headroom": max(round(min(above) - tops[k]), 20),
            "weight": round(1 / len(kinds), 2),
            "kind": kind,
        }
        made.append(shelf | ({"rim": round(RIM[kind])} if kind in RIM else {}))
    return made


def _span(k: int, found: Solution) -> list[int]:
    """Where products may stand on shelf `k`, left and right: on the board and off the walls."""
    v, kind = found.values, found.marks.shelves[k]
    back = v["cabinet.depth"] - v[f"shelf{k}.behind"]
    wall = v["cabinet.width"] * min(v["cabinet.taper"], 1) / 2 - 2 * AIR
    half = model.reach(v, kind, back)
    left, right = (min(half + v[f"shelf{k}.{side}"], wall) for side in ("left", "right"))
    return [-round(left - AIR), round(right - AIR)]


def _free(span: list[int], standing: Sequence[dict[str, Any]]) -> list[int]:
    """The widest stretch of `span` beside the drawers that stand there."""
    edges = sorted({span[0], span[1], *(int(np.clip(x, span[0], span[1])) for d in standing for x in d["x"])})
    gaps = [(a, b) for a, b in pairwise(edges) if not any(_overlap([a, b], d["x"]) for d in standing)]
    best = max(gaps or [(span[0], span[1])], key=lambda gap: gap[1] - gap[0])
    return [best[0] + (round(AIR) if best[0] > span[0] else 0), best[1] - (round(AIR) if best[1] < span[1] else 0)]


def _overlap(a: Sequence[float], b: Sequence[float]) -> float:
    """The share of interval `a` that `b` covers."""
    return max(0.0, min(a[1], b[1]) - max(a[0], b[0])) / max(a[1] - a[0], 1e-6)


def _drawer(k: int, found: Solution) -> dict[str, Any]:
    v, depth = found.values, found.values["cabinet.depth"]
    front, bottom = v[f"drawer{k}.front"], max(v[f"drawer{k}.bottom"], 2.0)
    return {
        "x": [round(v[f"drawer{k}.left"]), round(v[f"drawer{k}.right"])],
        "y": [round(front), round(max(depth - v[f"drawer{k}.behind"], front + 100))],
        "z": [round(bottom), round(max(v[f"drawer{k}.top"], bottom + 30))],
        "kind": found.marks.drawers[k],
    }


def _fitted(name: str, fitting: Fitting, found: Solution, ceiling: float) -> dict[str, Any]:
    """A lamp or detail where its marked points meet its wall; unmarked, it keeps the renderer's usual place."""
    made: dict[str, Any] = {"kind": fitting.kind, "wall": fitting.wall}
    spots = [
        _on_wall(found.marks.points[f"{name}.{end}"], fitting, found, ceiling)
        for end in "ab"
        if f"{name}.{end}" in found.marks.points
    ]
    if spots:
        u, v = np.mean(spots, axis=0)
        if fitting.kind == "bulb":  # its housing reaches 220 mm to the front, its cover 80 mm to the back
            v = min(max(v, 270.0), found.values["cabinet.depth"] - 90)
        made["at"] = [round(float(u)), round(float(v))]
    if len(spots) > 1:
        made["size"] = [max(round(float(c)), 3) for c in np.ptp(spots, axis=0)]
    return made | ({"text": fitting.text} if fitting.text else {})


def _on_wall(spot: tuple[float, float], fitting: Fitting, found: Solution, ceiling: float) -> list[float]:
    """Where the ray through a pixel meets a wall, along the wall in mm."""
    v, eye = found.values, found.camera
    width, height = eye.size
    focal = eye.lens_mm / eye.sensor_height_mm * height
    ray = np.array(eye.rotation) @ [(spot[0] - width / 2) / focal, (height / 2 - spot[1]) / focal, -1.0]
    start = np.array(eye.location) * 1000
    half, depth = v["cabinet.width"] / 2, v["cabinet.depth"]
    slope = half * (1 - v["cabinet.taper"]) / depth
    side = 1 if fitting.wall == "right" else -1
    # Each wall as normal · point = offset; bulbs hang below their ceiling.
    normal, offset = {
        "back": ([0.0, 1.0, 0.0], depth),
        "floor": ([0.0, 0.0, 1.0], 0.0),
        "ceiling": ([0.0, 0.0, 1.0], ceiling - (BULB_DROP if fitting.kind == "bulb" else 0.0)),
    }.get(fitting.wall, ([side, slope, 0.0], half))
    along = (offset - start @ normal) / (ray @ normal)
    x, y, z = np.clip(start + along * ray, [-half, 0, 0], [half, depth, ceiling])
    return {"back": [x, z], "left": [y, z], "right": [y, z]}.get(fitting.wall, [x, y])
