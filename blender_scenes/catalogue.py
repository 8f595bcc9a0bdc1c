"""Products as data: the typed form of conf/product/*.yaml, and the meshes and label art made from it."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blender_scenes import art, geometry
from blender_scenes.geometry import Mesh
from coldstart.errors import UserError

__all__ = ["Art", "Material", "Part", "Pose", "Product", "label_art", "mesh"]

PARTS = ("lathe", "sphere", "box")


@dataclass
class Material:
    """How a surface looks; `art: true` takes its colour from the product's label art."""

    colour: str = "#ffffff"
    art: bool = False
    roughness: float = 0.5
    coat: float = 0.0  # 0..1, a clear glossy layer
    metallic: float = 0.0
    see_through: float = 0.0  # 0..0.45, share of light that passes straight through (PET, thin glass)
    bump: float = 0.0  # 0..1, height of a fine relief
    bump_scale: float = 100.0  # its grains per metre

    def __post_init__(self) -> None:
        art.hex_colour(self.colour)
        if not 0 <= self.see_through <= 0.45:
            # Above that, Cycles counts the surface as not there in the object-index pass, and the label is lost.
            raise UserError(f"see_through: {self.see_through} is not in 0..0.45")


@dataclass
class Part:
    """One piece of a product; lengths in millimetres, z = 0 is where it stands.

    `lathe`: `profile` rows [radius, z] or [radius_x, radius_y, z]; `sphere`: `size` = [x, y, z]; `box`: `size` and
    edge radius `round`. `at` moves it. See `geometry.lathe` for `exponent`, `ribs` and `uv`.
    """

    kind: str = "lathe"
    material: str = "body"
    profile: list[Any] = field(default_factory=list)
    size: list[float] = field(default_factory=list)
    at: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0])
    exponent: Any = 2.0
    round: float = 3.0
    segments: int = 40
    ribs: int = 0
    rib_depth: float = 0.0
    uv: str = "around"

    def __post_init__(self) -> None:
        if self.kind not in PARTS:
            raise UserError(f"part kind {self.kind!r} is none of {', '.join(PARTS)}")
        if self.uv not in ("around", "top"):
            raise UserError(f"uv {self.uv!r} is neither around nor top")
        if self.kind == "lathe" and (len(self.profile) < 2 or any(len(row) not in (2, 3) for row in self.profile)):
            raise UserError("a lathe needs a profile of at least two rows [radius, z] or [radius_x, radius_y, z]")
        if self.kind != "lathe" and len(self.size) != 3:
            raise UserError(f"a {self.kind} needs size: [x, y, z] in mm")


@dataclass
class Pose:
    """A way the product rests: first `spin` about its own axis, then `tilt` about x and y, then `yaw` about z; degrees.

    `yaw` lists the facings to choose from (0 = front to the camera), `yaw_sigma` how far one strays; null for any.
    """

    weight: float = 1.0
    tilt: list[float] = field(default_factory=lambda: [0.0, 0.0])
    spin: list[float] = field(default_factory=lambda: [0.0, 0.0])
    yaw: list[float] = field(default_factory=lambda: [0.0])
    yaw_sigma: float | None = 20.0


@dataclass
class Art:
    """Label art: canvas size in pixels, and its layers (see `blender_scenes.art`)."""

    size: list[int] = field(default_factory=lambda: [512, 256])
    layers: list[Any] = field(default_factory=list)


@dataclass
class Product:
    """One YAML of conf/product."""

    category: str = "???"
    parts: list[Part] = field(default_factory=list)
    materials: dict[str, Material] = field(default_factory=dict)
    poses: dict[str, Pose] = field(default_factory=lambda: {"upright": Pose()})
    art: Art = field(default_factory=Art)
    variants: int = 6  # different label arts
    scale: list[float] = field(default_factory=lambda: [0.96, 1.04])
    tint: float = 0.06  # how far brightness and colour of one piece stray from another's
    copies: list[float] = field(default_factory=lambda: [0.15, 0.7, 0.15])  # odds of 0, 1, 2, ... pieces in a scene

    def __post_init__(self) -> None:
        if not self.parts:
            raise UserError(f"product {self.category}: has no parts")
        for part in self.parts:
            if part.material not in self.materials:
                raise UserError(
                    f"product {self.category}: part material {part.material!r} is none of {', '.join(self.materials)}"
                )
        if not self.poses or sum(p.weight for p in self.poses.values()) <= 0:
            raise UserError(f"product {self.category}: needs a pose with a weight above 0")
        # Draws once, so that a slip in a layer is found before any work starts.
        if any(m.art for m in self.materials.values()):
            art.draw(self.art.layers, [16, 16], np.random.default_rng(0), f"product {self.category}, art")


def mesh(product: Product) -> Mesh:
    """The product's mesh in metres, standing on z = 0 around the z axis."""
    return geometry.join([_part(p) for p in product.parts]).scaled(0.001)


def _part(part: Part) -> Mesh:
    if part.kind == "sphere":
        made = geometry.sphere([s / 2 for s in part.size], part.material, segments=part.segments)
    elif part.kind == "box":
        centre = [0.0, 0.0, part.size[2] / 2]
        made = geometry.rounded_box(part.size, centre, part.material, part.round, part.segments)
    else:
        made = geometry.lathe(
            part.profile,
            part.material,
            segments=part.segments,
            exponent=part.exponent,
            ribs=part.ribs,
            rib_depth=part.rib_depth,
            uv=part.uv,
        )
    return made.moved(part.at)


def label_art(name: str, product: Product, variant: int) -> NDArray[np.uint8]:
    """H×W×3 uint8 sRGB label art of one variant; the same for the same product and variant."""
    seed = [variant, *name.encode()]
    return art.draw(product.art.layers, product.art.size, np.random.default_rng(seed), f"product {name}, art")
