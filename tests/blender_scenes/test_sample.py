import json
from collections.abc import Callable

import numpy as np
import pytest
import trimesh

from benchmarks.check_placement import bodies, faults, visible_fractions
from blender_scenes.config import RenderConfig
from blender_scenes.sample import Sampler
from blender_scenes.spec import SceneSpec

KINDS = ("random", "crowded", "rows", "stacks", "leaning", "occluded")
SCENES = ("fridge_a", "fridge", "shelf", "table")


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


@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_penetrates_and_nothing_floats(config: Callable[..., RenderConfig], kind: str, scene: str) -> None:
    """By FCL on the exact meshes, which do not even touch: pieces, furniture, and what each piece rests on."""
    sampler = Sampler(config("seed=3", f"placement={kind}", f"scene={scene}"))
    spec = sampler.sample(0)
    assert spec.placements
    assert faults(spec, sampler.meshes) == []


def test_gap_is_kept(sampler: Sampler) -> None:
    for index in range(10):
        manager = trimesh.collision.CollisionManager()
        solids = bodies(sampler.sample(index), sampler.meshes)
        for k, solid in enumerate(solids):
            manager.add_object(str(k), solid)
        assert len(solids) < 2 or manager.min_distance_internal() > 0.0039


def test_products_lie_inside_the_picture(sampler: Sampler, config: Callable[..., RenderConfig]) -> None:
    def outside(s: Sampler) -> list[float]:
        shares = []
        for index in range(3):
            spec = s.sample(index)
            for p in spec.placements:
                pixels, depth = spec.camera.project(p.transform(s.meshes[p.product, p.variant].vertices))
                assert (depth > 0).all()
                low, high = pixels.min(axis=0), pixels.max(axis=0)
                kept = np.prod(np.minimum(high, spec.camera.size) - np.maximum(low, 0)) / np.prod(high - low)
                shares.append(1 - kept)
        return shares

    assert max(outside(sampler)) < 1e-9
    cut = outside(Sampler(config("seed=3", "scene=shelf", "placement=crowded")))
    assert max(cut) <= 0.5
    assert np.mean(np.array(cut) > 0.05) > 0.05


@pytest.mark.parametrize(
    ("scene", "products", "most"),
    [
        ("shelf scene.framing.span=[0.9,1]", "product=[orange,mustard]", 60),
        ("fridge_a", "product=[orange,mustard,ketchup,water]", 60),
        ("fridge_b", "seed=0", 39),  # at its true size it has no room for more
    ],
)
def test_crowded_holds_up_to_sixty(config: Callable[..., RenderConfig], scene: str, products: str, most: int) -> None:
    sampler = Sampler(config(*f"scene={scene}".split(), "placement=crowded", "placement.objects=[60,60]", products))
    specs = [sampler.sample(i) for i in range(2)]
    assert max(len(s.placements) for s in specs) == most
    assert sum(sum(s.unplaced.values()) for s in specs) < 0.1 * sum(len(s.placements) for s in specs)


def test_rows_fit_what_is_seen(config: Callable[..., RenderConfig]) -> None:
    """Where the picture shows no room for 30 pieces, fewer are asked for, and others stand in for what is too large."""
    sampler = Sampler(config("scene=table", "placement=rows", "seed=0"))
    specs = [sampler.sample(i) for i in range(3)]
    placed, unplaced = (
        sum(v) for v in zip(*((len(s.placements), sum(s.unplaced.values())) for s in specs), strict=True)
    )
    assert min(len(s.placements) for s in specs) >= 10
    assert unplaced < 0.14 * placed


def test_a_shelf_is_full_unless_told_otherwise(config: Callable[..., RenderConfig]) -> None:
    full, few = (Sampler(config("scene=shelf", "seed=0", *keys)) for keys in ((), ("placement=random",)))
    counts = [[len(s.sample(i).placements) for i in range(2)] for s in (full, few)]
    assert np.mean(counts[0]) > 40 > np.mean(counts[1])


