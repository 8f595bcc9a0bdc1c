"""One Blender, ready to render scenes of a config and to write what a dataset folder keeps of each."""

from pathlib import Path

import numpy as np

from blender_scenes import blender
from blender_scenes.annotate import annotate
from blender_scenes.build import Builder
from blender_scenes.config import RenderConfig
from blender_scenes.lens import bend
from blender_scenes.physics import settle
from blender_scenes.sample import Sampler
from blender_scenes.sensor import develop
from blender_scenes.spec import SceneSpec
from coldstart.dataset import Image, png_bytes, sha256, write_atomic, write_json
from coldstart.passes import encode

__all__ = ["Renderer"]


class Renderer:
    """One Blender, ready to render scenes of a config."""

    def __init__(self, config: RenderConfig, threads: int) -> None:
        self.config = config
        self.sampler = Sampler(config)
        self.builder = Builder(config, self.sampler.meshes, threads)
        names = config.class_names
        self.category_ids = {name: names.index(p.category) + 1 for name, p in config.products.items() if p.label}

    def render(self, index: int) -> int:
        """Render scene `index` in all its looks and write its files; each look's record in scenes/ comes last and says
        that all of it is there.

        Returns how many products found no room.
        """
        spec = self.sampler.sample(index)
        if self.config.placement.physics:
            spec = settle(spec, self.sampler.meshes)
        self.builder.show(spec)
        for number in range(self.config.looks):
            relit = self.sampler.relit(spec, number)
            self.builder.light(relit)
            self._write(relit)
        return sum(spec.unplaced.values())

    def _write(self, spec: SceneSpec) -> None:
        config, out = self.config, Path(self.config.out)
        dense = [name for name in config.passes if name != "amodal"]
        passes = blender.render(self.builder.scene, spec.index, dense)
        light = bend(passes.light.astype(float), spec.camera, smooth=True)
        mask = bend(passes.index, spec.camera)
        noise = np.random.default_rng([config.seed, spec.index, 2, spec.look])
        picture = png_bytes(develop(light, spec.response, noise))
        annotations = annotate(
            spec,
            mask,
            self.sampler.meshes,
            self.category_ids,
            min_visible_fraction=config.min_visible_fraction,
            min_pixels=config.min_pixels,
            amodal="amodal" in config.passes,
        )
        name = spec.name
        image: Image = {
            "file_name": f"{name}.png",
            "width": config.size[0],
            "height": config.size[1],
            "scene": f"scenes/{name}.json",
            "seed": config.seed,
            "index": spec.index,
            "look": spec.look,
            "sha256": sha256(picture),
        }
        write_atomic(out / "images" / f"{name}.png", picture)
        write_atomic(out / "masks" / f"{name}.png", png_bytes(mask))
        for kind in dense:
            write_atomic(out / kind / f"{name}.png", encode(kind, bend(getattr(passes, kind), spec.camera)))
        write_json(out / "scenes" / f"{name}.json", {**spec.to_json(), "image": image, "annotations": annotations})
