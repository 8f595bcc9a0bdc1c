"""Blender materials of products and furniture. Runs inside Blender."""

from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from blender_scenes import blender
from blender_scenes.art import hex_colour
from blender_scenes.catalogue import Material
from blender_scenes.furniture.parts import Finish

__all__ = ["finish", "image", "material", "printed"]


def image(name: str, picture: NDArray[np.uint8]) -> Any:
    """A Blender image of H×W×3 uint8 sRGB, kept in memory."""
    height, width = picture.shape[:2]
    image = bpy.data.images.new(name, width, height)
    rgba = np.ones((height, width, 4), dtype=np.float32)
    rgba[..., :3] = picture[::-1] / 255
    image.pixels.foreach_set(rgba.ravel())
    image.pack()
    return image


def material(name: str, config: Material, picture: Any) -> Any:
    """A product's material; `picture` is the label art, for those that take their colour from it."""
    made = bpy.data.materials.new(name)
    made.use_nodes = True
    nodes, links = made.node_tree.nodes, made.node_tree.links
    shader = nodes["Principled BSDF"]
    blender.principled(shader, Roughness=config.roughness, Coat_Weight=config.coat, Metallic=config.metallic)
    blender.principled(shader, Transmission_Weight=config.transmission, IOR=config.ior)
    tint = nodes.new("ShaderNodeObjectInfo")
    mix = nodes.new("ShaderNodeVectorMath")
    mix.operation = "MULTIPLY"
    links.new(tint.outputs["Color"], mix.inputs[0])
    if config.art:
        texture = nodes.new("ShaderNodeTexImage")
        texture.image = picture
        links.new(texture.outputs["Color"], mix.inputs[1])
    else:
        mix.inputs[1].default_value = _linear(hex_colour(config.colour))
    links.new(mix.outputs["Vector"], shader.inputs["Base Color"])
    if config.bump:
        _bump(made.node_tree, shader, config)
    if config.see_through or config.transmission:
        _clear(made.node_tree, shader, mix.outputs["Vector"], config)
    return made


def _clear(tree: Any, shader: Any, colour: Any, config: Material) -> None:
    """Mix the shader with tinted air.

    `see_through` is the share of air for every ray. With `transmission`, rays of the camera meet the shader in full, so
    that the surface keeps its label, and are bent once; all others pass as through tinted air. So nothing inside is in
    the dark and no ray is lost to total reflection: with refraction at every surface, bottles turned black under the
    few bounces that renders of many small pictures can afford.
    """
    air, blend = tree.nodes.new("ShaderNodeBsdfTransparent"), tree.nodes.new("ShaderNodeMixShader")
    tree.links.new(colour, air.inputs["Color"])
    if config.transmission:
        rays = tree.nodes.new("ShaderNodeLightPath")
        tree.links.new(rays.outputs["Is Camera Ray"], blend.inputs[0])
        tree.links.new(_rimmed(tree, colour), shader.inputs["Base Color"])
    else:
        blend.inputs[0].default_value = 1 - config.see_through
    tree.links.new(air.outputs[0], blend.inputs[1])
    tree.links.new(shader.outputs[0], blend.inputs[2])
    tree.links.new(blend.outputs[0], tree.nodes["Material Output"].inputs["Surface"])


def _rimmed(tree: Any, colour: Any) -> Any:
    """The colour, darker where the surface is seen edge-on: glass shows its outline, though light is bent only once."""
    layer, ramp, times = (tree.nodes.new(f"ShaderNode{kind}") for kind in ("LayerWeight", "MapRange", "VectorMath"))
    layer.inputs["Blend"].default_value = 0.3
    for name, value in (("From Min", 0.15), ("From Max", 1.0), ("To Min", 1.0), ("To Max", 0.25)):
        ramp.inputs[name].default_value = value
    times.operation = "MULTIPLY"
    tree.links.new(layer.outputs["Facing"], ramp.inputs["Value"])
    tree.links.new(colour, times.inputs[0])
    tree.links.new(ramp.outputs[0], times.inputs[1])
    return times.outputs["Vector"]


def _bump(tree: Any, shader: Any, config: Material) -> None:
    place, noise = tree.nodes.new("ShaderNodeTexCoord"), tree.nodes.new("ShaderNodeTexNoise")
    bump = tree.nodes.new("ShaderNodeBump")
    noise.inputs["Scale"].default_value = config.bump_scale
    bump.inputs["Strength"].default_value, bump.inputs["Distance"].default_value = config.bump, 0.01
    tree.links.new(place.outputs["Object"], noise.inputs["Vector"])
    tree.links.new(noise.outputs[0], bump.inputs["Height"])
    tree.links.new(bump.outputs["Normal"], shader.inputs["Normal"])


