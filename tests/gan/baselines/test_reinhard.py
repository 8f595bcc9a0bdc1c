import torch
from kornia.color import rgb_to_lab

from gan.baselines.reinhard import reinhard


def muted(seed: int, low: float, high: float, size: tuple[int, int] = (40, 30)) -> torch.Tensor:
    """A picture whose colours stay far from the gamut's border."""
    return low + (high - low) * torch.rand(3, *size, generator=torch.Generator().manual_seed(seed))


def test_lab_statistics_become_the_photos() -> None:
    image, photo = muted(0, 0.45, 0.6), muted(1, 0.3, 0.5, (16, 50))
    found, wanted = rgb_to_lab(reinhard(image, photo)), rgb_to_lab(photo)
    for statistic in (torch.mean, torch.std):
        torch.testing.assert_close(statistic(found, (1, 2)), statistic(wanted, (1, 2)), rtol=1e-3, atol=0.01)


def test_its_own_photo_changes_nothing_and_a_grey_picture_is_survived() -> None:
    image = muted(2, 0.2, 0.8)
    torch.testing.assert_close(reinhard(image, image), image, rtol=0, atol=1e-3)
    grey = reinhard(torch.full((3, 20, 20), 0.5), image)
    assert grey.isfinite().all()
    assert float(grey.std((1, 2)).max()) < 1e-4
