"""From the instance mask of a render to COCO annotations. Pure numpy."""

import numpy as np
from numpy.typing import NDArray

from blender_scenes.geometry import Mesh
from blender_scenes.raster import amodal_mask
from blender_scenes.spec import SceneSpec
from coldstart.dataset import Annotation, encode_rle, mask_box

__all__ = ["annotate"]


def annotate(
    spec: SceneSpec,
    mask: NDArray[np.uint16],
    meshes: dict[str, Mesh],
    category_ids: dict[str, int],
    *,
    min_visible_fraction: float,
    min_pixels: int,
) -> list[Annotation]:
    """Annotations of one scene, without ids; `mask` is H×W instance values, `category_ids` per product name.

    Boxes are tight on the visible pixels. What shows less than `min_visible_fraction` of itself or fewer than
    `min_pixels` pixels keeps its annotation with `ignore: 1`; what shows nothing at all also has
    an empty box.
    """
    annotations: list[Annotation] = []
    width, height = spec.camera.size
    margin = max(width, height) // 2
    for placement in spec.placements:
        mesh = meshes[placement.product]
        pixels, _ = spec.camera.project(placement.transform(mesh.vertices))
        amodal = amodal_mask(pixels, mesh.triangles(), spec.camera.size, margin)
        inner = amodal[margin : margin + height, margin : margin + width]
        visible = mask == placement.instance
        shown, whole = int(visible.sum()), max(int(amodal.sum()), 1)
        fraction = min(shown / whole, 1.0)
        box = mask_box(visible) if shown else [0, 0, 0, 0]
        x, y, w, h = mask_box(amodal) if amodal.any() else [margin, margin, 0, 0]
        annotations.append(
            {
                "category_id": category_ids[placement.product],
                "bbox": [float(v) for v in box],
                "area": float(shown),
                "iscrowd": 0,
                "ignore": int(fraction < min_visible_fraction or shown < max(min_pixels, 1)),
                "instance": placement.instance,
                "visible_fraction": round(fraction, 4),
                "truncated": round(1 - float(inner.sum()) / whole, 4),
                "amodal_bbox": [float(x - margin), float(y - margin), float(w), float(h)],
                "segmentation": encode_rle(visible),
                "track": f"{placement.product}-{placement.variant}",
            }
        )
    return annotations
