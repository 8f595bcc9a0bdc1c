from coldstart.tables import aligned

LINES = [["", "n"], ["all", "12"], ["a", "3"]]


def test_cells_stand_in_columns() -> None:
    assert aligned(LINES) == "     n\nall  12\na    3"
    assert aligned(LINES, right=True) == "      n\nall  12\na     3"
