"""`placement=physics`: pieces fall and settle as Blender's rigid bodies (Bullet). Runs inside Blender.

Bullet is made for metres: everything is simulated ten times as large. Pieces are convex hulls around their centre of
mass, the furniture stands still. Where Bullet leaves them a little above or in one another, they are let down by exact
contact; what is still wrong is taken out.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import bpy
import numpy as np
from mathutils import Matrix
from mathutils.bvhtree import BVHTree
from numpy.typing import NDArray

from blender_scenes import blender
from blender_scenes.body import Solid
from blender_scenes.contact import first_contact
from blender_scenes.geometry import Mesh
from blender_scenes.obstacles import FLUSH, Surroundings
from blender_scenes.placement import DIRECTIONS, Surface, extent, separation
from blender_scenes.room import REST
from blender_scenes.scene import place
from blender_scenes.spec import Placement, SceneSpec, rounded

__all__ = ["settle"]

Floats = NDArray[np.float64]

LARGER = 10.0  # factor on all lengths
FRAMES, STEPS = 160, 6  # of 1/24 second, and Bullet's steps in each
MARGIN = 0.002  # collision margin in simulated metres
FLOOR = 0.05  # thickness of what is below a surface, in simulated metres
BEYOND = 0.04  # metres by which it goes on behind and beside where products are placed at first
AROUND = 0.1  # metres around a surface where furniture is in the way
PENETRATION = 0.0005  # metres that two bodies may share
FLOAT = 0.001  # metres that a piece may be above what carries it
LIFT = 0.004  # metres that a piece is lifted by, to be let down exactly
STILL, PAUSE = 0.0005, 10  # pieces that move less than this many simulated metres in that many frames have settled
DOWN = np.array([0.0, 0.0, -1.0])


def settle(spec: SceneSpec, meshes: Mapping[tuple[str, int], Mesh]) -> SceneSpec:
    """`spec` with its pieces where they come to rest; the same for the same spec in the same Blender.

    Pieces that fall off, penetrate another by more than 0.5 mm or float are removed, and counted in `unplaced`.
    """
    where = place(spec.furniture)
    surfaces = {s.name: s for s in where.surfaces()}
    furniture = Surroundings(where).triangles
    solids = {key: Solid.of(meshes[key]) for key in {(p.product, p.variant) for p in spec.placements}}
    fallen = _fall(spec.placements, solids, list(surfaces.values()), furniture)
    kept = _sound(fallen, solids, surfaces, furniture)
    lost = Counter(p.product for p in spec.placements) - Counter(p.product for p in kept)
    numbers = np.cumsum([p.instance > 0 for p in kept]).tolist()
    placements = tuple(replace(p, instance=n if p.instance else 0) for p, n in zip(kept, numbers, strict=True))
    unplaced = Counter(spec.unplaced) + lost
    return replace(spec, placements=placements, unplaced=dict(sorted(unplaced.items())))


def _fall(
    placements: tuple[Placement, ...],
    solids: Mapping[tuple[str, int], Solid],
    surfaces: list[Surface],
    furniture: Floats,
) -> list[Placement]:
    """Where Bullet takes the pieces."""
    scene = bpy.data.scenes.new("physics")
    scene.gravity = (0, 0, -9.81)
    scene.render.fps = 24
    with bpy.context.temp_override(scene=scene, view_layer=scene.view_layers[0]):
        bpy.ops.rigidbody.world_add()
    world = scene.rigidbody_world
    world.collection = bpy.data.collections.new("bodies")
    world.substeps_per_frame, world.solver_iterations = STEPS, 15
    world.point_cache.frame_start, world.point_cache.frame_end = 1, FRAMES
    for surface in surfaces:
        x, y, z = np.array(surface.x), np.array(surface.y), surface.z
        low = np.array([x[0] - BEYOND, y[0], z]) * LARGER - [0, 0, FLOOR]
        high = np.array([x[1] + BEYOND, y[1] + BEYOND, z]) * LARGER
        _passive(scene, "BOX", _corners(low, high), [])
    near = furniture[_near(furniture, surfaces)]
    if len(near):
        faces = np.arange(3 * len(near)).reshape(-1, 3).tolist()
        _passive(scene, "MESH", near.reshape(-1, 3) * LARGER, faces)
    bodies = [_active(scene, p, solids[p.product, p.variant]) for p in placements]
    ends = _poses(scene, bodies)
    for frame in range(1, FRAMES + 1):
        scene.frame_set(frame)
        if frame % PAUSE == 0:
            before, ends = ends, _poses(scene, bodies)
            if np.abs(ends - before).max(initial=0) < STILL:
                break
    _remove(scene)
    return [_moved(p, solids[p.product, p.variant], end) for p, end in zip(placements, ends, strict=True)]


def _poses(scene: Any, bodies: list[Any]) -> Floats:
    graph = scene.view_layers[0].depsgraph
    return np.array([body.evaluated_get(graph).matrix_world for body in bodies])


def _near(furniture: Floats, surfaces: list[Surface]) -> NDArray[np.bool_]:
    low, high = furniture.min(axis=1), furniture.max(axis=1)
    near = np.zeros(len(furniture), dtype=bool)
    for s in surfaces:
        floor = np.array([s.x[0] - AROUND, s.y[0] - AROUND, s.z + FLUSH])
        top = np.array([s.x[1], s.y[1], s.z + s.headroom]) + AROUND
        near |= (high > floor).all(axis=1) & (low < top).all(axis=1)
    return near


def _corners(low: Floats, high: Floats) -> Floats:
    return np.stack(np.meshgrid(*zip(low, high, strict=True)), axis=-1).reshape(-1, 3)


def _object(scene: Any, vertices: Floats, faces: list[list[int]]) -> Any:
    data = bpy.data.meshes.new("body")
    data.from_pydata(vertices.tolist(), [], faces)
    made = blender.link(scene, "body", data)
    scene.rigidbody_world.collection.objects.link(made)
    return made


def _passive(scene: Any, shape: str, vertices: Floats, faces: list[list[int]]) -> None:
    middle = (vertices.min(axis=0) + vertices.max(axis=0)) / 2
    made = _object(scene, vertices - middle, faces)
    made.location = middle
    body = made.rigid_body
    body.type, body.collision_shape, body.friction = "PASSIVE", shape, 0.6
    body.use_margin, body.collision_margin = True, 0.0


def _active(scene: Any, placement: Placement, solid: Solid) -> Any:
    vertices = (solid.vertices - solid.centre) * placement.scale * LARGER
    hull = vertices[np.unique((_MANY @ vertices.T).argmax(axis=1))]
    made = _object(scene, hull, [])
    rotation = np.array(placement.rotation)
    matrix = np.eye(4)
    matrix[:3, :3] = rotation
    matrix[:3, 3] = LARGER * (np.array(placement.location) + placement.scale * rotation @ solid.centre)
    made.matrix_world = Matrix(matrix.tolist())
    body = made.rigid_body
    body.type, body.collision_shape, body.friction, body.restitution = "ACTIVE", "CONVEX_HULL", 0.6, 0.0
    body.use_margin, body.collision_margin = True, MARGIN
    body.mass = float(np.prod(np.ptp(hull, axis=0)))
    body.linear_damping, body.angular_damping = 0.1, 0.5
    return made


def _many(count: int = 400) -> Floats:
    """Unit vectors spread over the sphere: a spiral."""
    k = np.arange(count) + 0.5
    z, turn = 1 - 2 * k / count, np.pi * (1 + 5**0.5) * k
    return np.stack([np.sqrt(1 - z**2) * np.cos(turn), np.sqrt(1 - z**2) * np.sin(turn), z], axis=1)


_MANY = np.concatenate([DIRECTIONS, _many()])


def _moved(placement: Placement, solid: Solid, end: Floats) -> Placement:
    u, _, v = np.linalg.svd(end[:3, :3])
    rotation = u @ v
    location = end[:3, 3] / LARGER - placement.scale * rotation @ solid.centre
    return replace(placement, rotation=rounded(rotation), location=rounded(location))


def _remove(scene: Any) -> None:
    made = list(scene.objects)
    data = [m.data for m in made]
    collection = scene.rigidbody_world.collection
    for thing in made:
        bpy.data.objects.remove(thing)
    for mesh in data:
        bpy.data.meshes.remove(mesh)
    bpy.data.collections.remove(collection)
    bpy.data.scenes.remove(scene)


def _sound(
    placements: list[Placement],
    solids: Mapping[tuple[str, int], Solid],
    surfaces: Mapping[str, Surface],
    furniture: Floats,
) -> list[Placement]:
    """Those that lie on a surface or on another that does, and in nothing; let down onto it by exact contact."""
    tree = _tree(furniture)
    worlds = [p.transform(solids[p.product, p.variant].vertices) for p in placements]
    kept: dict[int, _Body] = {}
    for k in sorted(range(len(placements)), key=lambda n: (float(worlds[n][:, 2].min()), n)):
        placement, surface = placements[k], surfaces[placements[k].surface]
        solid = solids[placement.product, placement.variant]
        low, high = worlds[k].min(axis=0), worlds[k].max(axis=0)
        middle = (low + high) / 2
        if not (surface.x[0] <= middle[0] <= surface.x[1] and surface.y[0] <= middle[1] <= surface.y[1] + AROUND):
            continue
        if high[2] > surface.z + surface.headroom or low[2] < surface.z - LIFT / 2:
            continue
        near = [b for b in kept.values() if (b.low < high + LIFT).all() and (b.high > low - LIFT).all()]
        raised = worlds[k][solid.triangles] + [0, 0, LIFT]
        contacts = [first_contact(raised, b.triangles, DOWN) for b in near]
        drop = min([low[2] + LIFT - surface.z, *(c.distance for c in contacts if c is not None)]) - REST
        if drop > LIFT + FLOAT:
            continue
        x, y, z = placement.location
        placement = replace(placement, location=rounded([x, y, z + LIFT - drop]))
        body = _Body(placement, placement.transform(solid.vertices)[solid.triangles])
        if all(_clear(body.triangles, body.tree, b.triangles, b.tree) for b in near) and _clear(
            body.triangles, body.tree, furniture, tree
        ):
            kept[k] = body
    return [kept[k].placement for k in sorted(kept)]


class _Body:
    """A piece at rest: triangles T×3×3 in the world, and a tree of them."""

    def __init__(self, placement: Placement, triangles: Floats) -> None:
        self.placement, self.triangles, self.tree = placement, triangles, _tree(triangles)
        self.low, self.high = triangles.min(axis=(0, 1)), triangles.max(axis=(0, 1))


def _tree(triangles: Floats) -> BVHTree:
    corners = triangles.reshape(-1, 3)
    return BVHTree.FromPolygons(corners.tolist(), np.arange(len(corners)).reshape(-1, 3).tolist())


def _clear(body: Floats, tree: BVHTree, others: Floats, other_tree: BVHTree) -> bool:
    """Whether a body is outside of other triangles but for PENETRATION: moved that far, it leaves their hull."""
    hits = tree.overlap(other_tree)
    if not hits:
        return True
    touched = others[sorted({other for _, other in hits})]
    return bool(_deepest(body.reshape(-1, 3), touched.reshape(-1, 3)) >= -PENETRATION)


def _deepest(a: Floats, b: Floats) -> float:
    """The separation of two hulls of N×3 and M×3 points, its direction refined around the best of DIRECTIONS."""
    best = float(separation(extent(a), extent(b)))
    gaps = (b @ DIRECTIONS.T).min(axis=0) - (a @ DIRECTIONS.T).max(axis=0)
    direction = DIRECTIONS[int(gaps.argmax())]
    for spread in (0.2, 0.07, 0.025, 0.008):
        around = direction + spread * _MANY
        around /= np.linalg.norm(around, axis=1, keepdims=True)
        gaps = (b @ around.T).min(axis=0) - (a @ around.T).max(axis=0)
        if gaps.max() > best:
            best, direction = float(gaps.max()), around[int(gaps.argmax())]
    return best
