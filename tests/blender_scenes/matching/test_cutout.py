import numpy as np
import pytest

from blender_scenes.matching.cutout import cutout, largest
from coldstart.errors import UserError


def scene(colour: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """An ellipse of `colour` with a stripe, before a noisy white wall with a shadow; and its mask."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:240, :200]
    wall = 205 - 0.25 * y[..., None] + rng.normal(0, 4, (240, 200, 3))
    mask = ((x - 100) / 50) ** 2 + ((y - 120) / 80) ** 2 < 1
    wall[mask] = np.array(colour) + rng.normal(0, 4, (mask.sum(), 3))
    wall[mask & (abs(y - 120) < 12)] = (240, 210, 40)
    return np.clip(wall, 0, 255).astype(np.uint8), mask


@pytest.mark.parametrize("colour", [(150, 20, 20), (20, 60, 160), (60, 60, 60)])
def test_a_product_is_cut_out_of_its_box(colour: tuple[int, int, int]) -> None:
    pixels, mask = scene(colour)
    found = cutout(pixels, (46, 36, 108, 168))
    assert (found & mask).sum() / (found | mask).sum() > 0.95


def test_a_box_with_nothing_in_it_is_refused() -> None:
    pixels = np.random.default_rng(0).normal(200, 3, (240, 200, 3)).astype(np.uint8)
    pixels[100:130, 90:110] = (200, 0, 0)
    with pytest.raises(UserError, match="tight around the product, or give a mask="):
        cutout(pixels, (20, 20, 160, 200))


def test_largest_piece_without_holes() -> None:
    mask = np.zeros((20, 20), dtype=bool)
    mask[2:4, 2:4] = mask[8:18, 8:18] = True
    mask[12, 12] = False
    found = largest(mask)
    assert found.sum() == 100 and not found[2, 2]
