"""Its proof itself is tested with the scenes (tests/blender_scenes/test_sample.py)."""

import pytest

from benchmarks import check_placement


def test_both_tables_have_a_line_for_each_scene(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check_placement, "SCENES", ("table",))
    monkeypatch.setattr(check_placement, "KINDS", ("random", "rows"))
    monkeypatch.setattr(check_placement, "WANTED", ("null",))
    check_placement.main(["2"])
    head, _, *lines = capsys.readouterr().out.splitlines()
    assert head.endswith("| faults |")
    assert [line.split(" | ")[1] for line in lines] == ["random", "rows"]
    assert all(line.endswith("| 0 |") for line in lines)
    check_placement.main(["1", "visible"])
    _, _, line = capsys.readouterr().out.splitlines()
    assert line.startswith("| `null` | `table` | ")
