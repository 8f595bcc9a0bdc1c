import numpy as np
import pytest

from blender_scenes.furniture.fridges import Fridges
from coldstart.errors import UserError


def test_fridges_differ_and_keep_to_their_ranges() -> None:
    family, rng = Fridges(), np.random.default_rng(0)
    drawn = [family.draw(rng) for _ in range(100)]  # each passes the checks of Fridge
    assert {s.kind for f in drawn for s in f.shelves} == {"rimmed", "split", "glass", "wire", "floor"}
    assert {d.kind for f in drawn for d in f.drawers} == {"clear", "white"}
    assert {(lamp.kind, lamp.wall) for f in drawn for lamp in f.lamps} == {
        ("bulb", "ceiling"),
        ("panel", "ceiling"),
        ("panel", "back"),
        ("panel", "left"),
        ("panel", "right"),
    }
    assert {d.kind for f in drawn for d in f.details} >= {"fan", "vent", "ribs", "rails", "bracket", "frost", "print"}
    assert min(f.width for f in drawn) >= 480
    assert np.std([f.height for f in drawn]) > 100
    for fridge in drawn:
        levels = fridge.surfaces()
        assert all(s.headroom >= 0.09 for s in levels)
        shelves = [s for s in levels if s.name.startswith("shelf")]
        tops = [s.z + s.headroom for s in shelves]
        assert all(top < above.z for top, above in zip(tops[:-1], shelves[1:], strict=True))


@pytest.mark.parametrize("keys", [{}, {"height": [600, 700], "shelves": [1, 3]}, {"height": [650, 650]}])
def test_the_fewest_levels_always_find_room(keys: dict[str, list[float]]) -> None:
    family, rng = Fridges(**keys), np.random.default_rng(1)  # type: ignore[arg-type]
    assert min(len(family.draw(rng).shelves) for _ in range(300)) == family.shelves[0]


def test_same_seed_same_fridge() -> None:
    assert Fridges().draw(np.random.default_rng(4)) == Fridges().draw(np.random.default_rng(4))


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"width": [700, 500]}, r"scene.any_fridge.width: \[700, 500\] must be \[low, high\], rising"),
        ({"shelves": [9, 9]}, "9 levels need 1350 mm"),
        ({"height": [450, 520], "shelves": [1, 2]}, "1 levels need 150 mm, the lowest height 450 leaves 110 between"),
        ({"inset": [40, 400]}, "inset: 400 leaves less than 150 mm"),
        ({"lamp_odds": {"candle": 1.0}}, "lamp_odds: 'candle' is none of bulb, bar, sides, back"),
        ({"shelf_odds": {"glass": 0.0}}, "weights must be 0 or more and one of them above 0"),
    ],
)
def test_impossible_families_are_refused(keys: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        Fridges(**keys)  # type: ignore[arg-type]
