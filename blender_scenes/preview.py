"""Render a few scenes and lay them out on one sheet, with boxes and masks drawn on: look before you render thousands.

  python -m blender_scenes.preview scene=fridge_a count=12 out=outputs/preview

Takes the keys of blender_scenes.render; an existing dataset folder with the same keys is drawn as it is.
"""

import colorsys
from pathlib import Path

from blender_scenes.config import RenderConfig
from blender_scenes.render import render
from coldstart import cli, dataset

__all__ = ["preview", "sheet"]


def preview(config: RenderConfig) -> None:
    """Render `config.count` scenes and write preview.png beside them."""
    render(config)
    print(sheet(Path(config.out)))


def sheet(root: Path, columns: int = 4, most: int = 24) -> Path:
    """Write `root`/preview.png: the first `most` pictures of a dataset folder, labels drawn on. Returns its path."""
    from PIL import Image, ImageDraw, ImageFont

    data = dataset.load(root)
    annotations = data.by_image()
    names = {c["id"]: c["name"] for c in data.categories}
    images = data.images[:most]
    width, height = max(i["width"] for i in images), max(i["height"] for i in images)
    rows = -(-len(images) // columns)
    canvas = Image.new("RGB", (columns * width, rows * height), "white")
    font = ImageFont.load_default(max(10, height // 40))
    for place, image in enumerate(images):
        with Image.open(data.path(image)) as file:
            picture = file.convert("RGB")
        pen = ImageDraw.Draw(picture, "RGBA")
        for a in annotations[image["id"]]:
            if not a["area"]:
                continue
            hue = (a["category_id"] * 0.61803) % 1
            red, green, blue = (round(255 * v) for v in colorsys.hsv_to_rgb(hue, 0.9, 1.0))
            if "segmentation" in a:
                shape = Image.fromarray(dataset.decode_rle(a["segmentation"]))
                pen.bitmap((0, 0), shape, fill=(red, green, blue, 90))
            x, y, w, h = a["bbox"]
            pen.rectangle((x, y, x + w - 1, y + h - 1), outline=(red, green, blue, 255))
            label = names[a["category_id"]] + (" (ignored)" if a.get("ignore") else "")
            pen.text(
                (x + 1, y - height // 36),
                label,
                fill=(red, green, blue, 255),
                font=font,
                stroke_width=1,
                stroke_fill="black",
            )
        canvas.paste(picture, (place % columns * width, place // columns * height))
    canvas.save(root / "preview.png")
    return root / "preview.png"


if __name__ == "__main__":
    cli.run(preview, RenderConfig, "render", __doc__)
