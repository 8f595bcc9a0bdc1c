"""Make the picture of docs/networks.md: a picture, what a generator makes of its tiles, and of all of it with `tile`.

The generator has learnt for a minute to give the pictures of the folder back in bluer light.

python docs/tiles.py outputs/renders/a/images docs/pictures/tiles.jpg
"""

import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from gan.data import from_tensor, read_picture, to_tensor
from gan.networks import ResnetGenerator, pad_to_stride
from gan.translate import translate_image

TILE = 80  # pixels
GAP = 6
BLUER = torch.tensor([0.75, 0.9, 1.0])[:, None, None]


def fitted(pictures: list[Tensor], steps: int = 400) -> ResnetGenerator:
    torch.manual_seed(0)
    generator = ResnetGenerator(3, 3, base=16, blocks=1)
    adam = torch.optim.Adam(generator.parameters(), lr=2e-3)
    for step in range(steps):
        picture = pad_to_stride(pictures[step % len(pictures)][None, :, ::2, ::2], generator.stride)
        loss = (generator(picture) - ((picture + 1) * BLUER - 1)).abs().mean()
        adam.zero_grad()
        loss.backward()
        adam.step()
    return generator.eval()


def main(folder: Path, target: Path) -> None:
    pictures = [to_tensor(np.asarray(read_picture(file, upright=False))) for file in sorted(folder.iterdir())[:16]]
    generator, picture = fitted(pictures), pictures[0][None]
    rows = [
        torch.cat([translate_image(generator, tile) for tile in row.split(TILE, -1)], -1)
        for row in picture.split(TILE, -2)
    ]
    shown = [picture, torch.cat(rows, -2), translate_image(generator, picture, TILE)]
    levels = (shown[2] - translate_image(generator, picture)).abs().max().item() * 127.5
    print(f"the tiles of the right picture differ from the whole by at most {levels:.4f} of 255")
    pad = ((0, 0), (0, GAP), (0, 0))
    strip = np.hstack([np.pad(from_tensor(p[0]), pad, constant_values=255) for p in shown])[:, :-GAP]
    Image.fromarray(strip).save(target, quality=88)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
