"""From the instance mask of a render to COCO annotations. Pure numpy."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from blender_scenes.geometry import Mesh
from blender_scenes.raster import amodal_mask
from blender_scenes.spec import Camera, Placement, SceneSpec
from coldstart.dataset import Annotation, encode_rle, mask_box

__all__ = ["annotate"]

NEAR = 0.01  # metres; what is nearer to the camera or behind it is not drawn


def annotate(
    spec: SceneSpec,
    mask: NDArray[np.uint16],
    meshes: Mapping[tuple[str, int], Mesh],
    category_ids: Mapping[str, int],
    *,
    min_visible_fraction: float,
    min_pixels: int,
    amodal: bool = False,
) -> list[Annotation]:
    """Annotations of one scene, without ids; `mask` is H×W instance values, `category_ids` per product name.

    Boxes are tight on the visible pixels. What shows less than `min_visible_fraction` of itself or fewer than
    `min_pixels` pixels keeps its annotation with `ignore: 1`; what shows nothing at all also has
    an empty box. `amodal` adds `amodal_segmentation`, the part of the whole object's mask that lies in the frame.
    """
    annotations: list[Annotation] = []
    for placement in spec.placements:
        if not placement.instance:
            continue
        whole, x, y = _whole(spec.camera, placement, meshes[placement.product, placement.variant])
        inside, area = _in_frame(whole, x, y, spec.camera.size), max(int(whole.sum()), 1)
        visible = mask == placement.instance
        shown = int(visible.sum())
        fraction = min(shown / area, 1.0)
        left, top, w, h = mask_box(whole) if whole.any() else (0, 0, 0, 0)
        annotation: Annotation = {
            "category_id": category_ids[placement.product],
            "bbox": [float(v) for v in (mask_box(visible) if shown else (0, 0, 0, 0))],
            "area": float(shown),
            "iscrowd": 0,
            "ignore": int(fraction < min_visible_fraction or shown < max(min_pixels, 1)),
            "instance": placement.instance,
            "visible_fraction": round(fraction, 4),
            "truncated": round(1 - float(inside.sum()) / area, 4),
            "amodal_bbox": [float(x + left), float(y + top), float(w), float(h)],
            "segmentation": encode_rle(visible),
            "track": f"{placement.product}-{placement.variant}",
        }
        if amodal:
            annotation["amodal_segmentation"] = encode_rle(inside)
        annotations.append(annotation)
    return annotations


def _whole(camera: Camera, placement: Placement, mesh: Mesh) -> tuple[NDArray[np.bool_], int, int]:
    """The whole object's mask and the pixel of its corner; up to half a frame's longer side outside the frame."""
    width, height = camera.size
    margin = max(width, height) // 2
    pixels, depth = camera.project(placement.transform(mesh.vertices))
    triangles = mesh.triangles()
    ahead = depth > NEAR
    if not ahead.all():
        triangles = triangles[ahead[triangles].all(axis=1)]
        pixels = np.where(ahead[:, None], pixels, 0.0)
    low = np.floor(pixels.min(axis=0)).astype(int).clip(-margin, [width + margin, height + margin])
    high = np.ceil(pixels.max(axis=0)).astype(int).clip(low, [width + margin, height + margin])
    (x, y), (right, bottom) = low.tolist(), high.tolist()
    return amodal_mask(pixels, triangles, (x, y, right, bottom)), x, y


def _in_frame(mask: NDArray[np.bool_], x: int, y: int, size: tuple[int, int]) -> NDArray[np.bool_]:
    """An H×W mask of the frame with `mask` laid in at pixel (x, y)."""
    frame = np.zeros((size[1], size[0]), dtype=bool)
    part = mask[max(-y, 0) : max(size[1] - y, 0), max(-x, 0) : max(size[0] - x, 0)]
    frame[max(y, 0) : max(y, 0) + part.shape[0], max(x, 0) : max(x, 0) + part.shape[1]] = part
    return frame
