"""(config, seed, index) -> SceneSpec, with numpy alone: what chance decides about one scene.

The scene (products, places, camera) and its look (light, camera response) draw from separate streams, so that one
scene can be rendered in two looks and give an aligned pair.
"""

from collections import Counter
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blender_scenes import look, randomise
from blender_scenes.arrange import typical, wanted
from blender_scenes.body import Solid
from blender_scenes.catalogue import Meshes, Product
from blender_scenes.chance import between
from blender_scenes.config import RenderConfig
from blender_scenes.filling import Filler
from blender_scenes.furniture.parts import Place
from blender_scenes.lens import distorted
from blender_scenes.obstacles import Surroundings
from blender_scenes.room import Room
from blender_scenes.scene import furnish, place, view
from blender_scenes.spec import Camera, Light, Placement, Response, SceneSpec, rounded

__all__ = ["Sampler"]

Floats = NDArray[np.float64]


class Sampler:
    """Draws scenes of one config; meshes are made once each."""

    def __init__(self, config: RenderConfig) -> None:
        strength = config.randomise
        self.config = replace(
            config,
            scene=randomise.scene(config.scene, strength),
            look=randomise.look(config.look, strength),
            products={name: randomise.product(p, strength) for name, p in config.products.items()},
        )
        self.meshes = Meshes(config.products)
        self._where: tuple[Any, Any] = (None, None)  # the last scene's place, kept since it may be the next one's too
        self._solid = cache(lambda name, variant: Solid.of(self.meshes[name, variant]))

    def sample(self, index: int) -> SceneSpec:
        """The spec of scene `index`: the same whoever draws it, in whatever order."""
        config = self.config
        rng = np.random.default_rng([config.seed, index])
        furniture = furnish(config.scene, rng)
        where = place(furniture)
        k1 = between(config.scene.distortion, np.random.default_rng([config.seed, index, 3]))
        camera = distorted(view(config.scene, where, config.size, rng), k1)
        placements, unplaced = self._fill(where, camera, rng)
        light, response = self._look(index, 0)
        return SceneSpec(
            config.scene.name, config.seed, index, 0, camera, light, response, placements, unplaced, furniture
        )

    def relit(self, spec: SceneSpec, number: int) -> SceneSpec:
        """The same scene in its look `number`."""
        light, response = self._look(spec.index, number)
        return replace(spec, look=number, light=light, response=response)

    def _look(self, index: int, number: int) -> tuple[Light, Response]:
        return look.draw(self.config.look, np.random.default_rng([self.config.seed, index, 1, number]))

    def _fill(
        self, where: Place, camera: Camera, rng: np.random.Generator
    ) -> tuple[tuple[Placement, ...], dict[str, int]]:
        """All pieces at their places, and how many of each product found none."""
        products = self.config.products
        if where != self._where[0]:
            self._where = (where, Surroundings(where))
        room = Room(camera, self.config.placement, self._where[1])
        filler = Filler(self.config, where.surfaces(), room, self._solid, rng)
        unplaced: Counter[str] = Counter()
        full = set[str]()
        for block in wanted(products, self.config.placement, filler.capacity(), rng):
            left, names = block.count, self._instead(block.product, rng)
            while left and names:
                placed = 0 if names[0] in full else filler.put(replace(block, product=names[0], count=left))
                left -= placed
                if not placed:
                    full.add(names.pop(0))
            unplaced[block.product] += left
        unplaced.update(filler.spread())
        placements: list[Placement] = []
        labels = 0
        for item in room.items:
            product = products[item.product]
            labels += product.label
            placements.append(
                Placement(
                    item.product,
                    labels if product.label else 0,
                    item.variant,
                    item.pose,
                    item.surface,
                    item.location,
                    item.body.rotation,
                    item.body.scale,
                    rounded(_tint(product, rng)),
                )
            )
        return tuple(placements), {name: count for name, count in sorted(unplaced.items()) if count}

    def _instead(self, name: str, rng: np.random.Generator) -> list[str]:
        """A product, and where a number of any products is asked for, the others that may take its place."""
        products, shape = self.config.products, self.config.placement
        if (shape.objects if products[name].label else shape.clutter) is None:
            return [name]
        others = [n for n, p in products.items() if n != name and p.label == products[name].label and typical(p)]
        return [name, *rng.permutation(others).tolist()]


def _tint(product: Product, rng: np.random.Generator) -> Floats:
    brightness = rng.uniform(1 - 2.5 * product.tint, 1 + 2.5 * product.tint)
    tint: Floats = brightness * rng.uniform(1 - product.tint, 1 + product.tint, 3)
    return tint
