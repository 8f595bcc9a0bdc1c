import numpy as np
import pytest
import trimesh

from blender_scenes import geometry


@pytest.mark.parametrize(
    ("mesh", "volume"),
    [
        (geometry.box([2, 3, 4], [1, 1, 1], "m"), 24.0),
        (geometry.carton([2, 3, 4], "m", radius=0.1), 24.0),
        (geometry.sphere([1, 1, 1], "m", segments=96), 4 / 3 * np.pi),
        (geometry.lathe([[0, 0], [1, 0], [1, 2], [0, 2]], "m", segments=200), 2 * np.pi),
        (geometry.lathe([[0, 0, 0], [1, 0.5, 0], [1, 0.5, 1], [0, 0, 1]], "m", segments=400, exponent=40.0), 2.0),
    ],
)
def test_volume_is_the_textbook_one_and_normals_point_out(mesh: geometry.Mesh, volume: float) -> None:
    solid = trimesh.Trimesh(mesh.vertices, mesh.triangles())
    assert solid.volume == pytest.approx(volume, rel=0.02)


def test_euler_turns_x_then_y_then_z() -> None:
    assert geometry.euler([90, 0, 0]) @ [0, 1, 0] == pytest.approx([0, 0, 1])
    assert geometry.euler([90, 0, 90]) @ [0, 0, 1] == pytest.approx([1, 0, 0])


def test_lathe_shows_its_front_at_three_quarters_of_u() -> None:
    mesh = geometry.lathe([[1, 0], [1, 1]], "m", segments=40)
    front = np.argmin(mesh.vertices[:, 1])
    assert mesh.uvs[front, 0] == pytest.approx(0.75)


def test_ribs_only_take_away() -> None:
    plain = geometry.lathe([[1, 0], [1, 1]], "m", segments=80)
    ribbed = geometry.lathe([[1, 0], [1, 1]], "m", segments=80, ribs=10, rib_depth=0.1)
    radius = np.linalg.norm(ribbed.vertices[:, :2], axis=1)
    assert np.linalg.norm(plain.vertices[:, :2], axis=1).max() == pytest.approx(radius.max(), rel=0.01)
    assert radius.min() == pytest.approx(0.9)


def test_join_keeps_faces_on_their_own_vertices() -> None:
    a, b = geometry.box([1, 1, 1], [0, 0, 0], "a"), geometry.box([1, 1, 1], [5, 0, 0], "b")
    both = geometry.join([a, b])
    assert both.materials == ["a"] * 6 + ["b"] * 6
    assert all(both.vertices[list(face), 0].min() > 4 for face in both.faces[6:])


def test_print_on_a_carton_is_not_stretched() -> None:
    mesh = geometry.carton([6, 2, 4], "m", radius=0.1)
    front = (mesh.vertices[:, 1] < -0.99) & (np.abs(mesh.vertices[:, 2] - 2) < 1.95)
    x, z = mesh.vertices[front, 0], mesh.vertices[front, 2]
    assert mesh.uvs[front, 0] == pytest.approx(0.75 + 0.25 * x / 6, abs=0.005)
    assert mesh.uvs[front, 1] == pytest.approx(z / 4)
