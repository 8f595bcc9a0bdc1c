import numpy as np
import pytest

from blender_scenes.furniture.table import Table, Tables
from coldstart.errors import UserError


def test_tables_differ_and_products_stand_on_them() -> None:
    rng = np.random.default_rng(0)
    tables = [Tables().draw(rng) for _ in range(40)]
    assert {t.top for t in tables} == {"white", "grey", "wood", "cloth"}
    for table in tables:
        (surface,) = table.surfaces()
        assert surface.z == 0
        highest = max(p.mesh.vertices[:, 2].max() for p in table.parts())
        assert highest == pytest.approx(0.0)
        assert surface.x[1] * 2000 < table.width


def test_wood_is_printed_and_white_is_not() -> None:
    assert any(p.art for p in Table(top="wood").parts())
    assert not any(p.art for p in Table(top="white").parts())


def test_impossible_tables_are_refused() -> None:
    with pytest.raises(UserError, match="top_odds: 'marble' is none of white, grey, wood, cloth"):
        Tables(top_odds={"marble": 1.0})
    with pytest.raises(UserError, match=r"width: \[900, 100\] must be"):
        Tables(width=[900, 100])
