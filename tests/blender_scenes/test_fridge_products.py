"""The products of the two real fridges, conf/product/*.yaml: what holds of each whatever its YAML says."""

import numpy as np
import pytest
import trimesh
from omegaconf import OmegaConf

from blender_scenes import catalogue, part
from blender_scenes.catalogue import Product
from blender_scenes.geometry import euler
from coldstart.cli import conf_dir, typed

# Outer sizes in mm that a person would measure: width, depth, height.
SIZES = {
    "avocado": (74, 74, 120),
    "butter": (151, 113, 62),
    "champagne": (88, 88, 310),
    "eggBox_pulp": (252, 106, 72),
    "gerkin": (92, 92, 138),
    "joghurt_blue": (100, 100, 130),
    "ketchup_b": (76, 62, 186),
    "milk_bottle": (86, 86, 250),
    "milk_carton": (72, 73, 200),
    "mustard_jar": (70, 70, 92),
    "onion": (75, 75, 106),
    "orangeJuice": (83, 83, 248),
    "orange_large": (98, 98, 88),
    "pepper_red": (84, 84, 110),
    "pepper_yellow": (92, 82, 96),
    "tabasco": (34, 34, 128),
    "tomato": (84, 84, 68),
    "tomato_vine": (171, 123, 83),
    "water": (59, 59, 207),
    "water_pet": (64, 64, 228),
}


def product(name: str) -> Product:
    return typed(Product, OmegaConf.load(conf_dir() / "product" / f"{name}.yaml"))


@pytest.mark.parametrize("name", SIZES)
def test_sizes_are_real_and_meshes_are_light(name: str) -> None:
    mesh = catalogue.mesh(product(name), 0)
    assert mesh.vertices[:, 2].min() == pytest.approx(0, abs=1e-9)
    assert np.ptp(mesh.vertices, axis=0) * 1000 == pytest.approx(SIZES[name], abs=3)
    assert len(mesh.faces) < 6000
    assert mesh.uvs.min() > -1e-9 and mesh.uvs.max() < 1 + 1e-9


@pytest.mark.parametrize("name", SIZES)
def test_every_part_is_closed_with_normals_outwards(name: str) -> None:
    for number, piece in enumerate(product(name).parts):
        made = part.shape(piece)
        solid = trimesh.Trimesh(made.vertices, made.triangles(), process=False)
        solid.merge_vertices(merge_tex=True, merge_norm=True)
        solid.update_faces(solid.nondegenerate_faces())
        assert solid.is_watertight, (name, number)
        assert solid.volume > 0, (name, number)


@pytest.mark.parametrize("name", SIZES)
def test_poses_are_at_rest(name: str) -> None:
    """Tipped by two degrees any way, the centre of mass sinks by less than 0.5 mm: its weight is above its contact,
    or, with round bodies, less than 15 mm beside it."""
    made = product(name)
    solid = trimesh.Trimesh(catalogue.mesh(made, 0).vertices).convex_hull
    centre = solid.center_mass

    def height(rotation: np.ndarray) -> float:
        return float((rotation @ centre)[2] - (solid.vertices @ rotation.T)[:, 2].min())

    for key, pose in made.poses.items():
        for spin in np.linspace(*pose.spin, 5):
            resting = euler([*pose.tilt, 0]) @ euler([0, 0, spin])
            sinks = [
                height(resting) - height(euler(way) @ resting) for way in ([2, 0, 0], [-2, 0, 0], [0, 2, 0], [0, -2, 0])
            ]
            assert max(sinks) < 5e-4, (key, spin)
