"""The solved fridge drawn over its photo: lines as they will be rendered, marked points against solved ones."""

import io
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from blender_scenes.matching import model
from blender_scenes.matching.solve import Solution

__all__ = ["overlay"]

Floats = NDArray[np.float64]
Line = tuple[Floats, str]  # N×3 in mm, colour

CABINET, SHELF, DRAWER, WALL, MARKED, SOLVED = "#00c8ff", "#ffd400", "#7dff6a", "#ff8ad8", "#ff2d2d", "#ffffff"
NEAR = 0.05  # metres; what is closer to the camera is not drawn


def overlay(found: Solution, scene: dict[str, Any], pixels: NDArray[np.uint8], longest: int = 1400) -> bytes:
    """A JPEG of the photo, at most `longest` pixels high or wide, with `scene` (see `furnish.scene`) drawn on it."""
    picture = Image.fromarray(pixels).convert("RGB")
    picture.thumbnail((longest, longest))
    scale = picture.width / found.marks.size[0]
    unit = max(picture.height / 700, 1.0)
    pen, font = ImageDraw.Draw(picture), ImageFont.load_default(round(10 * unit))
    for points, colour in _lines(scene["fridge"]):
        pieces = np.linspace(points[:-1], points[1:], 25).transpose(1, 0, 2)
        for piece in pieces:
            spots, depth = found.camera.project(piece / 1000)
            seen = [tuple(s * scale) for s, d in zip(spots, depth, strict=True) if d > NEAR]
            if len(seen) > 1:
                pen.line(seen, fill=colour, width=round(1.5 * unit))
    r = 4 * unit
    for name, spot in found.marks.points.items():
        x, y = spot[0] * scale, spot[1] * scale
        pen.line([(x - r, y - r), (x + r, y + r)], fill=MARKED, width=round(unit))
        pen.line([(x - r, y + r), (x + r, y - r)], fill=MARKED, width=round(unit))
        if name in found.errors:
            solved, _ = found.camera.project(np.array([model.place(name, found.values, found.marks)]) / 1000)
            x1, y1 = solved[0] * scale
            pen.ellipse((x1 - r / 2, y1 - r / 2, x1 + r / 2, y1 + r / 2), outline=SOLVED, width=round(unit))
            pen.line([(x, y), (x1, y1)], fill=MARKED, width=round(unit))
    said = f"RMS {found.rms:.1f} px   x marked   o solved"
    pen.text((6 * unit, 4 * unit), said, fill="white", font=font, stroke_width=round(unit), stroke_fill="black")
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def _lines(fridge: dict[str, Any]) -> Iterable[Line]:
    half, back = fridge["width"] / 2, fridge["back_width"] / 2
    height, depth = fridge["height"], fridge["depth"]
    for h, y in ((half, 0), (back, depth)):
        yield _closed([(-h, y, 0), (h, y, 0), (h, y, height), (-h, y, height)]), CABINET
    for side in (-1, 1):
        for z in (0, height):
            yield np.array([(side * half, 0, z), (side * back, depth, z)], dtype=float), CABINET
    values = {"cabinet.width": 2 * half, "cabinet.taper": back / half, "cabinet.depth": depth}
    for shelf in fridge["shelves"]:
        reach, z = model.reach(values, shelf["kind"], shelf["back"]), shelf["height"]
        corners = [(-reach, shelf["front"]), (reach, shelf["front"]), (reach, shelf["back"]), (-reach, shelf["back"])]
        yield _closed([(x, y, z) for x, y in corners]), SHELF
        if "rim" in shelf:
            low = z - shelf["rim"]
            yield np.array([(-reach, shelf["front"], low), (reach, shelf["front"], low)], dtype=float), SHELF
    for drawer in fridge.get("drawers", []):
        (x0, x1), (y0, y1), (z0, z1) = drawer["x"], drawer["y"], drawer["z"]
        for y in (y0, y1):
            yield _closed([(x0, y, z0), (x1, y, z0), (x1, y, z1), (x0, y, z1)]), DRAWER
    for fitting in [*fridge.get("lamps", []), *fridge.get("details", [])]:
        if "size" in fitting:
            yield _closed(_outline(fitting, fridge)), WALL


def _outline(fitting: dict[str, Any], fridge: dict[str, Any]) -> list[tuple[float, float, float]]:
    (u, v), (w, h) = fitting["at"], fitting["size"]
    flat = [(u + i * w / 2, v + j * h / 2) for i, j in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
    wall = fitting["wall"]
    if wall == "back":
        return [(a, fridge["depth"], b) for a, b in flat]
    if wall in ("left", "right"):
        side = -1 if wall == "left" else 1
        taper = (fridge["back_width"] - fridge["width"]) / fridge["depth"]
        return [(side * (fridge["width"] + taper * a) / 2, a, b) for a, b in flat]
    return [(a, b, fridge["height"] if wall == "ceiling" else 0) for a, b in flat]


def _closed(points: list[tuple[float, float, float]]) -> Floats:
    return np.array([*points, points[0]], dtype=float)
