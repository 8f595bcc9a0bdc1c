"""The decay of the learning rate, networks that are frozen, and averaged weights."""

from typing import Any

import pytest
import torch

from gan.models.base import decay
from gan.models.critic import frozen
from gan.models.cyclegan import CycleGAN, CycleGANConfig
from gan.networks import PatchConfig, ResnetConfig


def published(epoch: int, n_epochs: int, n_epochs_decay: int) -> float:
    return 1.0 - max(0, epoch + 1 - n_epochs) / (n_epochs_decay + 1)


@pytest.mark.parametrize("length", [1, 7])
def test_decay_by_epoch_is_the_published_one(length: int) -> None:
    factors = [decay(step, 200 * length, length) for step in range(200 * length)]
    assert factors == [published(step // length, 100, 100) for step in range(200 * length)]


def test_decay_by_step_is_the_published_one_with_steps_for_epochs() -> None:
    assert [decay(step, 8) for step in range(8)] == [1, 1, 1, 1, 0.8, pytest.approx(0.6), 0.4, pytest.approx(0.2)]


@pytest.mark.parametrize(("steps", "epoch"), [(1, 1), (2, 1), (3, 1), (10, 4), (3, 100)])
def test_every_step_of_a_short_training_learns(steps: int, epoch: int) -> None:
    assert all(decay(step, steps, epoch) > 0 for step in range(steps))


def test_a_frozen_network_passes_gradients_on_without_keeping_any() -> None:
    network, x = torch.nn.Linear(2, 1), torch.ones(1, 2, requires_grad=True)
    with frozen(network):
        y = network(x).sum()
    y.backward()
    assert x.grad is not None
    assert all(p.grad is None and p.requires_grad for p in network.parameters())


def tiny(**keys: Any) -> CycleGAN:
    return CycleGAN(CycleGANConfig(generator=ResnetConfig(4, 0), discriminator=PatchConfig(4), **keys), steps=4)


def test_the_final_generator_is_the_running_average() -> None:
    assert (plain := tiny()).final is plain.generator
    model = tiny(ema=0.75)
    assert model.averaged is not None
    assert not any(p.requires_grad for p in model.averaged.parameters())
    name = "model.1.weight"
    values = []
    for value in (1.0, 2.0, 3.0):
        torch.nn.init.constant_(model.generator.get_parameter(name), value)
        model.averaged.update_parameters(model.generator)
        values.append(float(model.final.get_parameter(name).mean()))
    assert values == pytest.approx([1.0, 1.25, 0.75 * 1.25 + 0.25 * 3])
