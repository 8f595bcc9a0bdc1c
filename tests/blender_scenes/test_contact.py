import numpy as np
import pytest
import trimesh
from scipy.optimize import nnls

from blender_scenes.contact import centre_of_mass, first_contact, resting
from blender_scenes.geometry import Mesh, box, euler, lathe, sphere

CUP = lathe([[0, 0], [30, 0], [40, 90], [35, 90], [34, 84], [0, 84]], "x").scaled(0.001)  # a rim around its lid
BOTTLE = lathe([[0, 0], [28, 0], [29, 60], [12, 120], [12, 180], [0, 180]], "x", segments=24).scaled(0.001)


def turned(mesh: Mesh, rotation: np.ndarray, offset: np.ndarray) -> np.ndarray:
    return (mesh.vertices @ rotation.T + offset)[mesh.triangles()]


def solid(triangles: np.ndarray) -> trimesh.Trimesh:
    return trimesh.Trimesh(triangles.reshape(-1, 3), np.arange(3 * len(triangles)).reshape(-1, 3), process=False)


def test_first_contact_touches_and_does_not_penetrate() -> None:
    """By FCL: a tenth of a millimetre before the contact nothing touches, a tenth behind it something does."""
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(40):
        moving, fixed = (
            turned((CUP, BOTTLE)[rng.integers(2)], euler(rng.uniform(0, 360, 3)), v) for v in np.zeros((2, 3))
        )
        direction = rng.normal(size=3)
        direction /= np.linalg.norm(direction)
        moving = moving - 0.5 * direction + rng.normal(0, 0.02, 3)
        hit = first_contact(moving, fixed, direction)
        if hit is None:
            continue
        hits += 1
        manager = trimesh.collision.CollisionManager()
        manager.add_object("fixed", solid(fixed))
        before = solid(moving + (hit.distance - 1e-4) * direction)
        assert not manager.in_collision_single(before)
        assert manager.min_distance_single(before) <= 1.01e-4
        assert manager.in_collision_single(solid(moving + (hit.distance + 1e-4) * direction))
        nearest = trimesh.proximity.closest_point_naive(solid(fixed), hit.point[None])[1]
        assert nearest[0] < 1e-6
    assert hits > 20


def test_first_contact_finds_recesses_and_misses() -> None:
    upper = turned(BOTTLE, np.eye(3), np.array([0, 0, 0.2]))
    hit = first_contact(upper, CUP.vertices[CUP.triangles()], np.array([0, 0, -1.0]))
    assert hit is not None
    assert hit.distance == pytest.approx(0.2 - 0.084)  # into the recess, not onto the rim
    assert first_contact(upper + [0.2, 0, 0], CUP.vertices[CUP.triangles()], np.array([0, 0, -1.0])) is None


def test_first_contact_looks_ahead_only() -> None:
    behind = box([0.1, 0.1, 0.1], [0, 0, 0.5], "x")
    below = box([0.1, 0.1, 0.1], [0, 0, -0.5], "x")
    both = np.concatenate([behind.vertices[behind.triangles()], below.vertices[below.triangles()]])
    start = turned(CUP, np.eye(3), np.zeros(3))
    hit = first_contact(start, both, np.array([0, 0, -1.0]))
    assert hit is not None
    assert hit.distance == pytest.approx(0.45)


def test_centre_of_mass_of_a_box_and_a_cone() -> None:
    cube = box([1, 2, 3], [4, 5, 6], "x")
    assert centre_of_mass(cube.vertices, cube.triangles()) == pytest.approx([4, 5, 6])
    cone = lathe([[0, 0], [1, 0], [0, 4]], "x", segments=64)
    assert centre_of_mass(cone.vertices, cone.triangles()) == pytest.approx([0, 0, 1], abs=1e-6)


@pytest.mark.parametrize("mesh", [CUP, BOTTLE, box([0.06, 0.04, 0.1], [0, 0, 0], "x"), sphere([0.04, 0.04, 0.03], "x")])
def test_resting_bodies_have_their_mass_above_what_they_stand_on(mesh: Mesh) -> None:
    rng = np.random.default_rng(1)
    centre = centre_of_mass(mesh.vertices, mesh.triangles())
    for _ in range(12):
        rotation = euler(rng.uniform(0, 360, 3))
        rotation = resting(mesh.vertices @ rotation.T, rotation @ centre) @ rotation
        points = mesh.vertices @ rotation.T
        feet = points[points[:, 2] < points[:, 2].min() + 1e-4]
        # The mass is above the feet: a mixture of them (what is round may rest on a line).
        assert len(feet) >= 2
        weight = 100.0
        below = nnls(np.vstack([feet[:, :2].T, np.full(len(feet), weight)]), np.append((rotation @ centre)[:2], weight))
        assert below[1] < 1e-4


def test_what_stands_is_left_alone() -> None:
    assert np.array_equal(resting(CUP.vertices, centre_of_mass(CUP.vertices, CUP.triangles())), np.eye(3))
