"""A stroke font for label art: every letter is a few polylines on a 4×6 grid, drawn with any thickness.

Blender's Python has no font renderer that gives the same pixels in every build, and a label only has to read as print.
"""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

__all__ = ["strokes"]

# x 0..4 and y 0..6 (up), as digit pairs; strokes are separated by spaces.
_LETTERS = {
    "A": "002640 1232",
    "B": "00063645443303 3342413000",
    "C": "4536160501103041",
    "D": "00062644422000",
    "E": "46060040 0333",
    "F": "460600 0333",
    "G": "45361605011030414323",
    "H": "0600 4640 0343",
    "I": "2620 1636 1030",
    "J": "4641301001",
    "K": "0600 4602 1440",
    "L": "060040",
    "M": "0006234640",
    "N": "00064046",
    "O": "160501103041453616",
    "P": "00063645443303",
    "Q": "160501103041453616 2240",
    "R": "00063645443303 2340",
    "S": "453616050413334241301001",
    "T": "0646 2620",
    "U": "060110304146",
    "V": "062046",
    "W": "0610243046",
    "X": "0046 0640",
    "Y": "062346 2320",
    "Z": "06460040",
    "0": "160501103041453616",
    "1": "152620 1030",
    "2": "05163645440040",
    "3": "064623334241301001",
    "4": "3036 360242",
    "5": "460603334241301001",
    "6": "453616050110304142331302",
    "7": "064620",
    "8": "13020110304142331304051636454433",
    "9": "011030414536160504133344",
    "°": "1626251516",
    "%": "0046 0616 3040",
    "-": "1333",
    ".": "2021",
    ",": "2110",
    "'": "2625",
    "!": "2622 2021",
    "+": "1333 2422",
    "/": "0046",
    "&": "4015162635120110203042",
    ":": "2021 2324",
}

# The same with y counted from two below the baseline: x-height 4, descenders down to -2.
_SMALL = {
    "a": "4536160503123243 4642",
    "b": "0802 0516364543321203",
    "c": "4536160503123243",
    "d": "4842 4536160503123243",
    "e": "04444536160503123243",
    "f": "38281712 0636",
    "g": "4536160503123243 4641301001",
    "h": "0802 0516364542",
    "i": "2622 2828",
    "j": "36312010 3838",
    "k": "0802 0446 1442",
    "l": "282332",
    "m": "0602 05162522 25364542",
    "n": "0602 0516364542",
    "o": "160503123243453616",
    "p": "0600 0516364543321203",
    "q": "4640 4536160503123243",
    "r": "0602 04163645",
    "s": "45361605143443321203",
    "t": "28233242 0646",
    "u": "0603123243 4642",
    "v": "062246",
    "w": "0612243246",
    "x": "0246 0642",
    "y": "0622 4610",
    "z": "06460242",
}


def _polyline(code: str) -> list[tuple[float, float]]:
    return [(int(code[i]), int(code[i + 1])) for i in range(0, len(code), 2)]


def strokes(text: str) -> tuple[NDArray[np.float64], float]:
    """Line segments of `text` as S×2×2 (start, end; x, y) with capitals 1 high, and the text's width in that unit.

    Small letters reach a third below 0. Letters without a drawing leave a gap.
    """
    segments: list[list[tuple[float, float]]] = []
    for place, letter in enumerate(text):
        base = 2 if letter in _SMALL else 0
        for code in (_SMALL | _LETTERS).get(letter, "").split():
            points = [((x + 5.6 * place) / 6, (y - base) / 6) for x, y in _polyline(code)]
            segments += [[a, b] for a, b in pairwise(points)]
    width = (5.6 * len(text) - 1.6) / 6
    return np.array(segments, dtype=float).reshape(-1, 2, 2), width