def finish(name: str, look: Finish) -> Any:
    """The material of a piece of furniture."""
    made = bpy.data.materials.new(name)
    made.use_nodes = True
    nodes, links = made.node_tree.nodes, made.node_tree.links
    if not look.clear and not look.glow:
        shader = nodes["Principled BSDF"]
        shader.inputs["Base Color"].default_value = (*look.colour, 1)
        blender.principled(shader, Roughness=look.roughness, Metallic=look.metallic)
        return made
    nodes.clear()
    output = nodes.new("ShaderNodeOutputMaterial")
    emission = nodes.new("ShaderNodeEmission")
    emission.inputs["Color"].default_value = (*(look.colour if not look.clear else (1.0, 0.88, 0.72)), 1)
    emission.inputs["Strength"].default_value = look.glow
    if not look.clear:
        links.new(emission.outputs[0], output.inputs["Surface"])
        return made
    # Light that passes plus a sheen: free of noise, and the object behind keeps its place in the index pass.
    through, both = nodes.new("ShaderNodeBsdfTransparent"), nodes.new("ShaderNodeAddShader")
    through.inputs["Color"].default_value = (*look.colour, 1)
    links.new(through.outputs[0], both.inputs[0])
    links.new(emission.outputs[0], both.inputs[1])
    links.new(both.outputs[0], output.inputs["Surface"])
    if look.mirror:
        _mirroring(made.node_tree, through, emission, look)
    return made


def _mirroring(tree: Any, through: Any, emission: Any, look: Finish) -> None:
    """Have a pane gleam as glass does: by Schlick's approximation, with products that stand on it darker in the gleam.

    A ray that is thrown back would be noise with few samples, and a hole in the mask of what is behind. So the gleam
    is emission of the interior's mean brightness (`glow`), less where something is near in the mirror's direction.
    """

    def maths(operation: str, first: Any, second: Any, kind: str = "Math") -> Any:
        node = tree.nodes.new(f"ShaderNode{kind}")
        node.operation = operation
        for value, socket in zip((first, second), node.inputs, strict=False):
            if isinstance(value, float | tuple):
                socket.default_value = value
            else:
                tree.links.new(value, socket)
        return node.outputs[0]

    facing = tree.nodes.new("ShaderNodeLayerWeight")
    facing.inputs["Blend"].default_value = 0.5
    flat = maths("POWER", facing.outputs["Facing"], 4.0)  # 5 for one surface; a pane has two
    share = maths("MULTIPLY_ADD", flat, look.mirror)
    share.node.inputs[2].default_value = 0.05 * look.mirror
    share.node.use_clamp = True
    at, near = tree.nodes.new("ShaderNodeNewGeometry"), tree.nodes.new("ShaderNodeAmbientOcclusion")
    down = maths("REFLECT", at.outputs["Incoming"], at.outputs["Normal"], "VectorMath")
    tree.links.new(maths("MULTIPLY", down, (-1.0, -1.0, -1.0), "VectorMath"), near.inputs["Normal"])
    near.inputs["Distance"].default_value, near.samples = 0.1, 1
    tree.links.new(
        maths("MULTIPLY", maths("MULTIPLY", share, near.outputs["AO"]), look.glow), emission.inputs["Strength"]
    )
    tint = maths("SUBTRACT", 1.0, share)
    scaled = tree.nodes.new("ShaderNodeVectorMath")
    scaled.operation = "SCALE"
    scaled.inputs[0].default_value = look.colour
    tree.links.new(tint, scaled.inputs["Scale"])
    tree.links.new(scaled.outputs[0], through.inputs["Color"])


def printed(picture: Any) -> Any:
    """The material of furniture with something printed on it."""
    made = bpy.data.materials.new("print")
    made.use_nodes = True
    nodes, links = made.node_tree.nodes, made.node_tree.links
    texture = nodes.new("ShaderNodeTexImage")
    texture.image = picture
    links.new(texture.outputs["Color"], nodes["Principled BSDF"].inputs["Base Color"])
    return made


def _linear(srgb: NDArray[np.float64]) -> tuple[float, ...]:
    values = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    return tuple(float(v) for v in values)
