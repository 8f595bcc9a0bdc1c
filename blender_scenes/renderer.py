"""One Blender, ready to render scenes of a config and to write what a dataset folder keeps of each."""

from pathlib import Path

import numpy as np

from blender_scenes import blender
from blender_scenes.annotate import annotate
from blender_scenes.build import Builder
from blender_scenes.config import RenderConfig
from blender_scenes.sample import Sampler
from blender_scenes.sensor import develop
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
        self.category_ids = {name: names.index(p.category) + 1 for name, p in config.products.items()}

    def render(self, index: int) -> int:
        """Render scene `index` and write its files; the record in scenes/ comes last and says that all is there.

        Returns how many products found no room.
        """
        config, out = self.config, Path(self.config.out)
        spec = self.sampler.sample(index)
        self.builder.show(spec)
        dense = [name for name in config.passes if name != "amodal"]
        passes = blender.render(self.builder.scene, index, dense)
        noise = np.random.default_rng([config.seed, index, 2])
        picture = png_bytes(develop(passes.light.astype(float), spec.response, noise))
        annotations = annotate(
            spec,
            passes.index,
            self.sampler.meshes,
            self.category_ids,
            min_visible_fraction=config.min_visible_fraction,
            min_pixels=config.min_pixels,
            amodal="amodal" in config.passes,
        )
        name = f"{index:06d}"
        image: Image = {
            "file_name": f"{name}.png",
            "width": config.size[0],
            "height": config.size[1],
            "scene": f"scenes/{name}.json",
            "seed": config.seed,
            "sha256": sha256(picture),
        }
        write_atomic(out / "images" / f"{name}.png", picture)
        write_atomic(out / "masks" / f"{name}.png", png_bytes(passes.index))
        for kind in dense:
            write_atomic(out / kind / f"{name}.png", encode(kind, getattr(passes, kind)))
        write_json(out / "scenes" / f"{name}.json", {**spec.to_json(), "image": image, "annotations": annotations})
        return spec.unplaced
