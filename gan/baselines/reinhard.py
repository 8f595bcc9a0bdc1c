"""Colour transfer by the mean and spread of a photo's colours."""

from kornia.color import lab_to_rgb, rgb_to_lab
from torch import Tensor

__all__ = ["reinhard"]


def reinhard(image: Tensor, photo: Tensor) -> Tensor:
    """Give every channel of `image` in Lab the mean and standard deviation that it has in `photo`.

    Both 3×H×W in [0, 1], sizes may differ. Reinhard et al. 2001 (IEEE CG&A 21(5)), equations 10 and 11, in CIE Lab
    (D65) instead of their lαβ.
    """
    ours, theirs = rgb_to_lab(image), rgb_to_lab(photo)
    mean, spread = ours.mean((1, 2), keepdim=True), ours.std((1, 2), keepdim=True)
    wanted_mean, wanted_spread = theirs.mean((1, 2), keepdim=True), theirs.std((1, 2), keepdim=True)
    # A channel without any spread (a grey picture) keeps its single value, moved to the wanted mean.
    lab = (ours - mean) * (wanted_spread / spread.clamp(min=1e-6)) + wanted_mean
    rgb: Tensor = lab_to_rgb(lab, clip=True)
    return rgb
