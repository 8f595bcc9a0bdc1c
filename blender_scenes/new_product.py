"""A product for the renderer from one photo: its shape, colours and label art.

  python -m blender_scenes.new_product photo=shelf.jpg box=[541,1231,192,311] kind=tub height_mm=125 name=my_joghurt \
      category=joghurt out=my_conf

Then: python -m blender_scenes.preview --config-dir my_conf product=[my_joghurt] count=4 out=outputs/look
"""

import io
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from blender_scenes.matching import files
from coldstart import cli
from coldstart.dataset import write_atomic
from coldstart.errors import UserError

__all__ = ["KINDS", "ProductConfig", "new_product"]

LYING = {"tilt": [90, 0], "spin": [0, 360], "yaw": [0, 90, 180, 270], "yaw_sigma": 25}


@dataclass(frozen=True)
class Kind:
    """What a kind of product looks like where the photo does not tell. `lying`: how often it lies on its side."""

    round: bool
    roughness: float
    coat: float = 0.0
    flat: tuple[bool, bool] = (True, True)  # foot and top
    sides: str = "free"  # free | convex | widening, see `pack.as_round`
    capped: bool = False
    lying: float = 0.0


KINDS = {
    "bottle": Kind(True, 0.16, 0.5, flat=(True, False), capped=True, lying=0.2),
    "jar": Kind(True, 0.12, 0.5, capped=True, lying=0.03),
    "can": Kind(True, 0.3, 0.3, sides="convex", lying=0.05),
    "tub": Kind(True, 0.35, 0.1, sides="widening", lying=0.03),
    "fruit": Kind(True, 0.45, flat=(False, False), sides="convex"),
    "carton": Kind(False, 0.4, 0.1),
    "box": Kind(False, 0.5),
}


@dataclass
class ProductConfig:
    """conf/new_product.yaml."""

    photo: str = "???"
    kind: str = "???"
    height_mm: float = 0.0
    name: str = "???"
    out: str = "???"
    box: list[float] | None = None
    mask: str | None = None
    depth_mm: float | None = None
    category: str | None = None
    white_around: bool = True
    overwrite: bool = False

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise UserError(f"kind: {self.kind!r} is none of {', '.join(KINDS)}")
        files.check_name("name", self.name)
        for key, value in (("height_mm", self.height_mm), ("depth_mm", self.depth_mm)):
            if value is not None and not 5 <= value <= 1000:
                raise UserError(f"{key}: {value:g} is not in 5..1000")
        if (self.box is None) == (self.mask is None):
            raise UserError("box: give either box=[x,y,width,height] or mask=FILE")
        if self.box is not None and len(self.box) != 4:
            raise UserError(f"box: {list(self.box)} must be [x, y, width, height] in pixels")


def new_product(config: ProductConfig) -> None:
    """Write product/NAME.yaml and product/NAME.png.

    Raises:
        UserError: the photo or mask cannot be used, the box leaves the photo, nothing stands out in it, or a file that
            would be written exists or cannot be written.
    """
    from PIL import Image

    from blender_scenes.matching import light, pack, photo

    folder = (Path(config.out) / "product").resolve()
    yaml, png = folder / f"{config.name}.yaml", folder / f"{config.name}.png"
    for path in (yaml, png):
        if path.exists() and not config.overwrite:
            raise UserError(f"{path}: exists; choose another name= or out=, or set overwrite=true")
    taken = photo.read(config.photo)
    mask = _mask(config, taken.pixels)
    pixels = light.relit(taken.pixels, mask) if config.white_around else taken.pixels
    kind = KINDS[config.kind]
    if kind.round:
        found = pack.as_round(pixels, mask, config.height_mm, flat=kind.flat, sides=kind.sides, capped=kind.capped)
        parts, materials = _round(found, config.height_mm, kind)
        art = found.art
        width = 2 * max(radius for radius, _ in found.profile)
    else:
        box = pack.as_box(pixels, mask, config.height_mm)
        depth = config.depth_mm or box.width * (1.0 if config.kind == "carton" else 0.4)
        size = [round(box.width, 1), round(depth, 1), config.height_mm]
        parts = [{"kind": "box", "material": "body", "size": size, "round": 2}]
        materials = {"body": {"art": True, "roughness": kind.roughness, "coat": kind.coat}}
        art, width = box.art, box.width
    product = {
        "category": config.category or config.name,
        "parts": parts,
        "materials": materials,
        "art": {"size": [art.shape[1], art.shape[0]], "layers": [{"picture": str(png)}]},
        "poses": _poses(kind, config.kind),
        "variants": 1,
        "scale": [0.98, 1.02],
    }
    comment = (
        f"{config.kind.capitalize()} of {config.height_mm:g} mm, {width:.0f} mm wide, from {taken.path.name} "
        "by blender_scenes.new_product."
    )
    buffer = io.BytesIO()
    Image.fromarray(art).save(buffer, "PNG")
    try:
        write_atomic(png, buffer.getvalue())
        write_atomic(yaml, files.product_yaml(config.name, product, comment).encode())
    except OSError as error:
        raise UserError(f"{folder}: cannot be written ({error.strerror}); choose another out=") from None
    print(f"{yaml}: {config.kind}, {config.height_mm:g} mm high, {width:.0f} mm wide; its art is {png.name}")


