"""A catalogue sheet: every product in several variants and poses, its name underneath.

  python -m blender_scenes.sheet product=[can,jar,my_jam] out=outputs/catalogue.jpg

Look at it before you render scenes: would a stranger name each product at first sight?
"""

import importlib.util
import sys
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from blender_scenes.catalogue import Pose, Product
from blender_scenes.config import chosen
from coldstart import cli
from coldstart.dataset import write_atomic
from coldstart.errors import UserError
from coldstart.progress import Progress

__all__ = ["SheetConfig", "compose", "poses", "sheet"]

Picture = NDArray[np.uint8]

NAME = 1 / 8  # height of the line with the name, in cells
SUFFIXES = (".jpg", ".png")


@dataclass
class SheetConfig:
    """conf/sheet.yaml."""

    products: dict[str, Product] = field(default_factory=dict)
    variants: int = 4
    cell: int = 160
    columns: int = 3
    samples: int = 32
    threads: int = 1
    quality: int = 80
    out: str = "???"

    def __post_init__(self) -> None:
        self.products = chosen(self.products)
        if not self.products:
            raise UserError("product: the sheet has no products; give product=[can,…]")
        for key, low, high in (
            ("variants", 1, 24),
            ("cell", 32, 1024),
            ("columns", 1, 24),
            ("samples", 1, 4096),
            ("threads", 1, 1024),
            ("quality", 1, 100),
        ):
            if not low <= getattr(self, key) <= high:
                raise UserError(f"{key}: {getattr(self, key)} is not in {low}..{high}")
        if Path(self.out).suffix.lower() not in SUFFIXES:
            raise UserError(f"out: {self.out} must end in {' or '.join(SUFFIXES)}")


def sheet(config: SheetConfig) -> None:
    """Render and write the sheet.

    Raises:
        UserError: no Blender here, or `out` cannot be written.
    """
    if importlib.util.find_spec("bpy") is None:
        raise UserError(f"{sys.executable} has no bpy; pip install 'coldstart-vision[render]' (Python 3.11)")
    out = Path(config.out)
    if out.is_dir():
        raise UserError(f"{out}: is a folder; give out= the name of a picture, such as {out / 'sheet.jpg'}")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{out.parent}: cannot be made ({error.strerror}); choose another out=") from None
    from blender_scenes.studio import Studio

    studio = Studio(config.products, config.cell, config.samples, config.threads)
    progress = Progress(len(config.products) * config.variants, "sheet", unit="image")
    rows: dict[str, list[Picture]] = {}
    for name, product in config.products.items():
        rows[name] = []
        for variant, pose in enumerate(poses(product, config.variants)):
            rows[name].append(studio.shoot(name, variant, pose))
            progress.update()
    progress.close()
    write_atomic(out, _encoded(compose(rows, config.columns), config))
    print(config.out)


def poses(product: Product, count: int) -> list[Pose]:
    """A pose for each of `count` variants: the likeliest first, then every other one in turn."""
    ranked = sorted((p for p in product.poses.values() if p.weight > 0), key=lambda p: -p.weight)
    return [ranked[k % len(ranked)] for k in range(count)]


def compose(rows: dict[str, list[Picture]], columns: int) -> Picture:
    """Square pictures by name, laid out with `columns` names beside one another: H×W×3 uint8."""
    from PIL import Image, ImageDraw, ImageFont

    cell, count = len(next(iter(rows.values()))[0]), max(map(len, rows.values()))
    line = round(cell * NAME)
    columns = min(columns, len(rows))
    gap = cell // 16
    canvas = Image.new("RGB", (columns * (count * cell + gap) - gap, -(-len(rows) // columns) * (cell + line)), "white")
    pen, font = ImageDraw.Draw(canvas), ImageFont.load_default(round(0.8 * line))
    for place, (name, pictures) in enumerate(rows.items()):
        left, top = place % columns * (count * cell + gap), place // columns * (cell + line)
        for k, picture in enumerate(pictures):
            canvas.paste(Image.fromarray(picture), (left + k * cell, top))
        pen.text((left + count * cell / 2, top + cell + line / 2), name, fill="black", font=font, anchor="mm")
    return np.asarray(canvas)


def _encoded(picture: Picture, config: SheetConfig) -> bytes:
    import io

    from PIL import Image

    buffer = io.BytesIO()
    kind = "PNG" if config.out.lower().endswith(".png") else "JPEG"
    Image.fromarray(picture).save(buffer, kind, quality=config.quality, optimize=True)
    return buffer.getvalue()


if __name__ == "__main__":
    cli.run(sheet, SheetConfig, "sheet", __doc__)
