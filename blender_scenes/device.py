"""Which device Cycles renders on. Runs inside Blender."""

from typing import Any

import bpy

from blender_scenes.blender import silence
from coldstart.errors import UserError

__all__ = ["choose"]

GPUS = ("optix", "cuda", "hip", "metal", "oneapi")  # in the order of preference; OptiX and CUDA share devices


def choose(scene: Any, wanted: str) -> str:
    """Have `scene` rendered on `wanted`: one of GPUS, `cpu`, or `auto` for the first GPU that is here, else the CPU.

    Returns the choice.

    Raises:
        UserError: this machine or this build of Blender has no such device.
    """
    with silence():  # Blender 5 warns once of every GPU library that is not here
        found = next((k for k in GPUS if wanted in (k, "auto") and _enable(k)), None)
    if found:
        scene.cycles.device = "GPU"
        return found
    if wanted not in ("auto", "cpu"):
        raise UserError(f"device: this Blender finds no {wanted} device here; device=auto takes what there is")
    scene.cycles.device = "CPU"
    return "cpu"


def _enable(kind: str) -> bool:
    """Switch on every device of `kind` and nothing else; False if there is none."""
    preferences = bpy.context.preferences.addons["cycles"].preferences
    try:
        preferences.compute_device_type = kind.upper()
    except TypeError:  # this build does not know it
        return False
    found = preferences.get_devices_for_type(kind.upper())
    for device in preferences.devices:
        device.use = device.type == kind.upper()
    return any(device.type == kind.upper() for device in found)
