"""What a person marked in a photo of a fridge: named points, known lengths, and what the things are.

The JSON file (made by the page of `matching.page`, or by hand):

    {"size": [1000, 1333],
     "points": {"cabinet.front_top_left": [21, 40], "shelf0.front_left": [136, 470], ...},
     "lengths": {"cabinet.width": 720},
     "shelves": ["rimmed", "split"], "drawers": ["clear"], "products": ["shelf0"],
     "lamps": [{"kind": "bulb", "wall": "ceiling"}], "details": [{"kind": "fan", "wall": "back", "text": "AIR"}]}

Points are in pixels of the upright photo, x right and y down. Lists give the kind of each numbered thing; `products`
says what each product stands on. `shelfN.front` and `shelfN.back` are anywhere on that edge, for boards whose ends the
picture cuts off. `lampN.a` is a bulb's place, `lampN.a` and `lampN.b` are opposite corners of a panel or detail.
"""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from blender_scenes.furniture import fittings
from coldstart.errors import UserError

__all__ = ["CORNERS", "KINDS", "Fitting", "Marks", "parse", "read"]

CORNERS = tuple(f"{y}_{z}_{x}" for y in ("front", "back") for z in ("bottom", "top") for x in ("left", "right"))
SIDES = (*(f"{y}_{x}" for y in ("front", "back") for x in ("left", "right")), "front", "back")
LARGEST = 1e9  # pixels or mm: more is a mistake
NEEDED = 6  # points on cabinet, shelves, drawers and products: the camera alone has seven unknowns
APART = 0.02  # of the picture's height: what points must spread off their common line

_PARTS = {
    "cabinet": CORNERS,
    "shelf": SIDES,
    "drawer": CORNERS,
    "product": ("bottom", "top"),
    "lamp": ("a", "b"),
    "detail": ("a", "b"),
}
_LENGTHS = {
    "cabinet": ("width", "back_width", "height", "depth"),
    "shelf": ("width", "height", "depth"),
    "drawer": ("width", "height", "depth"),
    "product": ("height",),
}
KINDS = {"shelves": ("rimmed", "split", "glass", "wire", "floor"), "drawers": ("clear", "white")}


@dataclass(frozen=True)
class Fitting:
    """A lamp or a detail on a wall; see `blender_scenes.furniture.fridge`."""

    kind: str
    wall: str
    text: str = ""


@dataclass(frozen=True)
class Marks:
    """The content of a points file, checked."""

    size: tuple[int, int]  # width, height of the photo in pixels
    points: Mapping[str, tuple[float, float]]
    lengths: Mapping[str, float]  # mm
    shelves: tuple[str, ...]
    drawers: tuple[str, ...] = ()
    products: tuple[str, ...] = ()
    lamps: tuple[Fitting, ...] = ()
    details: tuple[Fitting, ...] = ()
    source: str = field(default="points", compare=False)

    @property
    def solid(self) -> dict[str, tuple[float, float]]:
        """The points that tell of camera and geometry, without those on walls."""
        return {k: p for k, p in self.points.items() if not k.startswith(("lamp", "detail"))}

    def to_json(self) -> dict[str, Any]:
        """What `parse` reads."""
        plain = dataclasses.asdict(self)
        del plain["source"]
        return plain


