import json
from collections.abc import Callable

import numpy as np
import pytest
import trimesh

from blender_scenes.config import RenderConfig
from blender_scenes.sample import Sampler
from blender_scenes.scene import place
from blender_scenes.spec import SceneSpec


@pytest.fixture(scope="module")
def sampler(config: Callable[..., RenderConfig]) -> Sampler:
    return Sampler(config("seed=3"))


def test_same_config_seed_and_index_give_the_same_scene_in_any_order(
    sampler: Sampler, config: Callable[..., RenderConfig]
) -> None:
    forward = [sampler.sample(i) for i in range(4)]
    other = Sampler(config("seed=3"))
    assert [other.sample(i) for i in (3, 2, 1, 0)][::-1] == forward
    assert len({json.dumps(s.to_json()) for s in forward}) == 4
    assert Sampler(config("seed=4")).sample(0).placements != forward[0].placements


def test_another_look_keeps_the_scene(sampler: Sampler, config: Callable[..., RenderConfig]) -> None:
    ours, theirs = sampler.sample(5), Sampler(config("seed=3", "look=simulated_camera")).sample(5)
    assert theirs.placements == ours.placements
    assert theirs.camera == ours.camera
    assert theirs.light != ours.light


def test_spec_survives_json(sampler: Sampler) -> None:
    spec = sampler.sample(0)
    assert SceneSpec.from_json(json.loads(json.dumps(spec.to_json()))) == spec


def test_products_do_not_touch_and_do_not_float(sampler: Sampler) -> None:
    """Exact mesh distances by an independent library (FCL), on the meshes that are rendered."""
    pairs = 0
    for index in range(25):
        spec = sampler.sample(index)
        heights = {s.name: s.z for s in place(spec.furniture).surfaces()}
        manager = trimesh.collision.CollisionManager()
        for p in spec.placements:
            mesh = sampler.meshes[p.product]
            world = p.transform(mesh.vertices)
            assert 0 < world[:, 2].min() - heights[p.surface] < 0.001
            manager.add_object(str(p.instance), trimesh.Trimesh(world, mesh.triangles(), process=False))
        if len(spec.placements) > 1:
            pairs += 1
            assert not manager.in_collision_internal()
            assert manager.min_distance_internal() > 0.0035
    assert pairs > 15


def test_products_lie_inside_the_picture(sampler: Sampler) -> None:
    for index in range(25):
        spec = sampler.sample(index)
        for p in spec.placements:
            pixels, depth = spec.camera.project(p.transform(sampler.meshes[p.product].vertices))
            assert (depth > 0).all()
            assert (pixels >= 0).all()
            assert (pixels <= np.array(spec.camera.size)).all()


def test_what_finds_no_room_is_counted(config: Callable[..., RenderConfig]) -> None:
    crowded = Sampler(config("+products.eggBox.copies=[0,0,0,0,0,0,0,0,0,0,0,0,0,0,1]", "product=[eggBox]"))
    spec = crowded.sample(0)
    assert spec.unplaced > 0
    assert spec.unplaced + len(spec.placements) == 14
