"""Tests of gan/networks/instance_norm.py: PyTorch's own instance norm, forwards and backwards."""

import pytest
import torch
from torch import Tensor, nn

from gan.networks.instance_norm import InstanceNorm


def passed(layer: nn.Module, x: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """What `layer` makes of `x`, and the gradient of its sum under `weights`."""
    x = x.clone().requires_grad_()
    y = layer(x)
    (y * weights).sum().backward()
    assert x.grad is not None
    return y.detach(), x.grad


@pytest.mark.parametrize("order", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("images", [1, 3])
@pytest.mark.parametrize("mean", [0.0, 50.0])
def test_equals_pytorchs(order: torch.memory_format, images: int, mean: float) -> None:
    x, weights = ((torch.randn(images, 4, 9, 7) * 3).to(memory_format=order) for _ in range(2))
    y, gradient = passed(InstanceNorm(4), x + mean, weights)
    # In plain order: torch 2.14.1's gradient of one channels-last image is wrong.
    expected, expected_gradient = passed(nn.InstanceNorm2d(4), (x + mean).contiguous(), weights.contiguous())
    torch.testing.assert_close(y, expected, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(gradient, expected_gradient, rtol=1e-4, atol=1e-4)
    assert y.is_contiguous(memory_format=order)


def test_gradient_is_exact() -> None:
    assert torch.autograd.gradcheck(InstanceNorm(2), torch.randn(2, 2, 4, 3, dtype=torch.double, requires_grad=True))


def test_rounded_numbers_are_as_near_to_the_truth_as_pytorchs() -> None:
    x, weights = torch.randn(2, 8, 32, 32) * 2 + 5, torch.randn(2, 8, 32, 32)
    _, exact = passed(nn.InstanceNorm2d(8), x.bfloat16().float(), weights.bfloat16().float())
    errors = [
        (passed(layer, x.bfloat16(), weights.bfloat16())[1].float() - exact).abs().mean()
        for layer in (InstanceNorm(8), nn.InstanceNorm2d(8))
    ]
    assert errors[0] < 2 * errors[1]


def test_what_overwrites_the_output_changes_no_gradient() -> None:
    x, weights = torch.randn(1, 4, 8, 8), torch.randn(1, 4, 8, 8)
    _, gradient = passed(nn.Sequential(InstanceNorm(4), nn.ReLU(inplace=True)), x, weights)
    _, expected = passed(nn.Sequential(nn.InstanceNorm2d(4), nn.ReLU()), x, weights)
    torch.testing.assert_close(gradient, expected)
