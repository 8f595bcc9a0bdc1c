"""The distance between sets of patches knows colour, contrast and grain, and not what pictures show."""

import pytest
import torch
from torch import Tensor

from gan.metrics.patches import SMALLEST, PatchDistance, places, random_directions


def pictures(
    count: int, seed: int, *, shift: float = 0.0, grain: float = 0.0, size: tuple[int, int] = (48, 64)
) -> list[Tensor]:
    """Blots at random places, in one look."""
    random = torch.Generator().manual_seed(seed)
    made = []
    for _ in range(count):
        coarse = torch.rand(1, 3, 6, 8, generator=random)
        picture = torch.nn.functional.interpolate(coarse, size, mode="bilinear")[0] - 0.5
        made.append(picture + shift + grain * torch.randn(3, *size, generator=random))
    return made


def test_the_same_look_is_near_and_every_other_look_farther() -> None:
    distance = PatchDistance(pictures(16, 0))
    same = distance(pictures(16, 1))
    dark, grainy = distance(pictures(16, 1, shift=-0.2)), distance(pictures(16, 1, grain=0.2))
    assert same.value < 4
    assert min(dark.value, grainy.value) > same.value + 5 * same.error
    assert distance(pictures(16, 1, shift=-0.1)).value < dark.value
    assert distance(pictures(16, 0)).value == 0


def test_numbers_and_sizes_of_pictures_do_not_matter() -> None:
    distance = PatchDistance(pictures(16, 0))
    few = distance(pictures(8, 1, shift=-0.2, size=(52, 80)))
    many = distance(pictures(16, 1, shift=-0.2))
    assert few.value == pytest.approx(many.value, rel=0.15)
    assert few.error > many.error


def test_a_shift_of_grey_is_its_mean_projection() -> None:
    """Constant pictures: |θ·1| times the shift."""
    distance = PatchDistance([torch.zeros(3, 32, 32)] * 2)
    expected = torch.stack([d.sum((1, 2, 3)).abs().mean() for d in distance.directions]).mean()
    assert distance([torch.full((3, 32, 32), 0.1)] * 2).value == pytest.approx(float(expected) * 0.1 * 127.5, rel=1e-4)


def test_half_of_the_directions_see_texture_alone() -> None:
    directions = random_directions(32, random=torch.Generator().manual_seed(0))
    torch.testing.assert_close(directions.flatten(1).norm(dim=1), torch.ones(32))
    means = directions.mean((2, 3)).abs().amax(1)
    assert means[::2].max() < 1e-6 < means[1::2].min()


@pytest.mark.parametrize("count", [1, 400, 2640, 24_000_000, 100_000_001])
def test_places_reach_from_the_first_to_the_last(count: int) -> None:
    found = places(count)
    assert (len(found), int(found[0]), int(found[-1])) == (400, 0, count - 1)
    assert (found.diff() >= 0).all()


def test_the_smallest_pictures_have_patches() -> None:
    assert PatchDistance([torch.zeros(3, SMALLEST, SMALLEST)] * 2).target.shape == (2, 3 * 32, 400)
