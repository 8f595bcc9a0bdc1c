"""The decay of the learning rate and the guard against NaN."""

import pytest

from gan.models.base import decay


def test_learning_rate_is_constant_then_falls_linearly_to_zero() -> None:
    assert [decay(step, 8) for step in range(9)] == [1, 1, 1, 1, 1, 0.75, 0.5, 0.25, 0]


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_every_step_of_a_short_training_learns(steps: int) -> None:
    assert all(decay(step, steps) > 0 for step in range(steps))
    assert decay(steps, steps) == 0
