"""Products as data: the typed form of conf/product/*.yaml, and the meshes and label art made from it.

A product comes in `variants`: makes of it that differ in shape, size, colours and label art. Variant k is the same
whoever asks for it, so that placement, labels and render agree on it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blender_scenes import art, geometry, meshfile, part
from blender_scenes.geometry import Mesh
from blender_scenes.meshfile import MeshFile
from blender_scenes.part import Part
from coldstart.errors import UserError

__all__ = ["Art", "Make", "Material", "Meshes", "Part", "Pose", "Product", "Shape", "Size", "label_art", "make", "mesh"]

# Multiples of these spread evenly over 0..1, together too (Roberts 2018, the sequence R2): the first variants already
# show every shape and palette in about their share.
SPREAD = (0.7548776662466927, 0.5698402909980532)


@dataclass
class Material:
    """How a surface looks; `art: true` takes its colour from the product's label art."""

    colour: str = "#ffffff"  # #rrggbb, or a name of the product's palettes
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
        # Above 0.45, Cycles counts the surface as not there in the object-index pass, and the label is lost.
        limits = {"see_through": 0.45, "roughness": 1, "coat": 1, "metallic": 1, "bump": 1, "transmission": 1}
        for key, high in limits.items():
            if not 0 <= getattr(self, key) <= high:
                raise UserError(f"{key}: {getattr(self, key)} is not in 0..{high}")


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

    def __post_init__(self) -> None:
        if self.weight < 0:
            raise UserError(f"weight: {self.weight} is below 0")
        for key, value in (("tilt", self.tilt), ("spin", self.spin)):
            if len(value) != 2:
                raise UserError(f"{key}: {list(value)} must be two numbers, in degrees")
        if not self.yaw:
            raise UserError("yaw: needs at least one facing, in degrees")


@dataclass
class Size:
    """Outer dimensions of the upright piece in mm, x, y and z, each [low, high]: every variant draws its own.

    An axis that is not named keeps its proportion to the first one that is.
    """

    width: list[float] | None = None
    depth: list[float] | None = None
    height: list[float] | None = None

    def __post_init__(self) -> None:
        for key, limits in vars(self).items():
            if limits is not None and not _rising(limits):
                raise UserError(f"size_mm.{key}: {list(limits)} must be [low, high] in mm, rising, above 0")

    def factors(self, modelled: NDArray[np.float64], rng: np.random.Generator) -> list[float]:
        """Factors on x, y, z that give a mesh whose extents are `modelled` (mm) a draw of these dimensions."""
        ranges = (self.width, self.depth, self.height)
        drawn = [None if r is None else rng.uniform(r[0], r[1]) / m for r, m in zip(ranges, modelled, strict=True)]
        first = next((factor for factor in drawn if factor is not None), 1.0)
        return [first if factor is None else factor for factor in drawn]


def _rising(limits: list[float]) -> bool:
    return len(limits) == 2 and 0 < limits[0] <= limits[1]


@dataclass
class Art:
    """Label art: canvas size in pixels, and its layers (see `blender_scenes.art`)."""

    size: list[int] = field(default_factory=lambda: [512, 256])
    layers: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        if len(self.size) != 2 or not all(8 <= s <= 4096 for s in self.size):
            raise UserError(f"art.size: {list(self.size)} must be [width, height] in pixels, each 8..4096")


@dataclass
class Shape:
    """One of several shapes of a product; what it does not give is the product's own.

    `weight` is its share of the variants. `materials` are added to the product's, or take the place of those of the
    same name.
    """

    weight: float = 1.0
    parts: list[Part] = field(default_factory=list)
    mesh: MeshFile | None = None
    materials: dict[str, Material] = field(default_factory=dict)
    art: Art | None = None
    size_mm: Size | None = None

    def __post_init__(self) -> None:
        if self.weight < 0:
            raise UserError(f"weight: {self.weight} is below 0")


@dataclass(frozen=True)
class Make:
    """What one variant of a product is made of: its shape, with the palette's colours put in."""

    parts: list[Part]
    mesh: MeshFile | None
    materials: dict[str, Material]
    layers: list[Any]
    art_size: list[int]
    size: Size

    @property
    def has_art(self) -> bool:
        """Whether a material takes its colour from label art."""
        return any(m.art for m in self.materials.values())


