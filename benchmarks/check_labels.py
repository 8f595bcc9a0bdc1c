"""Check labels against an independent computation: rays cast by Embree, through trimesh, at the meshes of each scene.

  python benchmarks/check_labels.py 200
  python benchmarks/check_labels.py 50 blender -b -P blender_scenes/render.py --

Renders that many random scenes, an equal share of every kind (tiny, one sample), with the command given or the bpy
wheel, and casts a ray through the middle of each pixel: at everything but panes for visible masks, depth and normals;
at each product alone for amodal masks and visible fractions. Masks and depth must agree pixel for pixel up to a border
of one pixel. Prints what it found; exits with 1 if something does not agree.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import trimesh
from numpy.typing import NDArray

from blender_scenes.config import RenderConfig
from blender_scenes.furniture.parts import FINISHES
from blender_scenes.sample import Sampler
from blender_scenes.scene import place
from blender_scenes.spec import Camera, SceneSpec
from coldstart import cli, passes
from coldstart.dataset import Annotation, decode_rle, load

# What is rendered; the last with depth of field and a lens that bends straight lines, as the other strong looks have.
KINDS = (
    ["scene=fridge_a"],
    ["scene=fridge_b"],
    ["scene=fridge", "placement=crowded", "product/clutter=[bag,bottle,box]"],
    ["scene=shelf", "placement=rows"],
    ["scene=table"],
    ["scene=fridge_a", "randomise=strong"],
)
KEYS = ("seed=11", "size=[60,80]", "samples=1", "min_pixels=1", "passes=[depth,normals,amodal]", "logger=none")
TOLERANCE = 0.001  # of depth, from 1 m on, and in metres before: the file has steps of 0.1 mm, Cycles' rays are float32

Floats = NDArray[np.float64]
Within = Callable[[NDArray[Any], NDArray[Any]], NDArray[Any]]


@dataclass
class Tally:
    """What a comparison found; a pixel is wrong if no ray within one pixel of its middle sees what the label says."""

    scenes: int = 0
    objects: int = 0
    visible: list[NDArray[np.int64]] = field(default_factory=list)  # rows: pixels, at a border, wrong
    amodal: list[NDArray[np.int64]] = field(default_factory=list)
    depth: list[NDArray[np.int64]] = field(default_factory=list)
    depth_errors: list[Floats] = field(default_factory=list)  # metres, where nothing else begins next to the pixel
    angles: list[Floats] = field(default_factory=list)  # degrees between normals and triangles; shading is smooth
    fractions: list[float] = field(default_factory=list)  # errors of visible_fraction

    @property
    def wrong(self) -> int:
        """Pixels of masks and depth that disagree."""
        return int(sum(np.sum(rows, axis=0)[2] for rows in (self.visible, self.amodal, self.depth)))

    def __str__(self) -> str:
        lines = [f"{self.scenes} scenes, {self.objects} objects"]
        for name, rows in (("visible masks", self.visible), ("amodal masks", self.amodal), ("depth", self.depth)):
            total, border, wrong = np.sum(rows, axis=0)
            lines.append(f"{name}: {total} pixels, {border} differ at a border of one pixel, {wrong} beyond it")
        errors, angles = 1000 * np.concatenate(self.depth_errors), np.concatenate(self.angles)
        lines.append(f"depth elsewhere: mean error {errors.mean():.3f} mm, largest {errors.max():.3f} mm")
        middle, most = np.quantile(angles, [0.5, 0.95])
        lines.append(f"normals against flat triangles: median {middle:.2f}°, 95 % below {most:.1f}°")
        lines.append(f"visible fraction: mean error {np.mean(self.fractions):.4f}, largest {max(self.fractions):.4f}")
        return "\n".join(lines)


def check(out: Path, config: RenderConfig, tally: Tally) -> None:
    """Add the comparison of every image of the dataset folder `out`, rendered from `config`, to `tally`."""
    data, sampler = load(out), Sampler(config)
    annotations = data.by_image()
    for image in data.images:
        spec = SceneSpec.from_json(json.loads((out / image["scene"]).read_text(encoding="utf-8")))
        meshes = [sampler.meshes[p.product, p.variant] for p in spec.placements]
        solids = [
            trimesh.Trimesh(p.transform(m.vertices), m.triangles(), process=False)
            for p, m in zip(spec.placements, meshes, strict=True)
        ]
        mine = {a["instance"]: a for a in annotations[image["id"]]}
        mask = np.zeros((image["height"], image["width"]), dtype=np.int64)
        for a in mine.values():
            mask[decode_rle(a["segmentation"])] = a["instance"]
        dense = passes.read_depth(data.pass_path(image, "depth")), passes.read_normals(data.pass_path(image, "normals"))
        shown = _check_visible(spec, solids, mask, dense, tally)
        for placement, solid in zip(spec.placements, solids, strict=True):
            if placement.instance:  # what only clutters has no label
                _check_amodal(spec.camera, solid, shown == placement.instance, mine[placement.instance], tally)
        tally.scenes += 1
        tally.objects += len(mine)


def _rays(camera: Camera, x: NDArray[Any], y: NDArray[Any]) -> Floats:
    """World directions N×3 through the middles of pixels, of length 1 along the view axis."""
    focal = camera.lens_mm / camera.sensor_height_mm * camera.size[1]
    right, down = (x + 0.5 - camera.size[0] / 2) / focal, (y + 0.5 - camera.size[1] / 2) / focal
    # Distortion moves a point at radius r to r + k1 r³; Newton's method finds it again.
    seen = np.hypot(right, down)
    radius = seen.copy()
    for _ in range(20 if camera.k1 else 0):
        radius -= (radius + camera.k1 * radius**3 - seen) / (1 + 3 * camera.k1 * radius**2)
    straight = np.divide(radius, seen, out=np.ones_like(seen), where=seen > 0)
    local = np.stack([right * straight, -down * straight, -np.ones(x.shape)], axis=-1).reshape(-1, 3)
    directions: Floats = local @ np.array(camera.rotation).T
    return directions


def _cast(scene: trimesh.Trimesh, camera: Camera, x: NDArray[Any], y: NDArray[Any]) -> tuple[NDArray[Any], Floats]:
    """What the rays through pixels x, y (whole numbers: their middles) meet first, in the shape of x.

    Triangles, −1 for none, and depths, twice the file's limit for none.
    """
    rays, origin = _rays(camera, x, y), np.array(camera.location)
    hit = scene.ray.intersects_first(np.broadcast_to(origin, rays.shape), rays)
    corners = scene.triangles[hit]
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    depth = np.full(len(rays), np.inf)
    np.divide(((corners[:, 0] - origin) * across).sum(1), (rays * across).sum(1), out=depth, where=hit >= 0)
    return hit.reshape(x.shape), _filed(depth).reshape(x.shape)


def _filed(depth: NDArray[Any]) -> Floats:
    """Depths cut off where the file's are; nothing is twice as far."""
    return np.where(np.isfinite(depth), np.clip(depth, 0, passes.DEPTH_LIMIT), 2 * passes.DEPTH_LIMIT)


