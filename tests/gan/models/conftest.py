"""A random batch."""

import pytest
import torch

from gan.data import Pair


@pytest.fixture
def pair() -> Pair:
    """Two sources and targets of 32×32, objects in a quarter, no guide."""
    random = torch.Generator().manual_seed(1)
    source, target = torch.rand(2, 2, 3, 32, 32, generator=random) * 2 - 1
    objects = torch.zeros(2, 1, 32, 32)
    objects[..., :16, :16] = 1
    return Pair(source, target, objects, torch.zeros(2, 0, 32, 32))
