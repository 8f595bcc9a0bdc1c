import numpy as np
import pytest
import trimesh

from blender_scenes import produce
from blender_scenes.geometry import Mesh

BALL = [[0, 0], [20, 4], [30, 30], [20, 56], [0, 60]]


def solid(mesh: Mesh) -> trimesh.Trimesh:
    """What a surface printer would see: seams and poles are merged."""
    made = trimesh.Trimesh(mesh.vertices, mesh.triangles(), process=False)
    made.merge_vertices(merge_tex=True, merge_norm=True)
    made.update_faces(made.nondegenerate_faces())
    return made


@pytest.mark.parametrize(
    "mesh",
    [
        produce.fruit(BALL, "m"),
        produce.fruit(BALL, "m", lobes=4, lobe_depth=0.2, wobble=0.05, bend=4, seed=3),
        produce.tube([[0, 0, 0, 3], [10, 0, 20, 4], [0, 15, 40, 2]], "m"),
        produce.prism([[-1, 0], [1, 0], [1, 2], [-1, 1]], 3, "m"),
        produce.wrap([[20, 0], [20, 5], [18, 9]], [200, 340], 0.3, "m"),
    ],
    ids=["ball", "pepper", "stem", "roof", "label"],
)
def test_meshes_are_closed_with_normals_outwards(mesh: Mesh) -> None:
    assert solid(mesh).is_watertight
    assert solid(mesh).is_winding_consistent
    assert solid(mesh).volume > 0
    assert len(mesh.uvs) == len(mesh.vertices)
    assert mesh.uvs.min() >= 0
    assert mesh.uvs.max() <= 1


def test_curve_goes_through_its_points_and_does_not_overshoot() -> None:
    points = np.array([[0, 0], [1, 0], [1, 5], [1.1, 5]])
    curve = produce.smooth_curve(points, 4)
    assert np.abs(curve[::4] - points).max() < 1e-9
    assert curve[:, 1].min() > -0.2
    assert curve[:, 1].max() < 5.2


def test_fruit_stands_on_zero_within_its_profile() -> None:
    mesh = produce.fruit(BALL, "m", lobes=4, lobe_depth=0.2, seed=3)
    assert mesh.vertices[:, 2].min() == 0
    assert (np.ptp(mesh.vertices, axis=0) <= [61, 61, 61]).all()


def test_lobes_are_creased_and_stand_up_around_the_stem() -> None:
    profile = [[0, 5], [20, 0], [30, 30], [20, 60], [0, 50]]
    plain = produce.fruit(profile, "m", segments=96)
    lobed = produce.fruit(profile, "m", segments=96, lobes=4, lobe_depth=0.2, seed=1)
    filled = [solid(m).volume / solid(m).convex_hull.volume for m in (plain, lobed)]
    assert filled[0] > 0.93
    assert filled[1] < filled[0] - 0.03


def test_seed_picks_the_fruit() -> None:
    first, again, other = (produce.fruit(BALL, "m", wobble=0.1, seed=s).vertices for s in (1, 1, 2))
    assert (first == again).all()
    assert np.abs(first - other).max() > 0.5


def test_tube_has_its_radius_and_length() -> None:
    bar = solid(produce.tube([[0, 0, 0, 2], [0, 0, 10, 2], [0, 0, 20, 2]], "m", segments=64))
    assert np.ptp(bar.vertices, axis=0) == pytest.approx([4, 4, 22.2], abs=0.02)


def test_prism_has_the_volume_of_its_outline() -> None:
    assert solid(produce.prism([[-1, 0], [1, 0], [1, 2], [-1, 1]], 3, "m")).volume == pytest.approx(9)


def test_wrap_lies_on_its_radius_in_front() -> None:
    sheet = produce.wrap([[20, 0], [20, 5]], [240, 300], 0.5, "m")
    radius = np.linalg.norm(sheet.vertices[:, :2], axis=1)
    assert [radius.min(), radius.max()] == pytest.approx([19.5, 20])
    assert sheet.vertices[:, 1].max() < -19.5 * np.cos(np.radians(30)) + 1e-9
    assert sheet.uvs[np.argmax(sheet.vertices[:, 0]), 0] == pytest.approx(1)  # reads from left to right
