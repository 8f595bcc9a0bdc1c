"""The one module that knows Blender's versions: sockets, denoiser, passes of a render. Runs inside Blender."""

import os
import sys
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from blender_scenes import exr
from blender_scenes.look import HDRIS
from blender_scenes.spec import Light
from coldstart.errors import UserError

__all__ = [
    "Passes",
    "can_denoise",
    "configure",
    "link",
    "principled",
    "purge",
    "render",
    "reset",
    "silence",
    "surround",
]


Floats = NDArray[np.float32]

# The surfaces that a camera ray may pass: a drawer's front, ribs and a shelf or two have ten. Cycles' Russian roulette
# starts after the first few, and would punch holes into the masks of what lies in a drawer.
CLEAR_SURFACES = 16
NOTHING = 1e9  # metres; Cycles writes 1e10 where a ray meets nothing

PANE_ALPHA = 0.4  # what is clearer takes no label; panes have up to 0.37, products 0.46 and more

# Our name of a pass: the view layer's switch for it, its names in the file (before 5.0, since 5.0), its channels.
_PASSES = {
    "light": ("use_pass_combined", ("Combined",), "RGB"),
    "index": ("use_pass_object_index", ("IndexOB", "Object Index"), "X"),
    "depth": ("use_pass_z", ("Depth",), "Z"),
    "normals": ("use_pass_normal", ("Normal",), "XYZ"),
    "albedo": ("", ("albedo",), "RGB"),  # an output of our own, see _expose_albedo
}


@dataclass(frozen=True)
class Passes:
    """What a render gives, H×W each, row 0 at the top; None where a pass was not asked for.

    `light` H×W×3, linear. `index`: object-index values. `depth`: metres along the view axis, inf where nothing is.
    `normals` H×W×3: unit vectors in camera axes (x right, y up, z towards the camera), 0 where nothing is.
    `albedo` H×W×3, linear: the base colour, 0 for what only glows.
    """

    light: Floats
    index: NDArray[np.uint16]
    depth: Floats | None = None
    normals: Floats | None = None
    albedo: Floats | None = None


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
    """Cycles, tuned for many small pictures.

    Few samples cost less than few bounces, which leave white interiors too dark (benchmarks/settings.py); no caustics.
    Without the denoiser four times the samples make up for it.
    """
    scene.render.engine = "CYCLES"
    cycles = scene.cycles
    cycles.use_adaptive_sampling = False
    cycles.use_denoising = can_denoise(scene)
    cycles.samples = samples if cycles.use_denoising else 4 * samples
    if cycles.use_denoising:
        # Albedo keeps label art, normals keep the edges of white on white; unfiltered, two samples of them leave grain.
        cycles.denoising_input_passes, cycles.denoising_prefilter = "RGB_ALBEDO_NORMAL", "FAST"
        if hasattr(cycles, "denoising_quality"):  # since 4.2
            cycles.denoising_quality = "FAST"
    cycles.max_bounces = cycles.diffuse_bounces = cycles.glossy_bounces = cycles.transmission_bounces = 8
    cycles.min_transparent_bounces = cycles.transparent_max_bounces = CLEAR_SURFACES
    cycles.caustics_reflective = cycles.caustics_refractive = False
    cycles.sample_clamp_indirect = 4
    cycles.filter_width = 1.0  # as crisp as a photo scaled down to this size
    if hasattr(cycles, "use_light_tree"):  # since 3.5; two lamps gain nothing from it
        cycles.use_light_tree = False
    render = scene.render
    render.resolution_x, render.resolution_y = size
    render.resolution_percentage = 100
    render.threads_mode, render.threads = "FIXED", threads
    # Data kept between renders saves nothing here, and Cycles knows what it keeps by address: a new picture in a freed
    # one's place showed the old one's pixels.
    render.use_persistent_data = False
    scene.view_layers[0].pass_alpha_threshold = PANE_ALPHA
    render.use_compositing = render.use_sequencer = False
    image = render.image_settings
    if hasattr(image, "media_type"):  # since 5.0
        image.media_type = "MULTI_LAYER_IMAGE"
        image.use_exr_interleave = True
    image.file_format, image.color_depth, image.exr_codec = "OPEN_EXR_MULTILAYER", "32", "NONE"


def render(scene: Any, seed: int, wanted: Collection[str] = ()) -> Passes:
    """Render the scene as it stands; `wanted` are passes beside light and index: depth, normals, albedo.

    The index and depth passes hold one ray through the middle of each pixel and cost nothing: Cycles takes them from
    its first sample, and both see through panes. All other passes are means over the samples, and depth of field and
    motion blur make even the first sample noise: then the labels come from a second render with one sample, a sharp
    camera and without the panes (objects with the property `pane`).
    """
    camera = scene.camera.data
    blurred = camera.dof.use_dof or scene.render.use_motion_blur
    if not blurred and not {"normals", "albedo"} & set(wanted):
        found = labels = _shoot(scene, seed, ["light", "index", *wanted])
    else:
        found = _shoot(scene, seed, ["light"])
        if "albedo" in wanted:
            _expose_albedo(scene.view_layers[0])
        with _sharp(scene):
            labels = _shoot(scene, seed, ["index", *wanted])
    axes = np.array(scene.camera.matrix_world.to_3x3().normalized(), dtype=np.float32)
    return Passes(
        light=found["light"],
        index=np.round(labels["index"]).astype(np.uint16),
        depth=np.where(labels["depth"] < NOTHING, labels["depth"], np.inf) if "depth" in wanted else None,
        normals=_unit(labels["normals"] @ axes) if "normals" in wanted else None,
        albedo=labels["albedo"].clip(0, 1) if "albedo" in wanted else None,
    )


