"""The light of a photo: which lamps, of what colour, explain the brightness of the walls.

Light adds up, so the photo is fitted by a sum of three small renders of the solved, empty fridge, each with one lamp of
unit strength: its own, the room's, and the surroundings' (non-negative least squares for each colour channel, Lawson
and Hanson 1974; products and reflections are outliers that lose their weight, Holland and Welsch 1977). Without Blender
here, colour and exposure follow the median colour of the cabinet's inside alone.
"""

import dataclasses
import importlib.util
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy.ndimage import distance_transform_edt
from scipy.optimize import nnls

from blender_scenes.matching.photo import Photo, noise, shrunk, undeveloped
from blender_scenes.matching.solve import Solution
from coldstart import cli
from coldstart.errors import UserError

__all__ = ["look", "relit"]

Floats = NDArray[np.float64]

HEIGHT = 160  # pixels of the small renders
WALL = 0.87  # albedo of the walls, which are white or nearly so
GAINS = (0.7, 4.0)  # by which the light around a product may be evened out
SHOULDER = 0.5  # how phones round off highlights
EXPOSURE = 0.5  # stops; the lamps' watts make up for whatever it is
GAMMAS = (0.95, 0.85, 1.05, 0.75, 1.15)  # 0.95 is typical
TELLS = 0.9  # a less typical gamma must bring the error below this share
RENDER_HEIGHT = 416  # pixels of the renders that the noise is meant for
LAMPS = ("bulb", "fill", "ambient")
AMBIENT = 0.1  # strength of the surroundings in their unit render, next to 1 W lamps
TYPICAL = {
    "bulb": 3.5,
    "fill": 5.0,
    "ambient": 0.07,
}  # where Blender is missing: as in conf/look/fridge_a.yaml, exposed
TYPICAL_MEDIAN = 0.33  # linear light that they give the cabinet's walls, exposed by EXPOSURE


