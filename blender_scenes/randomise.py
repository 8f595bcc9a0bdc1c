"""Domain randomisation (Tobin 2017, arXiv 1703.06907): how far each group of chances strays, set by one number a group.

A strength widens or narrows the ranges that scene, look and products give: 0 keeps every draw at the middle of its
range, 1 takes the range as it is, 2 doubles it. Physical limits hold whatever the strength.
"""

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from blender_scenes.catalogue import Product
from blender_scenes.look import Look
from blender_scenes.scene import Scene
from blender_scenes.viewpoint import Framing, ViewPoint
from coldstart.errors import UserError

__all__ = ["Randomise", "look", "product", "scene"]

INF = float("inf")


@dataclass
class Randomise:
    """conf/randomise/*.yaml: the strength of each group, 0..4."""

    lamps: float = 1.0  # power, colour and place of the lamps, ambient light
    hdri: float = 0.0  # how often a picture of the surroundings lights the scene instead of even ambient light
    exposure: float = 1.0
    white_balance: float = 1.0
    tone: float = 1.0  # gamma, shoulder, saturation
    materials: float = 1.0  # brightness and colour of one piece against another's
    art: float = 1.0  # number of label arts of a product; 0: one
    backgrounds: float = 1.0  # walls and what is seen around the place
    camera: float = 1.0  # place and angles
    focal: float = 1.0  # focal length
    distortion: float = 0.0  # lens distortion, straight lines bend
    depth_of_field: float = 0.0  # aperture; labels take a second render of one sample
    motion_blur: float = 0.0  # shake of the hand
    noise: float = 1.0  # sensor noise and blur of the lens
    vignette: float = 1.0
    jpeg: float = 1.0

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            if not 0 <= value <= 4:
                raise UserError(f"randomise.{item.name}: {value} is not in 0..4 (0 off, 1 as the look says, 2 twice)")


# Range of a look -> its group and its physical limits.
_LOOK = {
    "bulb_watts": ("lamps", 0, INF),
    "bulb_colour": ("lamps", 0.05, 1),
    "fill_watts": ("lamps", 0, INF),
    "fill_colour": ("lamps", 0.05, 1),
    "fill_x": ("lamps", -1.5, 1.5),
    "ambient": ("lamps", 0, INF),
    "ambient_colour": ("lamps", 0.05, 1),
    "hdri_strength": ("lamps", 0, INF),
    "wall": ("backgrounds", 0.02, 0.95),
    "clutter": ("backgrounds", 0, 2),
    "background": ("backgrounds", 0.1, 2),
    "background_tint": ("backgrounds", 0, 0.8),
    "exposure": ("exposure", -8, 8),
    "white_balance": ("white_balance", 0.3, 3),
    "gamma": ("tone", 0.3, 3),
    "shoulder": ("tone", 0, 1),
    "saturation": ("tone", 0, 2),
    "vignette": ("vignette", 0, 0.9),
    "blur": ("noise", 0, 4),
    "shot_noise": ("noise", 0, 0.3),
    "read_noise": ("noise", 0, 0.3),
    "jpeg": ("jpeg", 5, 100),
}


def _spread(limits: Any, strength: float, low: float = -INF, high: float = INF) -> list[Any]:
    """[low end, high end] moved away from their middle; numbers or colours."""
    ends = np.array(limits, dtype=float)
    middle = ends.mean(axis=0)
    found: list[Any] = np.clip(middle + strength * (ends - middle), low, high).tolist()
    return found


def look(given: Look, strength: Randomise) -> Look:
    """`given` with its ranges as wide as `strength` says."""
    wider = {
        name: _spread(getattr(given, name), getattr(strength, group), low, high)
        for name, (group, low, high) in _LOOK.items()
    }
    wider["jpeg"] = [round(q) for q in wider["jpeg"]]
    # The amount of an effect, which is nothing at 0.
    return replace(
        given,
        **wider,
        hdri_odds=min(given.hdri_odds * strength.hdri, 1.0),
        aperture=[a * strength.depth_of_field for a in given.aperture],
        motion=[m * strength.motion_blur for m in given.motion],
    )


def scene(given: Scene, strength: Randomise) -> Scene:
    """`given` with a camera that strays as far as `strength` says."""
    camera = given.camera and _viewpoint(given.camera, strength)
    framing = given.framing and _framing(given.framing, strength)
    distortion = [k * strength.distortion for k in given.distortion]
    return replace(given, camera=camera, framing=framing, distortion=distortion)


def _viewpoint(given: ViewPoint, strength: Randomise) -> ViewPoint:
    def angle(mean_sigma: list[float]) -> list[float]:
        return [mean_sigma[0], mean_sigma[1] * strength.camera]

    return replace(
        given,
        location_range=[v * strength.camera for v in given.location_range],
        pitch=angle(given.pitch),
        yaw=angle(given.yaw),
        roll=angle(given.roll),
        lens_mm=_spread(given.lens_mm, strength.focal, low=4),
    )


def _framing(given: Framing, strength: Randomise) -> Framing:
    return replace(
        given,
        span=_spread(given.span, strength.camera, low=0.15),
        wander=given.wander * strength.camera,
        elevation=_spread(given.elevation, strength.camera, -89, 90),
        azimuth=_spread(given.azimuth, strength.camera, -80, 80),
        roll=[given.roll[0], given.roll[1] * strength.camera],
        fov=_spread(given.fov, strength.focal, 10, 110),
    )


def product(given: Product, strength: Randomise) -> Product:
    """`given` with as many label arts and as much tint as `strength` says."""
    return replace(
        given,
        tint=min(given.tint * strength.materials, 0.35),
        variants=max(round(given.variants * strength.art), 1),
    )
