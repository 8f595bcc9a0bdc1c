"""The typed form of conf/render.yaml and the scene group; its parts are defined beside the code that reads them."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field

from omegaconf import MISSING

from blender_scenes import randomise
from blender_scenes.arrange import Arrangement
from blender_scenes.catalogue import Product
from blender_scenes.lens import bounds
from blender_scenes.look import Look
from blender_scenes.randomise import Randomise
from blender_scenes.scene import Scene
from coldstart.cli import conf_dir
from coldstart.errors import UserError
from coldstart.tracking import LoggerConfig

__all__ = ["DEVICES", "PASSES", "RenderConfig", "chosen"]

DEVICES = ("auto", "cpu", "optix", "cuda", "hip", "metal", "oneapi")
PASSES = ("depth", "normals", "albedo", "amodal")


@dataclass
class RenderConfig:
    """conf/render.yaml."""

    scene: Scene = MISSING
    placement: Arrangement = field(default_factory=Arrangement)
    look: Look = field(default_factory=Look)
    randomise: Randomise = field(default_factory=Randomise)
    products: dict[str, Product] = field(default_factory=dict)
    count: int = 100
    looks: int = 1
    seed: int = 0
    size: list[int] = field(default_factory=lambda: [312, 416])
    samples: int = 8
    device: str = "auto"
    passes: list[str] = field(default_factory=list)
    workers: int | str = 1
    threads: int | None = None
    retries: int = 2
    scene_timeout: float = 600
    shard: int = 0
    shards: int = 1
    min_visible_fraction: float = 0.15
    min_pixels: int = 30
    out: str = "???"
    logger: LoggerConfig = field(default_factory=LoggerConfig)

    def __post_init__(self) -> None:
        for key, low in (
            ("count", 1),
            ("looks", 1),
            ("seed", 0),
            ("samples", 1),
            ("retries", 0),
            ("scene_timeout", 0),
            ("shard", 0),
            ("shards", 1),
            ("min_pixels", 0),
        ):
            if getattr(self, key) < low:
                raise UserError(f"{key}: {getattr(self, key)} is below {low}")
        if self.workers != "ray" and (isinstance(self.workers, str) or self.workers < 1):
            raise UserError(f"workers: {self.workers!r} is neither a number from 1 nor ray")
        if self.threads is not None and self.threads < 1:
            raise UserError(f"threads: {self.threads} is below 1")
        if self.shard >= self.shards:
            raise UserError(f"shard: {self.shard} is not below shards={self.shards}; shards count from 0")
        if self.device not in DEVICES:
            raise UserError(f"device: {self.device!r} is none of {', '.join(DEVICES)}")
        unknown = [p for p in self.passes if p not in PASSES]
        if unknown:
            raise UserError(f"passes: {unknown[0]!r} is none of {', '.join(PASSES)}")
        if len(self.size) != 2 or not all(32 <= s <= 8192 for s in self.size):
            raise UserError(f"size: {self.size} must be [width, height] in pixels, each 32..8192")
        if not 0 <= self.min_visible_fraction <= 1:
            raise UserError(f"min_visible_fraction: {self.min_visible_fraction} is not in 0..1")
        _check_distortion(randomise.scene(self.scene, self.randomise), self.size)
        self.products = chosen(self.products)
        if not any(p.label for p in self.products.values()):
            raise UserError("product: the scene has no products; give product=[ketchup,…]")

    @property
    def class_names(self) -> list[str]:
        """Label names in alphabetical order; several products may share one."""
        return sorted({p.category for p in self.products.values() if p.label})


def _check_distortion(scene: Scene, size: list[int]) -> None:
    """Refuse a distortion of which the widest camera can have nothing; where it can have some, draws keep to that."""
    low, high = bounds(scene.view.widest, size)
    if min(scene.distortion) > high or max(scene.distortion) < low:
        raise UserError(
            f"scene.distortion: {scene.distortion} bends the corners of {size[0]}×{size[1]} pictures too far; "
            f"this scene's widest camera can have {low:.3f} to {high:.3f}"
        )


def chosen(products: Mapping[str, Product]) -> dict[str, Product]:
    """The products that a scene has: those of `product=[…]`. A preset may say of others how many it would hold.

    Raises:
        UserError: there is no such product.
    """
    known = {file.stem for file in (conf_dir() / "product").rglob("*.yaml")}
    for name, product in products.items():
        if not product.described and name not in known:
            near = difflib.get_close_matches(name, {*known, *products} - {name}, n=1)
            hint = f"did you mean {near[0]!r}?" if near else "choose it by product=[…]"
            raise UserError(f"products.{name}: no such product; {hint}")
    return {name: product for name, product in products.items() if product.described}
