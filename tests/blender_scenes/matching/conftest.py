import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from blender_scenes import look
from blender_scenes.matching import marks, model
from blender_scenes.spec import Response

SIZE = (1000, 1333)
TRUTH = {
    "camera.x": 40.0,
    "camera.y": -850.0,
    "camera.z": 800.0,
    "camera.pitch": -14.0,
    "camera.yaw": 5.0,
    "camera.roll": -1.5,
    "camera.lens_mm": 25.0,
    "cabinet.width": 650.0,
    "cabinet.height": 1050.0,
    "cabinet.depth": 600.0,
    "cabinet.taper": 0.95,
    **{f"shelf{k}.height": z for k, z in enumerate((760.0, 500.0, 240.0))},
    **{f"shelf{k}.front": y for k, y in enumerate((150.0, 130.0, 90.0))},
    **{f"shelf{k}.behind": 30.0 for k in range(3)},
    **{f"shelf{k}.left": 0.0 for k in range(3)},
    **{f"shelf{k}.right": 0.0 for k in range(3)},
    "product0.x": 100.0,
    "product0.y": 250.0,
    "product0.height": 200.0,
}


@pytest.fixture(scope="session")
def truth() -> dict[str, float]:
    """A fridge and its camera, by the names of `matching.model`."""
    return dict(TRUTH)


@pytest.fixture(scope="session")
def marked() -> Callable[..., dict[str, Any]]:
    """marked(noise=1, seed=0): the content of a points file for the true fridge, as a steady hand would click it."""

    def make(noise: float = 0.0, seed: int = 0, **changed: float) -> dict[str, Any]:
        names = [f"cabinet.{corner}" for corner in marks.CORNERS]
        names += [f"shelf{k}.{y}_{x}" for k in range(3) for y in ("front", "back") for x in ("left", "right")]
        names += ["product0.bottom", "product0.top"]
        lists = marks.Marks(SIZE, {}, {}, ("rimmed", "rimmed", "glass"), products=("shelf1",))
        true = TRUTH | changed
        points = np.array([model.place(name, true, lists) for name in names]) / 1000
        pixels, _ = model.camera(true, SIZE).project(points)
        pixels += np.random.default_rng(seed).normal(0, 1, pixels.shape) * noise
        seen = {n: p.tolist() for n, p in zip(names, pixels, strict=True) if (p > 0).all() and (p < SIZE).all()}
        lengths = {"cabinet.width": true["cabinet.width"], "product0.height": true["product0.height"]}
        return {
            "size": list(SIZE),
            "points": seen,
            "lengths": lengths,
            "shelves": list(lists.shelves),
            "products": ["shelf1"],
        }

    return make


@pytest.fixture(scope="session")
def response() -> Callable[..., Response]:
    """response(shot_noise=0.03): a camera that adds nothing but what is named."""
    drawn = look.draw(look.Look(), np.random.default_rng(0))[1]
    plain = {"exposure": 0.0, "white_balance": (1.0, 1.0, 1.0), "gamma": 1.0, "shoulder": 0.0, "saturation": 1.0}
    nothing = dict.fromkeys(("vignette", "blur", "shot_noise", "read_noise"), 0.0)
    return lambda **named: dataclasses.replace(drawn, jpeg=100, motion=(0.0, 0.0), **{**plain, **nothing, **named})
