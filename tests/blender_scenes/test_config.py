"""Which products a render has: those that are asked for, whatever a preset says of others."""

import pytest

from blender_scenes.config import RenderConfig
from coldstart.cli import compose, typed
from coldstart.errors import UserError


def config(*overrides: str) -> RenderConfig:
    return typed(RenderConfig, compose("render", [*overrides, "out=x"]))


@pytest.mark.parametrize("scene", ["fridge", "fridge_a", "fridge_b", "shelf", "table"])
def test_a_preset_is_filled_with_the_products_that_are_asked_for(scene: str) -> None:
    assert list(config(f"scene={scene}", "product=[can,orange]").products) == ["can", "orange"]


def test_a_preset_says_how_many_of_them_there_are() -> None:
    assert config("scene=fridge", "product=[orange]").products["orange"].copies == [0.1, 0.1, 0.2, 0.3, 0.3]


def test_a_distortion_that_a_camera_cannot_have_is_refused() -> None:
    fixed = "+scene.distortion=[-0.5,-0.5]"
    config("scene=fridge", fixed)  # which randomise=moderate, the default, turns off
    with pytest.raises(UserError, match=r"^scene.distortion: \[-0.5, -0.5\] bends the corners .* can have -0.\d+ to 0"):
        config("scene=fridge", "randomise=strong", fixed)
    with pytest.raises(UserError, match=r"^scene.distortion: .* must be"):
        config("scene=fridge", "+scene.distortion=[0.1,-0.1]")
    assert config("scene=fridge", "randomise=strong", "size=[416,312]").scene.distortion == [-0.12, 0.03]


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("+products.onoin.copies=[0,1]", "products.onoin: no such product; did you mean 'onion'?"),
        ("+products.hat.copies=[0,1]", r"products.hat: no such product; choose it by product=\[…\]"),
        ("+products.hat.parts=[{kind: box, size: [1, 1, 1]}]", "category: has no value; give the name of its label"),
    ],
)
def test_a_name_that_is_no_product_is_refused(key: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        config("scene=fridge_b", key)
