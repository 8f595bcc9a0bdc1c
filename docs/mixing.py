"""Make the picture of docs/mixing.md: renders as training sees them, a row for each way to change them.

python docs/mixing.py outputs/renders outputs/other docs/pictures/mixing.jpg

Both folders are renders; the second stands in for photos, so its objects are pasted as boxes.
"""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from coldstart.dataset import load
from detect.augment import Augmentation, AugmentConfig
from detect.compose import Composer
from detect.data import class_names, read
from detect.drawing import class_colour, draw_marks

SIZE = (312, 416)
OFF = AugmentConfig(0, 0, 0, 0, 0, 1.0, 1.0, [1e-3, 1e-3], [100, 100], 0.0, 0.0)
ROWS = {
    "as rendered": OFF,
    "default": AugmentConfig(),
    "copy_paste=1": replace(OFF, copy_paste=1.0, pasted=[2, 3]),
    "mosaic=1": replace(OFF, mosaic=1.0),
    "temperature=1 illumination=0.4 motion=9": replace(OFF, temperature=1.0, illumination=0.4, motion=9, chance=1.0),
}


def main(renders: Path, others: Path, target: Path, columns: int = 4) -> None:
    folders = [load(renders), load(others)]
    names = class_names(folders)
    samples = [read(folder, names, SIZE, masks=True) for folder in folders]
    photos = [replace(sample, objects=None) for sample in samples[1]]
    shown = [0, len(samples[0]), 1, len(samples[0]) + 1, 2, len(samples[0]) + 2][:columns]
    font = ImageFont.load_default(size=16)
    sheet = Image.new("RGB", (columns * (SIZE[0] + 4), len(ROWS) * (SIZE[1] + 26)), "white")
    draw = ImageDraw.Draw(sheet)
    for row, (title, config) in enumerate(ROWS.items()):
        top = row * (SIZE[1] + 26)
        draw.text((2, top + 4), title, fill="black", font=font)
        composer, augmentation = Composer(samples[0] + photos, len(samples[0]), config), Augmentation(config, SIZE)
        for column, index in enumerate(shown):
            torch.manual_seed(10 * row + column)
            sample = composer(index)
            pixels, boxes, labels = augmentation(sample.picture, sample.boxes, sample.labels)
            boxes[:, 2:] -= boxes[:, :2]
            marks = [
                (box, class_colour(label, len(names)), "thin", names[label])
                for box, label in zip(boxes.tolist(), labels.tolist(), strict=True)
            ]
            picture = Image.fromarray((pixels.permute(1, 2, 0).numpy() * 255).round().astype(np.uint8))
            sheet.paste(draw_marks(picture, marks), (column * (SIZE[0] + 4), top + 24))
    sheet.save(target, quality=82)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*map(Path, sys.argv[1:]))
