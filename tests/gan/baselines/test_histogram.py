import torch

from gan.baselines.histogram import histogram, level_shares


def picture(seed: int, power: float) -> torch.Tensor:
    """Every level is likely, dark ones the more so the higher `power`."""
    values = torch.rand(3, 120, 100, generator=torch.Generator().manual_seed(seed)) ** power
    return (values * 255).round() / 255


def test_quantiles_become_those_of_all_photos() -> None:
    photos = [picture(1, 2.0), picture(2, 3.0)]
    found = histogram(picture(0, 0.6), level_shares(photos))
    steps = torch.linspace(0.05, 0.95, 19)
    both = torch.cat([photo.flatten(1) for photo in photos], 1)
    torch.testing.assert_close(
        torch.quantile(found.flatten(1), steps, 1), torch.quantile(both, steps, 1), rtol=0, atol=2.5 / 255
    )


def test_its_own_histogram_changes_nothing_and_order_is_kept() -> None:
    image = picture(0, 1.0)
    torch.testing.assert_close(histogram(image, level_shares([image])), image, rtol=0, atol=1e-3)
    ramp = (torch.arange(256.0) / 255).repeat(3, 4, 1)
    assert (histogram(ramp, level_shares([picture(3, 2.0)])).diff(dim=-1) >= -1e-6).all()


def test_every_photo_counts_equally() -> None:
    small, large = torch.zeros(3, 2, 2), torch.ones(3, 90, 90)
    assert level_shares([small, large])[0, [0, 255]].tolist() == [0.5, 0.5]