def _compare(found: NDArray[Any], expected: NDArray[Any], within: Within, tolerance: float = 0.0) -> NDArray[np.int64]:
    """How many pixels differ at a border and how many elsewhere.

    `within(y, x)` gives for N pixels what M rays within one pixel of each see (N×M). At a border, one of them sees what
    was found.
    """
    y, x = np.nonzero(np.abs(found - expected) > tolerance * np.maximum(expected, 1))
    if not len(y):
        return np.zeros(2, dtype=np.int64)
    seen, there = within(y, x), found[y, x][:, None]
    near = (np.abs(seen - there) <= tolerance * np.maximum(seen, 1)).any(axis=1)
    return np.array([near.sum(), (~near).sum()])


def _check_visible(
    spec: SceneSpec,
    solids: Sequence[trimesh.Trimesh],
    mask: NDArray[np.int64],
    dense: tuple[NDArray[np.float32], NDArray[np.float32]],
    tally: Tally,
) -> NDArray[np.int64]:
    """Compare masks, depth and normals with the first thing that each ray meets; returns the mask that this gives."""
    fixed = [p.mesh for p in place(spec.furniture).parts() if not FINISHES[p.finish].pane]
    furniture = [trimesh.Trimesh(m.vertices, m.triangles(), process=False) for m in fixed]
    everything = trimesh.util.concatenate([*solids, *furniture])
    counts = [len(s.faces) for s in [*solids, *furniture]]
    # The last value is for rays that meet nothing.
    owner = np.repeat([*(p.instance for p in spec.placements), *([0] * len(furniture)), 0], [*counts, 1])
    y, x = np.mgrid[: mask.shape[0], : mask.shape[1]]
    hit, depth = _cast(everything, spec.camera, x, y)
    expected = owner[hit]
    differing = _compare(mask, expected, lambda y, x: owner[_cast(everything, spec.camera, *_around(y, x))[0]])
    tally.visible.append(np.array([((mask != 0) | (expected != 0)).sum(), *differing]))
    if spec.camera.k1:  # looked up in a straight picture, up to half a pixel away: nothing to measure depth by
        return expected
    found = _filed(dense[0])
    differing = _compare(found, depth, lambda y, x: _cast(everything, spec.camera, *_around(y, x))[1], TOLERANCE)
    tally.depth.append(np.array([mask.size, *differing]))
    errors = np.abs(found - depth)
    tally.depth_errors.append(errors[errors <= TOLERANCE * np.maximum(depth, 1)])
    # Triangles face either way; a normal faces the camera.
    met, rays = hit.ravel() >= 0, _rays(spec.camera, x, y)
    flat = everything.face_normals[hit.ravel()]
    turned = -np.sign((rays * flat).sum(1, keepdims=True)) * flat @ np.array(spec.camera.rotation)
    cosine = (turned * dense[1].reshape(-1, 3)).sum(1)
    tally.angles.append(np.degrees(np.arccos(cosine[met].clip(-1, 1))))
    return expected


