import string

from blender_scenes.lettering import strokes


def test_every_letter_has_a_drawing_of_its_own() -> None:
    drawings = {letter: strokes(letter)[0].tobytes() for letter in string.ascii_uppercase}
    assert all(drawings.values())
    assert len(set(drawings.values())) == 26


def test_letters_stand_side_by_side() -> None:
    one, wide = strokes("A")[1], strokes("AAA")[1]
    assert wide > 3 * one
    assert strokes("a")[0].tobytes() == strokes("A")[0].tobytes()


def test_letters_fit_their_line() -> None:
    segments, width = strokes("AZ 05-W")
    assert segments[..., 0].min() >= 0
    assert segments[..., 0].max() <= width + 1e-9
    assert segments[..., 1].min() >= 0
    assert segments[..., 1].max() <= 1
