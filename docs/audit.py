"""Damage a translated folder, one object a picture, in the four ways of benchmarks/audit.py by turns.

PYTHONPATH=. python docs/audit.py outputs/damages/simulated_camera outputs/damages/damaged
"""

import sys
from dataclasses import replace
from pathlib import Path

from benchmarks.audit import DAMAGES, damaged_folder
from coldstart import dataset


def main(source: str, out: Path) -> None:
    folder = dataset.load(source)
    grouped = folder.by_image()
    images: list[dataset.Image] = []
    for k, damage in enumerate(DAMAGES.values()):
        part = replace(folder, images=folder.images[k :: len(DAMAGES)])
        objects = [[a for a in grouped[i["id"]] if not a.get("ignore")] for i in part.images]
        images += damaged_folder(part, objects, damage, out, seed=0)[0].images
    dataset.save(replace(folder, root=out, images=images))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
