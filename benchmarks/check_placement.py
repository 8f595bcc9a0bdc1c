"""Proof of placement by an independent library: FCL on the exact meshes of many random scenes.

python benchmarks/check_placement.py 40           # scenes of each placement kind in each scene
python benchmarks/check_placement.py 10 visible   # instead: how visible the pieces are, by what is asked for
"""

import sys
import time
from collections.abc import Iterator, Mapping

import numpy as np
import trimesh
from omegaconf import OmegaConf

from blender_scenes.config import RenderConfig
from blender_scenes.geometry import Mesh
from blender_scenes.raster import amodal_mask
from blender_scenes.sample import Sampler
from blender_scenes.scene import place
from blender_scenes.spec import SceneSpec
from coldstart.cli import compose, typed

KINDS = ("random", "crowded", "rows", "stacks", "leaning", "occluded")
SCENES = ("fridge_a", "fridge_b", "fridge", "shelf", "table")
WANTED = ("null", "[1,1,1,1,1]", "[0,0,0,0,1]", "[1,2,1,0,0]")
FLOAT = 0.001  # metres

Meshes = Mapping[tuple[str, int], Mesh]


def bodies(spec: SceneSpec, meshes: Meshes) -> list[trimesh.Trimesh]:
    """The meshes that are rendered, in the world, in metres."""
    return [
        trimesh.Trimesh(p.transform(m.vertices), m.triangles(), process=False)
        for p in spec.placements
        for m in [meshes[p.product, p.variant]]
    ]


def faults(spec: SceneSpec, meshes: Meshes) -> list[str]:
    """Pieces that touch one another or the furniture, or have nothing within a millimetre below or beside them."""
    manager, fixed = trimesh.collision.CollisionManager(), trimesh.collision.CollisionManager()
    solids, where = bodies(spec, meshes), place(spec.furniture)
    names = [f"{k} {p.product}" for k, p in enumerate(spec.placements)]
    for name, solid in zip(names, solids, strict=True):
        manager.add_object(name, solid)
    for k, part in enumerate(where.parts()):
        fixed.add_object(
            f"{k} {part.finish}", trimesh.Trimesh(part.mesh.vertices, part.mesh.triangles(), process=False)
        )
    found = [f"{a} in {b}" for a, b in sorted(manager.in_collision_internal(return_names=True)[1])]
    found += [f"{a} in {b}" for a, b in sorted(manager.in_collision_other(fixed, return_names=True)[1])]
    heights = {s.name: s.z for s in where.surfaces()}
    for name, p, solid in zip(names, spec.placements, solids, strict=True):
        above = float(solid.vertices[:, 2].min()) - heights[p.surface]
        if above < 0:
            found.append(f"{name} sinks {1e3 * -above:.2f} mm")
        elif above > FLOAT:  # on another one
            manager.remove_object(name)
            if not manager._objs or manager.min_distance_single(solid) > FLOAT:
                found.append(f"{name} floats")
            manager.add_object(name, solid)
    return found


def visible_fractions(spec: SceneSpec, meshes: Meshes) -> list[float]:
    """The share of each piece in the picture that no other hides, by painting the meshes from front to back."""
    width, height = spec.camera.size
    drawn = []
    for p in spec.placements:
        mesh = meshes[p.product, p.variant]
        world = p.transform(mesh.vertices)
        pixels, _ = spec.camera.project(world)
        distance = float(np.linalg.norm(world - np.array(spec.camera.location), axis=1).mean())
        drawn.append((distance, amodal_mask(pixels, mesh.triangles(), (0, 0, width, height))))
    before, fractions = np.zeros((height, width), dtype=bool), []
    for _, mask in sorted(drawn, key=lambda d: d[0]):
        fractions.append(1 - float((mask & before).sum()) / max(int(mask.sum()), 1))
        before |= mask
    return fractions


def sampler_of(scene: str, *keys: str) -> Sampler:
    """As a render with these keys would have it."""
    composed = compose("render", ["out=unused", f"scene={scene}", *keys])
    OmegaConf.resolve(composed)
    return Sampler(typed(RenderConfig, composed))


def rows(count: int) -> Iterator[str]:
    """A line for each scene and kind, ready for Markdown."""
    yield "| scene | placement | pieces, fewest to most | no room | CPU ms, median and most | faults |"
    yield "|---|---|---|---|---|---|"
    for scene in SCENES:
        for kind in KINDS:
            sampler = sampler_of(scene, f"placement={kind}")
            sampler.sample(count)  # makes the meshes
            times, pieces, unplaced, wrong = [], [], 0, 0
            for index in range(count):
                start = time.process_time()
                spec = sampler.sample(index)
                times.append(1e3 * (time.process_time() - start))
                pieces.append(len(spec.placements))
                unplaced += sum(spec.unplaced.values())
                for fault in faults(spec, sampler.meshes):
                    wrong += 1
                    print(scene, kind, index, fault, file=sys.stderr)
            share = unplaced / max(unplaced + sum(pieces), 1)
            yield (
                f"| {scene} | {kind} | {np.mean(pieces):.0f}, {min(pieces)} to {max(pieces)} | {share:.0%} "
                f"| {np.median(times):.0f}, {max(times):.0f} | {wrong} |"
            )


def visible_rows(count: int) -> Iterator[str]:
    """A line for each scene and wanted distribution: the share of pieces in each fifth, from hidden to whole."""
    yield "| `placement.visible` | scene | pieces in each fifth | no room |"
    yield "|---|---|---|---|"
    for wanted in WANTED:
        for scene in SCENES:
            sampler = sampler_of(scene, "placement=occluded", f"placement.visible={wanted}")
            fractions, unplaced = [], 0
            for index in range(count):
                spec = sampler.sample(index)
                fractions += visible_fractions(spec, sampler.meshes)
                unplaced += sum(spec.unplaced.values())
            shares = np.histogram(fractions, 5, (0, 1))[0] / len(fractions)
            found = " ".join(f"{share:.2f}".lstrip("0") for share in shares)
            yield f"| `{wanted}` | `{scene}` | {found} | {unplaced / (unplaced + len(fractions)):.0%} |"


def main(words: list[str]) -> None:
    """Print a table."""
    lines = visible_rows if words[1:] == ["visible"] else rows
    for row in lines(int(words[0]) if words else 10):
        print(row, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
