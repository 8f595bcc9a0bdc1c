"""Label art drawn with numpy from the layers of a product's YAML: no fonts, the same pixels everywhere.

A canvas has u to the right and v up, both 0..1; on a lathe u runs around it with the front at 0.75. A layer is one
mapping, drawn in order:

    fill:     colour                                   the whole canvas
    rect:     [u0, v0, u1, v1]   colour, radius        rounded by `radius` (fraction of the canvas height)
    ellipse:  [u, v, ru, rv]     colour, ring          only a line so wide (fraction of the canvas height)
    polygon:  [[u, v], ...]      colour
    fade:     [u0, v0, u1, v1]   colours               from the first below to the last above
    text:     "Word"             at: [u, v] (centre), height, colour, weight (stroke / height), stretch, outline: colour
    lines:    [u0, v0, u1, v1]   colour, count         rows that read as small print
    barcode:  [u0, v0, u1, v1]
    blobs:    [u0, v0, u1, v1]   colours, count, radius: [lo, hi]     round spots, later ones on top
    mottle:   strength           scale (cells across)  soft noise multiplied onto what is there
    streaks:  count              colour, strength      soft vertical bands
    grain:    [u0, v0, u1, v1]   colours: [ground, grain]              a wooden board that runs along v
    picture:  FILE               rect: [u0, v0, u1, v1], box: [x, y, w, h] in its pixels, mask: FILE (white is kept)

Any layer may say `probability`, `at_each: [u, ...]` (repeat, shifted in u) and `jitter: [du, dv]` (shift at random).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blender_scenes import picture
from blender_scenes.canvas import Canvas, smooth_noise
from blender_scenes.lettering import strokes
from coldstart.errors import UserError

__all__ = ["LAYERS", "draw", "hex_colour"]

Floats = NDArray[np.float64]
Layer = Mapping[str, Any]


def hex_colour(text: Any) -> Floats:
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


def _fill(canvas: Canvas, layer: Layer, shift: Floats, rng: np.random.Generator) -> None:
    canvas.pixels[:] = hex_colour(layer["fill"])


def _area(layer: Layer, kind: str, shift: Floats) -> Floats:
    return np.asarray(layer[kind], dtype=np.float64) + np.concatenate([shift, shift])


def _rect(canvas: Canvas, layer: Layer, shift: Floats, rng: np.random.Generator) -> None:
    area = _area(layer, "rect", shift)
    canvas.paint(canvas.rect(area, layer.get("radius", 0.0)), hex_colour(layer["colour"]))


def _ellipse(canvas: Canvas, layer: Layer, shift: Floats, rng: np.random.Generator) -> None:
    distance: Floats = canvas.ellipse(np.array(layer["ellipse"]) + [*shift, 0, 0])
    if "ring" in layer:
        half = float(layer["ring"]) * canvas.height / 2
        distance = np.abs(distance + half) - half
    canvas.paint(distance, hex_colour(layer["colour"]))


def _polygon(canvas: Canvas, layer: Layer, shift: Floats, rng: np.random.Generator) -> None:
    points = (np.array(layer["polygon"], dtype=float) + shift) * [canvas.width, canvas.height]
    edges = np.stack([points, np.roll(points, -1, axis=0)], axis=1)
    inside = np.zeros(canvas.x.shape, dtype=bool)
    for (ax, ay), (bx, by) in edges:
        crosses = (ay > canvas.y) != (by > canvas.y)
        inside ^= crosses & (canvas.x < (bx - ax) * (canvas.y - ay) / (by - ay + 1e-12) + ax)
    canvas.paint(np.where(inside, -1.0, 1.0) * canvas.segments(edges), hex_colour(layer["colour"]))


def _fade(canvas: Canvas, layer: Layer, shift: Floats, rng: np.random.Generator) -> None:
    area = _area(layer, "fade", shift)
    colours = np.array([hex_colour(c) for c in layer["colours"]])
    height = ((canvas.y / canvas.height - area[1]) / (area[3] - area[1])).clip(0, 1)
    marks = np.linspace(0, 1, len(colours))
    blend = np.stack([np.interp(height, marks, channel) for channel in colours.T], axis=-1)
    cover = (0.5 - canvas.rect(area)).clip(0, 1)[..., None]
    canvas.pixels += cover * (blend - canvas.pixels)


def _text(canvas: Canvas, layer: Layer, shift: Floats, rng: np.random.Generator) -> None:
    lines, width = strokes(layer["text"])
    size = layer["height"] * canvas.height
    u, v = np.array(layer["at"]) + shift
    stretch = layer.get("stretch", 1.0)
    origin = np.array([u * canvas.width - width * size * stretch / 2, v * canvas.height - size / 2])
    placed = lines * [size * stretch, size] + origin
    half = layer.get("weight", 0.16) * size / 2
    rim = 0.5 * half if "outline" in layer else 0.0
    distance = canvas.segments(placed, reach=half + rim + 1) - half
    if "outline" in layer:
        canvas.paint(distance - rim, hex_colour(layer["outline"]))
    canvas.paint(distance, hex_colour(layer["colour"]))


def _lines(canvas: Canvas, layer: Layer, shift: Floats, rng: np.random.Generator) -> None:
    u0, v0, u1, v1 = _area(layer, "lines", shift)
    count = layer["count"]
    for row in range(count):
        v = v1 - (row + 0.5) * (v1 - v0) / count
        half = 0.28 * (v1 - v0) / count
        area = [u0, v - half, u0 + (u1 - u0) * rng.uniform(0.5, 1.0), v + half]
        canvas.paint(canvas.rect(area), hex_colour(layer["colour"]))


def _barcode(canvas: Canvas, layer: Layer, shift: Floats, rng: np.random.Generator) -> None:
    u0, v0, u1, v1 = _area(layer, "barcode", shift)
    canvas.paint(canvas.rect([u0, v0, u1, v1]), np.ones(3))
    edges = u0 + (u1 - u0) * (0.08 + 0.84 * np.sort(rng.uniform(0, 1, 24)))
    for left, right in edges.reshape(-1, 2):
        canvas.paint(canvas.rect([left, v0 + 0.1 * (v1 - v0), right, v1 - 0.1 * (v1 - v0)]), np.full(3, 0.08))


def _blobs(canvas: Canvas, layer: Layer, shift: Floats, rng: np.random.Generator) -> None:
    u0, v0, u1, v1 = _area(layer, "blobs", shift)
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


def _mottle(canvas: Canvas, layer: Layer, shift: Floats, rng: np.random.Generator) -> None:
    shape, cells = (canvas.height, canvas.width), layer.get("scale", 40)
    noise = 0.65 * smooth_noise(shape, cells, rng) + 0.35 * smooth_noise(shape, cells * 3, rng)
    canvas.pixels *= 1 + layer["mottle"] * (noise - 0.5)[..., None]


def _streaks(canvas: Canvas, layer: Layer, shift: Floats, rng: np.random.Generator) -> None:
    noise = smooth_noise((canvas.height, canvas.width), 5 * layer["streaks"], rng)
    wave = 0.5 + 0.5 * np.cos(2 * np.pi * layer["streaks"] * canvas.x / canvas.width)
    cover = layer["strength"] * wave**3 * np.clip(1.6 * noise - 0.3, 0, 1)
    canvas.pixels += cover[..., None] * (hex_colour(layer["colour"]) - canvas.pixels)


def _grain(canvas: Canvas, layer: Layer, shift: Floats, rng: np.random.Generator) -> None:
    """Year rings cut lengthwise, bent around a knot now and then, fine fibres, and a shade of the board's own."""
    u0, v0, u1, v1 = _area(layer, "grain", shift)
    rows = slice(max(round((1 - v1) * canvas.height), 0), max(round((1 - v0) * canvas.height), 0))
    columns = slice(max(round(u0 * canvas.width), 0), max(round(u1 * canvas.width), 0))
    x, y = canvas.x[rows, columns], canvas.y[rows, columns]
    if not x.size:
        return
    width = (u1 - u0) * canvas.width
    across, along = x / width, y / width
    knots = np.zeros_like(x)
    for _ in range(rng.poisson(0.6)):
        away = np.hypot(across - rng.uniform(u0, u1) / (u1 - u0), (along - rng.uniform(0, along.max())) / 2)
        knots += np.exp(-((away / rng.uniform(0.06, 0.12)) ** 2))
    bend, phase, slant = rng.uniform(0.1, 0.35), rng.uniform(0, 6, 3), rng.uniform(-0.06, 0.06)
    bent = across + slant * along + bend * np.sin(0.5 * along + phase[0]) * np.sin(2 * across + phase[1])
    rings = 0.5 + 0.5 * np.sin(
        2 * np.pi * (rng.uniform(2, 6) * bent + 0.35 * np.sin(0.9 * along + phase[2]) + 1.6 * knots)
    )
    fibre = smooth_noise((2, x.shape[1]), max(x.shape[1] // 2, 2), rng)[0]
    cover = np.clip(0.55 * rings**2 * rng.uniform(0.4, 1) + 0.35 * fibre + 0.9 * knots**2, 0, 1)[..., None]
    ground, dark = (hex_colour(c) for c in layer["colours"])
    canvas.pixels[rows, columns] = rng.uniform(0.86, 1.1) * (ground + 0.75 * cover * (dark - ground))


def _picture(canvas: Canvas, layer: Layer, shift: Floats, rng: np.random.Generator) -> None:
    pixels, cover = picture.cut(layer["picture"], layer.get("box"), layer.get("mask"))
    canvas.lay(np.array(layer.get("rect", [0, 0, 1, 1])) + np.tile(shift, 2), pixels, cover)


@dataclass(frozen=True)
class _Kind:
    """How a kind of layer is drawn, the keys that it must have beside its own, and those it may have."""

    draw: Callable[[Canvas, Layer, Floats, np.random.Generator], None]
    must: tuple[str, ...] = ()
    may: tuple[str, ...] = ()


LAYERS = {
    "picture": _Kind(_picture, (), ("rect", "box", "mask")),
    "fill": _Kind(_fill),
    "rect": _Kind(_rect, ("colour",), ("radius",)),
    "ellipse": _Kind(_ellipse, ("colour",), ("ring",)),
    "polygon": _Kind(_polygon, ("colour",)),
    "fade": _Kind(_fade, ("colours",)),
    "text": _Kind(_text, ("at", "height", "colour"), ("weight", "stretch", "outline")),
    "lines": _Kind(_lines, ("colour", "count")),
    "barcode": _Kind(_barcode),
    "blobs": _Kind(_blobs, ("colours", "count", "radius")),
    "mottle": _Kind(_mottle, (), ("scale",)),
    "streaks": _Kind(_streaks, ("colour", "strength")),
    "grain": _Kind(_grain, ("colours",)),
}
ANY = ("probability", "at_each", "jitter")


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _numbers(value: Any, count: int) -> bool:
    return isinstance(value, list | tuple) and len(value) == count and all(map(_number, value))


# What the value of a key must be, and how to tell.
VALUES: dict[str, tuple[str, Callable[[Any], bool]]] = {
    **dict.fromkeys(
        ("rect", "ellipse", "fade", "lines", "barcode", "blobs", "grain", "box"),
        ("four numbers", lambda v: _numbers(v, 4)),
    ),
    **dict.fromkeys(("at", "jitter"), ("two numbers", lambda v: _numbers(v, 2))),
    **dict.fromkeys(
        ("height", "weight", "stretch", "ring", "mottle", "strength", "probability"), ("a number", _number)
    ),
    **dict.fromkeys(("count", "scale", "streaks"), ("a whole number above 0", lambda v: isinstance(v, int) and v > 0)),
    **dict.fromkeys(("text", "picture", "mask"), ("text", lambda v: isinstance(v, str))),
    "polygon": (
        "at least three [u, v]",
        lambda v: isinstance(v, list | tuple) and len(v) > 2 and all(_numbers(p, 2) for p in v),
    ),
    "radius": ("a number", _number),
    "colours": ("a list of colours", lambda v: isinstance(v, list | tuple) and len(v) > 0),
    "at_each": ("a list of numbers", lambda v: isinstance(v, list | tuple) and _numbers(v, len(v))),
}
OTHERS: dict[tuple[str, str], tuple[str, Callable[[Any], bool]]] = {  # where the value of one kind differs
    ("blobs", "radius"): ("two numbers, [lowest, highest]", lambda v: _numbers(v, 2)),
    ("grain", "colours"): ("two colours, [ground, grain]", lambda v: isinstance(v, list | tuple) and len(v) == 2),
}


def _check(layer: Any, where: str) -> str:
    """The kind of a layer.

    Raises:
        UserError: it is of no known kind, lacks a key, has one too many or one with a malformed value.
    """
    kind = next((kind for kind in LAYERS if isinstance(layer, Mapping) and kind in layer), None)
    if kind is None:
        raise UserError(f"{where}: {layer!r} is none of {', '.join(LAYERS)}")
    known = (kind, *LAYERS[kind].must, *LAYERS[kind].may, *ANY)
    for key in (kind, *LAYERS[kind].must):
        if key not in layer:
            raise UserError(f"{where}.{key}: a {kind} needs it")
    for key, value in layer.items():
        if key not in known:
            raise UserError(f"{where}.{key}: a {kind} has no such key; it has {', '.join(known)}")
        wanted, holds = OTHERS.get((kind, key)) or VALUES.get(key, ("", lambda _: True))
        if not holds(value):
            raise UserError(f"{where}.{key}: {value!r} is not {wanted}")
        if key in ("fill", "colour", "outline", "colours"):
            try:
                _ = [hex_colour(c) for c in (value if key == "colours" else [value])]
            except UserError as error:
                raise UserError(f"{where}.{key}: {error}") from None
    return kind


def draw(
    layers: Sequence[Layer], size: Sequence[int], rng: np.random.Generator, where: str = "art"
) -> NDArray[np.uint8]:
    """Draw `layers` onto a white canvas; `size` is [width, height] in pixels. Returns H×W×3 uint8 sRGB.

    Raises:
        UserError: a layer has no known kind, lacks a key or holds a malformed value, or its picture cannot be read;
            `where` is the key of the art.
    """
    canvas = Canvas(*size)
    for number, layer in enumerate(layers):
        kind = _check(layer, f"{where}.layers[{number}]")
        if rng.uniform() >= layer.get("probability", 1.0):
            continue
        jitter = np.array(layer.get("jitter", [0, 0])) * rng.uniform(-1, 1, 2)
        for offset in layer.get("at_each", [0.0]):
            try:
                LAYERS[kind].draw(canvas, layer, jitter + [offset, 0.0], rng)
            except UserError as error:
                raise UserError(f"{where}.layers[{number}]: {error}") from None
    return np.round(np.clip(canvas.pixels, 0, 1) * 255).astype(np.uint8)
