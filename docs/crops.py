"""Cut the objects of a dataset folder out, into a folder per class: the data of docs/classify.md.

python docs/crops.py outputs/renders outputs/crops
"""

import sys
from pathlib import Path

from PIL import Image

from coldstart.dataset import load
from detect.data import targets
from detect.embedding import crop


def main(source: Path, target: Path) -> None:
    data = load(source)
    names = {c["id"]: c["name"] for c in data.categories}
    grouped = data.by_image()
    for image in data.images:
        with Image.open(data.path(image)) as opened:
            picture = opened.convert("RGB")
        for a in targets(grouped[image["id"]]):
            folder = target / names[a["category_id"]]
            folder.mkdir(parents=True, exist_ok=True)
            pixels = crop(picture, a["bbox"]).permute(1, 2, 0).numpy()
            Image.fromarray(pixels).save(folder / f"{image['id']:06d}_{a['id']}.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
