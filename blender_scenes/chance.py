"""Small draws that every sampler needs."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["between", "odds", "pick"]

Floats = NDArray[np.float64]


def between(limits: Sequence[float], rng: np.random.Generator) -> float:
    """Uniform between limits [low, high]."""
    low, high = limits
    return float(rng.uniform(low, high))


def odds(weights: Sequence[float]) -> Floats:
    """Weights as probabilities that sum to 1."""
    array = np.asarray(weights, dtype=float)
    probabilities: Floats = array / array.sum()
    return probabilities


def pick(weights: Mapping[str, float], rng: np.random.Generator) -> str:
    """One of the names, by its weight."""
    names = list(weights)
    return names[rng.choice(len(names), p=odds([weights[n] for n in names]))]
