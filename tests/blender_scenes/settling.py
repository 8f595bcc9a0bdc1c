"""Runs in a Blender of its own, for test_physics.py: settles a few scenes twice and prints the specs as JSON."""

import json
import sys

from blender_scenes import blender
from blender_scenes.config import RenderConfig
from blender_scenes.physics import settle
from blender_scenes.sample import Sampler
from coldstart.cli import compose, typed


def main(scene: str, count: int) -> None:
    from omegaconf import OmegaConf

    composed = compose("render", ["out=unused", "seed=3", "placement=physics", f"scene={scene}"])
    OmegaConf.resolve(composed)
    sampler = Sampler(typed(RenderConfig, composed))
    blender.reset()
    before = [sampler.sample(i) for i in range(count)]
    after = [settle(spec, sampler.meshes) for spec in before]
    again = settle(before[0], sampler.meshes)
    print(
        "\n"
        + json.dumps(
            {
                "before": [s.to_json() for s in before],
                "after": [s.to_json() for s in after],
                "again": again.to_json(),
            }
        )
    )


if __name__ == "__main__":
    main(sys.argv[-2], int(sys.argv[-1]))
