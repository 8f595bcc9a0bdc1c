import string

from blender_scenes.lettering import strokes


def test_every_letter_has_a_drawing_of_its_own() -> None:
    drawings = {letter: strokes(letter)[0].tobytes() for letter in string.ascii_letters + string.digits}
    assert all(drawings.values())
    same = {frozenset(pair) for pair in ("O0",)}  # as in many a typeface
    assert len(set(drawings.values())) == len(drawings) - len(same)


def test_letters_stand_side_by_side() -> None:
    one, wide = strokes("A")[1], strokes("AAA")[1]
    assert wide > 3 * one


def test_letters_fit_their_line() -> None:
    segments, width = strokes("AZ 05-W&k!")
    assert segments[..., 0].min() >= 0
    assert segments[..., 0].max() <= width + 1e-9
    assert segments[..., 1].min() >= 0
    assert segments[..., 1].max() <= 1


def test_small_letters_stand_on_the_line_and_hang_below_it() -> None:
    assert strokes("x")[0][..., 1].min() == 0
    assert strokes("x")[0][..., 1].max() < 0.7
    assert strokes("g")[0][..., 1].min() < -0.3