def look(photo: Photo, found: Solution, scene: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """The plain data of a look (conf/look) for a solved scene, and a line on how well it explains the photo."""
    width, height = photo.size
    size = (round(HEIGHT * width / height), HEIGHT)
    small = shrunk(photo.pixels, size)
    inside = _inside(found, size)
    if importlib.util.find_spec("bpy") is None:
        strengths, gamma, said = _by_median(small, inside)
    else:
        strengths, gamma, said = _by_renders(small, inside, _unit_renders(found, scene, size))
    tint = np.median(undeveloped(small, gamma, SHOULDER)[inside], axis=0)
    shot, read = (n * RENDER_HEIGHT / height for n in noise(photo.pixels))
    return _ranges(strengths, tint / tint.max(), gamma, shot, read), said


def relit(pixels: NDArray[np.uint8], mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """A photo as if the product of `mask` stood in even, white light: the walls around it tell what light it stood in.

    In linear light, a ring around the product (as wide as a quarter of it) is brought to the walls' albedo.

    Raises:
        UserError: the product fills the photo, so that there is no ring.
    """
    reach = max(3, round(0.25 * np.sqrt(mask.sum())))
    near = distance_transform_edt(~mask)
    ring = (near > 2) & (near < reach)
    if not ring.any():
        raise UserError("white_around: nothing around the product tells of its light; give white_around=false")
    light = undeveloped(pixels)
    walls = np.quantile(light[ring], 0.75, axis=0)
    even = np.clip(light * np.clip(WALL / np.maximum(walls, 1e-3), *GAINS), 0, 1)
    encoded = np.where(even <= 0.0031308, 12.92 * even, 1.055 * np.maximum(even, 1e-9) ** (1 / 2.4) - 0.055)
    return np.round(255 * encoded).astype(np.uint8)


def _inside(found: Solution, size: tuple[int, int]) -> NDArray[np.bool_]:
    """H×W: what is seen through the cabinet's opening."""
    v = found.values
    half, top = v["cabinet.width"] / 2, v["cabinet.height"]
    corners = np.array([(-half, 0, 0), (half, 0, 0), (half, 0, top), (-half, 0, top)]) / 1000
    spots, _ = dataclasses.replace(found.camera, size=size).project(corners)
    mask = Image.new("1", size)
    ImageDraw.Draw(mask).polygon([tuple(s) for s in spots], fill=1)
    return np.asarray(mask)


def _unit_renders(found: Solution, scene: dict[str, Any], size: tuple[int, int]) -> Floats:
    """3×H×W×3 linear light of the empty fridge under each of LAMPS alone, white and of unit strength."""
    from blender_scenes import blender
    from blender_scenes.build import Builder
    from blender_scenes.config import RenderConfig
    from blender_scenes.sample import Sampler
    from blender_scenes.spec import rounded

    composed = cli.compose("render", ["scene=fridge_a", f"size=[{size[0]},{size[1]}]", "samples=16", "out=unused"])
    composed.scene = scene
    config = cli.typed(RenderConfig, composed)
    sampler = Sampler(config)
    spec = sampler.sample(0)
    eye = found.camera
    eye = dataclasses.replace(eye, location=rounded(eye.location), rotation=rounded(eye.rotation), size=size)
    white = (1.0, 1.0, 1.0)
    builder = Builder(config, sampler.meshes, threads=2)

    def render(bulb: float, fill: float, ambient: float) -> Floats:
        light = dataclasses.replace(
            spec.light,
            bulb_watts=bulb,
            bulb_colour=white,
            fill_watts=fill,
            fill_colour=white,
            fill_x=0.0,
            ambient=ambient,
            ambient_colour=white,
            hdri="",
            wall=(WALL, WALL, WALL),
        )
        builder.show(dataclasses.replace(spec, camera=eye, light=light, placements=()))
        return blender.render(builder.scene, 0).light.astype(float)

    glow = render(0, 0, 0)  # panes and lamps shine a little of themselves
    return np.stack([np.maximum(render(*unit) - glow, 0) for unit in ((1, 0, 0), (0, 1, 0), (0, 0, AMBIENT))])


def _by_renders(small: NDArray[np.uint8], inside: NDArray[np.bool_], units: Floats) -> tuple[Floats, float, str]:
    """3×3 strengths (lamp, channel) that explain `small`, the tone curve's gamma, and how well they do."""
    brightest = small.max(axis=2)
    use = inside & (brightest < 245) & (brightest > 8)
    fits = []
    for gamma in GAMMAS:
        light = undeveloped(small, gamma, SHOULDER)[use]
        strengths = np.stack([_robust(units[:, use, c].T, light[:, c], gamma) for c in range(3)], axis=1)
        explained = np.einsum("lpc,lc->pc", units[:, use], strengths)
        fits.append((float(np.median(np.abs(explained - light) * _slope(explained, light, gamma))), strengths, gamma))
    # Lamps can make up for much of a tone curve, so that errors hardly differ: then the typical one is as good.
    best = fits[0]
    for fit in fits[1:]:
        best = fit if fit[0] < TELLS * best[0] else best
    error, strengths, gamma = best
    said = f"light: half of the walls' pixels are explained within {255 * error:.0f} of 255"
    return strengths * [[1], [1], [AMBIENT]], gamma, said


def _slope(explained: Floats, light: Floats, gamma: float) -> Floats:
    """How much a picture's tone (0..1) rises with light between two lights; its curve is nearly light^(1 / 2.2 γ)."""
    power = 1 / (2.2 * gamma)
    slope: Floats = power * ((explained + light) / 2 + 0.01) ** (power - 1)
    return slope


def _robust(basis: Floats, light: Floats, gamma: float, rounds: int = 12) -> Floats:
    """Non-negative coefficients of N×3 `basis` for N `light`; errors count as they show in a picture, outliers less."""
    explained, trust = light, np.ones_like(light)
    found = np.zeros(basis.shape[1])
    for _ in range(rounds):
        slope = _slope(explained, light, gamma)
        w = slope * np.sqrt(trust)
        found, _ = nnls(basis * w[:, None], light * w)
        explained = basis @ found
        error = (explained - light) * slope
        scale = max(1.4826 * float(np.median(np.abs(error))), 0.02)
        trust = 1 / (1 + (error / (2 * scale)) ** 2) ** 2
    return found


def _by_median(small: NDArray[np.uint8], inside: NDArray[np.bool_]) -> tuple[Floats, float, str]:
    median = np.median(undeveloped(small, 1.0, SHOULDER)[inside], axis=0)
    strengths = np.array([[TYPICAL[lamp]] for lamp in LAMPS]) * median / TYPICAL_MEDIAN
    return strengths, 1.0, "light: by the median colour alone, for want of Blender in this Python (no bpy)"


def _ranges(strengths: Floats, tint: Floats, gamma: float, shot: float, read: float) -> dict[str, Any]:
    """Strengths and colours as the ranges that scenes draw from; no lamp's colour is far from the walls' `tint`."""
    made: dict[str, Any] = {}
    for lamp, strength in zip(LAMPS, strengths, strict=True):
        power = float((strength / tint).mean()) / 2**EXPOSURE
        colour = np.clip(strength / tint / max(np.median(strength / tint), 1e-9), 0.8, 1.25) * tint
        power, colour = power * float(colour.max()), colour / colour.max()
        key = "ambient" if lamp == "ambient" else f"{lamp}_watts"
        made[key] = [round(0.85 * power, 3), round(1.15 * power, 3)]
        made[f"{lamp}_colour"] = [
            [round(float(c), 3) for c in np.clip(colour * shift, 0, 1)] for shift in ([1, 0.98, 0.95], [1, 1.02, 1.05])
        ]
    made["wall"] = [[WALL - 0.03] * 3, [WALL + 0.03] * 3]
    made["clutter"] = [0.2, 1.0]
    made["hdri_odds"] = 0
    made["exposure"] = [EXPOSURE - 0.2, EXPOSURE + 0.2]
    made["gamma"] = [round(gamma - 0.08, 2), round(gamma + 0.08, 2)]
    made["shoulder"] = [SHOULDER - 0.2, SHOULDER + 0.2]
    made["saturation"] = [0.92, 1.08]
    made["vignette"] = [0.0, 0.15]
    made["blur"] = [0.0, 0.4]
    made["shot_noise"] = [0.0, round(1.5 * shot, 4)]
    made["read_noise"] = [0.0, round(1.5 * read, 4)]
    made["jpeg"] = [92, 98]
    return made
