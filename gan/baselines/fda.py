"""Fourier domain adaptation: a photo's coarsest amplitudes under the image's own phase."""

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["fda"]


def fda(image: Tensor, photo: Tensor, beta: float) -> Tensor:
    """Replace the amplitudes of the lowest frequencies of `image` by those of `photo`, and keep all phases.

    Both 3×H×W in [0, 1]; `photo` is resized to the image. Yang & Soatto 2020 (arXiv 2004.05498), equations 2 and 3: the
    window is centred on frequency 0 and reaches ⌊β·min(H, W)⌋ frequencies to each side; β = 0 moves the mean alone.
    """
    height, width = image.shape[-2:]
    photo = F.interpolate(photo[None], (height, width), mode="bilinear", antialias=True)[0]
    ours, theirs = (torch.fft.fftshift(torch.fft.fft2(x.float()), dim=(-2, -1)) for x in (image, photo))
    amplitude, phase = ours.abs(), ours.angle()
    reach = int(beta * min(height, width))
    # After the shift frequency 0 lies at ⌊H/2⌋, ⌊W/2⌋: a window of odd size around it is symmetric, so the result real.
    rows, columns = (slice(max(n // 2 - reach, 0), n // 2 + reach + 1) for n in (height, width))
    amplitude[:, rows, columns] = theirs.abs()[:, rows, columns]
    spectrum = torch.fft.ifftshift(torch.polar(amplitude, phase), dim=(-2, -1))
    return torch.fft.ifft2(spectrum).real.clamp(0, 1)
