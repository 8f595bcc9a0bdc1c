"""Tables of text for the terminal."""

from collections.abc import Sequence

__all__ = ["aligned"]


def aligned(lines: Sequence[Sequence[str]], *, right: bool = False) -> str:
    """Cells in columns two spaces apart, one line of text for each of `lines`, which have equally many cells.

    Cells stand on the left of their columns; with `right`, all but the first column's on the right.
    """
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    rest = str.rjust if right else str.ljust
    rows = ([line[0].ljust(widths[0]), *map(rest, line[1:], widths[1:])] for line in lines)
    return "\n".join("  ".join(row).rstrip() for row in rows)
