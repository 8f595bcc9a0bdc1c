"""How a scene is lit and photographed: the typed form of conf/look/*.yaml, and a look drawn from it."""

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blender_scenes.chance import between
from blender_scenes.spec import Light, Response, rounded
from coldstart.errors import UserError

__all__ = ["HDRIS", "Look", "draw"]

HDRIS = ("city", "courtyard", "forest", "interior", "night", "studio", "sunrise", "sunset")  # these come with Blender


@dataclass
class Look:
    """One YAML of conf/look: ranges [low, high] that each scene draws from; colours are linear RGB."""

    bulb_watts: list[float] = field(default_factory=lambda: [2.3, 4.0])
    bulb_colour: list[Any] = field(default_factory=lambda: [[1.0, 0.73, 0.46], [1.0, 0.83, 0.64]])
    fill_watts: list[float] = field(default_factory=lambda: [2.0, 6.0])
    fill_colour: list[Any] = field(default_factory=lambda: [[1.0, 0.86, 0.72], [1.0, 0.9, 0.8]])
    ambient: list[float] = field(default_factory=lambda: [0.02, 0.08])
    ambient_colour: list[Any] = field(default_factory=lambda: [[1.0, 0.9, 0.8], [1.0, 0.9, 0.8]])
    wall: list[Any] = field(default_factory=lambda: [[0.88, 0.84, 0.78], [0.92, 0.88, 0.82]])
    clutter: list[float] = field(default_factory=lambda: [0.2, 1.0])
    background: list[float] = field(default_factory=lambda: [1.0, 1.0])  # gain on its brightness
    background_tint: list[float] = field(default_factory=lambda: [0.0, 0.0])  # how far paint may stray from neutral
    fill_x: list[float] = field(default_factory=lambda: [-0.6, 0.6])  # where the fill lamp stands, metres
    hdri: list[str] = field(default_factory=lambda: list(HDRIS))
    hdri_odds: float = 0.5  # how often one of them lights the scene instead of even ambient light
    hdri_strength: list[float] = field(default_factory=lambda: [0.15, 0.6])
    exposure: list[float] = field(default_factory=lambda: [-0.15, 0.45])  # stops
    white_balance: list[Any] = field(default_factory=lambda: [[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]])  # gains
    gamma: list[float] = field(default_factory=lambda: [1.0, 1.35])
    shoulder: list[float] = field(default_factory=lambda: [0.0, 0.2])  # 0 clips highlights, 1 rolls them off
    saturation: list[float] = field(default_factory=lambda: [0.95, 1.1])
    vignette: list[float] = field(default_factory=lambda: [0.0, 0.15])  # darkening of the corners
    blur: list[float] = field(default_factory=lambda: [0.0, 0.4])  # standard deviation in pixels
    shot_noise: list[float] = field(default_factory=lambda: [0.0, 0.006])
    read_noise: list[float] = field(default_factory=lambda: [0.0, 0.003])
    jpeg: list[int] = field(default_factory=lambda: [96, 96])  # quality 1..100; 100 leaves the picture alone
    aperture: list[float] = field(default_factory=lambda: [1.0, 5.0])  # diameter of the lens in mm, for depth of field
    motion: list[float] = field(default_factory=lambda: [0.0, 3.0])  # length of the shake in pixels

    def __post_init__(self) -> None:
        for name in self.hdri:
            if name not in HDRIS and not Path(name).is_file():
                raise UserError(f"look.hdri: {name!r} is neither a file nor one of {', '.join(HDRIS)}")
        if not self.hdri and self.hdri_odds > 0:
            raise UserError("look.hdri: names no picture; give some, or hdri_odds: 0")


def draw(look: Look, rng: np.random.Generator) -> tuple[Light, Response]:
    """The lamps of one scene and how its camera develops it."""

    def number(limits: list[float]) -> float:
        return float(rounded(between(limits, rng)))

    def blend(limits: list[list[float]]) -> tuple[float, float, float]:
        low, high = np.array(limits)
        colour: tuple[float, float, float] = rounded(low + rng.uniform() * (high - low))
        return colour

    light = partial(
        Light,
        bulb_watts=number(look.bulb_watts),
        bulb_colour=blend(look.bulb_colour),
        fill_watts=number(look.fill_watts),
        fill_colour=blend(look.fill_colour),
        fill_x=number(look.fill_x),
        ambient=number(look.ambient),
        ambient_colour=blend(look.ambient_colour),
        wall=blend(look.wall),
        clutter=number(look.clutter),
    )
    response = partial(
        Response,
        exposure=number(look.exposure),
        white_balance=blend(look.white_balance),
        gamma=number(look.gamma),
        shoulder=number(look.shoulder),
        saturation=number(look.saturation),
        vignette=number(look.vignette),
        blur=number(look.blur),
        shot_noise=number(look.shot_noise),
        read_noise=number(look.read_noise),
        jpeg=int(rng.integers(look.jpeg[0], look.jpeg[1] + 1)),
    )
    # Drawn last, so that a strength of one group never changes what another draws.
    background = rounded(between(look.background, rng) * _paint(look.background_tint, rng))
    lit = rng.uniform() < look.hdri_odds
    hdri = look.hdri[int(rng.integers(len(look.hdri)))] if look.hdri else ""
    strength, turn = number(look.hdri_strength), number([0, 360])
    aperture = number(look.aperture)
    length, angle = between(look.motion, rng), rng.uniform(0, 2 * np.pi)
    motion = rounded((length * np.cos(angle), length * np.sin(angle)))
    return (
        light(background=background, hdri=hdri if lit else "", hdri_strength=strength, hdri_turn=turn),
        response(aperture=aperture, motion=motion),
    )


def _paint(tint: list[float], rng: np.random.Generator) -> NDArray[np.float64]:
    """Gains on red, green and blue of a wall's paint: most are near to neutral, few are coloured.

    It strays to warm or cool, and half as far to greenish or pinkish.
    """
    warm, green = rng.uniform(-1, 1, 2) ** 3
    gains: NDArray[np.float64] = 1 + between(tint, rng) * np.array([warm, 0.5 * green, -warm])
    return gains
