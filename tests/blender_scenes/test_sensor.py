import dataclasses
import io

import numpy as np
import pytest
from PIL import Image

from blender_scenes.sensor import develop
from blender_scenes.spec import Response

NEUTRAL = Response(0, (1, 1, 1), 1, 0, 1, 0, 0, 0, 0, 100, 0, (0, 0))


def shoot(light: np.ndarray, **changes: object) -> np.ndarray:
    return develop(light, dataclasses.replace(NEUTRAL, **changes), np.random.default_rng(0)).astype(int)


def test_neutral_response_is_srgb() -> None:
    light = np.full((8, 8, 3), 0.214)
    assert shoot(light)[0, 0].tolist() == [127, 127, 127]  # 0.214 linear is sRGB 0.5
    assert shoot(np.full((8, 8, 3), 3.0)).min() == 255


def test_each_setting_does_what_it_says() -> None:
    ramp = np.tile(np.linspace(0, 1, 32)[:, None, None], (1, 32, 3))
    grey = shoot(ramp)
    assert shoot(ramp, exposure=1).mean() > grey.mean() > shoot(ramp, exposure=-1).mean()
    red = shoot(ramp, white_balance=(1.3, 1, 0.8))
    assert red[16, 16, 0] > grey[16, 16, 0] > red[16, 16, 2]
    dark = shoot(ramp, vignette=0.5)
    assert dark[20, 0, 0] < dark[20, 16, 0]
    assert shoot(ramp, shot_noise=0.05)[16].std() > grey[16].std()
    step = np.zeros((16, 16, 3))
    step[:, 8:] = 1
    assert 0 < shoot(step, blur=1.0)[8, 7, 0] < 255
    colour = np.zeros((8, 8, 3)) + [0.6, 0.2, 0.2]
    assert np.ptp(shoot(colour, saturation=0.3)[0, 0]) < np.ptp(shoot(colour)[0, 0])
    assert shoot(np.full((8, 8, 3), 1.2), shoulder=0.8).max() < 255


def test_jpeg_loses_what_jpeg_loses() -> None:
    """Our block transform against Pillow's encoder at the same quality, without chroma subsampling."""
    rng = np.random.default_rng(0)
    small = rng.uniform(0, 1, (10, 8, 3))
    light = np.kron(small, np.ones((5, 5, 1)))
    clean = shoot(light).astype(np.uint8)
    ours = shoot(light, jpeg=60)
    buffer = io.BytesIO()
    Image.fromarray(clean).save(buffer, "JPEG", quality=60, subsampling=0)
    theirs = np.asarray(Image.open(buffer)).astype(int)
    lost = np.abs(theirs - clean).mean()
    assert lost > 1
    assert np.abs(ours - theirs).mean() < 0.25 * lost
    assert np.abs(ours - clean).mean() == pytest.approx(lost, rel=0.1)


def test_shake_smears_along_the_motion_and_keeps_the_centre() -> None:
    light = np.zeros((21, 21, 3))
    light[10, 10] = 1.0
    smeared = shoot(light, motion=(6.0, 0.0)).sum(axis=2)
    rows, columns = np.nonzero(smeared)
    assert set(rows) == {10}
    assert (columns.min() + columns.max()) / 2 == 10
    assert 5 <= np.ptp(columns) <= 8
