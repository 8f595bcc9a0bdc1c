import numpy as np
import pytest

from blender_scenes.furniture.parts import FINISHES
from blender_scenes.furniture.shelf import ShelfUnit, Shelves
from coldstart.errors import UserError


def test_units_differ_and_their_levels_have_room() -> None:
    rng = np.random.default_rng(0)
    units = [Shelves().draw(rng) for _ in range(40)]
    assert {u.back for u in units} == {"plain", "holes", "slats"}
    assert {len(u.levels) for u in units} == {2, 3, 4}
    for unit in units:
        surfaces = unit.surfaces()
        assert [s.z for s in surfaces] == pytest.approx(np.array(unit.levels) / 1000)
        assert all(s.headroom > 0.15 for s in surfaces)
        assert {p.finish for p in unit.parts()} <= FINISHES.keys()


def test_every_level_has_a_rail_with_its_prices() -> None:
    unit = ShelfUnit(prices=[["1.29", "0.99"], ["2.49"], []])
    printed = [p for p in unit.parts() if p.art]
    said = [[layer["text"] for layer in p.art if "text" in layer] for p in printed]
    assert said == [["1.29", "0.99"], ["2.49"]]
    assert [p.mesh.vertices[:, 2].max() for p in printed] == pytest.approx([-0.001, 0.329])


def test_impossible_units_are_refused() -> None:
    with pytest.raises(UserError, match="spacing: 50 mm leaves no room"):
        Shelves(spacing=[50, 60])
    with pytest.raises(UserError, match="back_odds: 'mirror' is none of plain, holes, slats"):
        Shelves(back_odds={"mirror": 1.0})
