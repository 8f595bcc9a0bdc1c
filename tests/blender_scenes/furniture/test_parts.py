import numpy as np
import pytest

from blender_scenes.furniture.parts import FINISHES, block, joined, sheet, slab


def test_parts_of_one_finish_become_one_mesh_and_printed_ones_stay() -> None:
    printed = slab([100, 10, 50], [0, 0, 0], [0, 0, 0], "display", "HELLO")
    parts = joined([block((0, 1), (0, 1), (0, 1), "rim"), block((2, 3), (0, 1), (0, 1), "rim"), *printed])
    assert sorted(p.finish for p in parts) == ["display", "display", "rim"]
    rim = next(p for p in parts if p.finish == "rim").mesh
    assert len(rim.faces) == 12
    assert rim.triangles().max() == len(rim.vertices) - 1
    assert sum(bool(p.art) for p in parts) == 1


def test_slab_is_turned_and_moved_and_its_print_is_in_front() -> None:
    solid, face = slab([200, 20, 100], [0, 500, 300], [0, 0, 90], "white", "A")
    assert np.ptp(solid.mesh.vertices, axis=0) == pytest.approx([0.02, 0.2, 0.1])
    assert solid.mesh.vertices.mean(axis=0) == pytest.approx([0, 0.5, 0.3])
    assert face.mesh.vertices[:, 0] == pytest.approx(0.0105)  # the front, −y, has become +x


def test_sheet_is_one_face_with_the_picture_upright() -> None:
    mesh = sheet([0, 0, 1], [2, 0, 0], [0, 0, 1], "pane").mesh
    assert len(mesh.faces) == 1
    assert mesh.vertices[mesh.uvs.tolist().index([1.0, 1.0])].tolist() == [2, 0, 2]


def test_clear_finishes_are_seen_through_by_the_index_pass() -> None:
    """Cycles counts a surface as there from an alpha of 0.5."""
    for name, finish in FINISHES.items():
        if finish.clear and name != "frosted":
            assert min(finish.colour) > 0.5, name


def test_panes_are_clear_enough_for_labels_even_when_seen_edge_on() -> None:
    for name, finish in FINISHES.items():
        if finish.pane:
            assert np.mean(finish.colour) * (1 - 1.05 * finish.mirror) > 1 - 0.38, name
