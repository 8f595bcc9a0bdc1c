import numpy as np
import pytest

from blender_scenes.furniture.table import Table, Tables
from blender_scenes.obstacles import Surroundings
from coldstart.errors import UserError


def test_tables_differ_and_products_stand_on_them() -> None:
    rng = np.random.default_rng(0)
    tables = [Tables().draw(rng) for _ in range(40)]
    assert {t.top for t in tables} == {"white", "grey", "wood", "cloth"}
    for table in tables:
        (surface,) = table.surfaces()
        assert surface.z == 0
        assert not len(Surroundings(table).above(surface))
        assert surface.x[1] * 2000 < table.width


def test_the_room_has_floors_of_every_kind_and_chairs_that_leave_the_top_alone() -> None:
    rng = np.random.default_rng(1)
    tables = [Tables(chairs=[3, 3]).draw(rng) for _ in range(30)]
    assert {t.floor for t in tables} == {"boards", "tiles", "plain"}
    assert {len(t.chairs) for t in tables} == {3}
    for table in tables:
        assert not len(Surroundings(table).above(table.surfaces()[0]))
        assert min(p.mesh.vertices[:, 2].min() for p in table.parts()) == pytest.approx(-0.74)


def test_light_on_the_table_is_the_same_from_any_height() -> None:
    low, high = (Table(lamp=[0, 0, z]).light_sources()[0] for z in (900.0, 1600.0))
    assert low.share / low.location[2] ** 2 == pytest.approx(high.share / high.location[2] ** 2)


def test_wood_is_printed_and_white_is_not() -> None:
    assert [len([p for p in Table(top=top).parts() if p.art]) for top in ("wood", "white")] == [2, 1]  # and the floor


def test_impossible_tables_are_refused() -> None:
    with pytest.raises(UserError, match="top_odds: 'marble' is none of white, grey, wood, cloth"):
        Tables(top_odds={"marble": 1.0})
    with pytest.raises(UserError, match=r"width: \[900, 100\] must be"):
        Tables(width=[900, 100])
