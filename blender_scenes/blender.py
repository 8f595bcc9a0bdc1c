"""The one module that knows Blender's versions: sockets, denoiser, reading a render back. Runs inside Blender."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

__all__ = ["Passes", "can_denoise", "configure", "link", "principled", "purge", "render", "reset"]


class Passes:
    """What one render gives: `light` H×W×3 linear, `index` H×W object-index values; row 0 at the top."""

    def __init__(self, light: NDArray[np.float32], index: NDArray[np.uint16]) -> None:
        self.light, self.index = light, index


def reset() -> Any:
    """An empty file; returns its scene."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.world = bpy.data.worlds.new("world")
    scene.world.use_nodes = True
    return scene


def can_denoise(scene: Any) -> bool:
    """Whether this build has Open Image Denoise (Debian's has not)."""
    try:
        scene.cycles.denoiser = "OPENIMAGEDENOISE"
    except TypeError:
        return False
    return True


def configure(scene: Any, size: tuple[int, int], samples: int, threads: int) -> None:
    """Cycles on the CPU, tuned for many small pictures.

    Few bounces and no caustics cost the detector nothing; without the denoiser four times the samples make up for it.
    """
    scene.render.engine = "CYCLES"
    cycles = scene.cycles
    cycles.device = "CPU"
    cycles.use_adaptive_sampling = False
    cycles.use_denoising = can_denoise(scene)
    cycles.samples = samples if cycles.use_denoising else 4 * samples
    if cycles.use_denoising:
        cycles.denoising_prefilter = "NONE"
        # Guided by albedo alone: normals bring back the grain behind panes, no guide smears label art.
        cycles.denoising_input_passes = "RGB_ALBEDO"
        if hasattr(cycles, "denoising_quality"):  # since 4.2
            cycles.denoising_quality = "FAST"
    cycles.max_bounces, cycles.diffuse_bounces, cycles.glossy_bounces = 3, 2, 1
    cycles.transmission_bounces, cycles.transparent_max_bounces = 2, 12
    cycles.caustics_reflective = cycles.caustics_refractive = False
    cycles.sample_clamp_indirect = 4
    cycles.filter_width = 1.0  # as crisp as a photo scaled down to this size
    if hasattr(cycles, "use_light_tree"):  # since 3.5; two lamps gain nothing from it
        cycles.use_light_tree = False
    render = scene.render
    render.resolution_x, render.resolution_y = size
    render.resolution_percentage = 100
    render.threads_mode, render.threads = "FIXED", threads
    render.use_persistent_data = True
    scene.view_layers[0].use_pass_object_index = True
    _write_passes(scene)


def _write_passes(scene: Any) -> None:
    """A compositor that writes the two passes as single-layer EXR, the only kind Blender can read back."""
    scene.use_nodes = True
    tree = scene.node_tree
    tree.nodes.clear()
    layers = tree.nodes.new("CompositorNodeRLayers")
    output = tree.nodes.new("CompositorNodeOutputFile")
    output.name = "passes"
    output.format.file_format = "OPEN_EXR"
    output.format.color_depth = "32"
    output.file_slots[0].path = "light"
    output.file_slots.new("index")
    for slot, socket in enumerate(("Image", "IndexOB")):
        tree.links.new(layers.outputs[socket], output.inputs[slot])


def render(scene: Any, seed: int) -> Passes:
    """Render the scene as it stands."""
    scene.cycles.seed = seed % 2**31
    size = (scene.render.resolution_x, scene.render.resolution_y)
    with tempfile.TemporaryDirectory(prefix="coldstart-") as folder:
        scene.node_tree.nodes["passes"].base_path = folder
        with _silence():
            bpy.ops.render.render()
        light = _read(next(Path(folder).glob("light*.exr")), size)
        index = _read(next(Path(folder).glob("index*.exr")), size)
    return Passes(light[..., :3], np.round(index[..., 0]).astype(np.uint16))


@contextmanager
def _silence() -> Iterator[None]:
    """Keep Blender's line per sample off standard output, which it writes past Python."""
    sys.stdout.flush()
    kept, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 1)
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)


def _read(path: Path, size: tuple[int, int]) -> NDArray[np.float32]:
    image = bpy.data.images.load(str(path))
    image.colorspace_settings.name = "Non-Color"
    pixels = np.empty(size[0] * size[1] * 4, dtype=np.float32)
    image.pixels.foreach_get(pixels)
    bpy.data.images.remove(image)
    return pixels.reshape(size[1], size[0], 4)[::-1]


# What sockets of the Principled BSDF were called before 4.0.
_OLD_SOCKETS = {"Specular IOR Level": "Specular", "Coat Weight": "Clearcoat", "Coat Roughness": "Clearcoat Roughness"}


def principled(node: Any, **values: float) -> None:
    """Set inputs of a Principled BSDF by their names of 4.0, spaces as underscores."""
    for key, value in values.items():
        name = key.replace("_", " ")
        node.inputs[name if name in node.inputs else _OLD_SOCKETS[name]].default_value = value


def link(scene: Any, name: str, data: Any) -> Any:
    """A new object of `data` in the scene."""
    made = bpy.data.objects.new(name, data)
    scene.collection.objects.link(made)
    return made


def purge() -> None:
    """Drop what no scene uses any more; without this, memory grows with every scene."""
    bpy.data.orphans_purge(do_recursive=True)