def _shoot(scene: Any, seed: int, names: Collection[str]) -> dict[str, Floats]:
    """One render: the passes of `names`, keys of _PASSES."""
    scene.cycles.seed = seed % 2**31
    for name, (switch, _, _) in _PASSES.items():
        if switch:
            setattr(scene.view_layers[0], switch, name in names)
    with tempfile.TemporaryDirectory(prefix="coldstart-") as folder:
        scene.render.filepath = str(Path(folder) / "passes.exr")
        with silence():
            bpy.ops.render.render(write_still=True)
        channels = {key.split(".", 1)[1]: plane for key, plane in exr.read(Path(folder) / "passes.exr").items()}
    return {name: _plane(channels, *_PASSES[name][1:]) for name in names}


def _plane(channels: Mapping[str, Floats], names: tuple[str, ...], parts: str) -> Floats:
    """H×W, or H×W×3, of a pass."""
    name = next(n for n in names if f"{n}.{parts[0]}" in channels)
    planes = [channels[f"{name}.{part}"] for part in parts]
    return planes[0] if len(planes) == 1 else np.stack(planes, axis=-1)


def _expose_albedo(layer: Any) -> None:
    """Have every material hand its base colour to the pass `albedo`.

    Cycles' own colour passes mean another thing in every version and are black for metals or white for all; an output
    of our own is written where the index is, and free of noise.
    """
    if "albedo" not in layer.aovs:
        layer.aovs.add().name = "albedo"
    for tree in (material.node_tree for material in bpy.data.materials if material.node_tree):
        nodes = {node.bl_idname: node for node in tree.nodes}
        shader = nodes.get("ShaderNodeBsdfPrincipled")
        if shader is None:
            continue
        output = nodes.get("ShaderNodeOutputAOV") or tree.nodes.new("ShaderNodeOutputAOV")
        setattr(output, "aov_name" if hasattr(output, "aov_name") else "name", "albedo")  # `name` in 3.x
        colour = shader.inputs["Base Color"]
        if colour.is_linked:
            tree.links.new(colour.links[0].from_socket, output.inputs["Color"])
        else:
            output.inputs["Color"].default_value = colour.default_value


def _unit(vectors: Floats) -> Floats:
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 0)


@contextmanager
def _sharp(scene: Any) -> Iterator[None]:
    """One sample through the middle of each pixel, no bounces, depth of field, motion blur or panes."""
    cycles, dof = scene.cycles, scene.camera.data.dof
    changes: list[tuple[Any, dict[str, Any]]] = [
        (cycles, {"samples": 1, "max_bounces": 0, "use_denoising": False}),
        (dof, {"use_dof": False}),
        (scene.render, {"use_motion_blur": False}),
        *((made, {"hide_render": True}) for made in scene.objects if made.get("pane")),
    ]
    kept = [(owner, {key: getattr(owner, key) for key in values}) for owner, values in changes]
    try:
        _assign(changes)
        yield
    finally:
        _assign(kept)


def _assign(changes: list[tuple[Any, dict[str, Any]]]) -> None:
    for owner, values in changes:
        for key, value in values.items():
            setattr(owner, key, value)


@contextmanager
def silence() -> Iterator[None]:
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


# What sockets of the Principled BSDF were called before 4.0.
_OLD_SOCKETS = {
    "Specular IOR Level": "Specular",
    "Coat Weight": "Clearcoat",
    "Coat Roughness": "Clearcoat Roughness",
    "Transmission Weight": "Transmission",
}


def surround(scene: Any, light: Light) -> None:
    """Light the scene from all sides, evenly or by a picture of the surroundings (equirectangular, linear).

    Raises:
        UserError: the picture is missing or cannot be read.
    """
    nodes, links = scene.world.node_tree.nodes, scene.world.node_tree.links
    background = nodes["Background"]
    for link_in in background.inputs["Color"].links:
        links.remove(link_in)
    background.inputs["Color"].default_value = (*light.ambient_colour, 1)
    background.inputs["Strength"].default_value = light.hdri_strength if light.hdri else light.ambient
    if not light.hdri:
        return
    if "Environment Texture" not in nodes:
        texture, turn = nodes.new("ShaderNodeTexEnvironment"), nodes.new("ShaderNodeMapping")
        texture.name, turn.name = "Environment Texture", "Turn"
        links.new(nodes.new("ShaderNodeTexCoord").outputs["Generated"], turn.inputs["Vector"])
        links.new(turn.outputs["Vector"], texture.inputs["Vector"])
    texture = nodes["Environment Texture"]
    nodes["Turn"].inputs["Rotation"].default_value[2] = np.radians(light.hdri_turn)
    try:
        texture.image = bpy.data.images.load(str(_hdri(light.hdri)), check_existing=True)
    except RuntimeError:
        raise UserError(f"look.hdri: {light.hdri}: cannot be read as a picture") from None
    links.new(texture.outputs["Color"], background.inputs["Color"])


def _hdri(name: str) -> Path:
    """A path as it is, or where Blender keeps the one of that name."""
    if name not in HDRIS:
        return Path(name)
    return Path(bpy.utils.system_resource("DATAFILES")) / "studiolights" / "world" / f"{name}.exr"


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
