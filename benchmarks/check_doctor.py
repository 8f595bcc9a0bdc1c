"""How much detect.doctor finds of what is planted: altered copies of pictures, and labels changed to a wrong class.

    python -m benchmarks.check_doctor outputs/crowded path/to/photos

For each dataset folder it prints the distances of altered copies beside those of different pictures, and how many of
5 % wrong labels, in five draws, are suspects, and how many right ones are.
"""

import random
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image as Picture
from PIL import ImageEnhance, ImageFilter, ImageOps

from coldstart.dataset import Dataset, load
from coldstart.duplicates import BITS, COSINE, LAYOUT, Pair, near_duplicates
from coldstart.pictures import spread
from coldstart.tables import aligned
from detect.data import targets
from detect.suspects import suspects

PICTURES, DRAWS, SHARE = 5, 5, 0.05


def cropped(picture: Picture.Image, share: float) -> Picture.Image:
    """The picture without `share` of it on each side."""
    dx, dy = round(share * picture.width), round(share * picture.height)
    return picture.crop((dx, dy, picture.width - dx, picture.height - dy))


ALTERATIONS: dict[str, Callable[[Picture.Image], Picture.Image]] = {
    "JPEG quality 25": lambda p: p,
    "half the size": lambda p: p.resize((p.width // 2, p.height // 2)),
    "30 % brighter": lambda p: ImageEnhance.Brightness(p).enhance(1.3),
    "30 % darker": lambda p: ImageEnhance.Brightness(p).enhance(0.7),
    "warmer": lambda p: Picture.fromarray((np.asarray(p) * (1, 0.85, 0.7)).astype(np.uint8)),
    "grey": lambda p: p.convert("L").convert("RGB"),
    "blurred": lambda p: p.filter(ImageFilter.GaussianBlur(p.width / 250)),
    "mirrored": ImageOps.mirror,
    "turned by 2°": lambda p: p.rotate(2),
    "4 % cut off each side": lambda p: cropped(p, 0.04),
    "10 % cut off each side": lambda p: cropped(p, 0.1),
}


def near(pair: Pair) -> bool:
    """Whether the doctor calls it a pair."""
    return pair.bits <= BITS or (pair.bits <= LAYOUT and pair.cosine >= COSINE)


def row(name: str, pairs: Sequence[Pair]) -> list[str]:
    """A line of the table: the ranges of both distances, and how many pairs are found."""
    bits, cosines = sorted(p.bits for p in pairs), sorted(p.cosine for p in pairs)
    found = f"{sum(map(near, pairs))} of {len(pairs)}"
    return [name, f"{bits[0]} to {bits[-1]}", f"{cosines[0]:.3f} to {cosines[-1]:.3f}", found]


def copies(dataset: Dataset, scratch: Path) -> str:
    """The table of distances."""
    paths = [dataset.path(image) for image in dataset.images]
    every = near_duplicates(paths, bits=256)
    rows = [["pictures", "hash bits", "cosine", "found"], row("different ones", every)]
    altered = [scratch / f"{name}.jpg" for name in ALTERATIONS]
    pairs: dict[Path, list[Pair]] = {file: [] for file in altered}
    for path in spread(paths, PICTURES):
        with Picture.open(path) as opened:
            picture = opened.convert("RGB")
        for file, (name, alter) in zip(altered, ALTERATIONS.items(), strict=True):
            alter(picture).save(file, quality=25 if "JPEG" in name else 85)
        for pair in near_duplicates([path, *altered], bits=256):
            if pair.first == 0:  # of the picture and a copy, not of two copies
                pairs[altered[pair.second - 1]].append(pair)
    rows += [row(name, pairs[file]) for name, file in zip(ALTERATIONS, altered, strict=True)]
    return aligned(rows, right=True)


def wrong_labels(dataset: Dataset) -> str:
    """How many planted wrong labels are found, and how many others are called wrong."""
    ids = [a["id"] for a in targets(dataset.annotations)]
    classes = [c["id"] for c in dataset.categories]
    found = planted = others = 0
    for seed in range(DRAWS):
        chance = random.Random(seed)
        wrong = set(chance.sample(ids, round(SHARE * len(ids))))
        annotations = [
            {**a, "category_id": chance.choice([c for c in classes if c != a["category_id"]])}
            if a["id"] in wrong
            else a
            for a in dataset.annotations
        ]
        called = {f.annotations[0] for f in suspects(replace(dataset, annotations=annotations))}
        found, planted, others = found + len(called & wrong), planted + len(wrong), others + len(called - wrong)
    asked = DRAWS * len(ids)
    return f"wrong labels: {found} of {planted} found; {others} of {asked - planted} right ones called suspects"


def main(folders: Sequence[str]) -> None:
    """Print both for each folder."""
    for folder in folders:
        dataset = load(folder)
        with tempfile.TemporaryDirectory() as scratch:
            print(f"{folder}: {len(dataset.images)} pictures\n{copies(dataset, Path(scratch))}")
        print(f"{wrong_labels(dataset)}\n", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
