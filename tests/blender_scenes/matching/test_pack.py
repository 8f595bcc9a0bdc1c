import numpy as np
import pytest
from PIL import Image

from blender_scenes.matching import pack


def bottle(tilt: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """A bottle of 300 px, radius 40 below, 15 at the neck, white cap; vertical stripes at known angles around it."""
    y, x = np.mgrid[:400, :300]
    from_foot = 350 - y
    radius = np.interp(from_foot, [0, 200, 240, 300], [40, 40, 15, 15])
    mask = (abs(x - 150) < radius) & (from_foot > 0) & (from_foot <= 300)
    angle = np.degrees(np.arcsin(np.clip((x - 150) / np.maximum(radius, 1), -1, 1)))
    pixels = np.full((400, 300, 3), 230, np.uint8)
    pixels[mask] = (30, 120, 40)
    pixels[mask & (abs(angle - 45) < 6)] = (250, 30, 30)
    pixels[mask & (abs(angle) < 6)] = (30, 30, 250)
    pixels[mask & (from_foot > 270)] = (250, 250, 250)
    turned = Image.fromarray(pixels).rotate(
        tilt, Image.Resampling.BICUBIC, center=(150, 200), fillcolor=(230, 230, 230)
    )
    silhouette = Image.fromarray(np.uint8(255 * mask)).rotate(tilt, center=(150, 200))
    return np.asarray(turned), np.asarray(silhouette) > 127


@pytest.mark.parametrize("tilt", [0.0, 6.0])
def test_a_round_product_is_unrolled(tilt: float) -> None:
    found = pack.as_round(*bottle(tilt), 300.0, flat=(True, False), sides="free", capped=True)
    radii, heights = np.array(found.profile).T
    assert heights[0] == 0 and heights[-1] == 300 and (np.diff(heights) >= 0).all()
    assert np.interp(100, heights[1:-1], radii[1:-1]) == pytest.approx(40, abs=1.5)
    assert np.interp(260, heights[1:-1], radii[1:-1]) == pytest.approx(15, abs=1.5)
    assert found.cap_at == pytest.approx(270, abs=6)
    assert int(found.cap[1:3], 16) > 230
    # u = 0.75 is the front; 45 degrees to its right is an eighth further, a little less as the sides are stretched.
    row = found.art[found.art.shape[0] * 3 // 4].astype(int)
    blue, red = row[:, 2] - row[:, 1], row[:, 0] - row[:, 1]
    front = slice(len(row) // 2, None)
    centre = np.flatnonzero(blue[front] > 100).mean() / len(row) + 0.5
    right = np.flatnonzero(red[front] > 100).mean() / len(row) + 0.5
    assert centre == pytest.approx(0.75, abs=0.01)
    assert right - centre == pytest.approx(0.125 * 90 / pack.SEEN, abs=0.012)


@pytest.mark.parametrize("sides", ["convex", "widening"])
def test_a_bite_out_of_a_plain_product_is_given_back(sides: str) -> None:
    pixels, mask = bottle()
    mask = mask.copy()
    mask[200:350] = abs(np.arange(300) - 150) < 40
    mask[350:] = mask[:200] = False
    mask[260:290, 100:130] = mask[260:290, 170:200] = False
    found = pack.as_round(pixels, mask, 150.0, flat=(True, True), sides=sides, capped=False)
    radii = np.array(found.profile)[1:-1, 0]
    assert radii.min() == pytest.approx(40, abs=1)
    assert found.cap_at == 150


def test_a_slanted_front_is_straightened() -> None:
    front = np.zeros((120, 80, 3), np.uint8)
    quarters = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0)]
    front[:60, :40], front[:60, 40:], front[60:, :40], front[60:, 40:] = quarters
    # A photo of it from below: the upper edge is shorter.
    pixels, mask = np.full((200, 160, 3), 128, np.uint8), np.zeros((200, 160), bool)
    for y in range(120):
        half = 32 + 8 * y / 120
        xs = np.arange(round(80 - half), round(80 + half))
        pixels[40 + y, xs] = front[y, np.clip(((xs - 80 + half) / (2 * half) * 80).astype(int), 0, 79)]
        mask[40 + y, xs] = True
    found = pack.as_box(pixels, mask, 240.0)
    assert found.width == pytest.approx(240 * 72 / 120, rel=0.05)
    height, width = found.art.shape[:2]
    for (u, v), colour in zip(((0.7, 0.25), (0.8, 0.25), (0.7, 0.75), (0.8, 0.75)), quarters, strict=True):
        assert np.abs(found.art[int(v * height), int(u * width)].astype(int) - colour).max() < 40
    # The far side reads from left to right too, seen from behind.
    assert np.abs(found.art[height // 4, int(0.2 * width)].astype(int) - (255, 0, 0)).max() < 40