@dataclass
class Product:
    """One YAML of conf/product.

    `size_mm` are the dimensions of its variants, `scale` is how far pieces of one variant differ from them.

    `palettes` are sets of colours and words, one for each variant in turn: [{main: "#c22", name: "COLA"}, …]. Where a
    material's `colour`, or a colour or text of the label art, is such a name, the value is put in.
    """

    category: str = ""
    label: bool = True  # false: clutter, which hides things and has no annotation
    parts: list[Part] = field(default_factory=list)
    mesh: MeshFile | None = None  # in place of parts
    materials: dict[str, Material] = field(default_factory=dict)
    shapes: dict[str, Shape] = field(default_factory=dict)
    palettes: list[dict[str, str]] = field(default_factory=list)
    size_mm: Size = field(default_factory=Size)
    poses: dict[str, Pose] = field(default_factory=dict)  # none: upright
    art: Art = field(default_factory=Art)
    variants: int = 6
    scale: list[float] = field(default_factory=lambda: [0.96, 1.04])
    tint: float = 0.06  # how far brightness and colour of one piece stray from another's
    copies: list[float] = field(default_factory=lambda: [0.15, 0.7, 0.15])  # odds of 0, 1, 2, ... pieces in a scene

    @property
    def described(self) -> bool:
        """Whether its YAML is in the config, and not only what a scene says of it, such as its copies."""
        return bool(self.category or self.parts or self.mesh or self.shapes)

    def __post_init__(self) -> None:
        if not self.described:
            return
        if not self.category:
            raise UserError("category: has no value; give the name of its label")
        # Not a default of the field: a config is merged into that, and would keep it as one pose more.
        self.poses = self.poses or {"upright": Pose()}
        if sum(p.weight for p in self.poses.values()) <= 0:
            raise UserError("poses: needs one with a weight above 0")
        if self.shapes and sum(s.weight for s in self.shapes.values()) <= 0:
            raise UserError("shapes: needs one with a weight above 0")
        if self.variants < 1:
            raise UserError(f"variants: {self.variants} is below 1")
        if not _rising(self.scale):
            raise UserError(f"scale: {list(self.scale)} must be [low, high], rising, above 0")
        if not self.copies or min(self.copies) < 0 or sum(self.copies) <= 0:
            raise UserError(f"copies: {list(self.copies)} must be odds of 0, 1, 2, … pieces, one of them above 0")
        for key, shape in {"": Shape(), **{f"shapes.{n}.": s for n, s in self.shapes.items()}}.items():
            if key or not self.shapes:
                self._check(key, shape)

    def _check(self, where: str, shape: Shape) -> None:
        """Look through one shape in every palette, so that a slip is found before any work starts."""
        for palette in self.palettes or [{}]:
            made = _make(self, shape, palette)
            if bool(made.parts) == (made.mesh is not None):
                found = "both parts and mesh" if made.parts else "neither"
                raise UserError(f"{where}parts: give either parts or mesh, found {found}")
            if made.mesh and made.mesh.material not in (None, *made.materials):
                names = ", ".join(made.materials) or "materials, which is empty"
                raise UserError(f"{where}mesh.material: {made.mesh.material!r} is none of {names}")
            for number, piece in enumerate(made.parts):
                if piece.material not in made.materials:
                    names = ", ".join(made.materials) or "materials, which is empty"
                    raise UserError(f"{where}parts[{number}].material: {piece.material!r} is none of {names}")
            for name, material in made.materials.items():
                _colour(f"{where}materials.{name}.colour", material.colour, self.palettes)
            if made.has_art:
                art.draw(made.layers, [16, 16], np.random.default_rng(0), f"{where}art")


def _colour(key: str, colour: str, palettes: list[dict[str, str]]) -> None:
    try:
        art.hex_colour(colour)
    except UserError as error:
        names = ", ".join(sorted({name for palette in palettes for name in palette}))
        raise UserError(f"{key}: {error}" + (f", or one of {names}" if names else "")) from None


def make(product: Product, variant: int) -> Make:
    """What variant `variant` ≥ 0 of the product is made of."""
    shape = Shape()
    if product.shapes:
        shares = np.cumsum([s.weight for s in product.shapes.values()])
        place = (0.5 + SPREAD[0] * variant) % 1 * shares[-1]
        shape = list(product.shapes.values())[int(np.searchsorted(shares, place, side="right"))]
    palette = {}
    if product.palettes:
        palette = product.palettes[variant % len(product.palettes)]
    return _make(product, shape, palette)


def _make(product: Product, shape: Shape, palette: Mapping[str, str]) -> Make:
    label = shape.art or product.art
    materials = {**product.materials, **shape.materials}
    own = shape.parts or shape.mesh
    return Make(
        shape.parts if own else product.parts,
        shape.mesh if own else product.mesh,
        {name: replace(m, colour=palette.get(m.colour, m.colour)) for name, m in materials.items()},
        [_filled(layer, palette) for layer in label.layers],
        label.size,
        shape.size_mm or product.size_mm,
    )


def _filled(value: Any, palette: Mapping[str, str]) -> Any:
    """A layer with the palette's values for its names."""
    if isinstance(value, dict):
        return {key: _filled(v, palette) for key, v in value.items()}
    if isinstance(value, list):
        return [_filled(v, palette) for v in value]
    return palette.get(value, value) if isinstance(value, str) else value


def mesh(product: Product, variant: int) -> Mesh:
    """The mesh of one variant in metres, standing on z = 0 around the z axis."""
    made = make(product, variant)
    if made.mesh:
        whole = meshfile.load(made.mesh, sized=made.size != Size())
    else:
        whole = geometry.join([part.shape(p) for p in made.parts]).scaled(0.001)
    factors = made.size.factors(
        np.ptp(whole.vertices, axis=0) * 1000, np.random.default_rng([variant, *product.category.encode(), 1])
    )
    whole = whole.scaled(factors)
    return whole.moved([0, 0, -whole.vertices[:, 2].min()])


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
            try:
                self._made[key] = mesh(self._products[name], variant)
            except UserError as error:
                raise UserError(f"products.{name}.mesh.file: {error}") from None
        return self._made[key]

    def __iter__(self) -> Iterator[tuple[str, int]]:
        return ((name, variant) for name, product in self._products.items() for variant in range(product.variants))

    def __len__(self) -> int:
        return sum(product.variants for product in self._products.values())


def label_art(name: str, product: Product, variant: int) -> NDArray[np.uint8]:
    """H×W×3 uint8 sRGB label art of one variant; the same for the same product and variant."""
    made = make(product, variant)
    return art.draw(
        made.layers, made.art_size, np.random.default_rng([variant, *name.encode()]), f"product {name}, art"
    )
