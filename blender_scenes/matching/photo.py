"""A photo for matching: pixels, the lens that its EXIF tells of, its noise, its light before the tone curve."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image
from scipy.ndimage import convolve
from scipy.optimize import nnls

from blender_scenes.matching.model import SENSOR_MM, Prior
from coldstart.errors import UserError
from coldstart.pictures import UNREADABLE, rgb, turned

__all__ = ["Photo", "noise", "read", "shrunk", "undeveloped"]

Floats = NDArray[np.float64]

FULL_FRAME = float(np.hypot(36, 24))  # mm; what "35 mm equivalent" refers to
MAIN_CAMERA = 26.0  # mm, 35 mm equivalent of nearly every phone's main camera


@dataclass(frozen=True)
class Photo:
    """`pixels` H×W×3 uint8 sRGB, upright; `lens` is what is known of the focal length (mm on `SENSOR_MM` of height)."""

    path: Path
    pixels: NDArray[np.uint8]
    lens: Prior

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.pixels.shape[1], self.pixels.shape[0]


def read(path: str | Path) -> Photo:
    """A photo, turned upright.

    The EXIF tag FocalLengthIn35mmFilm gives the lens within a few percent; without it, that of a phone's main camera
    within an eighth.

    Raises:
        UserError: it is missing, no picture, or smaller than 200 pixels.
    """
    path = Path(path)
    try:
        with Image.open(path) as file:
            exif = file.getexif().get_ifd(ExifTags.IFD.Exif)
            upright = rgb(turned(file))
    except FileNotFoundError:
        raise UserError(f"{path}: no such photo") from None
    except UNREADABLE as error:
        raise UserError(f"{path}: cannot be read as a photo ({error})") from None
    if min(upright.size) < 200:
        raise UserError(f"{path}: {upright.width}×{upright.height} pixels are too few; give the photo in its full size")
    told = float(exif.get(ExifTags.Base.FocalLengthIn35mmFilm, 0) or 0)
    equivalent, deviation = (told, 0.04) if 8 <= told <= 300 else (MAIN_CAMERA, 0.12)
    lens = equivalent / FULL_FRAME * np.hypot(*upright.size) / upright.height * SENSOR_MM
    return Photo(path, np.asarray(upright), Prior(float(lens), deviation, log=True))


def shrunk(pixels: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """`pixels` at `size` [width, height], each new pixel the mean of the old ones it covers."""
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BOX))


def undeveloped(pixels: NDArray[np.uint8], gamma: float = 1.0, shoulder: float = 0.0) -> Floats:
    """Linear light from sRGB pixels: what `sensor.develop` does to tones, backwards. White comes back as about 2."""
    encoded = (np.minimum(pixels / 255, 0.998)) ** gamma
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    knee = 1 - 0.6 * shoulder
    over = np.clip((linear - knee) / max(1 - knee, 1e-6), 0, 0.995)
    light: Floats = np.where(linear > knee, knee - (1 - knee) * np.log1p(-over), linear)
    return light


def noise(pixels: NDArray[np.uint8]) -> tuple[float, float]:
    """Shot and read noise of H×W×3 pixels, as `Response` has them: deviation² = shot² · light + read², linear light.

    The deviation at each brightness is that of Immerkær's operator, which is blind to planes ("Fast noise variance
    estimation", CVIU 1996, with the median for the mean so that edges do not count). It is taken from the green
    channel, whose photosites are the most; other channels are no noisier once they are at render size.
    """
    light = undeveloped(pixels)[..., 1]
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], dtype=float)
    response = np.abs(convolve(light, kernel))[1:-1, 1:-1] / 6
    level = light[1:-1, 1:-1]
    use = (level > 0.02) & (level < 0.8)  # neither rounded to black nor clipped
    if use.sum() < 1000:
        return 0.0, 0.0
    edges = np.quantile(level[use], np.linspace(0, 1, 9))
    bins = np.clip(np.searchsorted(edges, level, side="right") - 1, 0, 7)
    rows, variances = [], []
    for k in range(8):
        chosen = use & (bins == k)
        if chosen.sum() > 100:
            rows.append([float(np.median(level[chosen])), 1.0])
            variances.append(float(np.median(response[chosen]) / 0.6745) ** 2)
    weights = 1 / np.maximum(variances, 1e-10)
    (shot, read_), _ = nnls(np.array(rows) * weights[:, None], np.array(variances) * weights)
    return float(np.sqrt(shot)), float(np.sqrt(read_))