def _mask(config: ProductConfig, pixels: Any) -> Any:
    """H×W boolean: where the product is."""
    from blender_scenes import picture
    from blender_scenes.matching import cutout

    height, width = pixels.shape[:2]
    if config.box is not None:
        if not all(math.isfinite(v) for v in config.box):
            raise UserError(f"box: {list(config.box)} must be four numbers of pixels [x, y, width, height]")
        x, y, w, h = (round(v) for v in config.box)
        if not (0 <= x < x + w <= width and 0 <= y < y + h <= height):
            raise UserError(f"box: {list(config.box)} is not in the photo, {width}×{height} pixels")
        if min(w, h) < 16:
            raise UserError(f"box: {w}×{h} pixels are too few; at least 16 a side")
        return cutout.cutout(pixels, (x, y, w, h))
    white = picture.read(str(config.mask))[..., 0] > 127
    if white.shape != (height, width):
        raise UserError(f"mask: {white.shape[1]}×{white.shape[0]} pixels, but the photo has {width}×{height}")
    if not white.any():
        raise UserError(f"mask: {config.mask} has no white, so there is no product")
    return cutout.largest(white)


def _round(found: Any, height: float, kind: Kind) -> tuple[list[dict[str, Any]], dict[str, dict[str, Any]]]:
    """Parts and materials of a round product, its cap apart where it has one."""
    materials: dict[str, dict[str, Any]] = {"body": {"art": True, "roughness": kind.roughness, "coat": kind.coat}}
    if found.cap_at >= height:
        return [{"material": "body", "profile": found.profile}], materials
    cut = round(found.cap_at, 1)
    radii = [row[0] for row in found.profile[1:-1]]
    heights = [row[1] for row in found.profile[1:-1]]
    at_cut = round(float(np.interp(cut, heights, radii)), 1)
    below = [row for row in found.profile if row[1] < cut]
    above = [row for row in found.profile if row[1] > cut]
    body = [*below, [at_cut, cut], [0.0, cut]]
    cap = [[0.0, cut], [at_cut, cut], *above]
    materials["cap"] = {"colour": found.cap, "roughness": 0.35, "coat": 0.2}
    return [{"material": "body", "profile": body}, {"material": "cap", "profile": cap}], materials


def _poses(kind: Kind, name: str) -> dict[str, dict[str, Any]]:
    if name == "fruit":
        return {"any": {"tilt": [25, 15], "spin": [0, 360], "yaw_sigma": None}}
    upright: dict[str, Any] = {"weight": round(1 - kind.lying, 2), "yaw": [0, 0, 0, 180], "yaw_sigma": 25}
    return {"upright": upright} | ({"lying": {"weight": kind.lying, **LYING}} if kind.lying else {})


if __name__ == "__main__":
    cli.run(new_product, ProductConfig, "new_product", __doc__)
