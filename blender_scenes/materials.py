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
    if config.see_through:
        through = nodes.new("ShaderNodeBsdfTransparent")
        links.new(mix.outputs["Vector"], through.inputs["Color"])
        blend = nodes.new("ShaderNodeMixShader")
        blend.inputs[0].default_value = 1 - config.see_through
        links.new(through.outputs[0], blend.inputs[1])
        links.new(shader.outputs[0], blend.inputs[2])
        links.new(blend.outputs[0], nodes["Material Output"].inputs["Surface"])
    return made


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
    # Light that passes plus a constant sheen: free of noise, and the object behind keeps its place in the index pass.
    through, both = nodes.new("ShaderNodeBsdfTransparent"), nodes.new("ShaderNodeAddShader")
    through.inputs["Color"].default_value = (*look.colour, 1)
    links.new(through.outputs[0], both.inputs[0])
    links.new(emission.outputs[0], both.inputs[1])
    links.new(both.outputs[0], output.inputs["Surface"])
    return made


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
