"""Pieces of furniture, the finishes they may have, and the lamps that belong to a place."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, Protocol

import numpy as np

from blender_scenes.geometry import Mesh, box, euler, join
from blender_scenes.placement import Surface
from coldstart.errors import UserError

__all__ = [
    "FINISHES",
    "Finish",
    "Frame",
    "Furniture",
    "Lamp",
    "Place",
    "among",
    "block",
    "carried",
    "joined",
    "lettered",
    "one_of",
    "rising",
    "sheet",
    "slab",
]

Triple = tuple[float, float, float]
Range = tuple[float, float]


@dataclass(frozen=True)
class Finish:
    """A furniture surface. `clear` is the share of light that passes straight through, `glow` what it adds of its own:
    panes are drawn as tinted air with a faint sheen, since real refraction needs many times the samples. A pane with
    `mirror` shows more sheen, and less of what is behind it, the flatter it is looked at; see `materials.finish`."""

    colour: Triple = (0.8, 0.8, 0.8)
    roughness: float = 0.5
    metallic: float = 0.0
    clear: float = 0.0
    glow: float = 0.0
    mirror: float = 0.0  # share of light that it throws back when seen edge-on
    of_light: str = ""  # `wall`, `clutter` or `bulb`: the spec's light decides the colour or its brightness

    @property
    def pane(self) -> bool:
        """Clear enough that what stands behind it keeps its label."""
        return self.clear > 0.6


FINISHES = {
    "wall": Finish(roughness=0.42, of_light="wall"),
    "rim": Finish((0.93, 0.92, 0.90), 0.3),
    "bracket": Finish((0.80, 0.78, 0.74), 0.4),
    "housing": Finish((0.93, 0.92, 0.90), 0.45),
    "dial": Finish((0.40, 0.39, 0.38), 0.4),
    "slot": Finish((0.25, 0.245, 0.24), 0.6),
    "groove": Finish((0.45, 0.455, 0.46), 0.5),
    "shade": Finish((0.62, 0.63, 0.64), 0.4),
    "print": Finish((0.42, 0.41, 0.40), 0.6),
    "pane": Finish((0.88, 0.89, 0.87), clear=0.88, glow=0.2, mirror=0.27, of_light="bulb"),
    "clear": Finish((0.84, 0.84, 0.83), clear=0.84, glow=0.006),
    "edge": Finish((0.78, 0.78, 0.77), clear=0.78, glow=0.09),
    "cover": Finish((0.68, 0.67, 0.66), clear=0.68, glow=0.09),
    "bulb": Finish((1.0, 0.85, 0.6), glow=9.0, of_light="bulb"),
    "gasket": Finish((0.012, 0.012, 0.013), 0.35),
    "dark": Finish((0.03, 0.028, 0.025), 0.6),
    "blade": Finish((0.05, 0.15, 0.18), 0.25),
    "gleam": Finish((0.75, 0.86, 0.88), 0.3),
    "mirror": Finish((0.60, 0.62, 0.65), 0.04, metallic=1.0),
    "wire": Finish((0.86, 0.86, 0.86), 0.3),
    "steel": Finish((0.55, 0.56, 0.58), 0.35, metallic=1.0),
    "frost": Finish((0.93, 0.95, 0.97), 0.9),
    "glass": Finish((0.85, 0.90, 0.89), clear=0.85, glow=0.2, mirror=0.27, of_light="bulb"),
    "frosted": Finish((0.45, 0.47, 0.49), clear=0.45, glow=0.10),
    "white": Finish((0.82, 0.83, 0.83), 0.4),
    "display": Finish((0.02, 0.02, 0.025), 0.2),
    "panel": Finish((1.0, 1.0, 1.0), glow=6.0, of_light="bulb"),
    "floor": Finish((0.12, 0.045, 0.025), 0.4, of_light="clutter"),
    "cabinet": Finish((0.80, 0.76, 0.68), 0.5, of_light="clutter"),
    "door": Finish((0.50, 0.50, 0.50), 0.45, of_light="clutter"),
}


@dataclass(frozen=True)
class Furniture:
    """One mesh and the name of its finish in `FINISHES`; `art` (layers of `blender_scenes.art`) is printed onto it."""

    mesh: Mesh
    finish: str
    art: tuple[Any, ...] = ()
    art_size: tuple[int, int] = (256, 128)  # pixels


@dataclass(frozen=True)
class Lamp:
    """Where light comes from. Its colour and watts are those of the spec's light, times `share`.

    `size` 0 is a bulb, else the width and length in metres of a panel that shines along its −z after `rotation`
    (Euler angles in degrees, Blender's XYZ order).
    """

    source: str  # bulb or fill
    location: Triple
    rotation: Triple = (0.0, 0.0, 0.0)
    size: tuple[float, float] = (0.0, 0.0)
    share: float = 1.0


@dataclass(frozen=True)
class Frame:
    """The rectangle that a camera looks at: a corner and its two sides as vectors, metres."""

    corner: Triple
    across: Triple
    up: Triple


class Place(Protocol):
    """Furniture whose every dimension is settled: what a scene stands in."""

    @property
    def tone(self) -> list[float]:
        """Of what has the finish `wall`, times the look's wall colour."""

    def surfaces(self) -> list[Surface]:
        """Where products may stand."""

    def parts(self) -> list[Furniture]:
        """Everything that stays where it is."""

    def light_sources(self) -> list[Lamp]:
        """Where its light comes from."""

    def frame(self) -> Frame:
        """What pictures of it show."""


def block(x: Range, y: Range, z: Range, finish: str) -> Furniture:
    """A box between the given limits in metres."""
    low, high = np.array([x[0], y[0], z[0]]), np.array([x[1], y[1], z[1]])
    return Furniture(box(high - low, (low + high) / 2, finish), finish)


def slab(
    size: Sequence[float], at: Sequence[float], turn: Sequence[float], finish: str, text: str = ""
) -> list[Furniture]:
    """A box of `size` around `at`, both in millimetres, turned by Euler angles in degrees; `text` is on its front."""
    w, d, h = np.array(size) / 1000
    parts = [block((-w / 2, w / 2), (-d / 2, d / 2), (-h / 2, h / 2), finish)]
    if text:
        front = sheet([-w / 2, -d / 2 - 0.0005, -h / 2], [w, 0, 0], [0, 0, h], finish)
        dark = sum(FINISHES[finish].colour) < 1
        parts.append(replace(front, art=lettered(text, light=dark), art_size=(max(32, round(96 * w / h)), 96)))
    return [carried(p, euler(turn).T, np.array(at) / 1000) for p in parts]


def carried(part: Furniture, turn: Any, offset: Any) -> Furniture:
    """The same piece with every vertex v moved to v @ turn + offset."""
    m = part.mesh
    return replace(part, mesh=Mesh(m.vertices @ turn + offset, m.faces, m.uvs, m.materials, m.smooth))


def lettered(text: str, *, light: bool) -> tuple[Any, ...]:
    """Layers that print `text` in the middle, light on dark or dark on light."""
    ground, ink = ("#17181b", "#e8ecf0") if light else ("#e9ebec", "#3a3c40")
    return ({"fill": ground}, {"text": text, "at": [0.5, 0.5], "height": 0.42, "colour": ink, "weight": 0.14})


def one_of(key: str, value: str, allowed: Sequence[str]) -> None:
    """Raises `UserError` unless `value` is one of `allowed`."""
    if value not in allowed:
        raise UserError(f"{key}: {value!r} is none of {', '.join(allowed)}")


def sheet(corner: Sequence[float], across: Sequence[float], up: Sequence[float], finish: str) -> Furniture:
    """One face: what is thin and clear costs a ray half of what a block of it does. Metres; u along `across`."""
    start, right, top = (np.asarray(v, dtype=float) for v in (corner, across, up))
    vertices = np.stack([start, start + right, start + right + top, start + top])
    uvs = np.array([[0, 0], [1, 0], [1, 1], [0, 1.0]])
    return Furniture(Mesh(vertices, [(0, 1, 2, 3)], uvs, [finish], smooth=False), finish)


def joined(parts: Sequence[Furniture]) -> list[Furniture]:
    """One piece for each finish and kind of shading, so that the renderer has few objects; printed ones stay alone."""

    def kind(part: Furniture) -> tuple[str, bool]:
        return part.finish, part.mesh.smooth

    plain = sorted((p for p in parts if not p.art), key=kind)
    merged = [Furniture(join([p.mesh for p in group]), key[0]) for key, group in groupby(plain, kind)]
    return merged + [p for p in parts if p.art]


def rising(key: str, limits: Sequence[float], low: float) -> None:
    """Raises `UserError` unless `limits` are [a, b] with low ≤ a ≤ b."""
    if len(limits) != 2 or not low <= limits[0] <= limits[1]:
        raise UserError(f"{key}: {list(limits)} must be [low, high], rising, from {low:g}")


def among(key: str, odds: Mapping[str, float], allowed: Sequence[str]) -> None:
    """Raises `UserError` unless `odds` gives weights to things that are `allowed`, and one of them is above 0."""
    for name in odds:
        one_of(key, name, allowed)
    if sum(odds.values()) <= 0 or min(odds.values()) < 0:
        raise UserError(f"{key}: weights must be 0 or more and one of them above 0")
