from collections.abc import Callable

import numpy as np
import pytest
import trimesh

from blender_scenes.config import RenderConfig
from blender_scenes.furniture.fridge import Fridge, Shelf, furniture
from blender_scenes.furniture.parts import FINISHES
from blender_scenes.sample import Sampler
from coldstart.errors import UserError


def test_furniture_has_known_finishes_and_fills_the_cabinet(config: Callable[..., RenderConfig]) -> None:
    parts = furniture(config().scene.fridge)
    assert {p.finish for p in parts} <= FINISHES.keys()
    shell = parts[0].mesh.vertices
    assert np.ptp(shell, axis=0) == pytest.approx([0.732, 0.702, 1.132], abs=0.001)


def test_products_do_not_reach_into_shelves_or_walls(config: Callable[..., RenderConfig]) -> None:
    settings = config("seed=9")
    sampler = Sampler(settings)
    cabinet = trimesh.collision.CollisionManager()
    for k, part in enumerate(furniture(settings.scene.fridge)):
        cabinet.add_object(str(k), trimesh.Trimesh(part.mesh.vertices, part.mesh.triangles(), process=False))
    for index in range(15):
        for p in sampler.sample(index).placements:
            mesh = sampler.meshes[p.product]
            solid = trimesh.Trimesh(p.transform(mesh.vertices), mesh.triangles(), process=False)
            assert not cabinet.in_collision_single(solid), f"scene {index}: {p.product} ({p.pose}) on {p.surface}"


def test_shelves_can_be_moved_and_added() -> None:
    one = furniture(Fridge(shelves=[Shelf(height=400, front=200, back=600)]))
    two = furniture(Fridge(shelves=[Shelf(height=400, front=200, back=600), Shelf(height=800, front=200, back=600)]))
    assert len(two) > len(one)
    panes = [p.mesh.vertices[:, 2].max() for p in two if p.finish == "pane"]
    assert panes == pytest.approx([0.4, 0.8])


def test_a_fridge_without_room_is_refused() -> None:
    with pytest.raises(UserError, match="at least one shelf"):
        Fridge()
    with pytest.raises(UserError, match="nothing can be placed"):
        Fridge(shelves=[Shelf(weight=0)])
