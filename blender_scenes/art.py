"""Label art drawn with numpy from the layers of a product's YAML: no fonts, no pictures, the same pixels everywhere.

A canvas has u to the right and v up, both 0..1; on a lathe u runs around it with the front at 0.75. A layer is one
mapping, drawn in order:

    fill:     colour                                   the whole canvas
    rect:     [u0, v0, u1, v1]   colour, radius        rounded by `radius` (fraction of the canvas height)
    ellipse:  [u, v, ru, rv]     colour
    polygon:  [[u, v], ...]      colour
    text:     "WORD"             at: [u, v] (centre), height, colour, weight (stroke / height)
    lines:    [u0, v0, u1, v1]   colour, count         rows that read as small print
    barcode:  [u0, v0, u1, v1]
    blobs:    [u0, v0, u1, v1]   colours, count, radius: [lo, hi]     round spots, later ones on top
    mottle:   strength           scale (cells across)  soft noise multiplied onto what is there
    streaks:  count              colour, strength      soft vertical bands

Any layer may say `probability`, `at_each: [u, ...]` (repeat, shifted in u) and `jitter: [du, dv]` (shift at random).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blender_scenes.lettering import strokes
from coldstart.errors import UserError

__all__ = ["LAYERS", "draw", "hex_colour"]

Floats = NDArray[np.float64]
Layer = Mapping[str, Any]


def hex_colour(text: str) -> Floats:
    """`#rrggbb` as three sRGB values 0..1.

    Raises:
        UserError: it is not of that form.
    """
    try:
        if len(text) != 7 or text[0] != "#":
            raise ValueError
        return np.array([int(text[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    except (ValueError, TypeError):
        raise UserError(f"colour {text!r}: write it as '#rrggbb'") from None


class Canvas:
    """A picture under construction: H×W×3 sRGB 0..1, row 0 at the top (v = 1)."""

    def __init__(self, width: int, height: int) -> None:
        self.pixels = np.ones((height, width, 3))
        self.height, self.width = height, width
        self.x, self.y = np.meshgrid(np.arange(width) + 0.5, height - np.arange(height) - 0.5)

    def paint(self, distance: Floats, colour: Floats) -> None:
        """Blend `colour` in where the signed distance in pixels is negative, one pixel of soft edge."""
        touched = distance < 0.5
        cover = np.minimum(0.5 - distance[touched], 1)[:, None]
        self.pixels[touched] += cover * (colour - self.pixels[touched])

    def rect(self, area: Any, radius: float = 0.0) -> Floats:
        """Signed distance in pixels to a rounded rectangle."""
        u0, v0, u1, v1 = np.array(area) * [self.width, self.height, self.width, self.height]
        r = radius * self.height
        dx = np.abs(self.x - (u0 + u1) / 2) - (u1 - u0) / 2 + r
        dy = np.abs(self.y - (v0 + v1) / 2) - (v1 - v0) / 2 + r
        return np.hypot(np.maximum(dx, 0), np.maximum(dy, 0)) + np.minimum(np.maximum(dx, dy), 0) - r

    def segments(self, lines: Floats, reach: float = 2.0) -> Floats:
        """Distance in pixels to the nearest of S×2×2 segments in pixels; beyond `reach` it may be infinite."""
        best = np.full(self.x.shape, np.inf)
        for (ax, ay), (bx, by) in lines:
            columns = self._span(min(ax, bx) - reach, max(ax, bx) + reach, self.width)
            rows = self._span(self.height - max(ay, by) - reach, self.height - min(ay, by) + reach, self.height)
            x, y = self.x[rows, columns] - ax, self.y[rows, columns] - ay
            dx, dy = bx - ax, by - ay
            t = np.clip((x * dx + y * dy) / (dx * dx + dy * dy + 1e-9), 0, 1)
            best[rows, columns] = np.minimum(best[rows, columns], np.hypot(x - t * dx, y - t * dy))
        return best

    @staticmethod
    def _span(low: float, high: float, limit: int) -> slice:
        return slice(int(np.clip(low, 0, limit)), int(np.clip(high + 1, 0, limit)))


def _fill(canvas: Canvas, layer: Layer, shift: Floats, rng: np.random.Generator) -> None:
    canvas.pixels[:] = hex_colour(layer["fill"])


def _rect(canvas: Canvas, layer: Layer, shift: Floats, rng: np.random.Generator) -> None:
    area = np.array(layer["rect"]) + np.tile(shift, 2)
    canvas.paint(canvas.rect(area, layer.get("radius", 0.0)), hex_colour(layer["colour"]))


def _ellipse(canvas: Canvas, layer: Layer, shift: Floats, rng: np.random.Generator) -> None:
    u, v, ru, rv = layer["ellipse"]
    rx, ry = ru * canvas.width, rv * canvas.height
    dx = (canvas.x - (u + shift[0]) * canvas.width) / rx
    dy = (canvas.y - (v + shift[1]) * canvas.height) / ry
    canvas.paint((np.hypot(dx, dy) - 1) * min(rx, ry), hex_colour(layer["colour"]))


def _polygon(canvas: Canvas, layer: Layer, shift: Floats, rng: np.random.Generator) -> None:
    points = (np.array(layer["polygon"], dtype=float) + shift) * [canvas.width, canvas.height]
    edges = np.stack([points, np.roll(points, -1, axis=0)], axis=1)
    inside = np.zeros(canvas.x.shape, dtype=bool)
    for (ax, ay), (bx, by) in edges:
        crosses = (ay > canvas.y) != (by > canvas.y)
        inside ^= crosses & (canvas.x < (bx - ax) * (canvas.y - ay) / (by - ay + 1e-12) + ax)
    canvas.paint(np.where(inside, -1.0, 1.0) * canvas.segments(edges), hex_colour(layer["colour"]))


def _text(canvas: Canvas, layer: Layer, shift: Floats, rng: np.random.Generator) -> None:
    lines, width = strokes(layer["text"])
    size = layer["height"] * canvas.height
    u, v = np.array(layer["at"]) + shift
    stretch = layer.get("stretch", 1.0)
    origin = np.array([u * canvas.width - width * size * stretch / 2, v * canvas.height - size / 2])
    placed = lines * [size * stretch, size] + origin
    half = layer.get("weight", 0.16) * size / 2
    canvas.paint(canvas.segments(placed, reach=half + 1) - half, hex_colour(layer["colour"]))


def _lines(canvas: Canvas, layer: Layer, shift: Floats, rng: np.random.Generator) -> None:
    u0, v0, u1, v1 = np.array(layer["lines"]) + np.tile(shift, 2)
    count = layer["count"]
    for row in range(count):
        v = v1 - (row + 0.5) * (v1 - v0) / count
        half = 0.28 * (v1 - v0) / count
        area = [u0, v - half, u0 + (u1 - u0) * rng.uniform(0.5, 1.0), v + half]
        canvas.paint(canvas.rect(area), hex_colour(layer["colour"]))


def _barcode(canvas: Canvas, layer: Layer, shift: Floats, rng: np.random.Generator) -> None:
    u0, v0, u1, v1 = np.array(layer["barcode"]) + np.tile(shift, 2)
    canvas.paint(canvas.rect([u0, v0, u1, v1]), np.ones(3))
    edges = u0 + (u1 - u0) * (0.08 + 0.84 * np.sort(rng.uniform(0, 1, 24)))
    for left, right in edges.reshape(-1, 2):
        canvas.paint(canvas.rect([left, v0 + 0.1 * (v1 - v0), right, v1 - 0.1 * (v1 - v0)]), np.full(3, 0.08))


def _blobs(canvas: Canvas, layer: Layer, shift: Floats, rng: np.random.Generator) -> None:
    u0, v0, u1, v1 = np.array(layer["blobs"]) + np.tile(shift, 2)
    colours = [hex_colour(c) for c in layer["colours"]]
    for _ in range(layer["count"]):
        x, y = rng.uniform(u0, u1) * canvas.width, rng.uniform(v0, v1) * canvas.height
        r = rng.uniform(layer["radius"][0], layer["radius"][1]) * canvas.height
        squash, shade = rng.uniform(0.7, 1.0), rng.uniform(0.8, 1.15)
        colour = np.clip(colours[rng.integers(len(colours))] * shade, 0, 1)
        distance = np.hypot(canvas.x - x, (canvas.y - y) / squash) - r
        # A darker rim makes a spot read as a round thing.
        canvas.paint(distance, colour * 0.72)
        canvas.paint(distance + 0.28 * r, colour)


def _smooth_noise(shape: tuple[int, int], cells: int, rng: np.random.Generator) -> Floats:
    """Bilinear value noise 0..1, `cells` cells across, the same left and right so that it closes around a lathe."""
    height, width = shape
    rows = max(2, round(cells * height / width)) + 1
    grid = rng.uniform(0, 1, (rows, cells))
    grid = np.concatenate([grid, grid[:, :1]], axis=1)
    y, x = np.linspace(0, rows - 1.001, height), np.linspace(0, cells - 0.001, width)
    iy, ix = y.astype(int), x.astype(int)
    fy, fx = (y - iy)[:, None], (x - ix)[None]
    top = grid[iy][:, ix] * (1 - fx) + grid[iy][:, ix + 1] * fx
    bottom = grid[iy + 1][:, ix] * (1 - fx) + grid[iy + 1][:, ix + 1] * fx
    noise: Floats = top * (1 - fy) + bottom * fy
    return noise


def _mottle(canvas: Canvas, layer: Layer, shift: Floats, rng: np.random.Generator) -> None:
    shape, cells = (canvas.height, canvas.width), layer.get("scale", 40)
    noise = 0.65 * _smooth_noise(shape, cells, rng) + 0.35 * _smooth_noise(shape, cells * 3, rng)
    canvas.pixels *= 1 + layer["mottle"] * (noise - 0.5)[..., None]


def _streaks(canvas: Canvas, layer: Layer, shift: Floats, rng: np.random.Generator) -> None:
    noise = _smooth_noise((canvas.height, canvas.width), 5 * layer["streaks"], rng)
    wave = 0.5 + 0.5 * np.cos(2 * np.pi * layer["streaks"] * canvas.x / canvas.width)
    cover = layer["strength"] * wave**3 * np.clip(1.6 * noise - 0.3, 0, 1)
    canvas.pixels += cover[..., None] * (hex_colour(layer["colour"]) - canvas.pixels)


LAYERS: dict[str, Callable[[Canvas, Layer, Floats, np.random.Generator], None]] = {
    "fill": _fill,
    "rect": _rect,
    "ellipse": _ellipse,
    "polygon": _polygon,
    "text": _text,
    "lines": _lines,
    "barcode": _barcode,
    "blobs": _blobs,
    "mottle": _mottle,
    "streaks": _streaks,
}


def draw(
    layers: Sequence[Layer], size: Sequence[int], rng: np.random.Generator, where: str = "art"
) -> NDArray[np.uint8]:
    """Draw `layers` onto a white canvas; `size` is [width, height] in pixels. Returns H×W×3 uint8 sRGB.

    Raises:
        UserError: a layer has no known kind, lacks a key or holds a malformed value; `where` names the product.
    """
    canvas = Canvas(*size)
    for number, layer in enumerate(layers):
        kinds = [kind for kind in LAYERS if kind in layer]
        if len(kinds) != 1:
            raise UserError(f"{where}, layer {number}: needs one of {', '.join(LAYERS)}; has {', '.join(layer)}")
        if rng.uniform() >= layer.get("probability", 1.0):
            continue
        jitter = np.array(layer.get("jitter", [0, 0])) * rng.uniform(-1, 1, 2)
        for offset in layer.get("at_each", [0.0]):
            try:
                LAYERS[kinds[0]](canvas, layer, jitter + [offset, 0.0], rng)
            except (KeyError, TypeError, ValueError) as error:
                raise UserError(f"{where}, layer {number} ({kinds[0]}): {error!r}") from None
    return np.round(np.clip(canvas.pixels, 0, 1) * 255).astype(np.uint8)
