from collections.abc import Callable

import numpy as np
import pytest

from blender_scenes.annotate import annotate
from blender_scenes.config import RenderConfig
from blender_scenes.raster import amodal_mask
from blender_scenes.sample import Sampler
from blender_scenes.spec import SceneSpec
from coldstart.dataset import Annotation, decode_rle


@pytest.fixture(scope="module")
def sampler(config: Callable[..., RenderConfig]) -> Sampler:
    return Sampler(config("seed=1", "size=[156,208]"))


def labels(sampler: Sampler, spec: SceneSpec, mask: np.ndarray, fraction: float = 0.15) -> list[Annotation]:
    ids = {name: i for i, name in enumerate(sampler.config.products, start=1)}
    return annotate(spec, mask, sampler.meshes, ids, min_visible_fraction=fraction, min_pixels=5)


def silhouettes(sampler: Sampler, spec: SceneSpec) -> np.ndarray:
    """A stand-in for the renderer's index pass: later pieces in front."""
    mask = np.zeros((208, 156), dtype=np.uint16)
    for p in spec.placements:
        mesh = sampler.meshes[p.product, p.variant]
        pixels, _ = spec.camera.project(p.transform(mesh.vertices))
        mask[amodal_mask(pixels, mesh.triangles(), (0, 0, *spec.camera.size))] = p.instance
    return mask


def test_boxes_masks_and_fractions_agree_with_the_index_pass(sampler: Sampler) -> None:
    spec = sampler.sample(0)
    mask = silhouettes(sampler, spec)
    for a in labels(sampler, spec, mask):
        visible = mask == a["instance"]
        assert (decode_rle(a["segmentation"]) == visible).all()
        assert a["area"] == visible.sum()
        x, y, w, h = (int(v) for v in a["bbox"])
        assert visible[y : y + h, x : x + w].sum() == visible.sum()
        assert visible[y, :].any()
        assert visible[y + h - 1, :].any()
        assert visible[:, x].any()
        assert visible[:, x + w - 1].any()
        assert 0 <= a["visible_fraction"] <= 1
        ax, ay, aw, ah = a["amodal_bbox"]
        assert ax <= x
        assert ay <= y
        assert ax + aw >= x + w
        assert ay + ah >= y + h
    assert max(a["visible_fraction"] for a in labels(sampler, spec, mask)) == 1


def test_hidden_products_are_kept_and_flagged(sampler: Sampler) -> None:
    spec = sampler.sample(0)
    mask = silhouettes(sampler, spec)
    first = spec.placements[0].instance
    mask[mask == first] = 0
    hidden = next(a for a in labels(sampler, spec, mask) if a["instance"] == first)
    assert hidden["ignore"] == 1
    assert hidden["bbox"] == [0, 0, 0, 0]
    assert hidden["visible_fraction"] == 0


def test_truncation_counts_what_the_frame_cuts_off(sampler: Sampler) -> None:
    import dataclasses

    spec = sampler.sample(0)
    right, _up, _ = np.array(spec.camera.rotation).T
    whole = labels(sampler, spec, silhouettes(sampler, spec))
    assert all(a["truncated"] == 0 for a in whole)
    # So far to the right that the frame's left edge runs through the first product.
    (seen,), (depth,) = spec.camera.project(np.array([spec.placements[0].location]))
    focal = spec.camera.lens_mm / spec.camera.sensor_height_mm * spec.camera.size[1]
    moved = tuple(np.array(spec.camera.location) + seen[0] * depth / focal * right)
    shifted = dataclasses.replace(spec, camera=dataclasses.replace(spec.camera, location=moved))
    cut = labels(sampler, shifted, silhouettes(sampler, shifted))
    assert 0.1 < cut[0]["truncated"] < 0.9
    for a in cut:
        assert a["truncated"] == 0 or a["amodal_bbox"][0] < 0
