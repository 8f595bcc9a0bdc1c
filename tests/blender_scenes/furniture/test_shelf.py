import numpy as np
import pytest

from blender_scenes.furniture.parts import FINISHES
from blender_scenes.furniture.shelf import ShelfUnit, Shelves
from coldstart.errors import UserError


def test_units_differ_and_their_levels_have_room() -> None:
    rng = np.random.default_rng(0)
    units = [Shelves().draw(rng) for _ in range(40)]
    assert {u.back for u in units} == {"plain", "holes", "slats"}
    assert {len(u.levels) for u in units} == {3, 4, 5}
    assert {u.sides for u in units} == {"posts", "panels"}
    for unit in units:
        surfaces = unit.surfaces()
        assert [s.z for s in surfaces] == pytest.approx(np.array(unit.levels) / 1000)
        assert all(s.headroom > 0.15 for s in surfaces)
        assert {p.finish for p in unit.parts()} <= FINISHES.keys()


def test_every_level_has_a_rail_with_its_prices() -> None:
    unit = ShelfUnit(prices=[["1.29", "0.99"], ["2.49"], []])
    printed = [p for p in unit.parts() if p.art and p.art[0].get("fill")]
    said = [[layer["text"] for layer in p.art if "text" in layer] for p in printed]
    assert said == [["1.29", "0.99"], ["2.49"]]
    assert [p.mesh.vertices[:, 2].max() for p in printed] == pytest.approx([-0.001, 0.329])


def test_units_beside_are_full_and_leave_this_one_alone() -> None:
    unit = ShelfUnit(stock=3)
    sides = [p.mesh for p in unit.parts() if p.art]
    assert len(sides) == 2
    for mesh, side in zip(sides, (-1, 1), strict=True):
        low, high = mesh.vertices.min(axis=0), mesh.vertices.max(axis=0)
        assert min(side * low[0], side * high[0]) > 0.5
        assert high[0] - low[0] > 0.8
        assert high[2] < 1.0
        assert 0 <= mesh.uvs.min() <= mesh.uvs.max() <= 1
    again = [p.mesh for p in ShelfUnit(stock=3).parts() if p.art]
    assert np.array_equal(again[0].vertices, sides[0].vertices)


def test_impossible_units_are_refused() -> None:
    with pytest.raises(UserError, match="spacing: 50 mm leaves no room"):
        Shelves(spacing=[50, 60])
    with pytest.raises(UserError, match="back_odds: 'mirror' is none of plain, holes, slats"):
        Shelves(back_odds={"mirror": 1.0})
