"""Pieces of furniture and the finishes they may have."""

from dataclasses import dataclass

import numpy as np

from blender_scenes.geometry import Mesh, box

__all__ = ["FINISHES", "Finish", "Furniture", "block"]


@dataclass(frozen=True)
class Finish:
    """A furniture surface. `clear` is the share of light that passes straight through, `glow` what it adds of its own:
    panes are drawn as tinted air with a faint sheen, since real refraction needs many times the samples."""

    colour: tuple[float, float, float] = (0.8, 0.8, 0.8)
    roughness: float = 0.5
    clear: float = 0.0
    glow: float = 0.0
    of_light: str = ""  # `wall` or `clutter`: the spec's light decides the colour or its brightness


FINISHES = {
    "wall": Finish(roughness=0.42, of_light="wall"),
    "rim": Finish((0.85, 0.83, 0.80), 0.35),
    "bracket": Finish((0.80, 0.78, 0.74), 0.4),
    "housing": Finish((0.62, 0.61, 0.59), 0.45),
    "dial": Finish((0.24, 0.235, 0.23), 0.4),
    "slot": Finish((0.25, 0.245, 0.24), 0.6),
    "print": Finish((0.3, 0.29, 0.28), 0.6),
    "pane": Finish((0.90, 0.91, 0.89), clear=0.90, glow=0.008),
    "clear": Finish((0.93, 0.93, 0.92), clear=0.94, glow=0.005),
    "edge": Finish((0.80, 0.80, 0.79), clear=0.80, glow=0.03),
    "cover": Finish((0.78, 0.77, 0.75), clear=0.78, glow=0.13),
    "bulb": Finish((1.0, 0.85, 0.6), glow=9.0),
    "gasket": Finish((0.012, 0.012, 0.013), 0.35),
    "dark": Finish((0.03, 0.028, 0.025), 0.6),
    "floor": Finish((0.05, 0.018, 0.010), 0.4, of_light="clutter"),
    "cabinet": Finish((0.60, 0.58, 0.55), 0.5, of_light="clutter"),
    "door": Finish((0.50, 0.50, 0.50), 0.45, of_light="clutter"),
}


@dataclass(frozen=True)
class Furniture:
    """One mesh and the name of its finish in `FINISHES`."""

    mesh: Mesh
    finish: str


def block(x: tuple[float, float], y: tuple[float, float], z: tuple[float, float], finish: str) -> Furniture:
    """A box between the given limits in metres."""
    low, high = np.array([x[0], y[0], z[0]]), np.array([x[1], y[1], z[1]])
    return Furniture(box(high - low, (low + high) / 2, finish), finish)
