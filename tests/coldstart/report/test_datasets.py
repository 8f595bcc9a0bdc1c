import pytest

from coldstart.report.datasets import FRAME, audits, charts, measured, table
from tests.coldstart.report.conftest import HOSTILE, Made


def test_photos_are_those_of_all_folds(made: Made) -> None:
    found = measured(made.results)
    assert list(found) == ["photos", "renders", "translations: gan"]
    assert [(n["images"], n["objects"]) for n in found.values()] == [(6, 18), (5, 15), (5, 15)]
    counted = table(found)
    assert counted.rows["milk"] == [(6, pytest.approx(1 / 3)), (5, pytest.approx(1 / 3)), (5, pytest.approx(1 / 3))]
    assert set(counted.rows) == {"milk", HOSTILE, "water"}
    assert sum(found["photos"]["brightness"]["counts"]) == 6
    assert found["photos"]["objects_per_image"] == [0, 0, 0, 6]


def test_a_chart_spans_what_is_there() -> None:
    numbers = {
        "a": {"brightness": {"edges": [0, 10, 20, 30], "counts": [0, 4, 0]}},
        "b": {"brightness": {"edges": [0, 10, 20, 30], "counts": [0, 1, 1]}},
    }
    rest = {"box_side_percent": {"edges": [0, 1], "counts": [1]}, "contrast": {"edges": [0, 1], "counts": [1]}}
    drawn = charts({name: {**n, **rest, "objects_per_image": [0, 2]} for name, n in numbers.items()})
    brightness = next(chart for chart in drawn if chart.title == "Brightness")
    assert (brightness.low, brightness.high) == (10, 30)
    assert [line.mean for line in brightness.lines] == [15, 20]
    half = FRAME[0] / 2
    # All of a, at full height, lies in the left half; b is half as high in both.
    assert brightness.lines[0].path.startswith(f"M0.0 110L0.0 4.0L{half} 4.0L{half} 110.0")
    assert brightness.lines[1].path.startswith(f"M0.0 110L0.0 57.0L{half} 57.0L{half} 57.0L300.0 57.0")


def test_audits_add_up_over_pictures(made: Made) -> None:
    found = audits(made.results)
    assert [(a.name, a.fold) for a in found] == [("gan", "fold0"), ("gan", "fold1")]
    assert found[0].verdicts == {"retained": 5, "vanished": 5, "unjudged": 5}
    assert (found[0].appeared, found[0].asked) == (1, 5)
