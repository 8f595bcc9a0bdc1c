import json
from collections.abc import Callable

import numpy as np
import pytest

from blender_scenes.config import RenderConfig
from blender_scenes.furniture.fridge import Fridge, Shelf
from blender_scenes.furniture.table import Tables
from blender_scenes.scene import Scene, furnish, place
from blender_scenes.viewpoint import Framing
from coldstart.errors import UserError

SHELVES = [Shelf(400, 100, 500)]


@pytest.mark.parametrize("name", ["fridge_a", "fridge_b", "fridge", "shelf", "table"])
def test_furniture_survives_json(name: str, config: Callable[..., RenderConfig]) -> None:
    furniture = furnish(config(f"scene={name}").scene, np.random.default_rng(3))
    back = json.loads(json.dumps(furniture))
    assert back == furniture
    ours, theirs = place(furniture), place(back)
    assert theirs.surfaces() == ours.surfaces()
    assert theirs.light_sources() == ours.light_sources()
    for a, b in zip(ours.parts(), theirs.parts(), strict=True):
        assert (a.mesh.vertices == b.mesh.vertices).all()


def test_a_given_fridge_is_the_same_in_every_scene_and_any_fridge_is_not(config: Callable[..., RenderConfig]) -> None:
    def drawn(name: str) -> list[str]:
        scene = config(f"scene={name}").scene
        return [json.dumps(furnish(scene, np.random.default_rng(seed))) for seed in range(5)]

    assert len(set(drawn("fridge_a"))) == 1
    assert len(set(drawn("fridge"))) == 5


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"framing": Framing()}, "exactly one of fridge, any_fridge, shelf, table, found none"),
        (
            {"framing": Framing(), "fridge": Fridge(shelves=SHELVES), "table": Tables()},
            "found fridge and table; a key is unset with key=null",
        ),
        ({"table": Tables()}, "exactly one of camera, framing, found none"),
    ],
)
def test_a_scene_is_one_place_with_one_camera(keys: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        Scene(name="x", **keys)  # type: ignore[arg-type]
