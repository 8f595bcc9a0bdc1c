import numpy as np
import pytest

from blender_scenes import art
from coldstart.errors import UserError


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_layers_land_where_they_say() -> None:
    layers = [{"fill": "#ffffff"}, {"rect": [0.5, 0.5, 1.0, 1.0], "colour": "#ff0000"}]
    picture = art.draw(layers, [40, 20], rng())
    assert picture.shape == (20, 40, 3)
    assert picture[2, 30].tolist() == [255, 0, 0]  # u right, v up: the upper right quarter
    assert picture[15, 30].tolist() == [255, 255, 255]
    assert picture[2, 5].tolist() == [255, 255, 255]


@pytest.mark.parametrize(
    "layer",
    [
        {"ellipse": [0.5, 0.5, 0.2, 0.2], "colour": "#000000"},
        {"polygon": [[0.3, 0.3], [0.7, 0.3], [0.5, 0.8]], "colour": "#000000"},
        {"text": "EGGS", "at": [0.5, 0.5], "height": 0.3, "colour": "#000000"},
        {"lines": [0.2, 0.2, 0.8, 0.8], "colour": "#000000", "count": 4},
        {"barcode": [0.2, 0.2, 0.8, 0.8]},
        {"blobs": [0, 0, 1, 1], "colours": ["#336699"], "count": 5, "radius": [0.1, 0.2]},
    ],
)
def test_every_shape_draws_and_repeats_with_its_seed(layer: dict[str, object]) -> None:
    blank = art.draw([{"fill": "#808080"}], [64, 32], rng())
    drawn = art.draw([{"fill": "#808080"}, layer], [64, 32], rng())
    assert (drawn != blank).any()
    assert (drawn == art.draw([{"fill": "#808080"}, layer], [64, 32], rng())).all()


def test_patterns_change_what_is_there() -> None:
    base = [{"fill": "#808080"}]
    for layer in ({"mottle": 0.5}, {"streaks": 5, "colour": "#00ff00", "strength": 0.8}):
        assert art.draw([*base, layer], [64, 32], rng()).std() > 2


def test_mistakes_name_product_and_layer() -> None:
    with pytest.raises(UserError, match="product x, layer 1: needs one of"):
        art.draw([{"fill": "#000000"}, {"squiggle": 1}], [8, 8], rng(), "product x")
    with pytest.raises(UserError, match=r"layer 0 \(rect\)"):
        art.draw([{"rect": [0, 0, 1, 1]}], [8, 8], rng())
    with pytest.raises(UserError, match="#rrggbb"):
        art.hex_colour("red")
