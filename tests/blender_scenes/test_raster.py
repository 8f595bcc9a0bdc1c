import numpy as np

from blender_scenes.raster import amodal_mask


def brute_force(pixels: np.ndarray, triangles: np.ndarray, width: int, height: int, margin: int) -> np.ndarray:
    mask = np.zeros((height + 2 * margin, width + 2 * margin), dtype=bool)
    for y in range(mask.shape[0]):
        for x in range(mask.shape[1]):
            point = np.array([x + 0.5 - margin, y + 0.5 - margin])
            for a, b, c in pixels[triangles]:
                sides = [(q - p)[0] * (point - p)[1] - (q - p)[1] * (point - p)[0] for p, q in ((a, b), (b, c), (c, a))]
                mask[y, x] |= all(s >= 0 for s in sides) or all(s <= 0 for s in sides)
    return mask


def test_covers_the_pixels_whose_centres_lie_inside() -> None:
    rng = np.random.default_rng(1)
    for scale in (3, 15, 60):
        pixels = rng.uniform(-5, 35, (4, 2)) + rng.normal(0, scale, (4, 2))
        triangles = np.array([[0, 1, 2], [1, 2, 3]])
        assert (amodal_mask(pixels, triangles, (-6, -6, 30, 24)) == brute_force(pixels, triangles, 24, 18, 6)).all()


def test_what_lies_far_outside_is_left_out() -> None:
    pixels = np.array([[900.0, 900], [950, 900], [900, 950]])
    assert not amodal_mask(pixels, np.array([[0, 1, 2]]), (-5, -5, 25, 25)).any()


def test_a_window_outside_everything_is_empty() -> None:
    assert amodal_mask(np.zeros((3, 2)), np.array([[0, 1, 2]]), (4, 4, 4, 9)).shape == (5, 0)
