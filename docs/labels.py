"""Lay out every label of one picture: picture, visible masks with boxes, amodal masks, depth, normals, albedo.

python docs/labels.py outputs/labels docs/pictures/labels.jpg
"""

import colorsys
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from coldstart import dataset
from coldstart.passes import read_depth, read_normals


def colour(instance: int) -> NDArray[np.float64]:
    return 255 * np.array(colorsys.hsv_to_rgb((instance * 0.61803) % 1, 0.75, 1.0))


def masks(picture: NDArray[np.float64], annotations: list[dataset.Annotation], key: str, box: str) -> Image.Image:
    """`picture` in grey, each object's mask and box in a colour of its own."""
    grey = np.repeat(picture.mean(axis=-1, keepdims=True) * 0.6, 3, axis=-1)
    # Those that stand behind others come first, so that whole masks lie over one another as the objects do.
    ordered = sorted(annotations, key=lambda a: a["visible_fraction"])
    for a in ordered:
        shape = dataset.decode_rle(a[key])  # type: ignore[literal-required]
        grey[shape] = 0.35 * grey[shape] + 0.65 * colour(a["instance"])
    page = Image.fromarray(grey.astype(np.uint8))
    pen = ImageDraw.Draw(page)
    for a in ordered:
        x, y, w, h = a[box]  # type: ignore[literal-required]
        if w and h:
            pen.rectangle((x, y, x + w - 1, y + h - 1), outline=tuple(colour(a["instance"]).astype(int)))
    return page


def main(root: Path, target: Path, number: int = 0) -> None:
    data = dataset.load(root)
    image = data.images[number]
    found = data.by_image()[image["id"]]
    with Image.open(data.path(image)) as file:
        picture = file.convert("RGB")
    pixels = np.asarray(picture, dtype=float)
    depth = read_depth(data.pass_path(image, "depth"))
    near, far = np.quantile(depth[np.isfinite(depth)], [0.01, 0.95])
    bright = 255 * (1 - ((depth - near) / (far - near)).clip(0, 1)) ** 0.8
    normals = 127.5 * (read_normals(data.pass_path(image, "normals")) + 1)
    with Image.open(data.pass_path(image, "albedo")) as file:
        albedo = file.convert("RGB")
    panels = [
        picture,
        masks(pixels, found, "segmentation", "bbox"),
        masks(pixels, found, "amodal_segmentation", "amodal_bbox"),
        Image.fromarray(bright.astype(np.uint8)).convert("RGB"),
        Image.fromarray(normals.astype(np.uint8)),
        albedo,
    ]
    width, height = picture.size
    page = Image.new("RGB", (3 * (width + 4) - 4, 2 * (height + 4) - 4), "white")
    for k, panel in enumerate(panels):
        page.paste(panel, (k % 3 * (width + 4), k // 3 * (height + 4)))
    page.save(target, quality=86)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
