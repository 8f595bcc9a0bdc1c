from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from blender_scenes.matching import photo
from blender_scenes.sensor import develop
from coldstart.errors import UserError


def test_exif_tells_the_lens_and_turns_the_photo(tmp_path: Path) -> None:
    picture = Image.new("RGB", (400, 300))
    exif = picture.getexif()
    exif[0x0112] = 6
    exif.get_ifd(0x8769)[0xA405] = 24
    picture.save(tmp_path / "a.jpg", exif=exif)
    taken = photo.read(tmp_path / "a.jpg")
    assert taken.size == (300, 400)
    # 24 mm on a full frame's diagonal, told for 36 mm along the photo's height: the diagonal is 5/4 of it.
    assert taken.lens.mean == pytest.approx(24 / 43.267 * 1.25 * 36, rel=1e-3)
    assert taken.lens.deviation < 0.05
    picture.save(tmp_path / "b.jpg")
    assert photo.read(tmp_path / "b.jpg").lens.deviation > 0.1


@pytest.mark.parametrize(
    ("content", "said"), [(None, "no such photo"), (b"not a picture", "cannot be read as a photo")]
)
def test_a_bad_photo_is_one_clear_line(tmp_path: Path, content: bytes | None, said: str) -> None:
    path = tmp_path / "photo.jpg"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=said) as error:
        photo.read(path)
    assert str(path) in str(error.value) and "\n" not in str(error.value)


def test_a_tiny_photo_is_refused(tmp_path: Path) -> None:
    Image.new("RGB", (64, 64)).save(tmp_path / "tiny.png")
    with pytest.raises(UserError, match="too few"):
        photo.read(tmp_path / "tiny.png")


def test_noise_is_measured_where_the_sensor_made_it(response: object) -> None:
    y, x = np.mgrid[0:1:400j, 0:1:300j]
    light = np.repeat((0.05 + 0.5 * x + 0.05 * np.sin(9 * y))[..., None], 3, axis=2)
    noisy = develop(light, response(shot_noise=0.03, read_noise=0.01), np.random.default_rng(0))  # type: ignore[operator]
    shot, read = photo.noise(noisy)
    assert shot == pytest.approx(0.03, rel=0.2)
    assert read == pytest.approx(0.01, rel=0.5)
    clean = photo.noise(develop(light, response(), np.random.default_rng(0)))  # type: ignore[operator]
    assert max(clean) < 0.004


def test_undeveloped_undoes_the_tone_curve(response: object) -> None:
    light = np.repeat(np.linspace(0.02, 1.2, 60)[:, None, None], 3, axis=2).repeat(4, axis=1)
    made = develop(light, response(gamma=0.9, shoulder=0.5), np.random.default_rng(0))  # type: ignore[operator]
    back = photo.undeveloped(made, 0.9, 0.5)
    assert np.abs(back / light - 1).max() < 0.08
