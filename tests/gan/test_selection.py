"""The best of a history, and when to stop."""

from typing import Any

import pytest

from coldstart.errors import UserError
from gan.selection import MeasureConfig, Measurement, best, stop_reason


def history(*rows: tuple[float, float | None]) -> list[Measurement]:
    """Measurements of (swd, retained) at steps 1, 2, …; kid_lite0 has another opinion."""
    return [Measurement(step, swd, 0.01, 1 - swd, 0.01, kept) for step, (swd, kept) in enumerate(rows, 1)]


@pytest.mark.parametrize(
    ("rows", "step"),
    [
        ([(0.5, 1.0), (0.2, 0.98), (0.3, 1.0)], 2),  # the floor itself is enough
        ([(0.5, 1.0), (0.1, 0.97), (0.3, 0.99)], 3),  # nearer, but it loses labels
        ([(0.1, 0.5), (0.5, 0.9), (0.4, 0.9), (0.2, 0.8)], 3),  # none retains enough: most retained, then nearest
        ([(0.3, 1.0), (0.3, 1.0)], 1),  # equal: the earlier
        ([(0.3, None), (0.2, None), (0.4, None)], 2),  # no labels
    ],
)
def test_best(rows: Any, step: int) -> None:
    assert best(history(*rows), 0.98).step == step


def test_stops_when_nothing_gets_better_or_labels_stay_lost() -> None:
    config = MeasureConfig(retained=0.98, patience=2)
    better, worse, lost = (0.1, 1.0), (0.3, 1.0), (0.05, 0.9)
    assert stop_reason(history(worse, better), config) is None
    assert stop_reason(history(better, worse), config) is None
    assert stop_reason(history(better, worse, worse), config) == "in 2 measurements none was better than that of step 1"
    assert stop_reason(history(worse, lost, better), config) is None
    lost_reason = "in 2 measurements fewer than 98 % of the objects were retained"
    assert stop_reason(history(worse, lost, lost), config) == lost_reason
    assert stop_reason(history((0.1, 0.5), (0.1, 0.6)), config) == lost_reason  # retaining more, still too little
    assert stop_reason(history(*[worse] * 9), MeasureConfig(patience=0)) is None


def test_a_measurement_is_shown() -> None:
    whole = Measurement(500, 12.31, 1.06, 0.08124, 0.0103, 0.9921)
    assert str(whole) == "step 500: swd 12.3 ± 1.1, kid_lite0 0.0812 ± 0.0103, retained 99.2 %"
    assert str(Measurement(500, 12.31, 1.06, None, None, None)) == "step 500: swd 12.3 ± 1.1"


@pytest.mark.parametrize("keys", [{"every": -1}, {"renders": -1}, {"patience": -1}, {"retained": 1.1}])
def test_config_out_of_range(keys: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=f"measure.{next(iter(keys))}: must "):
        MeasureConfig(**keys)
