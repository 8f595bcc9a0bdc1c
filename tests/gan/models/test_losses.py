"""The GAN losses at numbers that can be checked by hand."""

import math

import pytest
import torch

from gan.models.losses import cross_entropy, least_squares


def test_least_squares_loss() -> None:
    scores = torch.tensor([0.0, 1.0, 3.0])
    assert least_squares(scores, True).item() == pytest.approx((1 + 0 + 4) / 3)
    assert least_squares(scores, False).item() == pytest.approx((0 + 1 + 9) / 3)


def test_cross_entropy_loss() -> None:
    scores = torch.tensor([0.0, math.log(3.0)])  # probabilities 1/2 and 3/4
    assert cross_entropy(scores, True).item() == pytest.approx((math.log(2) + math.log(4 / 3)) / 2)
    assert cross_entropy(scores, False).item() == pytest.approx((math.log(2) + math.log(4)) / 2)
