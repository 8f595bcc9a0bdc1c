"""FDA against its equations, written down slowly."""

import numpy as np
import pytest
import torch

from gan.baselines.fda import fda


def noise(seed: int, size: tuple[int, int]) -> torch.Tensor:
    return 0.35 + 0.3 * torch.rand(3, *size, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("size", [(32, 40), (33, 25), (20, 31)])
@pytest.mark.parametrize("beta", [0.05, 0.2])
def test_low_amplitudes_are_the_photos_and_all_else_is_the_images(size: tuple[int, int], beta: float) -> None:
    image, photo = noise(0, size), noise(1, size)
    found = np.fft.fft2(fda(image, photo, beta).numpy())
    ours, theirs = np.fft.fft2(image.numpy()), np.fft.fft2(photo.numpy())
    reach = int(beta * min(size))
    # Frequencies as signed whole numbers: the window is symmetric around 0.
    rows, columns = (np.abs(np.fft.fftfreq(n, 1 / n)) for n in size)
    low = (rows[:, None] <= reach + 0.5) & (columns[None] <= reach + 0.5)
    assert low.sum() == (2 * reach + 1) ** 2
    np.testing.assert_allclose(
        found, np.where(low, np.abs(theirs), np.abs(ours)) * np.exp(1j * np.angle(ours)), atol=1e-3
    )


def test_beta_0_moves_the_mean_alone_and_its_own_photo_changes_nothing() -> None:
    image, photo = noise(0, (24, 36)), noise(1, (50, 50)) * 0.7
    moved = fda(image, photo, 0.0)
    shift = (photo.mean((1, 2)) - image.mean((1, 2)))[:, None, None]
    torch.testing.assert_close(moved, image + shift, rtol=0, atol=1e-3)
    torch.testing.assert_close(fda(image, image, 0.3), image, rtol=0, atol=1e-5)
