"""How far two sets of pictures are apart, from their features."""

import warnings
from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torchmetrics.image.kid import KernelInceptionDistance

from coldstart.errors import UserError
from coldstart.features import Lite0Features, extract

__all__ = ["FEWEST", "DomainDistance", "Estimate", "frechet_distance", "kernel_distance"]

FEWEST = 4  # pictures a side: a half of them must still have a pair


class Estimate(NamedTuple):
    """A measured number and its standard error."""

    value: float
    error: float


def kernel_distance(features: Tensor, target: Tensor, *, subsets: int = 100, seed: int = 0) -> Estimate:
    """Kernel distance: unbiased MMD² with the kernel (x·y/d + 1)³ (Bińkowski et al. 2018, arXiv 1801.01401).

    `features` is n×d, `target` m×d. The mean over `subsets` random subsets of half the smaller side (at most 1000, as
    in the paper) and their standard deviation: that of random halves estimates the standard error of the whole
    (delete-half jackknife, Shao & Wu 1989). Unbiased also for few pictures, so that 0 means alike; may be negative.

    Raises:
        UserError: a side has fewer than FEWEST pictures.
    """
    size = min(1000, _smaller(features, target) // 2)
    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
        warnings.simplefilter("ignore")  # that it keeps the features in memory
        # torchmetrics draws its subsets from the CPU's global generator; torch.manual_seed would move the GPUs', too.
        torch.default_generator.manual_seed(seed)
        metric = KernelInceptionDistance(
            feature=nn.Identity(),
            subsets=subsets,
            subset_size=size,
            sync_on_compute=False,  # one process may measure alone
        )
        metric.update(target.double(), real=True)
        metric.update(features.double(), real=False)
        mean, deviation = metric.compute()
    return Estimate(float(mean), float(deviation))


def frechet_distance(features: Tensor, target: Tensor, *, subsets: int = 20, seed: int = 0) -> Estimate:
    """Fréchet distance of two Gaussians, |μ₁ − μ₂|² + tr(Σ₁ + Σ₂ − 2(Σ₁Σ₂)^½) (Heusel et al. 2017, arXiv 1706.08500).

    Of all pictures; the error is the standard deviation over random halves of both sides. Too large for few pictures,
    and the more so the fewer: compare only what was measured with equal numbers.

    Raises:
        UserError: a side has fewer than FEWEST pictures.
    """
    _smaller(features, target)
    random = torch.Generator().manual_seed(seed)

    def half(rows: Tensor) -> Tensor:
        return rows[torch.randperm(len(rows), generator=random)[: len(rows) // 2]]

    halves = torch.tensor([_frechet(half(features), half(target)) for _ in range(subsets)])
    return Estimate(_frechet(features, target), float(halves.std()))


def _frechet(first: Tensor, second: Tensor) -> float:
    """With Σ = AᵀA, tr (Σ₁Σ₂)^½ is the sum of the singular values of A₁A₂ᵀ.

    That matrix is n×m, while Σ is 1280×1280 and singular below 1281 pictures: the same number, exactly, and a hundred
    times faster than by eigenvalues when pictures are few.
    """
    (a, a_mean), (b, b_mean) = _centred(first), _centred(second)
    cross = torch.linalg.svdvals(a @ b.T).sum()
    return float((a_mean - b_mean).square().sum() + a.square().sum() + b.square().sum() - 2 * cross)


def _centred(rows: Tensor) -> tuple[Tensor, Tensor]:
    """A, with as few rows as give the same AᵀA, and the mean."""
    rows = rows.double()
    mean = rows.mean(0)
    factor = (rows - mean) / (len(rows) - 1) ** 0.5
    return torch.linalg.qr(factor, mode="r").R if len(rows) > rows.shape[1] else factor, mean


def _smaller(features: Tensor, target: Tensor) -> int:
    fewest = min(len(features), len(target))
    if fewest < FEWEST:
        raise UserError(f"a distance between sets of pictures needs at least {FEWEST} on each side, got {fewest}")
    return fewest


class DomainDistance:
    """How far pictures are from a target whose features are computed once: for use while training.

    `target` and what `__call__` takes are batches, N×3×H×W in [-1, 1]. The distance depends on the size of the
    pictures: give both sides at one scale.
    """

    def __init__(
        self, target: Iterable[Tensor], *, device: str | torch.device = "cpu", subsets: int = 100, seed: int = 0
    ) -> None:
        self.network, self.device, self.subsets, self.seed = Lite0Features().to(device), device, subsets, seed
        self.features = extract(self.network, target, device)

    def __call__(self, batches: Iterable[Tensor]) -> Estimate:
        """`kid_lite0`: the kernel distance to the target, and its standard error."""
        features = extract(self.network, batches, self.device)
        return kernel_distance(features, self.features, subsets=self.subsets, seed=self.seed)
