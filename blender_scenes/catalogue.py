"""Products as data: the typed form of conf/product/*.yaml, and the meshes and label art made from it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blender_scenes import art, geometry, produce
from blender_scenes.geometry import Mesh
from coldstart.errors import UserError

__all__ = ["Art", "Material", "Meshes", "Part", "Pose", "Product", "label_art", "mesh"]

# Kinds of parts and how many numbers a row of their profile may have; none has no profile.
PARTS = {"lathe": (2, 3), "sphere": (), "box": (), "fruit": (2,), "tube": (4,), "prism": (2,), "wrap": (2,)}


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
    transmission: float = 0.0  # 0..1, share of light refracted into the body (clear glass and what it holds)
    ior: float = 1.45  # how much it bends there; 1.33 is water

    def __post_init__(self) -> None:
        art.hex_colour(self.colour)
        if not 0 <= self.see_through <= 0.45:
            # Above that, Cycles counts the surface as not there in the object-index pass, and the label is lost.
            raise UserError(f"see_through: {self.see_through} is not in 0..0.45")


@dataclass
class Part:
    """One piece of a product; lengths in millimetres, z = 0 is where it stands.

    `lathe`: `profile` rows [radius, z] or [radius_x, radius_y, z]; `sphere`: `size` = [x, y, z]; `box`: `size` and
    edge radius `round`; `fruit`: rows [radius, z], with `lobes`, `lobe_depth`, `wobble`, `bend`, `seed`; `tube`: rows
    [x, y, z, radius]; `prism`: rows [y, z] around its cross-section, `size` = [x]; `wrap`: a label, rows [radius, z],
    over `arc` degrees. See `geometry.lathe` for `exponent`, `ribs` and `uv`, and `produce` for the rest. `turn`
    (degrees about x, y, z) turns it and `at` moves it. `window` [u0, v0, u1, v1] is its share of the label art.
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
    turn: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0])
    window: list[float] = field(default_factory=lambda: [0.0, 0.0, 1.0, 1.0])
    lobes: int = 0
    lobe_depth: float = 0.0
    wobble: float = 0.0
    bend: float = 0.0
    seed: int = 0
    arc: list[float] = field(default_factory=lambda: [180.0, 360.0])

    def __post_init__(self) -> None:
        if self.kind not in PARTS:
            raise UserError(f"part kind {self.kind!r} is none of {', '.join(PARTS)}")
        if self.uv not in ("around", "top"):
            raise UserError(f"uv {self.uv!r} is neither around nor top")
        row = PARTS[self.kind]
        if row and (len(self.profile) < 2 or any(len(r) not in row for r in self.profile)):
            lengths = " or ".join(map(str, row))
            raise UserError(f"a {self.kind} needs a profile of at least two rows of {lengths} numbers, in mm")
        if not row and len(self.size) != 3:
            raise UserError(f"a {self.kind} needs size: [x, y, z] in mm")
        if self.kind == "prism" and len(self.size) != 1:
            raise UserError("a prism needs size: [x] in mm")


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
    label: bool = True  # false: clutter, which hides things and has no annotation
    parts: list[Part] = field(default_factory=list)
    materials: dict[str, Material] = field(default_factory=dict)
    poses: dict[str, Pose] = field(default_factory=dict)  # none: upright
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
        # Not a default of the field: a config is merged into that, and would keep it as one pose more.
        self.poses = self.poses or {"upright": Pose()}
        if sum(p.weight for p in self.poses.values()) <= 0:
            raise UserError(f"product {self.category}: needs a pose with a weight above 0")
        # Draws once, so that a slip in a layer is found before any work starts.
        if any(m.art for m in self.materials.values()):
            art.draw(self.art.layers, [16, 16], np.random.default_rng(0), f"product {self.category}, art")


def mesh(product: Product, variant: int) -> Mesh:
    """The mesh of one variant in metres, standing on z = 0 around the z axis."""
    made = geometry.join([_part(p) for p in product.parts]).scaled(0.001)
    return made.moved([0, 0, -made.vertices[:, 2].min()])


class Meshes(Mapping[tuple[str, int], Mesh]):
    """The meshes of a catalogue by (product, variant): placement, labels and render all take theirs from here.

    Each is made when it is first asked for.
    """

    def __init__(self, products: Mapping[str, Product]) -> None:
        self._products = products
        self._made: dict[tuple[str, int], Mesh] = {}

    def __getitem__(self, key: tuple[str, int]) -> Mesh:
        if key not in self._made:
            name, variant = key
            self._made[key] = mesh(self._products[name], variant)
        return self._made[key]

    def __iter__(self) -> Iterator[tuple[str, int]]:
        return ((name, variant) for name, product in self._products.items() for variant in range(product.variants))

    def __len__(self) -> int:
        return sum(product.variants for product in self._products.values())


def _part(part: Part) -> Mesh:
    if part.kind == "sphere":
        made = geometry.sphere([s / 2 for s in part.size], part.material, segments=part.segments)
    elif part.kind == "box":
        centre = [0.0, 0.0, part.size[2] / 2]
        made = geometry.rounded_box(part.size, centre, part.material, part.round, part.segments)
    elif part.kind == "fruit":
        made = produce.fruit(
            part.profile,
            part.material,
            segments=part.segments,
            lobes=part.lobes,
            lobe_depth=part.lobe_depth,
            wobble=part.wobble,
            bend=part.bend,
            seed=part.seed,
        )
    elif part.kind == "tube":
        made = produce.tube(part.profile, part.material, segments=part.segments)
    elif part.kind == "prism":
        made = produce.prism(part.profile, part.size[0], part.material)
    elif part.kind == "wrap":
        made = produce.wrap(part.profile, part.arc, 0.3, part.material, segments=part.segments)
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
    u0, v0, u1, v1 = part.window
    vertices = made.vertices @ geometry.euler(part.turn).T + part.at
    return replace(made, vertices=vertices, uvs=made.uvs * [u1 - u0, v1 - v0] + [u0, v0])


def label_art(name: str, product: Product, variant: int) -> NDArray[np.uint8]:
    """H×W×3 uint8 sRGB label art of one variant; the same for the same product and variant."""
    seed = [variant, *name.encode()]
    return art.draw(product.art.layers, product.art.size, np.random.default_rng(seed), f"product {name}, art")