def read(path: str | Path, size: tuple[int, int]) -> Marks:
    """The marks of a JSON file, for a photo of `size`.

    Raises:
        UserError: it cannot be read, or `parse` refuses it.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); points=click marks them in a page") from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: is not JSON ({error})") from None
    return parse(content, size, str(path))


def parse(content: Any, size: tuple[int, int], source: str = "points") -> Marks:
    """Checked marks from JSON's plain data.

    Raises:
        UserError: an entry is malformed or unknown, a point is outside the photo, there are too few points, they lie on
            one line, or no length is known.
    """
    if not isinstance(content, dict):
        raise UserError(f"{source}: must be a mapping with points, lengths and shelves")
    allowed = ("size", "points", "lengths", *KINDS, "products", "lamps", "details")
    for key in content:
        if key not in allowed:
            raise UserError(f"{source}: unknown entry {key!r}; known are {', '.join(allowed)}")
    if "size" in content and _list(content, "size", source) != list(size):
        raise UserError(f"{source}: was marked in a photo of {content['size']} pixels, this one has {list(size)}")
    kinds = {key: _kinds(content, key, options, source) for key, options in KINDS.items()}
    if not kinds["shelves"]:
        raise UserError(f"{source}: shelves: give the kind of each, at least one of {', '.join(KINDS['shelves'])}")
    products = tuple(_list(content, "products", source))
    fitted = {key: tuple(_fitting(f, key, source) for f in _list(content, key, source)) for key in ("lamps", "details")}
    things = {
        "shelf": len(kinds["shelves"]),
        "drawer": len(kinds["drawers"]),
        "product": len(products),
        "lamp": len(fitted["lamps"]),
        "detail": len(fitted["details"]),
    }
    for k, where in enumerate(products):
        if where not in [f"shelf{i}" for i in range(things["shelf"])]:
            raise UserError(f"{source}: products[{k}]: stands on {where!r}, which is none of the shelves")
    points = {str(k): _point(str(k), p, things, size, source) for k, p in _mapping(content, "points", source).items()}
    lengths = {str(k): _length(str(k), v, things, source) for k, v in _mapping(content, "lengths", source).items()}
    marks = Marks(size, points, lengths, kinds["shelves"], kinds["drawers"], products, **fitted, source=source)
    _check_enough(marks)
    return marks


def _mapping(content: dict[str, Any], key: str, source: str) -> dict[str, Any]:
    found = content.get(key, {})
    if not isinstance(found, dict):
        raise UserError(f"{source}: {key} must be a mapping of names")
    return found


def _list(content: dict[str, Any], key: str, source: str) -> list[Any]:
    found = content.get(key, [])
    if not isinstance(found, list):
        raise UserError(f"{source}: {key}: {found!r} must be a list")
    return found


def _kinds(content: dict[str, Any], key: str, options: tuple[str, ...], source: str) -> tuple[str, ...]:
    found = content.get(key, [])
    if not isinstance(found, list) or any(kind not in options for kind in found):
        raise UserError(f"{source}: {key}: {found!r} must be a list of {', '.join(options)}")
    return tuple(found)


def _fitting(content: Any, key: str, source: str) -> Fitting:
    kinds = ("bulb", "panel") if key == "lamps" else tuple(fittings.KINDS)
    try:
        made = Fitting(**content)
    except TypeError:
        raise UserError(f"{source}: {key}: {content!r} must have kind and wall, and may have text") from None
    if not isinstance(made.text, str):
        raise UserError(f"{source}: {key}: text must be text, got {made.text!r:.60}")
    if made.kind not in kinds or made.wall not in fittings.WALLS:
        raise UserError(
            f"{source}: {key}: {made.kind!r} on {made.wall!r}; "
            f"kinds are {', '.join(kinds)}, walls {', '.join(fittings.WALLS)}"
        )
    return made


def _known(name: str, parts: Mapping[str, tuple[str, ...]], things: dict[str, int], what: str, source: str) -> None:
    """Refuse a name that is not thing.part, or whose thing is not listed."""
    thing, _, part = name.partition(".")
    kind = thing.rstrip("0123456789")
    number = thing[len(kind) :]
    if (
        kind not in parts
        or part not in parts[kind]
        or (kind == "cabinet") != (number == "")
        or (number and (len(number) > 3 or str(int(number)) != number))
    ):
        forms = "; ".join(f"{k}{'' if k == 'cabinet' else 'N'}.{'|'.join(p)}" for k, p in parts.items())
        raise UserError(f"{source}: unknown {what} {name!r}; known are {forms}")
    if number and int(number) >= things[kind]:
        plural = {"shelf": "shelves"}.get(kind, f"{kind}s")
        raise UserError(f"{source}: {what} {name!r}, but {plural} lists {things[kind]} (numbers count from 0)")


def _point(name: str, value: Any, things: dict[str, int], size: tuple[int, int], source: str) -> tuple[float, float]:
    _known(name, _PARTS, things, "point", source)
    if not isinstance(value, list | tuple) or len(value) != 2 or not all(_finite(v) for v in value):
        raise UserError(f"{source}: point {name}: {value!r} must be [x, y] in pixels")
    if not (0 <= value[0] <= size[0] and 0 <= value[1] <= size[1]):
        raise UserError(f"{source}: point {name}: {list(value)} is outside the photo, {size[0]}×{size[1]}")
    return float(value[0]), float(value[1])


def _length(name: str, value: Any, things: dict[str, int], source: str) -> float:
    _known(name, _LENGTHS, things, "length", source)
    if not _finite(value) or not 5 <= value <= 3000:
        raise UserError(f"{source}: length {name}: {value!r} is not in 5..3000 mm")
    return float(value)


def _finite(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < LARGEST


def _check_enough(marks: Marks) -> None:
    solid = marks.solid
    if len(solid) < NEEDED:
        raise UserError(
            f"{marks.source}: {len(solid)} points on cabinet, shelves, drawers and products; "
            f"at least {NEEDED} are needed"
        )
    spots = np.array(list(solid.values()))
    spread = np.linalg.svd(spots - spots.mean(axis=0), compute_uv=False)[1] / np.sqrt(len(spots))
    if spread < APART * marks.size[1]:
        raise UserError(
            f"{marks.source}: all points lie on one line; mark corners at several heights and on both sides"
        )
    if not marks.lengths:
        raise UserError(f"{marks.source}: no length is known; measure one, such as cabinet.width, and give it in mm")
    for k in range(len(marks.products)):
        for name in (f"product{k}.bottom", f"product{k}.top"):
            if name not in marks.points:
                raise UserError(f"{marks.source}: product {k} needs both ends marked; {name} is missing")
