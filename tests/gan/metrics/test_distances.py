"""Distances of feature sets: against torchmetrics, against what Gaussians give, and on pictures that were degraded."""

import pytest
import torch
from torch import Tensor, nn
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.kid import poly_mmd

from coldstart.errors import UserError
from gan.metrics import DomainDistance, Lite0Features, extract, frechet_distance, kernel_distance


def cloud(count: int, seed: int, shift: float = 0.0, width: int = 12) -> Tensor:
    return torch.randn(count, width, generator=torch.Generator().manual_seed(seed)) + shift


class Rows(nn.Module):
    num_features = 12

    def forward(self, rows: Tensor) -> Tensor:
        return rows


@pytest.mark.parametrize("counts", [(40, 55), (9, 7)])
def test_frechet_equals_torchmetrics(counts: tuple[int, int]) -> None:
    first, second = cloud(counts[0], 0, 0.4), cloud(counts[1], 1) * 1.5
    metric = FrechetInceptionDistance(feature=Rows()).set_dtype(torch.float64)
    metric.update(second.double(), real=True)
    metric.update(first.double(), real=False)
    assert frechet_distance(first, second).value == pytest.approx(float(metric.compute()), rel=1e-6)


def test_frechet_of_gaussians() -> None:
    """|μ₁ − μ₂|² + Σ (σ₁ − σ₂)² for independent coordinates: 12 · (0.5² + 1²)."""
    found = frechet_distance(cloud(20000, 0), cloud(20000, 1) * 2 + 0.5, subsets=2)
    assert found.value == pytest.approx(15, rel=0.03)


def test_kernel_distance_is_the_mean_over_all_subsets() -> None:
    """Of four and four pictures there are 6 × 6 subsets of two: their plain mean."""
    first, second = cloud(4, 0, 0.5), cloud(4, 1)
    pairs = [[i, j] for i in range(4) for j in range(i)]
    expected = torch.stack([poly_mmd(second[a], first[b]) for a in pairs for b in pairs])
    found = kernel_distance(first, second, subsets=4000)
    assert found.value == pytest.approx(float(expected.mean()), abs=4 * float(expected.std()) / 4000**0.5)
    assert found.error == pytest.approx(float(expected.std()), rel=0.1)


def test_kernel_distance_is_unbiased_and_its_error_honest() -> None:
    """Many small samples of one distribution: around 0, and as spread as the standard error says."""
    found = [kernel_distance(cloud(24, 2 * i), cloud(24, 2 * i + 1), subsets=50) for i in range(60)]
    values = torch.tensor([f.value for f in found])
    errors = torch.tensor([f.error for f in found])
    assert abs(float(values.mean())) < 3 * float(values.std()) / 60**0.5
    assert 0.6 < float(values.std() / errors.mean()) < 1.6


def test_same_seed_same_number_and_the_global_generator_is_left_alone() -> None:
    first, second = cloud(20, 0), cloud(30, 1)
    state = torch.get_rng_state()
    assert kernel_distance(first, second, seed=3) == kernel_distance(first, second, seed=3)
    assert kernel_distance(first, second, seed=3) != kernel_distance(first, second, seed=4)
    assert frechet_distance(first, second, seed=3) == frechet_distance(first, second, seed=3)
    assert torch.equal(state, torch.get_rng_state())


@pytest.mark.parametrize("distance", [kernel_distance, frechet_distance])
def test_too_few_pictures(distance: object) -> None:
    with pytest.raises(UserError, match="needs at least 4 on each side, got 3"):
        distance(cloud(3, 0), cloud(9, 1))  # type: ignore[operator]


def scenes(count: int, seed: int) -> Tensor:
    """Smooth coloured patterns, 48×64."""
    small = torch.rand(count, 3, 5, 6, generator=torch.Generator().manual_seed(seed)) * 2 - 1
    return nn.functional.interpolate(small, (48, 64), mode="bicubic").clamp(-1, 1)


def test_domain_distance_grows_with_the_damage_and_sees_every_picture() -> None:
    torch.manual_seed(0)
    target, other = scenes(12, 0), scenes(12, 1)
    distance = DomainDistance(target.split(5))
    noise = torch.randn_like(other)
    found = [distance((other + strength * noise).split(4)) for strength in (0, 0.1, 0.4)]
    assert abs(found[0].value) < 3 * found[0].error
    assert found[0].value + 3 * found[0].error < found[1].value < found[2].value
    assert extract(Lite0Features(), other.split(5)).shape == (12, 1280)


def test_features_ignore_training_mode_and_autocast() -> None:
    network, pictures = Lite0Features(), scenes(2, 0)
    plain = network(pictures)
    network.train()
    with torch.autocast("cpu", torch.bfloat16):
        assert network(pictures).equal(plain)
    assert not any(p.requires_grad for p in network.parameters())


def test_random_generators_of_gpus_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    seeded: list[int] = []
    monkeypatch.setattr(torch.cuda, "manual_seed_all", seeded.append)
    kernel_distance(torch.randn(8, 4), torch.randn(8, 4), subsets=2)
    assert seeded == []