def test_stacks_stand_on_each_other(config: Callable[..., RenderConfig]) -> None:
    sampler = Sampler(config("scene=table", "placement=stacks", "product=[joghurt,eggBox,water]"))
    raised = {"joghurt": 0, "eggBox": 0, "water": 0}
    for index in range(5):
        for p in sampler.sample(index).placements:
            raised[p.product] += p.location[2] > 0.03
    assert raised["joghurt"] > 3
    assert raised["eggBox"] > 3
    assert raised["water"] == 0  # nothing stands on a bottle's cap


def test_leaning_pieces_have_fallen_beyond_their_edge(config: Callable[..., RenderConfig]) -> None:
    sampler = Sampler(config("scene=fridge_a", "placement=leaning", "product=[water,eggBox]"))
    tilts = [
        np.degrees(np.arccos(p.rotation[2][2]))
        for i in range(6)
        for p in sampler.sample(i).placements
        if p.product == "water" and p.pose == "upright"
    ]
    assert sum(12 < t < 45 for t in tilts) > 0.6 * len(tilts) > 3


def test_rows_are_equal_neighbours(config: Callable[..., RenderConfig]) -> None:
    sampler = Sampler(config("scene=shelf", "placement=rows", "product=[eggBox,joghurt,ketchup,mustard]"))
    same: list[bool] = []
    for spec in (sampler.sample(i) for i in range(3)):
        spots = np.array([p.location for p in spec.placements])
        nearest = [np.argsort(np.linalg.norm(spots - spot, axis=1))[1] for spot in spots]
        same += [spec.placements[a].product == p.product for a, p in zip(nearest, spec.placements, strict=True)]
    assert np.mean(same) > 0.6  # a quarter if by chance


def test_visible_fractions_come_near_to_what_is_wanted(config: Callable[..., RenderConfig]) -> None:
    """By painting the meshes from front to back."""

    def shares(*keys: str) -> np.ndarray:
        fractions = list[float]()
        for scene in ("fridge_a", "shelf"):
            sampler = Sampler(config("seed=0", f"scene={scene}", "placement=occluded", "size=[120,160]", *keys))
            for index in range(3):
                fractions += visible_fractions(sampler.sample(index), sampler.meshes)
        counts = np.histogram(fractions, np.linspace(0, 1, 6))[0]
        return counts / counts.sum()

    assert shares() == pytest.approx(np.full(5, 0.2), abs=0.13)
    assert shares("placement.visible=[0,0,0,0,1]", "placement.objects=[10,10]")[4] > 0.8


def test_visible_fractions_are_let_be_where_no_piece_stands_alone(config: Callable[..., RenderConfig]) -> None:
    leaning = ["placement.leaning=1", "placement.objects=[1,3]", "product=[water]", "size=[96,128]"]
    sampler = Sampler(config("scene=fridge_a", "placement=leaning", "placement.visible=[1,1,1,1,1]", *leaning))
    assert all(sampler.sample(index).placements for index in range(3))


def test_clutter_has_no_label(config: Callable[..., RenderConfig]) -> None:
    sampler = Sampler(config("product/clutter=[bag,box,bottle]", "placement.clutter=[3,5]", "scene=table"))
    assert not {"clutter", "bag", "box", "bottle"} & set(sampler.config.class_names)
    spec = sampler.sample(0)
    unlabelled = [p for p in spec.placements if not p.instance]
    assert 1 <= len(unlabelled) <= 5
    labels = [p.instance for p in spec.placements if p.instance]
    assert labels == list(range(1, len(labels) + 1))


def test_what_finds_no_room_is_counted_by_name(config: Callable[..., RenderConfig]) -> None:
    crowded = Sampler(config("+products.eggBox.copies=[0,0,0,0,0,0,0,0,0,0,0,0,0,0,1]", "product=[eggBox]"))
    spec = crowded.sample(0)
    assert spec.unplaced["eggBox"] > 0
    assert spec.unplaced["eggBox"] + len(spec.placements) == 14
