"""Safety losses are zero for what is harmless and grow for what would break a label."""

from typing import Any

import pytest
import torch
from torch import Tensor

from coldstart.errors import UserError
from gan.models.safety import Perceptual, Safety, SafetyConfig, border, detail, normalised_gradient


def square() -> tuple[Tensor, Tensor]:
    """A striped square on grey, 1×3×64×64, and its mask."""
    image, mask = torch.full((1, 3, 64, 64), -0.2), torch.zeros(1, 1, 64, 64)
    image[..., 20:44, 20:44] = 0.4
    image[..., 20:44, 20:44:4] = 0.0
    mask[..., 20:44, 20:44] = 1
    return image, mask


def loss(name: str, translated: Tensor) -> float:
    image, mask = square()
    losses = Safety(SafetyConfig(**{name: 1.0}))(image, translated, mask)
    assert list(losses) == [name]
    return float(losses[name])


def test_nothing_is_asked_by_default() -> None:
    image, mask = square()
    assert Safety(SafetyConfig())(image, -image, mask) == {}


def test_weighted_l1_is_the_plain_one_with_equal_weights() -> None:
    image, mask = square()
    other = torch.rand_like(image)
    torch.testing.assert_close(Safety(SafetyConfig()).l1(image, other, mask), (image - other).abs().mean())
    a = Safety(SafetyConfig(objects=3.0, background=0.5)).l1(image, other, mask)
    weights = torch.where(mask > 0, 3.0, 0.5)
    torch.testing.assert_close(a, (weights * (image - other).abs()).mean())


def test_border_is_the_band_on_both_sides_of_the_outline() -> None:
    mask = square()[1]
    band = border(mask, 3)
    assert set(band.unique().tolist()) == {0.0, 1.0}
    assert band.sum() == 30**2 - 18**2
    assert not border(torch.zeros(1, 1, 16, 16), 3).any()


@pytest.mark.parametrize("name", ["edges", "art"])
def test_light_and_contrast_are_free_and_what_moves_or_goes_costs(name: str) -> None:
    image, mask = square()
    brighter = image + 0.1
    contrast = image * 1.1
    moved = torch.roll(image, 6, -1)
    gone = torch.where(mask > 0, torch.full_like(image, -0.2), image)
    assert loss(name, image) == 0
    assert loss(name, brighter) < 1e-4
    harmless, harms = loss(name, contrast), (loss(name, moved), loss(name, gone))
    assert min(harms) > 3 * harmless


def test_edges_count_near_outlines_and_art_inside_objects() -> None:
    image, _ = square()
    elsewhere = image.clone()
    elsewhere[..., :8, :] = 0.9
    assert loss("edges", elsewhere) == 0
    assert loss("art", elsewhere) == 0
    repainted = image.clone()
    repainted[..., 28:36, 28:36] = 0.9
    assert loss("edges", repainted) == 0
    assert loss("art", repainted) > 0.01


def test_perceptual_distance_weighs_objects_and_leaves_its_network_alone() -> None:
    image, mask = square()
    translated = (image + 0.3 * torch.randn(image.shape, generator=torch.Generator().manual_seed(0))).requires_grad_()
    safety = Safety(SafetyConfig(perceptual=1.0, background=0.0)).train()
    before = {name: tensor.clone() for name, tensor in safety.state_dict().items()}
    safety(image, translated, mask)["perceptual"].backward()
    assert translated.grad is not None
    assert bool(translated.grad.any())
    assert all(torch.equal(tensor, before[name]) for name, tensor in safety.state_dict().items())
    assert not any(p.requires_grad for p in safety.parameters())
    assert loss("perceptual", image) == 0
    assert safety(image, translated, torch.zeros_like(mask))["perceptual"] == 0
    assert Perceptual()(translated, image).shape == (1, 1, 64, 64)


def test_gradients_flow_where_nothing_is_seen() -> None:
    flat, mask = torch.zeros(1, 3, 32, 32), torch.ones(1, 1, 32, 32)
    translated = torch.zeros(1, 3, 32, 32, requires_grad=True)
    losses = Safety(SafetyConfig(edges=1.0, art=1.0))(flat, translated, mask)
    torch.stack(list(losses.values())).sum().backward()
    assert translated.grad is not None
    assert bool(translated.grad.isfinite().all())
    assert normalised_gradient(flat).shape == (1, 2, 32, 32)
    assert detail(torch.ones(1, 3, 32, 32)).abs().max() < 1e-5


@pytest.mark.parametrize(
    "wrong", [{"detector": "a.safetensors"}, {"edges": -1.0}, {"band": -1}, {"objects": float("nan")}]
)
def test_config_refuses_values_out_of_range(wrong: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=f"model.safety.{next(iter(wrong))}"):
        SafetyConfig(**wrong)