def _check_amodal(
    camera: Camera, solid: trimesh.Trimesh, shown: NDArray[np.bool_], found: Annotation, tally: Tally
) -> None:
    """Compare with the rays that meet this one product, also those that pass half a frame outside the frame."""
    width, height = camera.size
    margin = max(width, height) // 2
    y, x = np.mgrid[-margin : height + margin, -margin : width + margin]
    whole = _meets(solid, camera, x, y)
    inside = whole[margin : margin + height, margin : margin + width].astype(int)
    mask = decode_rle(found["amodal_segmentation"]).astype(int)
    differing = _compare(mask, inside, lambda y, x: _meets(solid, camera, *_around(y, x)).astype(int))
    tally.amodal.append(np.array([(mask | inside).sum(), *differing]))
    tally.fractions.append(abs(found["visible_fraction"] - min(shown.sum() / max(whole.sum(), 1), 1.0)))


def _meets(solid: trimesh.Trimesh, camera: Camera, x: NDArray[Any], y: NDArray[Any]) -> NDArray[np.bool_]:
    rays = _rays(camera, x, y)
    origins = np.broadcast_to(np.array(camera.location), rays.shape)
    met: NDArray[np.bool_] = solid.ray.intersects_any(origins, rays).reshape(x.shape)
    return met


def _around(y: NDArray[Any], x: NDArray[Any], steps: int = 41) -> tuple[Floats, Floats]:
    """Positions x and y, N×M, of a grid over one pixel on every side of each of N pixels' middles.

    It is densest in the middle: along what is seen at a grazing angle, depth changes by much from ray to ray.
    """
    dy, dx = np.meshgrid(*[np.linspace(-1, 1, steps) ** 3] * 2)
    return x[:, None] + dx.ravel(), y[:, None] + dy.ravel()


def run(count: int, command: Sequence[str]) -> Tally:
    """Render `count` scenes with `command` and check them."""
    tally = Tally()
    with tempfile.TemporaryDirectory(prefix="coldstart-") as folder:
        for k, kind in enumerate(KINDS):
            share = len(range(k, count, len(KINDS)))
            out = Path(folder) / str(k)
            keys = [*kind, f"count={share}", *KEYS, f"out={out}"]
            if share:
                subprocess.run([*command, *keys], check=True, stdout=subprocess.DEVNULL)
                check(out, cli.typed(RenderConfig, cli.compose("render", keys)), tally)
    return tally


if __name__ == "__main__":
    found = run(int(sys.argv[1]), sys.argv[2:] or [sys.executable, "-m", "blender_scenes.render"])
    print(found)
    sys.exit(found.wrong > 0)
