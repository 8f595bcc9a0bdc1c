from collections.abc import Callable

import numpy as np
import pytest
import trimesh

from blender_scenes.config import RenderConfig
from blender_scenes.furniture.fridge import Detail, Drawer, Fridge, FridgeLamp, Shelf, Slab
from blender_scenes.furniture.parts import FINISHES
from blender_scenes.geometry import euler
from blender_scenes.sample import Sampler
from blender_scenes.scene import place
from coldstart.errors import UserError


@pytest.mark.parametrize("scene", ["fridge_a", "fridge_b"])
def test_presets_have_known_finishes_one_mesh_each_and_fill_the_cabinet(
    scene: str, config: Callable[..., RenderConfig]
) -> None:
    fridge = config(f"scene={scene}").scene.fridge
    assert fridge is not None
    parts = fridge.parts()
    plain = [(p.finish, p.mesh.smooth) for p in parts if not p.art]
    assert {name for name, _ in plain} <= FINISHES.keys()
    assert len(plain) == len(set(plain))
    shell = next(p for p in parts if p.finish == "wall" and p.mesh.smooth).mesh.vertices
    expected = np.array([fridge.width + 12, fridge.depth + 12, fridge.height + 12]) / 1000
    assert np.ptp(shell, axis=0) == pytest.approx(expected, abs=0.001)


@pytest.mark.parametrize("scene", ["fridge_a", "fridge_b", "fridge"])
def test_products_do_not_reach_into_shelves_or_walls(scene: str, config: Callable[..., RenderConfig]) -> None:
    sampler = Sampler(config(f"scene={scene}", "seed=9"))
    placed = 0
    for index in range(12):
        spec = sampler.sample(index)
        cabinet = trimesh.collision.CollisionManager()
        for k, part in enumerate(place(spec.furniture).parts()):
            cabinet.add_object(str(k), trimesh.Trimesh(part.mesh.vertices, part.mesh.triangles(), process=False))
        for p in spec.placements:
            mesh = sampler.meshes[p.product, p.variant]
            solid = trimesh.Trimesh(p.transform(mesh.vertices), mesh.triangles(), process=False)
            assert not cabinet.in_collision_single(solid), f"scene {index}: {p.product} ({p.pose}) on {p.surface}"
            placed += 1
    assert placed > 30


def test_shelves_can_be_moved_and_added() -> None:
    one = Fridge(shelves=[Shelf(height=400, front=200, back=600)])
    two = Fridge(shelves=[Shelf(height=400, front=200, back=600), Shelf(height=800, front=200, back=600)])
    panes = [next(p for p in f.parts() if p.finish == "pane").mesh.vertices[:, 2] for f in (one, two)]
    assert sorted(set(panes[0])) == pytest.approx([0.4])
    assert sorted(set(panes[1])) == pytest.approx([0.4, 0.8])
    assert [s.z for s in two.surfaces()] == pytest.approx([0.4, 0.8])


@pytest.mark.parametrize("kind", ["rimmed", "split", "glass", "wire"])
def test_nothing_of_a_shelf_rises_above_what_products_stand_on(kind: str) -> None:
    bare = Fridge(shelves=[Shelf(400, 200, 600, kind="floor")])
    shelved = Fridge(shelves=[Shelf(400, 200, 600, kind=kind)])
    before = {tuple(v) for p in bare.parts() for v in p.mesh.vertices}
    new = np.array([v for p in shelved.parts() for v in p.mesh.vertices if tuple(v) not in before])
    stand = new[(new[:, 1] > 0.212) & (new[:, 1] < 0.6)]
    assert len(new)
    assert (stand[:, 2] <= 0.4 + 1e-9).all()


def test_lamps_shine_into_the_fridge_from_where_they_are_seen() -> None:
    walls = {"ceiling": [0.0, 200.0], "back": [0.0, 500.0], "left": [200.0, 500.0], "right": [200.0, 500.0]}
    fridge = Fridge(shelves=[Shelf(100, 0, 600)], lamps=[FridgeLamp("panel", w, at) for w, at in walls.items()])
    sources = [s for s in fridge.light_sources() if s.source == "bulb"]
    assert len(sources) == 4
    glowing = next(p for p in fridge.parts() if p.finish == "panel").mesh.vertices.reshape(4, -1, 3).mean(axis=1)
    for seen, source in zip(glowing, sources, strict=True):
        assert np.linalg.norm(seen - source.location) < 0.04
        middle = np.array([0, 0.345, 0.56])
        assert (euler(source.rotation) @ [0, 0, -1]) @ (middle - source.location) > 0


def test_a_wash_is_hidden_and_shines_up_the_back_wall() -> None:
    wash = FridgeLamp("wash", "back", [0.0, 14.0], [440.0, 10.0])
    lit, dark = (Fridge(shelves=[Shelf(100, 0, 600)], lamps=lamps) for lamps in ([wash], []))
    assert len(lit.parts()) == len(dark.parts())
    source = lit.light_sources()[0]
    out = euler(source.rotation) @ [0, 0, -1]
    assert out[1] > 0.3 and out[2] > 0.3
    assert 0 < lit.depth / 1000 - source.location[1] < 0.05


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (Fridge, "scene.fridge.shelves: needs at least one shelf"),
        (lambda: Fridge(shelves=[Shelf(weight=0, back=600)]), "nothing can be placed"),
        (lambda: Fridge(shelves=[Shelf(1300, 100, 500)]), r"shelves\[0\].height: 1300 mm is not in 0..1120"),
        (
            lambda: Fridge(shelves=[Shelf(100, 100, 900)]),
            r"\[0\]: front 100 and back 900 must rise within 0..690",
        ),
        (lambda: Fridge(shelves=[Shelf(100, 100, 500, [-500, 0])]), r"x: \[-500, 0\] must rise within -360..360"),
        (lambda: Fridge(shelves=[Shelf(1000, 100, 500)]), "headroom: 300 mm is more than the 120 below the ceiling"),
        (lambda: Fridge(width=9, shelves=[Shelf(back=600)]), "width: 9 mm is not in 100..3000"),
        (lambda: Shelf(kind="marble"), "'marble' is none of rimmed, split, glass, wire, floor"),
        (lambda: Drawer(kind="oak"), "'oak' is none of clear, white"),
        (lambda: FridgeLamp(wall="door"), "'door' is none of back, left, right, ceiling, floor"),
        (lambda: FridgeLamp("wash", "ceiling"), "'ceiling' is none of back"),
        (lambda: Detail(kind="magnet"), "'magnet' is none of bracket, fan, frost"),
        (lambda: Slab(finish="gold"), "'gold' is none of wall, rim"),
    ],
)
def test_impossible_fridges_are_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        make()
