"""What cheaper Cycles settings cost: time per image, and how far the picture is from one rendered without saving.

    python benchmarks/settings.py                               # 4 scenes of fridge_a, 240×240
    python benchmarks/settings.py scene=shelf count=2

Rows are denoised and have 8 bounces unless they say otherwise; the reference has 256 samples and 16 bounces. Fewer
bounces are darker, which exposure makes good: `light` is the share of the reference's. Distances are PSNR in dB (more
is closer) of the pictures developed at equal mean light, without the camera's noise. The last row is the yardstick: the
reference with and without the noise that the look's camera adds. All this says what a picture loses; what a detector
loses is in settings_detector.py. Some of the pictures are put side by side in OUT/settings.jpg.
"""

import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from blender_scenes.config import RenderConfig
from blender_scenes.sensor import develop
from blender_scenes.workers import few_cores
from coldstart.cli import compose, typed

with few_cores(1):
    from blender_scenes import blender
    from blender_scenes.renderer import Renderer

KEYS = ["size=[240,240]", "count=4", "look=fridge_a", "out=outputs/settings"]
Change = Callable[[Any], None]


def bounces(most: int) -> Change:
    """The length of light paths of every kind."""

    def change(cycles: Any) -> None:
        cycles.max_bounces = cycles.diffuse_bounces = cycles.glossy_bounces = cycles.transmission_bounces = most

    return change


def raw(cycles: Any) -> None:
    """No denoiser."""
    cycles.use_denoising = False


def fine(cycles: Any) -> None:
    """The denoiser as Blender sets it."""
    cycles.denoising_prefilter, cycles.denoising_quality = "ACCURATE", "HIGH"
    cycles.denoising_input_passes = "RGB_ALBEDO_NORMAL"


def fast(cycles: Any) -> None:
    """Cycles' Fast GI: ambient occlusion in place of the second bounce."""
    cycles.use_fast_gi, cycles.ao_bounces_render = True, 1


# Name, samples, what differs from blender.configure.
SETTINGS: list[tuple[str, int, list[Change]]] = [
    ("1 sample", 1, []),
    ("2 samples", 2, []),
    ("4 samples", 4, []),
    ("8 samples (default)", 8, []),
    ("16 samples", 16, []),
    ("4, not denoised", 4, [raw]),
    ("16, not denoised", 16, [raw]),
    ("4, Blender's denoiser settings", 4, [fine]),
    ("4, 2 bounces", 4, [bounces(2)]),
    ("4, 4 bounces", 4, [bounces(4)]),
    ("4, 16 bounces", 4, [bounces(16)]),
    ("4, fast GI", 4, [fast]),
]
REFERENCE = [bounces(16)]
SHOWN = ("1 sample", "2 samples", "8 samples (default)", "16 samples")


def main(keys: list[str]) -> None:
    """Print the table."""
    config = typed(RenderConfig, compose("render", [*KEYS, *keys]))
    renderer = Renderer(config, threads=1)
    shoot(renderer, 1, [])  # builds what later rows find built
    reference, _ = shoot(renderer, 256, REFERENCE)
    clean = pictures(renderer, reference, noisy=False)
    print(f"{config.scene.name}, {config.size[0]}×{config.size[1]}, {config.count} scenes, one thread\n")
    print(f"{'':<32} {'CPU s/image':>11} {'light':>7} {'PSNR dB':>8}")
    shown = {}
    for name, samples, changes in SETTINGS:
        light, seconds = shoot(renderer, samples, changes)
        gain = reference.mean(axis=(1, 2, 3), keepdims=True) / light.mean(axis=(1, 2, 3), keepdims=True)
        made = pictures(renderer, light * gain, noisy=False)
        shown[name] = made[0]
        print(f"{name:<32} {seconds:11.2f} {float(1 / gain.mean()):7.0%} {psnr(made, clean):8.1f}", flush=True)
    print(f"{'reference + camera noise':<32} {'':>19} {psnr(pictures(renderer, reference, noisy=True), clean):8.1f}")
    print(beside({**{name: shown[name] for name in SHOWN}, "reference": clean[0]}, Path(config.out) / "settings.jpg"))


def beside(named: dict[str, NDArray[np.uint8]], path: Path) -> Path:
    """Pictures in a row, each under its name, magnified twice."""
    row = Image.new("RGB", (2 * sum(p.shape[1] for p in named.values()), 2 * next(iter(named.values())).shape[0]))
    pen, x = ImageDraw.Draw(row), 0
    for name, picture in named.items():
        large = Image.fromarray(picture).resize((2 * picture.shape[1], 2 * picture.shape[0]), Image.Resampling.NEAREST)
        row.paste(large, (x, 0))
        pen.text((x + 8, 6), name, fill="white", font=ImageFont.load_default(20), stroke_width=2, stroke_fill="black")
        x += large.width
    path.parent.mkdir(parents=True, exist_ok=True)
    row.save(path, quality=85)
    return path


def shoot(renderer: Renderer, samples: int, changes: list[Change]) -> tuple[NDArray[np.float64], float]:
    """Linear light of all scenes, N×H×W×3, and the CPU seconds that one took in Blender's renderer."""
    config, scene = renderer.config, renderer.builder.scene
    blender.configure(scene, (config.size[0], config.size[1]), samples, threads=1)
    scene.cycles.use_fast_gi = False
    for change in changes:
        change(scene.cycles)
    lights, seconds = [], 0.0
    for index in range(config.count):
        renderer.builder.show(renderer.sampler.sample(index))
        begun = time.process_time()
        lights.append(blender.render(scene, index).light.astype(float))
        seconds += time.process_time() - begun
    return np.stack(lights), seconds / config.count


def pictures(renderer: Renderer, lights: NDArray[np.float64], *, noisy: bool) -> NDArray[np.uint8]:
    """The scenes as the look's camera sees them, N×H×W×3."""
    made = []
    for index, light in enumerate(lights):
        response = renderer.sampler.sample(index).response
        quiet = replace(response, shot_noise=0.0, read_noise=0.0, jpeg=100)
        made.append(develop(light, response if noisy else quiet, np.random.default_rng(index)))
    return np.stack(made)


def psnr(pictures: NDArray[np.uint8], reference: NDArray[np.uint8]) -> float:
    """Peak signal to noise ratio in dB, the mean over pictures."""
    squares = ((pictures.astype(float) - reference) ** 2).mean(axis=(1, 2, 3))
    return float(np.mean(10 * np.log10(255**2 / squares)))


if __name__ == "__main__":
    main(sys.argv[1:])
