from collections.abc import Callable
from dataclasses import fields

import numpy as np
import pytest

from blender_scenes import randomise
from blender_scenes.config import RenderConfig
from blender_scenes.lens import pinhole
from blender_scenes.look import Look
from blender_scenes.randomise import Randomise
from blender_scenes.sample import Sampler
from blender_scenes.spec import SceneSpec
from coldstart.errors import UserError

Config = Callable[..., RenderConfig]


def specs(config: RenderConfig, count: int = 6) -> list[SceneSpec]:
    sampler = Sampler(config)
    return [sampler.sample(i) for i in range(count)]


def test_without_randomisation_camera_and_light_are_always_the_same(config: Config) -> None:
    found = specs(config("randomise=none"))
    assert len({s.camera for s in found}) == 1
    assert len({s.response for s in found}) == 1
    assert {s.light.hdri for s in found} == {""}
    assert {s.light.bulb_watts for s in found} == {found[0].light.bulb_watts}
    assert {p.variant for s in found for p in s.placements} == {0}
    assert len({p.location for s in found for p in s.placements}) > 20


def test_moderate_is_what_scene_and_look_say() -> None:
    given = Look()
    same = randomise.look(given, Randomise())
    for item in fields(Look):
        if item.name not in ("hdri_odds", "aperture", "motion"):
            assert np.allclose(getattr(same, item.name), getattr(given, item.name)) if item.name != "hdri" else True
    assert (same.hdri_odds, same.aperture, same.motion) == (0, [0, 0], [0, 0])


def test_one_group_leaves_the_draws_of_the_others_alone(config: Config) -> None:
    plain = specs(config())
    lamps = specs(config("randomise.lamps=2", "randomise.hdri=1", "randomise.depth_of_field=1"))
    assert [s.response.exposure for s in plain] == [s.response.exposure for s in lamps]
    assert [s.placements for s in plain] == [s.placements for s in lamps]
    assert [s.light.bulb_watts for s in plain] != [s.light.bulb_watts for s in lamps]
    assert any(s.light.hdri for s in lamps)
    assert all(s.response.aperture > 0 for s in lamps)


def test_strengths_widen_in_order_and_stay_physical() -> None:
    widths = []
    for strength in (0.0, 0.5, 1.0, 2.0, 4.0):
        given = randomise.look(Look(), Randomise(exposure=strength, vignette=strength, jpeg=strength))
        widths.append(given.exposure[1] - given.exposure[0])
        assert 0 <= given.vignette[0] <= given.vignette[1] <= 0.9
        assert all(5 <= q <= 100 for q in given.jpeg)
    assert widths == sorted(widths)
    assert widths[0] == 0
    assert widths[3] == pytest.approx(2 * widths[2])


def test_strong_bends_lenses_and_shakes_hands(config: Config) -> None:
    found = specs(config("randomise=strong", "scene=fridge", "look=any"))
    assert all(s.camera.k1 != 0 for s in found)
    assert any(np.hypot(*s.response.motion) > 0.5 for s in found)


def test_a_wide_camera_is_bent_as_far_as_its_corners_allow(config: Config) -> None:
    """The drawn k1 of scene 33 would turn the corners of this camera over."""
    wide = Sampler(config("randomise=strong", "scene=fridge", "look=any", "size=[416,312]"))
    camera = wide.sample(33).camera
    assert -0.12 < camera.k1 < -0.06
    assert max(pinhole(camera).size) < 1.5 * 416


def test_looks_share_the_scene(config: Config) -> None:
    sampler = Sampler(config())
    first = sampler.sample(3)
    second = sampler.relit(first, 1)
    assert sampler.relit(first, 0) == first
    assert (second.placements, second.camera, second.furniture) == (first.placements, first.camera, first.furniture)
    assert second.light != first.light
    assert (first.name, second.name) == ("000003", "000003_1")


def test_paint_is_mostly_near_to_neutral(config: Config) -> None:
    painted = np.array([s.light.background for s in specs(config("look=any"), 60)])
    strayed = np.ptp(painted, axis=1) / painted.mean(axis=1)
    assert np.median(strayed) < 0.15
    assert strayed.max() > 0.2
    assert (painted[:, 1] <= painted[:, [0, 2]].max(axis=1) * 1.12).mean() > 0.9  # walls are seldom green


def test_bad_strengths_and_pictures_are_one_line() -> None:
    with pytest.raises(UserError, match=r"randomise.lamps: 9 is not in 0..4"):
        Randomise(lamps=9)
    with pytest.raises(UserError, match=r"look.hdri: 'moon' is neither a file nor one of city"):
        Look(hdri=["moon"])
