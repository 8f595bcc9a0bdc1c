"""From linear light to the picture a camera would write: exposure, lens, noise, tone curve, JPEG. Pure numpy."""

import numpy as np
from numpy.typing import NDArray

from blender_scenes.spec import Response

__all__ = ["develop"]

Floats = NDArray[np.float64]

# Annex K of the JPEG standard (ITU T.81): quantisation at quality 50.
_LUMA = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ],
    dtype=float,
)
_CHROMA = np.full((8, 8), 99.0)
_CHROMA[:4, :4] = [[17, 18, 24, 47], [18, 21, 26, 66], [24, 26, 56, 99], [47, 66, 99, 99]]
_TO_YCC = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])


def develop(linear: Floats, response: Response, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Develop H×W×3 linear scene light (1 = diffuse white at exposure 0) into H×W×3 uint8 sRGB."""
    light = np.maximum(linear, 0) * 2**response.exposure * np.array(response.white_balance)
    height, width = light.shape[:2]
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    light = light * (1 - response.vignette * np.minimum((x**2 + y**2) / 2, 1))[..., None]
    if np.hypot(*response.motion) > 0.5:
        light = _shake(light, response.motion)
    if response.blur > 0.1:
        light = _blur(light, response.blur)
    deviation = np.sqrt(response.shot_noise**2 * light + response.read_noise**2)
    light = np.maximum(light + deviation * rng.standard_normal(light.shape), 0)
    # Highlights above `knee` approach white smoothly instead of clipping.
    knee = 1 - 0.6 * response.shoulder
    over = np.maximum(light - knee, 0)
    light = np.minimum(light, knee) + (1 - knee) * (1 - np.exp(-over / max(1 - knee, 1e-6)))
    grey = light @ np.array([0.2126, 0.7152, 0.0722])
    light = np.clip(grey[..., None] + response.saturation * (light - grey[..., None]), 0, 1)
    encoded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 1e-9) ** (1 / 2.4) - 0.055)
    picture = encoded ** (1 / response.gamma)
    if response.jpeg < 100:
        picture = _jpeg(picture, response.jpeg)
    return np.round(np.clip(picture, 0, 1) * 255).astype(np.uint8)


def _shake(image: Floats, motion: tuple[float, float]) -> Floats:
    """Mean over a straight motion of the camera, `motion` pixels long and centred, so that labels keep their place."""
    height, width = image.shape[:2]
    steps = int(np.ceil(2 * np.hypot(*motion))) + 1
    total = np.zeros_like(image)
    for t in np.linspace(-0.5, 0.5, steps):
        y, x = (
            np.clip(np.arange(height) + t * motion[1], 0, height - 1),
            np.clip(np.arange(width) + t * motion[0], 0, width - 1),
        )
        top, left = np.minimum(y.astype(int), height - 2), np.minimum(x.astype(int), width - 2)
        fy, fx = (y - top)[:, None, None], (x - left)[None, :, None]
        rows = image[top] * (1 - fy) + image[top + 1] * fy
        total += rows[:, left] * (1 - fx) + rows[:, left + 1] * fx
    return total / steps


def _blur(image: Floats, sigma: float) -> Floats:
    reach = int(np.ceil(3 * sigma))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    kernel /= kernel.sum()
    for axis in (0, 1):
        pad = [(0, 0)] * 3
        pad[axis] = (reach, reach)
        padded = np.pad(image, pad, mode="edge")
        size = image.shape[axis]
        image = sum(k * np.take(padded, np.arange(i, i + size), axis=axis) for i, k in enumerate(kernel))
    return image


def _jpeg(picture: Floats, quality: int) -> Floats:
    """What JPEG loses: 8×8 cosine transform, quantised with the standard's tables (4:4:4), and back."""
    factor = 50 / quality if quality < 50 else 2 - quality / 50
    height, width = picture.shape[:2]
    padded = np.pad(picture, ((0, -height % 8), (0, -width % 8), (0, 0)), mode="edge") * 255
    ycc = padded @ _TO_YCC.T - [128, 0, 0]
    rows, columns = ycc.shape[0] // 8, ycc.shape[1] // 8
    k = np.arange(8)
    basis = np.cos((2 * k[None] + 1) * k[:, None] * np.pi / 16) * 0.5
    basis[0] /= np.sqrt(2)
    blocks = ycc.reshape(rows, 8, columns, 8, 3).transpose(0, 2, 4, 1, 3)
    table = np.maximum(np.floor(np.stack([_LUMA, _CHROMA, _CHROMA]) * factor + 0.5), 1)
    coefficients = np.round(basis @ blocks @ basis.T / table) * table
    back = (basis.T @ coefficients @ basis).transpose(0, 3, 1, 4, 2).reshape(ycc.shape)
    rgb: Floats = (back + [128, 0, 0]) @ np.linalg.inv(_TO_YCC).T / 255
    return rgb[:height, :width]
